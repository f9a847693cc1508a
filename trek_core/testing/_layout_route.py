"""How a `LayoutSuite` follows the routes of a layout that has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trek_core._catalog import EntryCatalog, build
from trek_core.errors import PlanError
from trek_core.model import Hop, State, Verb
from trek_core.testing._layout_case import LayoutCase, listed, who
from trek_core.testing._tree import MemoryTree


@dataclass(frozen=True, slots=True)
class Way:
    """The route from an empty database to the last revision of a good folder, and the state that it ends in."""

    tree: MemoryTree
    catalog: EntryCatalog
    target: str
    up: tuple[Hop, ...]

    @property
    def state(self) -> State:
        return State(tuple(hop.entry.revision for hop in self.up), current=self.target)


def ways(case: LayoutCase) -> Iterator[Way]:
    """One for each good folder that has a revision."""
    assert case.layout.route is not None, f"{who(case)} has no `route`: write it, or say why not in `without`"
    for folder in case.folders:
        if folder.revisions:
            tree, target = case.tree(folder.files), folder.revisions[-1]
            catalog = build(case.layout.arrange(tree))
            try:
                yield Way(tree, catalog, target, route(case, catalog, State(), target))
            except PlanError as error:
                msg = f"{who(case)} knows no way to {target!r}: {error}\n{listed(folder.files)}"
                raise AssertionError(msg) from error


def back(case: LayoutCase, way: Way) -> tuple[Hop, ...]:
    """The route from the end of the way to the base."""
    try:
        return route(case, way.catalog, way.state, "base")
    except PlanError as error:
        msg = f"{who(case)} knows no way back from {way.target!r}: {error}\nGive the good folders a way back."
        raise AssertionError(msg) from error


def route(case: LayoutCase, catalog: EntryCatalog, state: State, target: str) -> tuple[Hop, ...]:
    """What the layout answers, in either direction."""
    assert case.layout.route is not None
    return tuple(case.layout.route(catalog, state, target, None))


def flaw(hops: Sequence[Hop], verb: Verb, start: tuple[str, ...], end: tuple[str, ...]) -> str:
    """What is wrong with a route between those heads; nothing where each hop begins where the one before ended."""
    shown = "; ".join(f"{hop.verb} {hop.entry.revision}: {hop.before} -> {hop.after}" for hop in hops) or "nothing"
    if {hop.verb for hop in hops} != {verb}:
        return f"it gave {shown}; want hops that {verb}"
    if [start, *(hop.after for hop in hops)] != [*(hop.before for hop in hops), end]:
        return f"it gave {shown}; want a chain from {start} to {end}, each hop from where the one before ended"
    return ""
