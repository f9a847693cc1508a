"""Migration locks: polled, never blocking.

A blocked `pg_advisory_lock` is a statement with a snapshot; a CREATE INDEX CONCURRENTLY of the holder waits for it, and
both die of a deadlock (DESIGN §6). Waiting is politeness; the history's guard is what makes two runners safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._reading import asked
from trek_asyncpg._session import DONE, SNAPSHOT, Snapshot
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import Advisory, Lock, LockTimeout, LockWaiting, RowLock, dataclass, field

if TYPE_CHECKING:
    from trek_asyncpg._onlooker import Second
    from trek_asyncpg._row_lock import InARow
    from trek_asyncpg._types import Connection

Waiting = Callable[[LockWaiting], Awaitable[None]]
Elsewhere = Callable[[list[tuple[str, RowLock]]], Awaitable[None]]
WHAT = "the migration lock"
FORGET = (
    f"CASE WHEN pg_catalog.current_setting('{DONE}', true) <> '' THEN pg_catalog.set_config('{DONE}', '', false) END"
)
PAUSE = (0.02, 1.0)  # seconds: the shortest pause, and the longest
SHARE = (
    0.04  # of what it waited so far: a short run is not waited for much longer than it takes, a long one asked seldom
)
TELL = 1.0  # seconds between two questions for who holds it


@dataclass(slots=True)
class Held:
    """Whether a lock had to be waited for, and what the session's settings were, where the lock's query told.

    release: the statements that give up what is held; whoever has run them empties it. rows: those that outlive the session.
    """

    waited: bool = False
    settings: Mapping[str, Any] | None = None
    release: list[str] = field(default_factory=list)
    rows: dict[str, RowLock] = field(default_factory=dict)


class Key:
    """An advisory lock. Inside the caller's transaction it is held until that ends."""

    def __init__(self, connection: Connection, lock: Advisory, held: Held, *, nested: bool) -> None:
        self._connection, self._key, self._held, self._nested = connection, lock.key, held, nested

    async def tried(self) -> bool:
        """Whether it is ours. A cancelled attempt may have got it, so that its release is noted first."""
        unlock = f"SELECT pg_catalog.pg_advisory_unlock({self._key}), {FORGET}"
        if not self._nested and unlock not in self._held.release:
            self._held.release = [unlock, *self._held.release]
        kind = "xact_lock" if self._nested else "lock"
        take = f"SELECT {SNAPSHOT} WHERE pg_catalog.pg_try_advisory_{kind}({self._key})"
        if not (got := await asked(self._connection, take, WHAT)):
            return False
        self._held.settings = got[0]
        if not self._nested:  # with it go the settings of functions that a body called: no text tells of those
            back = Snapshot.of(got[0]).restore(None, {}, nested=False, pooled=True)
            self._held.release[0] = "; ".join((unlock, *(sql.text for sql in back)))
        return True

    async def holder(self, waited: float) -> LockWaiting:
        high, low = (self._key >> 32) & 0xFFFFFFFF, self._key & 0xFFFFFFFF
        query = (
            "SELECT pg_catalog.jsonb_build_object('pid', l.pid, 'user', a.usename, 'application', a.application_name, 'age',"
            " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - COALESCE(a.xact_start, a.backend_start)))"
            " FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database"
            f" WHERE datname = pg_catalog.current_database()) AND l.classid = {high} AND l.objid = {low} AND l.objsubid = 1"
        )
        found: dict[str, Any] = next(iter(await asked(self._connection, query, WHAT)), {})
        user, application = found.get("user") or "", found.get("application") or ""
        return LockWaiting(waited, found.get("pid"), user, application, found.get("age"))

    def message(self, holder: LockWaiting) -> str:
        who = "another session" if holder.pid is None else f"server process {holder.pid}"
        if holder.user:
            who += f", user {holder.user!r}, application {holder.application!r}"
        if holder.age is not None:
            who += f", busy for {holder.age:.0f} s"
        stuck = "" if holder.pid is None else f" If it hangs: SELECT pg_terminate_backend({holder.pid});"
        return (
            f"the migration lock was not free within {holder.waited:.1f} s: held by {who}.\n"
            f"Nothing was changed. If that is another migration, wait for it and run again.{stuck}"
        )


@asynccontextmanager
async def hold(
    connection: Connection,
    locks: Sequence[Lock],
    timeout: float,
    waiting: Waiting,
    *,
    nested: bool,
    second: Second | None,
) -> AsyncIterator[Held]:
    """Holds the locks in their order, then releases them in reverse.

    second: opens another connection, for the rows of a session that is lost; None behind a pooler, where they stay.
    """
    end = time.monotonic() + timeout
    held, pid = Held(), connection.get_server_pid()
    try:
        for lock in locks:
            before = held.release
            try:
                held.waited |= await _take(_of(connection, lock, held, nested=nested), end, waiting)
            except LockTimeout:
                held.release = before
                raise
        yield held
    finally:
        if held.release:

            async def elsewhere(rows: list[tuple[str, RowLock]]) -> None:
                from trek_asyncpg._row_lock import give_up  # noqa: PLC0415 - few locks are rows

                await give_up(second, pid, rows, timeout)

            await to_the_end(_release(connection, held, elsewhere))


def _of(connection: Connection, lock: Lock, held: Held, *, nested: bool) -> Key | InARow:
    if isinstance(lock, RowLock):
        from trek_asyncpg._row_lock import InARow  # noqa: PLC0415 - few locks are

        return InARow(connection, lock, held, nested=nested)
    return Key(connection, lock, held, nested=nested)


async def _take(lock: Key | InARow, end: float, waiting: Waiting) -> bool:
    """Whether it had to be waited for."""
    begun = told = time.monotonic()
    tries = 0
    while not await lock.tried():
        tries += 1
        now = time.monotonic()
        if tries == 1 or now >= min(told + TELL, end):
            holder, told = await lock.holder(now - begun), now
            if now >= end:
                raise LockTimeout(lock.message(holder), holder)
            await waiting(holder)
        pause = min(max(PAUSE[0], SHARE * (now - begun)), PAUSE[1]) * random.uniform(0.5, 1.5)  # noqa: S311
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
    return tries > 0


async def _release(connection: Connection, held: Held, elsewhere: Elsewhere) -> None:
    """Unlocks. A connection that is gone has released its locks by itself, but for the rows."""
    with contextlib.suppress(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
        if not connection.is_closed():
            await _each(connection, held.release)
    if connection.is_closed() and (rows := [(text, held.rows[text]) for text in held.release if text in held.rows]):
        await elsewhere(rows)


async def _each(connection: Connection, statements: Sequence[str]) -> None:
    """In order, the others too if one fails."""
    async with contextlib.AsyncExitStack() as stack:
        for statement in reversed(statements):
            stack.push_async_callback(connection.execute, statement)
