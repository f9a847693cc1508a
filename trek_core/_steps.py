"""From a goal to what must be applied and reverted, before anybody asks whether that is allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from trek_core._dataclass import dataclass
from trek_core._graph import in_order, reachable
from trek_core._lineage import Lineage, versioned
from trek_core._squash import whole
from trek_core._targets import Goal, listing
from trek_core.errors import PlanError, UnknownRevision
from trek_core.model import Direction


@dataclass(frozen=True, slots=True)
class Steps:
    """apply and revert in no order yet. reach: what the target stands on, itself included, if the plan goes up or nowhere.

    head: everything is wanted, so that what runs again after others does.
    """

    apply: tuple[str, ...] = ()
    revert: tuple[str, ...] = ()
    reach: Collection[str] = ()
    head: bool = False


def choose(lineage: Lineage, goal: Goal, direction: Direction | None) -> Steps:
    """The steps to a goal. Raises `PlanError` if the direction does not lead there, or nothing does."""
    if goal.kind == "head":
        return _to_head(lineage, direction)
    if goal.kind == "base":
        return _to_base(lineage, goal, direction)
    if goal.kind == "forward":
        return _forward(lineage, goal, direction)
    if goal.kind == "back":
        return _back(lineage, goal, direction)
    return _to_revision(lineage, goal, direction)


def _to_head(lineage: Lineage, direction: Direction | None) -> Steps:
    lacking = _lacking(lineage, lineage.parents)
    if direction is not Direction.down:
        return Steps(apply=lacking, reach=lineage.parents, head=True)
    if lacking:
        raise _lies(lineage, "head", Direction.up, lacking)
    return Steps(reach=lineage.parents)


def _to_base(lineage: Lineage, goal: Goal, direction: Direction | None) -> Steps:
    if direction is Direction.up and lineage.sequence:
        raise _lies(lineage, goal.text, Direction.down, lineage.sequence)
    return Steps(revert=lineage.sequence)


def _to_revision(lineage: Lineage, goal: Goal, direction: Direction | None) -> Steps:
    starts = _starts(lineage, goal)
    reach = reachable(starts, lineage.parents)
    lacking = _lacking(lineage, reach)
    if not all(node in lineage.applied for node in starts):
        if direction is Direction.down:
            raise _lies(lineage, goal.text, Direction.up, lacking)
        return Steps(apply=lacking, reach=reach)
    beyond = _beyond(lineage, starts, reach)
    built_on = any(node in lineage.applied and node not in reach for node in reachable(starts, lineage.children))
    if direction is Direction.up and built_on:
        raise _lies(lineage, goal.text, Direction.down, beyond)
    if direction is Direction.down or (direction is None and (built_on or _later(lineage, starts, beyond))):
        return Steps(revert=_from_first(lineage, beyond))
    return Steps(apply=lacking, reach=reach)


def _beyond(lineage: Lineage, starts: Iterable[str], reach: Collection[str]) -> list[str]:
    """What is applied and the target does not stand on; of other series only what builds on the target, or on that."""
    rest = [node for node in lineage.applied if node not in reach]
    series = {_series(lineage, node) for node in starts}
    own = [node for node in rest if _series(lineage, node) in series]
    if len(own) == len(rest):
        return rest
    going = reachable([*starts, *own], lineage.children)
    return [node for node in rest if node in going]


def _series(lineage: Lineage, node: str) -> str:
    entry = lineage.entry(node)
    return entry.series if entry else ""


def _later(lineage: Lineage, starts: Iterable[str], beyond: Iterable[str]) -> bool:
    """Whether something comes later in the layout's order. An older one on another branch does not lie beyond the target.

    Else a second run to a target that such a branch had been left beside would revert the branch.
    """
    rank = lineage.catalog.rank
    here = max(rank.get(node, -1) for node in starts)
    return any(rank[node] > here for node in versioned(lineage, beyond))


def _from_first(lineage: Lineage, beyond: list[str]) -> tuple[str, ...]:
    """What lies beyond, and the ghosts that were applied on top of it: nobody knows what they build on."""
    if not beyond:
        return ()
    since, going = lineage.sequence[lineage.sequence.index(beyond[0]) :], set(beyond)
    return tuple(node for node in since if node in going or node not in lineage.applied)


def _starts(lineage: Lineage, goal: Goal) -> tuple[str, ...]:
    """The nodes of a target that is a place to stop at."""
    revision, catalog = goal.revision, lineage.catalog
    entry, covered = lineage.entry(revision), lineage.squashes.covered
    if revision in covered or entry is None:
        squash = covered.get(revision, catalog.owners[revision])
        helps = squash not in lineage.rows and not whole(catalog, squash)
        restore = ", or restore the files of what it replaces" if helps else ""
        msg = (
            f"target {goal.text!r}: {revision} was replaced by {catalog.describe(squash)} and is no place to stop at.\n"
            f"Go to {squash} or to a revision outside of it{restore}."
        )
        raise UnknownRevision(msg, (revision, squash))
    starts = lineage.nodes_of(revision)
    if starts and (revision in lineage.parents or revision in lineage.squashes.opened):
        return starts
    reason = entry.skip or "it leaves no trace in the history"
    msg = f"target {goal.text!r}: {catalog.describe(revision)} does not count here: {reason}.\nChoose another one."
    raise PlanError(msg, (revision,))


def _forward(lineage: Lineage, goal: Goal, direction: Direction | None) -> Steps:
    lacking = _lacking(lineage, lineage.parents)
    if direction is Direction.down:
        raise _wrong_way(goal, "steps forward", Direction.up)
    if goal.steps > len(lacking):
        raise _too_few(goal, "pending", lacking)
    ordered = in_order(lacking, lineage.parents, lineage.catalog.rank)
    return Steps(apply=tuple(ordered[: goal.steps]), reach=lineage.parents)


def _back(lineage: Lineage, goal: Goal, direction: Direction | None) -> Steps:
    if direction is Direction.up:
        raise _wrong_way(goal, "steps back", Direction.down)
    if goal.steps > len(lineage.sequence):
        raise _too_few(goal, "applied", lineage.sequence)
    return Steps(revert=lineage.sequence[-goal.steps :])


def _lacking(lineage: Lineage, nodes: Iterable[str]) -> tuple[str, ...]:
    return tuple(node for node in nodes if node not in lineage.applied)


def _lies(lineage: Lineage, target: str, way: Direction, nodes: Iterable[str]) -> PlanError:
    """The target is the other way."""
    heads = lineage.heads()
    nodes = sorted(nodes, key=lambda node: lineage.catalog.rank.get(node, -1))
    where = f"at {listing(heads)}" if heads else "empty"
    if way is Direction.up:
        problem, asked, todo = "above", "down", f"apply {listing(nodes)}"
    else:
        problem, asked, todo = "below", "up", f"revert {listing(nodes)}"
    msg = (
        f"target {target!r} with direction {asked}: the database is {where}, and the target lies {problem} it.\n"
        f"Use direction {way.value}, or leave it out, to {todo}."
    )
    return PlanError(msg, tuple(nodes))


def _wrong_way(goal: Goal, way: str, direction: Direction) -> PlanError:
    msg = f"target {goal.text!r} means {way}.\nUse direction {direction.value}, or leave it out."
    return PlanError(msg)


def _too_few(goal: Goal, what: str, nodes: Collection[str]) -> PlanError:
    count = f"only {len(nodes)} {what}: {listing(nodes)}" if nodes else f"nothing is {what}"
    return PlanError(f"target {goal.text!r}: {count}.\nTake fewer steps.", tuple(nodes))
