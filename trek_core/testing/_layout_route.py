"""How a `LayoutSuite` follows the routes of a layout that has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trek_core._catalog import EntryCatalog, build
from trek_core.errors import PlanError
from trek_core.model import Hop, State, Verb
from trek_core.testing._layout_case import Files, LayoutCase, arranged, listed, who


@dataclass(frozen=True, slots=True)
class Way:
    """The route of an empty database to the head of a good folder, and the state that it ends in."""

    files: Files
    catalog: EntryCatalog
    up: tuple[Hop, ...]

    @property
    def head(self) -> str:
        return self.up[-1].entry.revision if self.up else "nothing"

    @property
    def state(self) -> State:
        return State(tuple(hop.entry.revision for hop in self.up), current=self.head)


def ways(case: LayoutCase) -> Iterator[Way]:
    """One for each good folder that has a revision."""
    for folder in case.folders:
        if folder.revisions:
            catalog = build(arranged(case, case.tree(folder.files)))
            yield Way(folder.files, catalog, route(case, catalog, State(), "head", folder.files))


def route(case: LayoutCase, catalog: EntryCatalog, state: State, target: str, files: Files) -> tuple[Hop, ...]:
    """What the layout answers, in either direction; that it refuses is a failure."""
    assert case.layout.route is not None, f"{who(case)} has no `route`: write it, or say why not in `without`"
    try:
        return tuple(case.layout.route(catalog, state, target, None))
    except PlanError as error:
        msg = f"{who(case)} knows no way from {state.current or 'nothing'!r} to {target!r}: {error}\n{listed(files)}"
        raise AssertionError(msg) from error


def flaw(hops: Sequence[Hop], verb: Verb, start: tuple[str, ...], end: tuple[str, ...]) -> str:
    """What is wrong with a route between those heads; nothing where each hop begins where the one before ended."""
    if {hop.verb for hop in hops} != {verb}:
        return f"it gave {told(hops)}; want hops that {verb}"
    if [start, *(hop.after for hop in hops)] != [*(hop.before for hop in hops), end]:
        return f"it gave {told(hops)}; want a chain from {start} to {end}, each hop from where the one before ended"
    return ""


def told(hops: Sequence[Hop]) -> str:
    """The hops, for a message."""
    return "; ".join(f"{hop.verb} {hop.entry.revision}: {hop.before} -> {hop.after}" for hop in hops) or "nothing"
