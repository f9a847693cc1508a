"""Revisions and the edges between them. Pure; every search visits a revision once, so cycles end."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, cast

from trek_core.plugin import Direction
from trek_loaders.formats.asyncpg_trek._edges import INITIAL, Edge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trek_core.plugin import Catalog, State

EDGES = "edges"
"""The key of `Entry.meta` under which an entry keeps the edges of its files."""


class Graph:
    """The edges of a folder. Of several edges out of one revision, the first by file name is tried first."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self.edges = tuple(sorted(edges, key=lambda edge: (edge.file.name, str(edge.file))))
        self._out: dict[tuple[str, Direction], list[Edge]] = defaultdict(list)
        for edge in self.edges:
            self._out[edge.source, edge.direction].append(edge)

    def out(self, node: str, direction: Direction) -> tuple[Edge, ...]:
        """The edges that leave the node in that direction."""
        return tuple(self._out.get((node, direction), ()))

    def ends(self, direction: Direction) -> dict[str, None]:
        """All revisions that an edge of that direction names, by file name."""
        named = (edge for edge in self.edges if edge.direction is direction)
        return dict.fromkeys(end for edge in named for end in (edge.source, edge.target))

    def discover(self, starts: Iterable[str], direction: Direction) -> dict[str, Edge | None]:
        """What can be reached, breadth first from one start after the other, with the edge that reached it first."""
        found: dict[str, Edge | None] = {}
        for start in starts:
            if start not in found:
                found[start] = None
                self._spread(start, direction, found)
        return found

    def _spread(self, start: str, direction: Direction, found: dict[str, Edge | None]) -> None:
        queue = deque([start])
        while queue:
            for edge in self.out(queue.popleft(), direction):
                if edge.target not in found:
                    found[edge.target] = edge
                    queue.append(edge.target)

    def path(self, start: str, goal: str, direction: Direction) -> tuple[Edge, ...] | None:
        """The shortest way; of equally short ones the first by the names of its files. None: there is none."""
        found = self.discover([start], direction)
        if goal not in found:
            return None
        steps: list[Edge] = []
        while (edge := found[goal]) is not None:
            steps.append(edge)
            goal = edge.source
        return tuple(reversed(steps))

    def heads(self, starts: Iterable[str]) -> tuple[str, ...]:
        """The revisions that can be reached over up edges and that none leaves. The empty database is none of them."""
        found = self.discover(starts, Direction.up)
        return tuple(node for node in found if node != INITIAL and not self.out(node, Direction.up))

    def nodes(self) -> dict[str, Edge | None]:
        """Every revision once, with the up edge that reached it first: from `initial`, then those it misses."""
        targets = {edge.target for edge in self.edges if edge.direction is Direction.up}
        ups = self.ends(Direction.up)
        roots = (node for node in ups if node not in targets)
        leaving = (edge.source for edge in self.edges)
        return self.discover([INITIAL, *roots, *ups, *leaving], Direction.up)


def graph_of(catalog: Catalog) -> Graph:
    """The graph that the layout left in the catalog's entries."""
    meta: Iterable[Mapping[str, object]] = (entry.meta for entry in catalog.entries)
    return Graph(edge for item in meta for edge in cast("tuple[Edge, ...]", item.get(EDGES, ())))


def stands_on(state: State) -> str:
    """The revision on which the database stands: what the table says, or what was applied last.

    The second is what another store than asyncpg-trek's knows, which keeps the revisions that are applied and no edges.
    """
    return state.current or (state.applied[-1] if state.applied else INITIAL)


def ways_down(catalog: Catalog) -> frozenset[tuple[str, str]]:
    """The pairs of revisions that only a down edge joins."""
    edges = graph_of(catalog).edges
    up = {(edge.source, edge.target) for edge in edges if edge.direction is Direction.up}
    return frozenset((edge.source, edge.target) for edge in edges if edge.direction is Direction.down) - up
