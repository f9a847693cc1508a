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
from trek_asyncpg._session import DONE, SNAPSHOT
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import Advisory, Lock, LockTimeout, LockWaiting, dataclass, field

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

Waiting = Callable[[LockWaiting], Awaitable[None]]
FORGET = (
    f"CASE WHEN pg_catalog.current_setting('{DONE}', true) <> '' THEN pg_catalog.set_config('{DONE}', '', false) END"
)
WHAT = "the migration lock"
PAUSE = (0.02, 1.0)  # seconds: the shortest pause, and the longest
SHARE = (
    0.04  # of what it waited so far: a short run is not waited for much longer than it takes, a long one asked seldom
)
TELL = 1.0  # seconds between two questions for who holds it


@dataclass(frozen=True, slots=True)
class Polled:
    """One lock as SQL: `take` is an expression or a query that yields a row if it got the lock.

    tells: the row is the session's settings.
    """

    take: str
    release: str
    holder: str
    tells: bool = False


def polled(lock: Lock, *, nested: bool) -> Polled:
    """A lock of the contract as SQL. Inside the caller's transaction an advisory lock is held until that ends."""
    if not isinstance(lock, Advisory):
        return Polled(lock.take.text, lock.release.text, "SELECT '{}'::jsonb WHERE false")
    high, low = (lock.key >> 32) & 0xFFFFFFFF, lock.key & 0xFFFFFFFF
    kind = "xact_lock" if nested else "lock"
    return Polled(
        f"SELECT {SNAPSHOT} WHERE pg_catalog.pg_try_advisory_{kind}({lock.key})",
        "" if nested else f"SELECT pg_catalog.pg_advisory_unlock({lock.key}), {FORGET}",
        "SELECT pg_catalog.jsonb_build_object('pid', l.pid, 'user', a.usename, 'application', a.application_name,"
        " 'age', pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - COALESCE(a.xact_start, a.backend_start)))"
        " FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database"
        f" WHERE datname = pg_catalog.current_database()) AND l.classid = {high} AND l.objid = {low} AND l.objsubid = 1",
        tells=True,
    )


@dataclass(slots=True)
class Held:
    """Whether a lock had to be waited for, and what the session's settings were, where the lock's query told.

    release: the statements that give up what is held; whoever has run them empties it.
    """

    waited: bool = False
    settings: Mapping[str, Any] | None = None
    release: list[str] = field(default_factory=list)


@asynccontextmanager
async def hold(
    connection: Connection, locks: Sequence[Lock], timeout: float, waiting: Waiting, *, nested: bool
) -> AsyncIterator[Held]:
    """Holds the locks in their order, then releases them in reverse."""
    end = time.monotonic() + timeout
    held = Held()
    try:
        for lock in locks:
            sql = polled(lock, nested=nested)
            before = held.release
            held.release = (
                [sql.release, *before] if sql.release else before
            )  # a cancelled attempt may have got the lock
            try:
                waited, settings = await _take(connection, sql, end, waiting)
            except LockTimeout:
                held.release = before
                raise
            held.waited, held.settings = held.waited or waited, settings or held.settings
        yield held
    finally:
        await _release(connection, held.release)


async def _take(
    connection: Connection, sql: Polled, end: float, waiting: Waiting
) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether it had to be waited for, and the settings."""
    begun = told = time.monotonic()
    tries = 0
    while not (got := await asked(connection, sql.take, WHAT)):
        tries += 1
        now = time.monotonic()
        if tries == 1 or now >= min(told + TELL, end):
            holder, told = await _holder(connection, sql, now - begun), now
            if now >= end:
                raise LockTimeout(_message(holder), holder)
            await waiting(holder)
        pause = min(max(PAUSE[0], SHARE * (now - begun)), PAUSE[1]) * random.uniform(0.5, 1.5)  # noqa: S311
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
    return tries > 0, got[0] if sql.tells else None


async def _holder(connection: Connection, sql: Polled, waited: float) -> LockWaiting:
    found: dict[str, Any] = next(iter(await asked(connection, sql.holder, WHAT)), {})
    return LockWaiting(
        waited, found.get("pid"), found.get("user") or "", found.get("application") or "", found.get("age")
    )


def _message(holder: LockWaiting) -> str:
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


async def _release(connection: Connection, release: Sequence[str]) -> None:
    """Unlocks to the end. A connection that is gone has released its locks by itself."""
    if not release or connection.is_closed():
        return
    with contextlib.suppress(asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
        await to_the_end(_each(connection, release))


async def _each(connection: Connection, statements: Sequence[str]) -> None:
    """In order, the others too if one fails."""
    async with contextlib.AsyncExitStack() as stack:
        for statement in reversed(statements):
            stack.push_async_callback(connection.execute, statement)
