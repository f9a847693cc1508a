"""From a catalog, a database's state and a target to the steps between them. Pure, and linear in the migrations.

The order of questions: is anything unfinished of which nobody knows how far it came, is the database ahead, what is the
target, where does it lie, and is what leads there allowed. What was begun and is on the way goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

from trek_core._catalog import EntryCatalog
from trek_core._graph import Heads, in_order
from trek_core._lineage import Lineage, trace
from trek_core._refusals import Edited, Judge, refuse_conflicts, refuse_fileless, refuse_unfinished, resumed
from trek_core._steps import Steps, choose
from trek_core._targets import resolve
from trek_core.model import Direction, Hop, Route, Rules, State, Verb


def route(  # noqa: PLR0917 - the inputs of a plan, in the order of the design
    catalog: EntryCatalog, state: State, target: str, direction: Direction | None, rules: Rules, changed: Edited
) -> Route:
    """The hops from the state to the target, in the order in which they run, and what was only warned of.

    changed: which entries' files were edited since those rows were written; asked once, of the entries on the way.
    Raises a `PlanError`, see `trek_core.errors`.
    """
    judge = Judge(rules)
    refuse_unfinished(state)
    judge.missing(catalog, state)
    goal = resolve(catalog, target, state.applied)
    lineage = trace(catalog, state, goal.revision or None)
    steps = choose(lineage, goal, direction)
    refuse_fileless(lineage, steps.apply, steps.revert)
    again = _edited(lineage, steps, judge, changed)
    judge.out_of_order(lineage, steps.apply)
    refuse_conflicts(lineage, steps.apply)
    hops = _down(lineage, steps) if steps.revert else _up(lineage, steps, again)
    return Route(tuple(resumed(catalog, state, hops, target)), tuple(judge.warnings))


def _edited(lineage: Lineage, steps: Steps, judge: Judge, changed: Edited) -> list[str]:
    """Judges the edited ones on the way; gives those that run again when they are."""
    ask = {"never": judge.rules.changed != "allow", "changed": not steps.revert, "always": False}
    names, applied = lineage.catalog.names, lineage.applied
    on_the_way = steps.revert or [node for node in applied if node in steps.reach]
    known = [(names.get(node), applied.get(node)) for node in on_the_way]
    edited = changed([(entry, row) for entry, row in known if entry and row and ask[entry.rerun]])
    judge.changed(lineage, {name: found for name, found in edited.items() if names[name].rerun == "never"})
    return [name for name in edited if names[name].rerun == "changed"]


def _up(lineage: Lineage, steps: Steps, again: list[str]) -> list[Hop]:
    """What is pending and what runs again, each at its place in the order. What leaves no trace runs beside others only."""
    if steps.head:
        again = [*again, *(node for node in lineage.applied if _always(lineage, node))]
    if not (steps.apply or again):
        return []
    if steps.head:
        again = [*again, *lineage.loose]
    parents = {**lineage.parents, **lineage.loose}
    ordered = in_order([*steps.apply, *again], parents, lineage.catalog.rank)
    repeated = set(again)
    return _hops(lineage, (("rerun" if node in repeated else "apply", node) for node in ordered))


def _down(lineage: Lineage, steps: Steps) -> list[Hop]:
    """Last applied first; a child before its parent even where the parent came late."""
    latest = {node: -at for at, node in enumerate(lineage.sequence)}
    return _hops(lineage, (("revert", node) for node in in_order(steps.revert, lineage.children, latest)))


def _hops(lineage: Lineage, steps: Iterable[tuple[Verb, str]]) -> list[Hop]:
    heads = Heads(lineage.applied, lineage.parents, lineage.catalog.rank)
    hops = []
    for verb, node in steps:
        before = heads.names()
        if verb == "apply":
            heads.add(node)
        elif verb == "revert":
            heads.remove(node)
        hops.append(Hop(entry=lineage.catalog.names[node], verb=verb, before=before, after=heads.names()))
    return hops


def _always(lineage: Lineage, node: str) -> bool:
    entry = lineage.entry(node)
    return entry is not None and entry.rerun == "always"
