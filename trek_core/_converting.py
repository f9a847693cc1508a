"""From two histories to what the second one lacks, and what is refused because its table could not tell it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from trek_core._targets import listing
from trek_core.errors import Changed, ConfigError, PlanError, Unfinished
from trek_core.model import File
from trek_core.text import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trek_core._workspace import Workspace
    from trek_core.model import Entry, History, HistoryRow, State

    Names = tuple[str, str]
    Wanted = dict[str, tuple[Entry | None, HistoryRow | None]]


def wanted(source: Workspace, told: History, target: Workspace, history: History, names: Names) -> Wanted:
    """What the target lacks: revision -> its entry there, if it has a file, and the source's row. In the source's order.

    Raises `PlanError` for what cannot be copied, `ConfigError` where there is nothing to copy from.
    """
    all_of_it, state = _applied(source, told, target, history, names), target.state(history)
    if state.unfinished:
        left = _of(state.unfinished)
        msg = f"{_who(names[1])}'s history has {listing(left)} unfinished. Settle that with `trek repair` first."
        raise Unfinished(msg, tuple(left))
    has = _names(target, history, state)
    if more := [name for name in has if name not in all_of_it]:
        raise PlanError(_ahead(more, names), tuple(more))
    return {name: found for name, found in all_of_it.items() if name not in has}


def confirm(source: Workspace, told: History, target: Workspace, history: History, names: Names) -> None:
    """Raises `PlanError` unless the target now says what the source says."""
    want, state = _applied(source, told, target, history, names), target.state(history)
    have = _names(target, history, state)
    if set(have) == set(want) and not state.unfinished:
        return
    lost, made = [name for name in want if name not in have], [name for name in have if name not in want]
    says = f"{listing(made)} would count as applied" if made else f"{listing(lost)} would not count as applied"
    msg = (
        f"{_who(names[1])}'s table cannot keep what {_who(names[0])}'s says: read again, {says}. Nothing was written.\n"
        f"Bring the database to where every revision up to the last one is applied, or go on with {_who(names[0])}."
    )
    raise PlanError(msg, (*made, *lost))


def _applied(source: Workspace, told: History, target: Workspace, history: History, names: Names) -> Wanted:
    """All that the source has applied, under the names that the target's layout has for the same files."""
    state, catalog = _settled(source, told, names[0]), source.catalog(told.facts)
    counterparts = _counterparts(source, target, history)
    found, unknown = dict[str, tuple["Entry | None", "HistoryRow | None"]](), list[str]()
    for revision in state.applied:
        entry = catalog.get(revision)
        here = counterparts(entry) if entry else None
        if here is None and source.layout_name != target.layout_name:
            unknown.append(revision)
        else:
            found[here.revision if here else revision] = here, state.rows.get(revision)
    if unknown:
        msg = (
            f"{_who(names[1])} has no file for {listing(unknown)}, which {_who(names[0])} has applied: its table can keep only "
            f"what it finds in the folder.\nRestore the files under names that it takes, or keep {_who(names[0])}'s table."
        )
        raise PlanError(msg, tuple(unknown))
    return found


def _counterparts(source: Workspace, target: Workspace, history: History) -> Callable[[Entry], Entry | None]:
    """The target's entry for one of the source's: of that name if both read the folder alike, else the one of its file."""
    catalog = target.catalog(history.facts)
    if source.layout_name == target.layout_name:
        return lambda entry: catalog.get(entry.revision)
    of_file = defaultdict[File, list["Entry"]](list)
    for entry in catalog.entries:
        for file in entry.files:
            of_file[file].append(entry)

    def found(entry: Entry) -> Entry | None:
        fitting = {one.revision: one for file in entry.files for one in of_file[file]}
        return next(iter(fitting.values())) if len(fitting) == 1 else None

    return found


def _settled(source: Workspace, told: History, name: str) -> State:
    """Raises where nobody knows what the source's history says of the files as they are."""
    who = _who(name)
    if not told.exists:
        msg = f"there is no history of {who} here: {source.store.value.identity} was not found. Nothing was written.\n"
        raise ConfigError(msg + "If it is elsewhere, name it with the store settings; `trek adopt` says what is there.")
    state = source.state(told)
    if state.unfinished:
        found = tuple(_of(state.unfinished))
        msg = f"{who} has {listing(found)} unfinished: nobody knows how far it came. Settle that first, then convert."
        raise Unfinished(msg, found)
    if edited := source.edited(told):
        first = typed(next(iter(edited)))
        msg = (
            f"{listing(edited.values())}: edited since {who} applied it, and the copy would take it as it is now.\n"
            f"Restore it; or say that it is right as it is, with {who}'s table: `trek repair {first} --applied`."
        )
        raise Changed(msg, tuple(edited))
    return state


def _names(workspace: Workspace, history: History, state: State) -> list[str]:
    catalog = workspace.catalog(history.facts)
    return [entry.revision if (entry := catalog.get(name)) else name for name in state.applied]


def _of(rows: Iterable[HistoryRow]) -> list[str]:
    return [row.revision for row in rows]


def _who(name: str) -> str:
    return "trek" if name == "native" else name


def _ahead(more: list[str], names: Names) -> str:
    return (
        f"{_who(names[1])}'s history says that {listing(more)} is applied, and {_who(names[0])}'s does not: it was used since. "
        f"Nothing was written.\nConvert the other way round (--from {names[1]} --to {names[0]}), or say what is so with "
        "`trek stamp`."
    )
