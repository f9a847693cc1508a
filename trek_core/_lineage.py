"""The graph as one database sees it: squashes settled, entries that do not count here bridged, what is applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from trek_core._catalog import EntryCatalog
from trek_core._dataclass import dataclass
from trek_core._door import later
from trek_core._graph import Edges, Heads, turned
from trek_core._squash import Squashes, settle
from trek_core.model import Entry, HistoryRow, State

if TYPE_CHECKING:
    from trek_core import _replacing
else:
    (_replacing,) = later("_replacing")


@dataclass(frozen=True, slots=True)
class Lineage:
    """Nodes are revisions that are applied or can be; `parents` has each of them as a key.

    A node without an entry is an original without a file, of a squash that stands aside for its originals.
    """

    catalog: EntryCatalog
    squashes: Squashes
    parents: Edges
    bridges: Edges
    """What is no node here, an opened squash or an entry that does not count -> the nodes that stand in its place."""
    loose: Edges
    """Entries that leave no trace in the history -> parents."""
    sequence: tuple[str, ...]
    """Everything applied in the order in which that happened, ghosts included."""
    applied: Mapping[str, HistoryRow | None]
    """The applied nodes in that order; the row is None where a squash counts as applied because its originals are."""
    rows: Mapping[str, HistoryRow | None]
    """The rows of everything applied, ghosts included."""

    @property
    def children(self) -> Edges:
        """`parents` the other way round, made when asked for: only what goes back asks."""
        return turned(self.parents)

    @property
    def ghosts(self) -> tuple[str, ...]:
        """Applied, but no entry has it and no squash replaces it."""
        return tuple(name for name in self.sequence if name not in self.applied)

    def heads(self) -> tuple[str, ...]:
        """Where the database is."""
        return Heads(self.applied, self.parents, self.catalog.rank).names()

    def entry(self, node: str) -> Entry | None:
        return self.catalog.names.get(node)

    def nodes_of(self, revision: str) -> tuple[str, ...]:
        """The nodes that stand for a revision: itself, or what an opened squash stands aside for."""
        return tuple(self.bridges.get(revision, (revision,)))


def versioned(lineage: Lineage, nodes: Iterable[str]) -> list[str]:
    """Those that the layout's order binds: no squash, nothing that runs again and again."""
    found = []
    for node in nodes:
        entry = lineage.catalog.names.get(node)
        if entry and entry.rerun == "never" and node not in lineage.catalog.replaced:
            found.append(node)
    return found


def trace(catalog: EntryCatalog, state: State, wanted: str | None = None) -> Lineage:
    """The lineage of a database's state. Raises `Cycle` if a squash in use makes one."""
    rows = {name if name in catalog.rank else catalog.canonical(name): state.rows.get(name) for name in state.applied}
    squashes = settle(catalog, rows.keys(), wanted)
    raw = _raw(catalog, squashes)
    order = raw.keys() if catalog.follows else _replacing.ordered(catalog, raw)
    parents, bridges, loose = _bridged(catalog, squashes, raw, order, rows)
    sequence = _sequence(squashes, rows)
    applied = {name: rows.get(name) for name in sequence if name in parents}
    return Lineage(catalog, squashes, parents, bridges, loose, sequence, applied, rows)


def _raw(catalog: EntryCatalog, squashes: Squashes) -> Edges:
    """Everything that is not covered, each with what it names: for an opened squash its originals, for others parents."""
    if not catalog.replaced:
        return catalog.parents
    named = _named(catalog, squashes)
    raw = {}
    for name, others in named.items():
        stands = dict.fromkeys(squashes.covered.get(other, other) for other in others)
        raw[name] = [other for other in stands if other in named and other != name]
    return raw


def _named(catalog: EntryCatalog, squashes: Squashes) -> dict[str, list[str]]:
    named = _fileless_parents(catalog, squashes)
    for name in catalog.rank:
        if name in squashes.opened:
            kept = catalog.parents[name] if catalog.names[name].skip is not None else ()
            named[name] = [*catalog.replaced[name], *kept]
        elif name not in squashes.covered:
            named[name] = [*catalog.parents[name]]
    for name, squash in squashes.covered.items():
        named[squash].extend(catalog.parents.get(name, ()))
    return named


def _fileless_parents(catalog: EntryCatalog, squashes: Squashes) -> dict[str, list[str]]:
    """No file says what they built on: the original before them, and for the first what the squash builds on."""
    named: dict[str, list[str]] = {}
    for squash in squashes.opened if squashes.fileless else ():
        members = catalog.replaced[squash]
        within = frozenset(members)
        before = [name for name in catalog.parents[squash] if name not in within]
        for name in members:
            if name in squashes.fileless:
                named[name] = before
            before = [name]
    return named


def _bridged(
    catalog: EntryCatalog, squashes: Squashes, raw: Edges, order: Iterable[str], applied: Mapping[str, object]
) -> tuple[Edges, Edges, Edges]:
    """Parents, bridges and loose ends: what is no node is replaced by its own parents, in every place."""
    if catalog.follows and all(entry.skip is None and entry.recorded for entry in catalog.entries):
        return raw, {}, {}
    parents: dict[str, tuple[str, ...]] = {}
    bridges: dict[str, tuple[str, ...]] = {}
    loose: dict[str, tuple[str, ...]] = {}
    for name in order:
        found = tuple(raw[name])
        if bridges:
            found = tuple(dict.fromkeys(node for other in found for node in bridges.get(other, (other,))))
        entry = catalog.names.get(name)
        if name in squashes.opened:
            bridges[name] = _tips(found, parents)
        elif entry is None or name in applied or (entry.skip is None and entry.recorded):
            parents[name] = found
        else:
            bridges[name] = found
            if entry.skip is None:
                loose[name] = found
    return parents, bridges, loose


def _tips(nodes: tuple[str, ...], parents: Edges) -> tuple[str, ...]:
    """Those on which none of the others builds: they are enough, and few, so that edges stay few."""
    inner = {parent for node in nodes for parent in parents[node]}
    return tuple(node for node in nodes if node not in inner)


def _sequence(squashes: Squashes, rows: Mapping[str, object]) -> tuple[str, ...]:
    """A squash that is not applied itself counts from its last original on."""
    if not squashes.covered:
        return tuple(rows)
    sequence: dict[str, None] = {}
    for name in rows:
        node = squashes.covered.get(name, name)
        if node == name or node not in rows:
            sequence.pop(node, None)
            sequence[node] = None
    return tuple(sequence)
