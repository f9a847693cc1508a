"""What a planner refuses: each with the facts and the way out. `Rules` may turn three of them into warnings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from trek_core._catalog import EntryCatalog, files_of
from trek_core._dataclass import dataclass, field, replace
from trek_core._door import later
from trek_core._lineage import Lineage, versioned
from trek_core._targets import listing
from trek_core.errors import Changed, Missing, OutOfOrder, PlanError
from trek_core.model import Choice, Entry, HistoryRow, Hop, Rules, State
from trek_core.text import typed

if TYPE_CHECKING:
    from trek_core import _resuming
else:
    (_resuming,) = later("_resuming")

Edited = Callable[[Sequence[tuple[Entry, HistoryRow]]], Mapping[str, str]]
"""Of the entries whose files were edited since their rows were written: revision -> the file's checksum."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Refuses, or warns, or lets pass, as the rules say; collects the warnings."""

    rules: Rules
    warnings: list[str] = field(default_factory=list)

    def missing(self, catalog: EntryCatalog, state: State) -> None:
        """Applied, but no file has it and no squash replaces it. Raises `Missing`."""
        ghosts = [name for name in state.applied if name not in catalog.names and name not in catalog.owners]
        if ghosts and self.rules.missing != "allow":
            when = [_since(name, state.rows.get(name)) for name in ghosts]
            msg = (
                f"applied in the database, but no file has it (the database is ahead of the code):\n"
                f"  {listing(when, chr(10) + '  ')}\n"
                "Deploy the code that has these files, or check that this is the right directory. If they were deleted on "
                "purpose: `trek repair REVISION --not-applied` for each takes it out."
            )
            self._say(self.rules.missing, Missing(msg, tuple(ghosts)))

    def changed(self, lineage: Lineage, edited: Mapping[str, str]) -> None:
        """Applied, and its file, whose checksum is now the one given, was edited since. Raises `Changed`."""
        if edited:
            facts = [_edited(lineage.catalog.names[name], lineage.applied[name], now) for name, now in edited.items()]
            heads = lineage.heads()
            stamp = (
                f", or all of them with `trek stamp {typed(heads[0])}`, where the database is"
                if len(heads) == 1
                else ""
            )
            msg = (
                f"edited after it was applied:\n  {listing(facts, chr(10) + '  ')}\n"
                f"Restore the file and write a new migration; or, if the database is right as it is, accept the file "
                f"with `trek repair {typed(next(iter(edited)))} --applied`{stamp}."
            )
            self._say(self.rules.changed, Changed(msg, tuple(edited)))

    def out_of_order(self, lineage: Lineage, apply: Collection[str]) -> None:
        """Pending, but the layout has it before an applied one of its series. Raises `OutOfOrder`."""
        if not apply:
            return
        rank, describe = lineage.catalog.rank, lineage.catalog.describe
        for series, last in _newest(lineage).items():
            late = [name for name in apply if rank[name] < rank[last] and _bound(lineage, name, series)]
            if late and self.rules.out_of_order != "allow":
                late.sort(key=rank.__getitem__)
                msg = (
                    f"pending, but older than {describe(last)}, which is applied: {listing(map(describe, late))}.\n"
                    f"Give it a revision that comes after {last}; or, if the order makes no difference, set "
                    f'out_of_order = "allow".'
                )
                self._say(self.rules.out_of_order, OutOfOrder(msg, (*late, last)))

    def _say(self, choice: Choice, error: PlanError) -> None:
        if choice == "refuse":
            raise error
        if choice == "warn":
            self.warnings.append(str(error))


def _newest(lineage: Lineage) -> dict[str, str]:
    """Series -> the last one in its order that is applied."""
    by_rank = sorted(versioned(lineage, lineage.applied), key=lineage.catalog.rank.__getitem__)
    return {lineage.catalog.names[name].series: name for name in by_rank}


def _bound(lineage: Lineage, name: str, series: str) -> bool:
    """Whether it is one that the order of the series binds."""
    entry = lineage.entry(name)
    return entry is not None and entry.rerun == "never" and not entry.any_time and entry.series == series


def refuse_unfinished(state: State) -> None:
    """Begun outside a transaction, never completed, and no row tells how far it came. Raises `Unfinished`."""
    if left := [row for row in state.unfinished if row.revision not in state.resumes]:
        raise _resuming.unfinished(left, [_resuming.since(row) for row in left])


def resumed(catalog: EntryCatalog, state: State, hops: Sequence[Hop], target: str) -> list[Hop]:
    """The hops, of which those that were begun go on. Raises `Unfinished` for what is not on the way."""
    hops = list(hops)
    for row in state.unfinished:
        resume, name = state.resumes[row.revision], catalog.canonical(row.revision)
        at = next((at for at, hop in enumerate(hops) if (hop.entry.revision, hop.verb) == (name, row.verb)), None)
        doing = "reverting" if row.verb == "revert" else "applying"
        if at is None:
            reason = f"{doing} it is not on the way to {target!r}"
            raise _resuming.unfinished(
                [row], [f"{_resuming.since(row, resume)}: {reason}; a target that needs it goes on with it"]
            )
        hops[at] = replace(hops[at], resume=resume)
    return hops


def refuse_fileless(lineage: Lineage, apply: Iterable[str], revert: Iterable[str]) -> None:
    """Steps for which there is nothing to run. Raises `Missing`."""
    if absent := [name for name in apply if lineage.entry(name) is None]:
        squash = lineage.catalog.owners[absent[0]]
        msg = (
            f"{lineage.catalog.describe(squash)} replaces {len(lineage.catalog.replaced[squash])} revisions, of which "
            f"some are applied; these are not, and their files are gone: {listing(absent)}.\n"
            f"Restore these files, or bring the database beyond {squash} with an older release that has them."
        )
        raise Missing(msg, tuple(absent))
    if gone := [name for name in revert if lineage.entry(name) is None]:
        when = listing((_since(name, lineage.rows.get(name)) for name in gone), "; ")
        msg = (
            f"cannot revert what no file has: {when}.\n"
            "Restore these files, or revert them with the release that has them."
        )
        raise Missing(msg, tuple(gone))


def refuse_conflicts(lineage: Lineage, apply: Sequence[str]) -> None:
    """Two that exclude each other would both be applied. Raises `PlanError`."""
    pending = set(apply)
    if not pending:
        return
    for name in (*lineage.applied, *apply):
        entry = lineage.entry(name)
        for other in entry.conflicts if entry else ():
            excluded = _stands(lineage, other)
            if _both(lineage, pending, name, excluded):
                msg = (
                    f"{lineage.catalog.describe(name)} excludes {lineage.catalog.describe(excluded)}: "
                    f"{_standing(pending, name)}, {_standing(pending, excluded)}.\n"
                    "Revert or remove one of them, or go to a target that needs only one."
                )
                raise PlanError(msg, (name, excluded))


def _stands(lineage: Lineage, name: str) -> str:
    revision = lineage.catalog.canonical(name)
    return lineage.squashes.covered.get(revision, revision)


def _both(lineage: Lineage, pending: set[str], name: str, other: str) -> bool:
    there = other in pending or other in lineage.applied or other in lineage.sequence
    return there and (name in pending or other in pending)


def _standing(pending: set[str], name: str) -> str:
    return f"{name} is {'pending' if name in pending else 'applied'}"


def _since(name: str, row: HistoryRow | None) -> str:
    when = (row.finished_at or row.started_at) if row else ""
    return f"{name}, applied {when}" if when else name


def _edited(entry: Entry, row: HistoryRow | None, now: str) -> str:
    recorded = ""
    if row and row.checksum and row.checksum != now:
        recorded = f", applied with checksum {row.checksum[:12]}, now {now[:12]}"
    elif row and row.title != entry.title:  # what a store of a tool compares as well
        recorded = f", applied as {row.title!r}, now {entry.title!r}"
    return f"{entry.revision}: {files_of(entry)}{recorded}"
