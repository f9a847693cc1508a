"""The planner against a naive reference, on random graphs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from trek_core._catalog import EntryCatalog, build, is_at_head
from trek_core._planner import route
from trek_core.errors import OutOfOrder, PlanError
from trek_core.model import Arrangement, Direction, Entry, HistoryRow, Hop, Route, Rules, Script, State


@dataclass(frozen=True)
class World:
    """A graph whose layout order is any order, and revisions applied one after the other, each after its parents."""

    catalog: EntryCatalog
    parents: dict[str, tuple[str, ...]]
    applied: tuple[str, ...]


ALLOW = Rules(out_of_order="allow")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    size = draw(st.integers(1, 9))
    names = [f"r{at}" for at in range(size)]
    parents = {
        name: tuple(draw(st.lists(st.sampled_from(names[:at]), max_size=3, unique=True))) if at else ()
        for at, name in enumerate(names)
    }
    order = draw(st.permutations(names))
    applied: list[str] = []
    for _ in range(draw(st.integers(0, size))):
        ready = [name for name in names if name not in applied and set(parents[name]) <= set(applied)]
        if ready:
            applied.append(draw(st.sampled_from(ready)))
    entries = tuple(Entry(revision=name, parents=parents[name], load=lambda tree: Script(None)) for name in order)
    return World(build(Arrangement(entries)), parents, tuple(applied))


def plan(world: World, applied: tuple[str, ...], target: str, direction: Direction | None = None) -> Route:
    state = State(applied, {name: HistoryRow(revision=name) for name in applied})
    return route(world.catalog, state, target, direction, ALLOW, lambda pairs: {})


def follow(applied: tuple[str, ...], hops: tuple[Hop, ...]) -> tuple[str, ...]:
    after = list(applied)
    for hop in hops:
        if hop.verb == "apply":
            assert hop.entry.revision not in after
            after.append(hop.entry.revision)
        else:
            assert hop.verb == "revert"
            after.remove(hop.entry.revision)
    return tuple(after)


def ancestry(world: World, name: str) -> set[str]:
    return {name}.union(*(ancestry(world, parent) for parent in world.parents[name]))


def heads(world: World, applied: tuple[str, ...]) -> tuple[str, ...]:
    used = {parent for name in applied for parent in world.parents[name]}
    return tuple(entry.revision for entry in world.catalog.entries if entry.revision in set(applied) - used)


def naive_order(world: World, applied: tuple[str, ...], wanted: set[str]) -> list[str]:
    """Again and again the first entry in the layout's order whose parents are all there."""
    there, found = set(applied), []
    while wanted - there:
        found.append(
            next(
                entry.revision
                for entry in world.catalog.entries
                if entry.revision in wanted - there and set(world.parents[entry.revision]) <= there
            )
        )
        there.add(found[-1])
    return found


def revisions(answer: Route) -> list[str]:
    return [hop.entry.revision for hop in answer.hops]


any_target = st.integers(0, 8)


@given(worlds(), any_target)
def test_going_up_applies_what_the_ancestry_lacks_in_the_naive_order(world: World, pick: int) -> None:
    names = [name for name in world.parents if name not in world.applied]
    if not names:
        return
    target = names[pick % len(names)]
    answer = plan(world, world.applied, target)
    assert revisions(answer) == naive_order(world, world.applied, ancestry(world, target))
    assert {hop.verb for hop in answer.hops} == {"apply"}


@given(worlds())
def test_head_applies_everything_in_the_naive_order(world: World) -> None:
    answer = plan(world, world.applied, "head")
    assert revisions(answer) == naive_order(world, world.applied, set(world.parents))
    assert set(follow(world.applied, answer.hops)) == set(world.parents)


@given(worlds(), any_target)
def test_going_down_leaves_exactly_the_targets_ancestry_and_reverts_last_applied_first(world: World, pick: int) -> None:
    if not world.applied:
        return
    target = world.applied[pick % len(world.applied)]
    answer = plan(world, world.applied, target, Direction.down)
    assert set(follow(world.applied, answer.hops)) == ancestry(world, target)
    assert revisions(answer) == [name for name in reversed(world.applied) if name not in ancestry(world, target)]


@given(worlds(), any_target, st.sampled_from([None, *Direction]))
def test_no_hop_leaves_an_applied_revision_without_its_parents(
    world: World, pick: int, direction: Direction | None
) -> None:
    names = list(world.parents)
    target = names[pick % len(names)]
    wrong_way = [] if direction is None else [PlanError]  # only a direction makes a target impossible
    answer = Route()
    with suppress(*wrong_way):
        answer = plan(world, world.applied, target, direction)
    applied = world.applied
    for hop in answer.hops:
        applied = follow(applied, (hop,))
        assert all(set(world.parents[name]) <= set(applied) for name in applied)


@given(worlds(), any_target)
def test_every_hop_says_the_heads_before_and_after_it(world: World, pick: int) -> None:
    names = ["head", "base", *world.parents]
    applied = world.applied
    for hop in plan(world, applied, names[pick % len(names)]).hops:
        assert hop.before == heads(world, applied)
        applied = follow(applied, (hop,))
        assert hop.after == heads(world, applied)


@given(worlds())
def test_down_to_base_is_up_to_head_backwards(world: World) -> None:
    up = plan(world, world.applied, "head")
    there = follow(world.applied, up.hops)
    down = plan(world, there, "base")
    assert revisions(down) == list(reversed(there))
    assert follow(there, down.hops) == ()
    ways = [(hop.entry.revision, hop.after, hop.before) for hop in reversed(down.hops)]
    assert ways[len(world.applied) :] == [(hop.entry.revision, hop.before, hop.after) for hop in up.hops]


@given(worlds(), st.sampled_from(["head", "base"]))
def test_planning_again_at_head_and_base_gives_nothing(world: World, target: str) -> None:
    there = follow(world.applied, plan(world, world.applied, target).hops)
    assert plan(world, there, target).hops == ()


@given(worlds(), any_target, st.sampled_from(list(Direction)))
def test_planning_again_in_the_same_direction_gives_nothing(world: World, pick: int, direction: Direction) -> None:
    names = list(world.parents)
    target = names[pick % len(names)]
    reached = target in world.applied
    if reached is (direction is Direction.up):
        return
    there = follow(world.applied, plan(world, world.applied, target, direction).hops)
    assert plan(world, there, target, direction).hops == ()


@given(worlds(), any_target)
def test_under_the_default_rules_planning_again_without_a_direction_gives_nothing(world: World, pick: int) -> None:
    names = list(world.parents)
    target = names[pick % len(names)]
    state = State(world.applied, {name: HistoryRow(revision=name) for name in world.applied})
    try:
        answer = route(world.catalog, state, target, None, Rules(), lambda pairs: {})
    except OutOfOrder:
        return
    assert plan(world, follow(world.applied, answer.hops), target).hops == ()


@given(worlds(), st.integers(1, 9))
def test_steps_forward_are_the_beginning_of_the_way_to_head(world: World, steps: int) -> None:
    everything = plan(world, world.applied, "head").hops
    if steps <= len(everything):
        assert plan(world, world.applied, f"+{steps}").hops == everything[:steps]


@given(worlds(), st.integers(1, 9))
def test_steps_back_are_the_beginning_of_the_way_to_base(world: World, steps: int) -> None:
    everything = plan(world, world.applied, "base").hops
    if steps <= len(everything):
        assert plan(world, world.applied, f"-{steps}").hops == everything[:steps]


@given(worlds())
def test_every_step_of_the_way_can_be_a_run_of_its_own(world: World) -> None:
    applied, walked = world.applied, []
    while len(applied) < len(world.parents):
        (hop,) = plan(world, applied, "+1").hops
        walked.append(hop)
        applied = follow(applied, (hop,))
    assert tuple(walked) == plan(world, world.applied, "head").hops


@st.composite
def odd_worlds(draw: st.DrawFn) -> tuple[EntryCatalog, State]:
    """Nearly up to date: entries of every kind, and a history that may have one more, or an unfinished one."""
    world = draw(worlds())
    changes = st.fixed_dictionaries(
        {}, optional={"skip": st.just("why"), "recorded": st.just(False), "rerun": st.just("always")}
    )
    entries = [
        replace(entry, **(draw(changes) if draw(st.integers(0, 5)) == 0 else {})) for entry in world.catalog.entries
    ]
    last = entries[-1]
    entries[-1] = replace(
        last, replaces=draw(st.sampled_from([(), (), ("old",)])), aliases=draw(st.sampled_from([(), ("a",)]))
    )
    applied = draw(
        st.sampled_from([tuple(world.parents), tuple(world.parents), world.applied, (*world.parents, "gone")])
    )
    left = draw(st.sampled_from([(), (), (HistoryRow(revision="r0", state="started"),)]))
    return build(Arrangement(tuple(entries))), State(
        applied, {name: HistoryRow(revision=name) for name in applied}, left
    )


@given(odd_worlds(), st.sampled_from([None, Direction.up, Direction.down]))
def test_who_is_seen_to_be_at_head_at_a_glance_has_no_way_there(
    world: tuple[EntryCatalog, State], way: Direction | None
) -> None:
    if is_at_head(*world):
        assert route(*world, "head", way, Rules(), lambda pairs: {}) == Route()
