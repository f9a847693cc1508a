"""The revisions of a folder as something to look at: which there are, what each builds on, and where each is drawn.

The newest is on top, as in `git log --graph`. A line of development has a lane; lanes join where one builds on several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trek_core._catalog import EntryCatalog
from trek_core._check import heads
from trek_core._dataclass import dataclass
from trek_core._graph import in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A revision. `replaces`: of a squash. `owner`: the squash that replaces this one. `state`: as `trek status` has it."""

    revision: str
    title: str
    parents: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    owner: str = ""
    head: bool = False
    state: str = ""

    @property
    def name(self) -> str:
        return f"{self.revision} {self.title}".rstrip()

    @property
    def remark(self) -> str:
        """What is to be said of it beside its name."""
        found = []
        if self.replaces:
            first, *rest = self.replaces
            found.append(f"squash of {first}" + (f"..{rest[-1]}" if rest else ""))
        if self.owner:
            found.append(f"replaced by {self.owner}")
        return ", ".join((*(["head"] if self.head else []), *found, *([self.state] if self.state else [])))


@dataclass(frozen=True, slots=True)
class Edge:
    """From a node to one that it builds on, by rows; the line runs down in its lane."""

    child: int
    parent: int
    lane: int


@dataclass(frozen=True, slots=True)
class Row:
    """A node in its lane. joins: other lanes that end in it. opens: lanes that begin at it. before, after: those in use."""

    node: Node
    lane: int
    joins: tuple[int, ...]
    opens: tuple[int, ...]
    before: frozenset[int]
    after: frozenset[int]


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows from the newest on, and the edges between them."""

    rows: tuple[Row, ...]
    edges: tuple[Edge, ...]

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return 1 + max((max((row.lane, *row.before, *row.after)) for row in self.rows), default=0)


def nodes_of(catalog: EntryCatalog, states: Mapping[str, str] | None = None) -> tuple[Node, ...]:
    """All revisions, the oldest first. An original without a file stands behind the squash that replaces it."""
    top, known = set(heads(catalog)), catalog.rank
    found = {}
    for entry in catalog.entries:
        parents = dict.fromkeys(_present(catalog, name) for name in catalog.parents[entry.revision])
        found[entry.revision] = Node(
            revision=entry.revision,
            title=entry.title,
            parents=tuple(name for name in parents if name in known and name != entry.revision),
            replaces=tuple(catalog.replaced.get(entry.revision, ())),
            owner=catalog.owners.get(entry.revision, ""),
            head=entry.revision in top,
            state=(states or {}).get(entry.revision, ""),
        )
    order = in_order(found.keys(), {name: node.parents for name, node in found.items()}, known)
    return tuple(found[name] for name in order)


def _present(catalog: EntryCatalog, name: str) -> str:
    while name not in catalog.rank and name in catalog.owners:
        name = catalog.owners[name]
    return name


def drawn(nodes: Sequence[Node]) -> Picture:
    """Where each node and each line is drawn. nodes: the oldest first."""
    lanes: list[tuple[str, int] | None] = []  # what each lane waits for, and the row from which it comes
    rows, edges = list[Row](), list[Edge]()
    for at, node in enumerate(reversed(nodes)):
        mine = [lane for lane, waits in enumerate(lanes) if waits and waits[0] == node.revision]
        edges += [Edge(waits[1], at, lane) for lane in mine if (waits := lanes[lane])]
        before = _in_use(lanes)
        for lane in mine:
            lanes[lane] = None
        first, *joins = mine or [_free(lanes)]
        opens = []
        for number, parent in enumerate(node.parents):
            lane = first if number == 0 else _free(lanes)
            _put(lanes, lane, (parent, at))
            opens += [lane] if number else []
        rows.append(Row(node, first, tuple(joins), tuple(opens), before, _in_use(lanes)))
    return Picture(tuple(rows), tuple(edges))


def _in_use(lanes: Sequence[object]) -> frozenset[int]:
    return frozenset(lane for lane, waits in enumerate(lanes) if waits)


def _free(lanes: Sequence[object]) -> int:
    return next((lane for lane, waits in enumerate(lanes) if waits is None), len(lanes))


def _put(lanes: list[tuple[str, int] | None], lane: int, waits: tuple[str, int]) -> None:
    if lane == len(lanes):
        lanes.append(None)
    lanes[lane] = waits
