"""The way from where the database stands to a target: a breadth-first search over the edges of one direction.

Of equally short ways the one whose files come first by name is taken. (asyncpg-trek takes whichever the file system
lists first, so there the two may differ.)

`initial` and `head` always are the empty database and the end of the up edges. A revision called `base` goes before the
word: whoever means the revision must not lose the database.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import Body, Direction, Hop, PlanError, State, UnknownRevision
from trek_loaders.formats.asyncpg_trek import _refusals as refusals
from trek_loaders.formats.asyncpg_trek._edges import INITIAL, Edge, nearest
from trek_loaders.formats.asyncpg_trek._graph import Graph, graph_of, stands_on
from trek_loaders.formats.asyncpg_trek._load import load_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Catalog, Tree


def route(catalog: Catalog, state: State, target: str, direction: Direction | None) -> Sequence[Hop]:
    """The steps to the target: a revision, a prefix of only one, `head`, `base`, `initial`, `+n` or `-n`.

    direction: only edges of that direction; None tries up, then down. Already there: no steps. Raises `PlanError`.
    """
    graph = graph_of(catalog)
    if re.fullmatch(r"[+-][0-9]+", target):
        edges = _relative(graph, state, int(target), direction)
    else:
        edges = _absolute(graph, state, _resolve(graph, catalog, state, target), direction)
    _refuse_untellable(state, edges)
    return tuple(_hop(catalog, edge) for edge in edges)


def _refuse_untellable(state: State, edges: Sequence[Edge]) -> None:
    """Raises `PlanError` where a store without edges would have the database elsewhere than a way down leads."""
    path = [INITIAL, *state.applied]
    if state.current is not None or len(path) == 1:
        return
    for edge in edges:
        if edge.direction is Direction.up:
            path.append(edge.target)
            continue
        path.pop()
        if edge.target != path[-1]:
            raise refusals.untellable(edge, path[-1])


def _absolute(graph: Graph, state: State, goal: str, direction: Direction | None) -> tuple[Edge, ...]:
    here = stands_on(state)
    for way in (direction,) if direction else (Direction.up, Direction.down):
        if (path := graph.path(here, goal, way)) is not None:
            return path
    raise refusals.no_way(graph, state, goal, direction)


def _resolve(graph: Graph, catalog: Catalog, state: State, target: str) -> str:
    if target == INITIAL:
        return INITIAL
    if target == "head":
        return _head(graph, state)
    if (entry := catalog.get(target)) is not None:
        return entry.revision
    if target == "base":
        return INITIAL
    known = [entry.revision for entry in catalog.entries]
    matches = [revision for revision in known if target and revision.startswith(target)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        message = (
            f"{target!r} is the beginning of {len(matches)} revisions: {', '.join(matches)}. Write one of them in full."
        )
        raise PlanError(message, tuple(matches))
    close = nearest(target, [*known, INITIAL, "head", "base"])
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")  # noqa: PLR2004
    message = f"No file leads to a revision {target!r}{close}. The folder knows {shown or 'none'}."
    raise UnknownRevision(message, (target,))


def _head(graph: Graph, state: State) -> str:
    here = stands_on(state)
    starts = [INITIAL, here] if here in graph.ends(Direction.up) else [INITIAL]
    heads = graph.heads(starts)
    if len(heads) != 1 and graph.edges:
        raise refusals.no_head(graph, starts, heads)
    return heads[0] if heads else INITIAL


def _relative(graph: Graph, state: State, count: int, direction: Direction | None) -> tuple[Edge, ...]:
    way = Direction.up if count > 0 else Direction.down
    if count and direction not in (None, way):
        message = (
            f"The target {count:+d} goes {way.value}, and direction {direction.value} was asked for. Leave one out."
        )
        raise PlanError(message)
    return _back(graph, state, -count) if count <= 0 else _ahead(graph, state, count)


def _ahead(graph: Graph, state: State, count: int) -> tuple[Edge, ...]:
    path = _absolute(graph, state, _head(graph, state), Direction.up)
    if len(path) < count:
        here = stands_on(state)
        message = f"The target +{count} is too far: from {here!r} to the head are {len(path)} steps."
        raise PlanError(message)
    return path[:count]


def _back(graph: Graph, state: State, count: int) -> tuple[Edge, ...]:
    path, steps = [INITIAL, *state.applied], list[Edge]()
    while len(steps) < count:
        edge = _one_back(graph, path)
        if edge is None:
            raise refusals.no_step_back(graph, path[-1], len(steps), count)
        steps.append(edge)
        path = [*path[: path.index(edge.target) + 1]] if edge.target in path else [*path[:-1], edge.target]
    return tuple(steps)


def _one_back(graph: Graph, path: Sequence[str]) -> Edge | None:
    """The down edge to the latest revision of the path; where none leads onto the path, the only one there is."""
    edges = graph.out(path[-1], Direction.down)
    if on_path := [edge for edge in edges if edge.target in path]:
        return max(on_path, key=lambda edge: path.index(edge.target))
    return edges[0] if len(edges) == 1 else None


def _hop(catalog: Catalog, edge: Edge) -> Hop:
    up = edge.direction is Direction.up
    entry = catalog.get(edge.target if up else edge.source)
    assert entry is not None, edge  # arrange made an entry for each of them
    return Hop(
        entry=entry,
        verb="apply" if up else "revert",
        before=_heads(edge.source),
        after=_heads(edge.target),
        load=partial(_load, edge),
    )


def _load(edge: Edge, tree: Tree) -> Body:
    return load_body(tree, edge)


def _heads(node: str) -> tuple[str, ...]:
    return () if node == INITIAL else (node,)
