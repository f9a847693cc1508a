"""What a store writes around a plan's actions, asked for in order and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from trek_core._blame import Offer, blame, breach, expect, expect_all
from trek_core.contracts import VersionStore
from trek_core.model import Action, History, Record, Sql, Statement

_CONTROLS = re.compile(
    r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b", re.IGNORECASE
)


def records(store: Offer[VersionStore], actions: Iterable[Action], history: History) -> tuple[Record, ...]:
    """A record an action; the statements that prepare the table stand in front of the first. Raises `PluginError`."""
    found: list[Record] = []
    following = history
    for action in actions:
        with blame(store, "VersionStore.record"):
            record = store.value.record(action, following)
        _check(store, record)
        found.append(record)
        following = record.history
    if found:
        with blame(store, "VersionStore.prepare"):
            given = store.value.prepare(history)
        prepare = _checked(store, "VersionStore.prepare", given)
        found[0] = replace(found[0], begin=(*prepare, *found[0].begin))
    return tuple(found)


def _check(store: Offer[VersionStore], record: Record) -> None:
    where = "VersionStore.record"
    expect(store, where, record, Record)
    expect(store, f"{where}: history", record.history, History)
    for name in ("begin", "finish", "failed"):
        _checked(store, f"{where}: {name}", getattr(record, name))


def _checked(store: Offer[VersionStore], where: str, given: object) -> tuple[Statement, ...]:
    statements = expect_all(store, where, given, Statement)
    for statement in statements:
        if isinstance(statement, Sql) and (word := _CONTROLS.match(statement.text)):
            problem = (
                f"gave the statement {word[1].upper()}: the executor begins and ends transactions, so that a row and its "
                "migration are one.\nA store only writes its rows: leave that statement out."
            )
            breach(store, where, problem)
    return statements
