"""What a store writes around a plan's actions, asked for in order and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import filterfalse
from types import NoneType
from typing import TYPE_CHECKING, Literal

from trek_core import _trace
from trek_core._blame import Offer, blame, breach, expect, expect_all, shown
from trek_core._dataclass import replace
from trek_core._door import later
from trek_core.model import History, HistoryRow, Resume, Sql, State, Statement
from trek_core.plans import Plan, is_recorded

if TYPE_CHECKING:
    from trek_core import _bodies, _records, script
    from trek_core.contracts import VersionStore
    from trek_core.model import Action, Record

    Phase = Literal["begin", "done", "whole"]
    Progress = Callable[[int, Phase], tuple[Statement, ...]]
else:
    _bodies, _records, script = later("_bodies", "_records", "script")


def records(store: Offer[VersionStore], actions: Iterable[Action], history: History) -> tuple[Record, ...]:
    """A record an action; the statements that prepare the table stand in front of the first. Raises `PluginError`."""
    found = list(_each(store, actions, history))
    if found:
        found[0] = _prepared(store, found[0], history)
    return tuple(found)


def _each(
    store: Offer[VersionStore], actions: Iterable[Action], history: History, *, sound: bool = False
) -> Iterator[Record]:
    """sound: see `refuses_nothing`."""
    following = history
    for action in actions:
        with blame(store, "VersionStore.record"):
            record = store.value.record(action, following)
        yield record if sound else _check(store, action, record)
        following = record.history


def _prepared(store: Offer[VersionStore], first: Record, history: History) -> Record:
    with blame(store, "VersionStore.prepare"):
        given = store.value.prepare(history)
    prepare = _checked(store, "VersionStore.prepare", given)
    return replace(first, begin=(*prepare, *first.begin), afterwards=None) if prepare else first


def refuses_nothing(store: Offer[VersionStore], actions: Sequence[Action]) -> bool:
    """Whether nothing can be wrong with the records, so that they may be made while a run is under way.

    The store that trek brings writes a row of whatever runs in a transaction. Of any other, faults are to be found before
    something runs; and whoever traces calls is shown the order that holds for his own.
    """
    if _trace.Switch.on:
        return False
    ours = (store.plugin, store.distribution.partition(" ")[0]) == ("asyncpg", "trek-migrate")
    return ours and all(action.mode == "transaction" for action in actions)


def units_of(store: Offer[VersionStore], plan: Plan) -> Units | tuple[tuple[Action, Record], ...]:
    """What an executor is given."""
    if is_recorded(plan):
        return tuple(zip(plan.actions, plan.records, strict=True))
    return Units(store, plan.actions, plan.history)


class Units:
    """Actions with their records, which are made when they are read: the server works meanwhile on those before."""

    def __init__(self, store: Offer[VersionStore], actions: Sequence[Action], history: History) -> None:
        self._store, self._actions, self._history = store, actions, history
        self._coming = _each(store, actions, history, sound=refuses_nothing(store, actions))
        self._made: list[Record] = []

    def __len__(self) -> int:
        return len(self._actions)

    def __iter__(self) -> Iterator[tuple[Action, Record]]:
        for number, action in enumerate(self._actions):
            if number == len(self._made):
                record = next(self._coming)
                self._made.append(record if number else _prepared(self._store, record, self._history))
            yield action, self._made[number]


def check_history(store: Offer[VersionStore], history: History) -> None:
    """What `VersionStore.history` gave. Raises `PluginContractError`."""
    where = "VersionStore.history"
    expect(store, where, history, History)
    if not isinstance(history.rows, tuple | list):  # read more than once
        breach(store, f"{where}: rows", f"gave {shown(history.rows)}, want a tuple of HistoryRow")
    expect_all(store, f"{where}: rows", history.rows, HistoryRow)
    for row in filterfalse(_plain, history.rows):
        _refuse_row(store, f"{where}: rows: {shown(row.revision)}", row)


def check_state(store: Offer[VersionStore], state: State) -> None:
    """What `VersionStore.state` gave. Raises `PluginContractError`."""
    where = "VersionStore.state"
    expect(store, where, state, State)
    expect_all(store, f"{where}: applied", state.applied, str)
    expect_all(store, f"{where}: unfinished", state.unfinished, HistoryRow)
    expect(store, f"{where}: resumes", state.resumes, Mapping)
    expect_all(store, f"{where}: resumes", tuple(state.resumes.values()), Resume)


_TEXTS = ("revision", "verb", "state", "title", "started_at", "finished_at", "who", "application", "problem", "xid")


def _plain(row: HistoryRow) -> bool:
    """Whether `_refuse_row` finds nothing, at a glance: there may be ten thousand, and all of them right."""
    return (
        type(row) is HistoryRow
        and type(row.revision) is str
        and type(row.verb) is str
        and type(row.state) is str
        and type(row.title) is str
        and type(row.started_at) is str
        and type(row.finished_at) is str
        and type(row.who) is str
        and type(row.application) is str
        and type(row.problem) is str
        and type(row.xid) is str
        and type(row.duration) in _DURATIONS
    )


_DURATIONS = (float, NoneType, int)


def _refuse_row(store: Offer[VersionStore], where: str, row: HistoryRow) -> None:
    """Raises `PluginContractError` for the first field that is wrong."""
    for name in _TEXTS:
        expect(store, f"{where}: {name}", getattr(row, name), str)
    expect(store, f"{where}: duration", row.duration, float | int | None)


def _check(store: Offer[VersionStore], action: Action, record: Record) -> Record:
    where = "VersionStore.record"
    expect(store, where, record, _records.Record)
    expect(store, f"{where}: history", record.history, History)
    for name in ("begin", "finish", "failed"):
        _checked(store, f"{where}: {name}", getattr(record, name))
    if record.afterwards is not None:
        _checked(store, f"{where}: afterwards", (record.afterwards,))
    if record.progress is None:
        return record
    if not callable(record.progress):
        breach(
            store, f"{where}: progress", f"gave {shown(record.progress)}, want a function of number and phase, or None"
        )
    record = replace(record, progress=_blamed(store, record.progress))
    if action.mode != "transaction":
        for _ in script.queries(action, record):  # calls progress as the executor will, before anything runs
            pass
    return record


def _blamed(store: Offer[VersionStore], progress: Progress) -> Progress:
    def checked(number: int, phase: Phase) -> tuple[Statement, ...]:
        where = f"Record.progress({number}, {phase!r})"
        with blame(store, where):
            given = progress(number, phase)
        return _checked(store, where, given)

    return checked


def _checked(store: Offer[VersionStore], where: str, given: object) -> tuple[Statement, ...]:
    if given == ():
        return ()
    statements = expect_all(store, where, given, Statement)
    for statement in statements:
        if isinstance(statement, Sql) and (word := _bodies.transaction_words(statement.text)):
            problem = (
                f"gave the statement {word}: the executor begins and ends transactions, so that a row and its "
                "migration are one.\nA store only writes its rows: leave that statement out."
            )
            breach(store, where, problem)
    return statements
