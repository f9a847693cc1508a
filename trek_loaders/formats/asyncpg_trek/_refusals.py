"""Why there is no way, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Cycle, Direction, Irreversible, Missing, PlanError, State
from trek_loaders.formats.asyncpg_trek._edges import INITIAL, Edge, nearest
from trek_loaders.formats.asyncpg_trek._graph import stands_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trek_loaders.formats.asyncpg_trek._graph import Graph


def no_head(graph: Graph, starts: Iterable[str], heads: tuple[str, ...]) -> PlanError:
    """The error for several heads, or none."""
    if heads:
        message = f'There is no single "head": up edges end at {", ".join(heads)}. Name the one you want.'
        return PlanError(message, heads)
    found = tuple(graph.discover(starts, Direction.up))
    if found == (INITIAL,):
        message = (
            f'There is no "head" for an empty database: no up edge starts from {INITIAL!r}. '
            f"Add the file YYYYMMDD_{INITIAL}_up_<to>.sql, or tell trek where the database stands: trek stamp REVISION."
        )
        return PlanError(message)
    message = f'There is no "head": up edges go round in a circle through {", ".join(found)}. Name a revision.'
    return Cycle(message, found)


def no_way(graph: Graph, state: State, goal: str, direction: Direction | None) -> PlanError:
    """The error for a goal that no edges of the wanted direction lead to."""
    here = stands_on(state)
    if here not in graph.nodes():
        return _missing(graph, here)
    if direction is not None and graph.path(here, goal, _other(direction)) is not None:
        message = (
            f"{goal!r} lies {_other(direction).value} from {here!r}, and direction {direction.value} was asked for. "
            f"Ask for {_other(direction).value}, or leave the direction out."
        )
        return PlanError(message, (goal,))
    if direction is not Direction.up and goal in (INITIAL, *state.applied):
        return _irreversible(graph, state, here, goal)
    return _elsewhere(graph, here, goal)


def no_step_back(graph: Graph, node: str, done: int, count: int) -> PlanError:
    """The error for `-n` where a step has no edge, or several that lead elsewhere than the database came from."""
    if node == INITIAL:
        return PlanError(f"The target -{count} is too far: after {done} steps down the database is empty.")
    edges = graph.out(node, Direction.down)
    if not edges:
        return Irreversible(f"Step {done + 1} of {count} down: {_stuck(graph, node)}", (node,))
    message = (
        f"Step {done + 1} of {count} down: several edges leave {node!r} and none leads to where the database "
        f"came from: {_list(edges)}. Name the revision you want."
    )
    return PlanError(message, (node,))


def untellable(edge: Edge, would: str) -> PlanError:
    """The error for a way down that a store of another kind would tell wrongly."""
    message = (
        f"The way down {edge} leads to {edge.target!r}, and this history would then say {would!r}: it keeps the revisions "
        f"that are applied, and not the edges. Write the way down from {edge.source!r} to {would!r}; or keep asyncpg-trek's "
        'own table, store = "asyncpg-trek".'
    )
    return PlanError(message, (edge.source, edge.target))


def _other(direction: Direction) -> Direction:
    return Direction.down if direction is Direction.up else Direction.up


def _list(edges: Iterable[Edge]) -> str:
    return ", ".join(map(str, edges))


def _missing(graph: Graph, here: str) -> PlanError:
    message = (
        f"The database stands on {here!r}, and no file leads to it or on from it{nearest(here, graph.nodes())}. "
        "Bring back the files of that revision, or tell trek where the database stands: trek stamp REVISION."
    )
    return Missing(message, (here,))


def _irreversible(graph: Graph, state: State, here: str, goal: str) -> PlanError:
    path = [INITIAL, *state.applied]
    reached = graph.discover([here], Direction.down)
    last = min((node for node in reached if node in path), key=path.index, default=here)
    message = f"No way down from {here!r} to {goal!r}: {_stuck(graph, last)}"
    if last in path[1:]:
        message += f" Write YYYYMMDD_{last}_down_{path[path.index(last) - 1]}.sql."
    return Irreversible(message, (last,))


def _stuck(graph: Graph, node: str) -> str:
    """What leaves the node downwards, and the edges that may have been meant to."""
    if edges := graph.out(node, Direction.down):
        return f"down edges from {node!r} lead elsewhere: {_list(edges)}."
    ups = graph.ends(Direction.up)
    lost = [edge for edge in graph.edges if edge.direction is Direction.down and edge.source not in ups]
    hint = f" No up edge leads to the start of {_list(lost)}: a misspelt name?" if lost else ""
    return f"no down edge leaves {node!r}.{hint}"


def _elsewhere(graph: Graph, here: str, goal: str) -> PlanError:
    below = graph.discover([here], Direction.down)
    turn = next((node for node in below if node != here and graph.path(node, goal, Direction.up) is not None), None)
    if turn is not None:
        message = f"{goal!r} is on another branch than {here!r}. Go down to {turn!r} first, then up to {goal!r}."
        return PlanError(message, (goal, turn))
    into = [edge for edge in graph.edges if edge.direction is Direction.up and edge.target == goal]
    known = f"Edges to {goal!r}: {_list(into)}." if into else f"No up edge leads to {goal!r}."
    message = (
        f"No edges lead from {here!r} to {goal!r}. {known} Add the edge that is missing, or correct a misspelt name."
    )
    return PlanError(message, (goal,))
