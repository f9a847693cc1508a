"""Migration locks that are rows: committed when they are taken, and there until somebody gives them up.

A session that was lost cannot give up its row. Another one does, once the server process that worked for it is gone: until
then that may still be migrating.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._failure import BOOTSTRAP_RACE, UNIQUE_VIOLATION, is_lost_connection
from trek_asyncpg._lock import WHAT
from trek_asyncpg._onlooker import NoSecond, Second
from trek_asyncpg._reading import NO_TABLE, asked
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import ConfigError, ConnectError, LockWaiting, RowLock

if TYPE_CHECKING:
    from trek_asyncpg._lock import Held
    from trek_asyncpg._types import Connection

AGAIN = 0.2  # seconds between two looks at the lost session's server process
SHORTEST = 10.0  # seconds to look for a session that can give up the row, whatever the limit for waiting is


class InARow:
    """A lock that is a row."""

    def __init__(self, connection: Connection, lock: RowLock, held: Held, *, nested: bool) -> None:
        self._connection, self._lock, self._held, self._nested = connection, lock, held, nested

    async def tried(self) -> bool:
        """Whether it is ours. An attempt is not cut short: nobody else knows which row to give up."""
        return await to_the_end(self._tried())

    async def _tried(self) -> bool:
        row = await tried(self._connection, self._lock, nested=self._nested)
        if row is not None:
            text = self._lock.released(row)
            self._held.release = [text, *self._held.release]
            if not self._nested:  # else it goes with the caller's transaction
                self._held.rows[text] = self._lock
        return row is not None

    async def holder(self, waited: float) -> LockWaiting:
        return await holder(self._connection, self._lock, waited)

    def message(self, holder: LockWaiting) -> str:
        return message(self._lock, holder)


async def tried(connection: Connection, lock: RowLock, *, nested: bool) -> dict[str, Any] | None:
    """The row, if it is ours now. A table that is missing is made first."""
    try:
        return await _taken(connection, lock, nested=nested)
    except ConfigError as error:
        if not (lock.make and isinstance(error.__cause__, NO_TABLE)):
            raise
    await _make(connection, lock)
    return await _taken(connection, lock, nested=nested)


async def _taken(connection: Connection, lock: RowLock, *, nested: bool) -> dict[str, Any] | None:
    async with connection.transaction() if nested else contextlib.nullcontext():  # an error must not end the caller's
        return next(iter(await asked(connection, lock.take.text, WHAT)), None)


async def _make(connection: Connection, lock: RowLock) -> None:
    """Of two runners that make it at once one fails, and finds the other's."""
    try:
        async with connection.transaction():
            for statement in lock.make:
                await connection.execute(statement.text)
    except asyncpg.PostgresError as error:
        if error.sqlstate in (*BOOTSTRAP_RACE, UNIQUE_VIOLATION):  # the last of the server's own catalogue
            return
        msg = (
            f"making the table of {WHAT} was refused: {type(error).__name__}: {error}\n"
            "Nothing was changed. Grant CREATE on its schema, or let a role that has it make the table first."
        )
        raise ConfigError(msg) from error


async def holder(connection: Connection, lock: RowLock, waited: float) -> LockWaiting:
    """What the row says."""
    query = lock.holder.text if lock.holder else "SELECT '{}'::jsonb"
    found: dict[str, Any] = next(iter(await asked(connection, query, WHAT)), {})
    return LockWaiting(waited, age=found.get("age"), holder=found.get("name") or "")


def message(lock: RowLock, told: LockWaiting) -> str:
    """For the `LockTimeout`."""
    who = f"its row says {told.holder!r}" if told.holder else "it is a row, which does not say whose"
    age = "" if told.age is None else f", taken {told.age:.0f} s ago"
    return (
        f"the migration lock was not free within {told.waited:.1f} s: {who}{age}.\n"
        "Nothing was changed. If that is another migration, wait for it and run again. A row stays when its run is killed. "
        f"Make sure that the run is gone before you free it. {lock.advice}".rstrip()
    )


# --------------------------------------------------------------------------- giving it up elsewhere
async def give_up(second: Second | None, pid: int, rows: Sequence[tuple[str, RowLock]], patience: float) -> None:
    """Gives rows up on another connection. Raises `ConnectError` where that cannot be done: the rows stay.

    second: None where the server process of the lost session is not known. pid: that process.
    """
    problem = "behind a pooler nobody knows whether the server still works for it"
    if second is not None:
        problem = f"the server still worked for it after {max(patience, SHORTEST):.0f} s, or took no connection"
        try:
            async with asyncio.timeout(max(patience, SHORTEST)):
                await _when_gone(second, pid, [text for text, _ in rows])
                return
        except TimeoutError:
            pass
        except (NoSecond, asyncpg.PostgresError) as error:
            problem = f"{type(error).__name__}: {error}"
    advice = " ".join(dict.fromkeys(lock.advice for _, lock in rows))
    said = f"the session that held {WHAT} was lost, and its row could not be given up: {problem}."
    raise ConnectError(f"{said}\nMake sure that the run is gone before you free it. {advice}".rstrip())


async def _when_gone(second: Second, pid: int, rows: Sequence[str]) -> None:
    """Asked again: a server works on for a moment, and one that was restarted takes no connections."""
    while True:
        try:
            async with second() as other:
                if not await asked(
                    other, f"SELECT 'true'::jsonb FROM pg_catalog.pg_stat_activity WHERE pid = {pid}", WHAT
                ):
                    for text in rows:
                        await other.execute(text)
                    return
        except (ConnectError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            restarting = isinstance(error, ConnectError | OSError | asyncpg.CannotConnectNowError)
            if not (restarting or is_lost_connection(error)):
                raise
        await asyncio.sleep(AGAIN)
