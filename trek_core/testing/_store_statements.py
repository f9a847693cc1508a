"""All that a store gives when it is asked for everything: to compare, and to look through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from trek_core.errors import TrekError
from trek_core.model import Action, Call, Copy, Facts, History, Mode, Record, Rows, Sql, Statement, Verb
from trek_core.script import statements
from trek_core.testing._drive import action, asking, changed, concluded, locks, prepared, query, recorded, understood
from trek_core.testing._store_case import Bench

_MODES: tuple[Mode, ...] = ("transaction", "autocommit", "message")
_BODIES: tuple[tuple[str, Verb], ...] = (("b", "apply"), ("a", "rerun"), ("a", "revert"))
_PHASES: tuple[Literal["begin", "done", "whole"], ...] = ("begin", "done", "whole")


def answers(bench: Bench, rows: Rows | None, facts: Facts) -> dict[str, object]:
    """Method -> what it gives, in a form that can be compared: a `Call` is its name."""
    store = bench.store
    history = understood(store, rows, facts)
    entry = bench.placed(action("a"))[0].entry
    return {
        "identity": store.identity,
        "query": query(store),
        "history of no table": understood(store, None, facts),
        "history": history,
        "state": concluded(store, history, entry),
        "changed": [changed(store, ("x",), row.data) for row in history.rows],
        "locks": locks(store, history),
        "prepare": [_comparable(one) for one in prepared(store, History(exists=False, facts=facts))],
        "prepare of a table": [_comparable(one) for one in prepared(store, history)],
        "record": [_compared(one, record) for one, record in _records(bench, history)],
    }


def statements_of(bench: Bench, history: History) -> Iterator[tuple[str, Sql | Copy]]:
    """Every text that the store gives, with the method and the part of the record that it stands in."""
    found: list[tuple[str, Statement]] = []
    for exists in (False, True):
        found += [("prepare", one) for one in prepared(bench.store, replace(history, exists=exists))]
    for of, record in _records(bench, history):
        if isinstance(record, Record):
            where = f"record of {of.verb} in mode {of.mode!r}"
            found += [(f"{where}, {part}", one) for part, given in _parts(of, record) for one in given]
    yield from ((where, one) for where, one in found if isinstance(one, Sql | Copy))


def _records(bench: Bench, history: History) -> Iterator[tuple[Action, Record | str]]:
    """The record of each kind of action; the message where the store refuses to record it."""
    for of in _actions(bench):
        with asking(bench.store, "record"):
            try:
                yield of, recorded(bench.store, of, history)
            except TrekError as refused:
                yield of, str(refused)


def _actions(bench: Bench) -> Iterator[Action]:
    """Steps from where one revision, "a", is applied."""
    body = (bench.ground.note("one"), bench.ground.note_outside("two"))
    for of, verb in _BODIES:
        for mode in _MODES:
            yield bench.placed(action(of, *body, verb=verb, mode=mode))[0]
    yield bench.placed(action("b", verb="mark"))[0]
    yield bench.placed(action("a", verb="unmark"))[0]


def _parts(of: Action, record: Record) -> Iterator[tuple[str, Sequence[Statement]]]:
    yield "begin", record.begin
    yield "finish", record.finish
    yield "afterwards", () if record.afterwards is None else (record.afterwards,)
    yield "failed", record.failed
    if record.progress is not None:
        for number, _ in enumerate(statements(of), 1):
            for phase in _PHASES:
                yield f"progress({number}, {phase!r})", record.progress(number, phase)


def _compared(of: Action, record: Record | str) -> object:
    if isinstance(record, str):
        return record
    return record.guard, record.history, [(part, *map(_comparable, given)) for part, given in _parts(of, record)]


def _comparable(statement: Statement) -> Statement | str:
    return f"Call {statement.name}" if isinstance(statement, Call) else statement
