"""What is wrong with a folder of migrations, or should be looked at, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from trek_core._blame import blame
from trek_core._catalog import EntryCatalog
from trek_core._dataclass import dataclass, replace
from trek_core._graph import Heads
from trek_core._host import PluginHost
from trek_core._lineage import trace
from trek_core._scripts import Folders
from trek_core._seen import Finding, Level, Seen, bad_file, file_of, wrong
from trek_core._tree import FolderTree, roots_of
from trek_core.errors import LoadError
from trek_core.model import Entry, Ignored, Rules, State

if TYPE_CHECKING:
    from trek_core._blame import Offer
    from trek_core.contracts import Layout

_NOT_MENTIONED = ("readme", "__init__.py", "license")
_WIDEST = 6  # digits of a number that people count up; longer ones are times


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found, the errors first. `revisions` in order and `heads` are empty where the files have no order."""

    directory: str
    revisions: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.level == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.level == "warning")


def check(
    directory: Folders = "migrations",
    *,
    format: str = "native",  # noqa: A002
    reversible: bool = False,
    against: str | None = None,
    host: PluginHost | None = None,
) -> Checked:
    """Looks at a folder of migrations without a database; `Migrator.check` does, with what a backend says of its format.

    reversible: a revision without a way down is an error, unless it says that it is irreversible.
    against: a branch or commit of git; what is there already must be unchanged, and what is new must come after it.
    Raises `ConfigError` for a folder that is not there, and what git refuses; `PluginError`.
    """
    host = host or PluginHost()
    layout = host.layout(format)
    return check_with(directory, host, layout, layout.value.rules, reversible=reversible, against=against)


def check_with(
    directory: Folders,
    host: PluginHost,
    layout: Offer[Layout],
    rules: Rules,
    *,
    reversible: bool = False,
    against: str | None = None,
) -> Checked:
    """The same, of a layout with its settings and the rules that hold."""
    roots = roots_of(directory)
    place = ", ".join(roots)
    seen = Seen.of(FolderTree(roots, host.loader_for, suffixes=host.suffixes()), layout, place)
    found = [*seen.findings]
    if seen.catalog is not None:
        found += [*_of_entries(seen, seen.catalog, reversible=reversible), *_of_graph(seen.catalog, place)]
        found += _ignored(seen.ignored)
        if against is not None:
            from trek_core._check_git import compared  # noqa: PLC0415 - git, where it is asked for

            found += compared(roots, against, seen, rules, host)
    order = {"error": 0, "warning": 1, "note": 2}
    found.sort(key=lambda one: order[one.level])
    revisions = tuple(entry.revision for entry in seen.catalog.entries) if seen.catalog else ()
    return Checked(place, revisions, heads(seen.catalog) if seen.catalog else (), tuple(found))


def heads(catalog: EntryCatalog) -> tuple[str, ...]:
    """Revisions on which no other builds, in a new database: squashes stand for what they replace."""
    lineage = trace(catalog, State())
    nodes = [name for name in lineage.parents if _in_line(lineage.entry(name))]
    return Heads(nodes, lineage.parents, catalog.rank).names()


def _in_line(entry: Entry | None) -> bool:
    return entry is None or (entry.rerun == "never" and entry.recorded)


# --------------------------------------------------------------------------- what is looked at
def _of_entries(seen: Seen, catalog: EntryCatalog, *, reversible: bool) -> Iterator[Finding]:
    """Every file is loaded, as for a run; where some have a way down, one without it was perhaps forgotten."""
    one_way: list[Entry] = []
    both_ways = False
    for entry in catalog.entries:
        if entry.skip is not None:
            continue
        try:
            with blame(seen.layout, f"Entry.load({entry.revision})"):
                script = entry.load(seen.tree)
        except LoadError as error:
            yield replace(bad_file(error), revisions=(entry.revision,))
            continue
        both_ways |= script.down is not None and entry.rerun == "never"
        if script.up is None:
            yield wrong("no-way-up", file_of(entry), "it has no way up", "Write it.", (entry.revision,))
        elif script.down is None and not script.irreversible and entry.rerun == "never":
            one_way.append(entry)
    if reversible or both_ways:
        yield from (_no_way_down(entry, "error" if reversible else "warning") for entry in one_way)


def _no_way_down(entry: Entry, level: Level) -> Finding:
    advice = "Write it, or say that it is irreversible."
    return Finding(
        name="no-way-down",
        level=level,
        path=file_of(entry),
        message=f"{entry.revision} has no way down",
        advice=advice,
        revisions=(entry.revision,),
    )


def _of_graph(catalog: EntryCatalog, place: str) -> Iterator[Finding]:
    for found in _by_series(catalog, heads(catalog)):
        if len(found) > 1:
            message = f"{len(found)} heads: {', '.join(map(catalog.describe, found))}"
            advice = "trek migrates to all of them. For one, write a revision that requires them."
            yield Finding(
                name="several-heads",
                level="warning",
                path=catalog.names[found[0]].series or place,
                message=message,
                advice=advice,
                revisions=tuple(found),
            )
    for names in _by_series(catalog, (*catalog.rank, *catalog.owners)):
        yield from _gaps(catalog, names)
    for squash, members in catalog.replaced.items():
        gone = [name for name in members if name not in catalog.rank and catalog.owners[name] == squash]
        left = [name for name in members if name in catalog.rank]
        if gone and left:
            message = (
                f"{squash} replaces {len(members)} revisions, and only some of their files are gone: {', '.join(gone)}"
            )
            advice = f"A database in the middle needs all of them: restore these, or delete {', '.join(left)} as well."
            yield Finding(
                name="half-deleted",
                level="warning",
                path=file_of(catalog.names[squash]),
                message=message,
                advice=advice,
                revisions=(squash, *gone),
            )


def _by_series(catalog: EntryCatalog, names: Iterable[str]) -> Iterable[list[str]]:
    """The names of each series: what has no file is of the one of its squash."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        home = name
        while home not in catalog.names:
            home = catalog.owners[home]
        found.setdefault(catalog.names[home].series, []).append(name)
    return found.values()


def _gaps(catalog: EntryCatalog, every: Sequence[str]) -> Iterator[Finding]:
    """Of numbers that are counted up by one, mostly: a file is missing, or was never committed."""
    names = {int(name): name for name in every if name.isdecimal() and len(name) <= _WIDEST}
    steps = list(pairwise(sorted(names)))
    if sum(after - before == 1 for before, after in steps) * 2 < len(steps):
        return
    for before, after in steps:
        if after - before > 1 and names[after] in catalog.names:
            width = len(names[after])
            gone = f"{before + 1:0{width}}" + (f" to {after - 1:0{width}}" if after - before > 2 else "")  # noqa: PLR2004
            yield Finding(
                name="gap",
                level="warning",
                path=file_of(catalog.names[names[after]]),
                message=f"there is no {gone} between {names[before]} and {names[after]}",
                advice="Is a file not committed, or on another branch? If not, it does no harm.",
                revisions=(names[before], names[after]),
            )


def _ignored(ignored: Sequence[Ignored]) -> Iterator[Finding]:
    for one in ignored:
        if not one.belongs and not one.file.name.lower().startswith(_NOT_MENTIONED):
            advice = "Move it out of the folder, if it is to be no migration."
            yield Finding(name="ignored", level="note", path=str(one.file), message=one.reason, advice=advice)
