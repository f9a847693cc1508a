"""What a database in memory understands. Any other text counts as SQL that ran, and is noted: so that every file runs."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from trek_core.model import Rows
from trek_core.testing._memory_database import (
    DIVISION_BY_ZERO,
    NOT_IN_A_BLOCK,
    NOTES,
    RAN,
    ROW_LOCKS,
    SYNTAX_ERROR,
    THINGS,
    UNIQUE_VIOLATION,
    MemoryDatabaseError,
)

if TYPE_CHECKING:
    from trek_core.testing._memory_connection import MemoryConnection

NONSENSE = "nonsense_word"
_SET = re.compile(r"SET (LOCAL )?(\w+) = '(.*)'")


async def run(connection: MemoryConnection, text: str) -> Rows | None:
    """The statement's rows; None for a statement that has none."""
    await connection.turn()
    if (at := text.find(NONSENSE)) >= 0:
        raise MemoryDatabaseError(SYNTAX_ERROR, f'syntax error at or near "{NONSENSE}"', position=at)
    word, _, rest = text.partition(" ")
    if word in WORDS:
        return await WORDS[word](connection, rest)
    if found := _SET.fullmatch(text):
        connection.set(found[2], found[3], local=bool(found[1]))
    else:
        await connection.insert(RAN, {"text": text})
    return None


async def _note(connection: MemoryConnection, word: str) -> None:
    await connection.insert(NOTES, {"note": word})


async def _note_outside(connection: MemoryConnection, word: str) -> None:
    if connection.in_transaction:
        raise MemoryDatabaseError(NOT_IN_A_BLOCK, "NOTE_OUTSIDE cannot run inside a transaction block")
    await connection.insert(NOTES, {"note": word})


async def _divide(connection: MemoryConnection, by: str) -> None:  # noqa: ARG001 - a word's signature
    raise MemoryDatabaseError(DIVISION_BY_ZERO, "division by zero")


async def _thing(connection: MemoryConnection, number: str) -> None:
    await connection.insert(THINGS, {"number": number})


async def _sleep(connection: MemoryConnection, seconds: str) -> None:
    await connection.sleep(float(seconds))


async def _hold(connection: MemoryConnection, name: str) -> None:
    await connection.hold(("held", name))


async def _table(connection: MemoryConnection, name: str) -> Rows:
    return await connection.rows(name)


async def _take(connection: MemoryConnection, name: str) -> Rows:
    """A lock that is a row: gives it only to whoever wrote it."""
    row = {"lock": name, "name": f"session {connection.pid}", "age": 0.0}
    try:
        await connection.insert(ROW_LOCKS, row)
    except MemoryDatabaseError as error:
        if error.sqlstate != UNIQUE_VIOLATION:
            raise
        return []
    return [row]


async def _give(connection: MemoryConnection, row: str) -> None:
    await connection.delete(ROW_LOCKS, json.loads(row[1:-1]))


async def _make(connection: MemoryConnection, what: str) -> None:  # noqa: ARG001 - a word's signature
    await connection.create(ROW_LOCKS, key="lock")


async def _break(connection: MemoryConnection, name: str) -> None:
    await connection.delete(ROW_LOCKS, {"lock": name})


WORDS: dict[str, Callable[[MemoryConnection, str], Awaitable[Rows | None]]] = {
    "NOTE": _note,
    "NOTE_OUTSIDE": _note_outside,
    "DIVIDE": _divide,
    "THING": _thing,
    "SLEEP": _sleep,
    "HOLD": _hold,
    "TABLE": _table,
    "TAKE": _take,
    "GIVE": _give,
    "MAKE": _make,
    "BREAK": _break,
}
