"""Where a database stands, revision by revision. Refuses nothing: what a planner would refuse is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from trek_core._catalog import EntryCatalog
from trek_core._lineage import Lineage, trace
from trek_core._refusals import Edited
from trek_core.model import Entry, HistoryRow, State
from trek_core.plans import DatabaseState, RevisionState, RevisionStatus, Status

_WORST_FIRST: tuple[tuple[RevisionState, DatabaseState], ...] = (
    ("unfinished", "unfinished"),
    ("changed", "changed"),
    ("missing", "ahead"),
    ("pending", "pending"),
)


def status(  # noqa: PLR0917 - one call, in the facade
    catalog: EntryCatalog,
    state: State,
    changed: Edited,
    database: str,
    history_identity: str,
    exists: bool,
) -> Status:
    """The status: entries in the layout's order, then what has no file; missing ones last, in the order of application.

    replaced: an original for which a squash stands, or a squash that stands aside for its originals.
    exists: whether there is a history table. Raises `Cycle` only.
    """
    lineage = trace(catalog, state)
    begun = {catalog.canonical(row.revision): row for row in state.unfinished}
    edited = changed(_to_compare(lineage, begun))
    revisions = [_of_entry(lineage, entry, begun, edited) for entry in catalog.entries]
    revisions += [_without_file(name, "unfinished", row) for name, row in begun.items() if name not in catalog.rank]
    for name, found in _fileless(lineage):
        if name not in begun:
            revisions.append(_without_file(name, found, lineage.rows.get(name)))
    return Status(_overall(revisions, exists), database, history_identity, tuple(revisions))


def _to_compare(lineage: Lineage, begun: Collection[str]) -> list[tuple[Entry, HistoryRow]]:
    known = [(entry, lineage.applied.get(entry.revision)) for entry in lineage.catalog.entries]
    return [(e, row) for e, row in known if row is not None and e.rerun != "always" and e.revision not in begun]


def _of_entry(
    lineage: Lineage, entry: Entry, begun: Mapping[str, HistoryRow], edited: Collection[str]
) -> RevisionStatus:
    revision = entry.revision
    if revision in begun:
        return RevisionStatus(revision, entry.title, "unfinished", begun[revision])
    row = lineage.applied.get(revision)
    if revision in lineage.applied:
        found: RevisionState = "applied"
        if revision in edited:
            found = "changed" if entry.rerun == "never" else "pending"
    else:
        found = _unapplied(lineage, revision)
    return RevisionStatus(revision, entry.title, found, row)


def _unapplied(lineage: Lineage, revision: str) -> RevisionState:
    if revision in lineage.squashes.covered:
        return "replaced"
    if revision in lineage.squashes.opened:
        originals = lineage.nodes_of(revision)
        return "applied" if originals and all(node in lineage.applied for node in originals) else "replaced"
    return "pending" if revision in lineage.parents else "skipped"


def _fileless(lineage: Lineage) -> Iterator[tuple[str, RevisionState]]:
    """Originals that a squash stands aside for, and what is missing."""
    for node in lineage.parents:
        if node not in lineage.catalog.rank:
            yield node, "applied" if node in lineage.applied else "pending"
    for name in lineage.ghosts:
        yield name, "missing"


def _without_file(name: str, found: RevisionState, row: HistoryRow | None) -> RevisionStatus:
    return RevisionStatus(name, row.title if row else "", found, row, here=found not in ("unfinished", "missing"))


def _overall(revisions: list[RevisionStatus], exists: bool) -> DatabaseState:
    if not exists:
        return "uninitialised"
    found = {revision.state for revision in revisions}
    for worst, overall in _WORST_FIRST:
        if worst in found:
            return overall
    return "current"
