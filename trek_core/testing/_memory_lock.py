"""The reference executor's locks: those of a session, and those that are rows."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager

from trek_core.contracts import Executor
from trek_core.errors import LockTimeout
from trek_core.events import LockWaiting
from trek_core.model import Advisory, Facts, Lock, Locked, Row, RowLock
from trek_core.testing._memory_connection import MemoryConnection
from trek_core.testing._memory_database import UNDEFINED_TABLE, MemoryDatabaseError

Waiting = Callable[[LockWaiting], Awaitable[None]]
PAUSE = 0.002  # seconds


class MemoryLocks(Executor):
    """Holds locks on a connection that the caller owns."""

    def __init__(self, connection: MemoryConnection) -> None:
        self._connection = connection
        self._rows: dict[RowLock, Row] = {}

    @abstractmethod
    def facts(self) -> Facts:
        """As they are now."""

    @asynccontextmanager
    async def lock(self, locks: Sequence[Lock], timeout: float, waiting: Waiting) -> AsyncIterator[Locked]:
        end, waited = time.monotonic() + timeout, False
        async with contextlib.AsyncExitStack() as stack:
            for lock in locks:
                waited |= await self._take(lock, end, waiting)
                stack.push_async_callback(self.release, lock)
            yield Locked(waited, self.facts())

    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        """Whether the lock had to be waited for."""
        begun, waited = time.monotonic(), False
        while not await self.try_lock(lock):
            holder = await self._holder(lock, time.monotonic() - begun)
            await waiting(holder)
            if time.monotonic() >= end:
                who = f"{holder.holder!r}. {lock.advice}" if isinstance(lock, RowLock) else f"session {holder.pid}."
                msg = f"the migration lock was not free within {holder.waited:.1f} s: held by {who}"
                raise LockTimeout(msg, holder)
            await asyncio.sleep(PAUSE)
            waited = True
        return waited

    async def try_lock(self, lock: Lock) -> bool:
        """Whether the lock is ours now. It never waits: a session that waits blocks nobody."""
        if isinstance(lock, RowLock):
            return await self.try_row(lock)
        await self._connection.turn()
        return self._connection.try_lock(_name(lock))

    async def release(self, lock: Lock) -> None:
        if isinstance(lock, RowLock):
            await self.give_up(lock)
        elif not self._connection.closed:  # its locks went with it
            self._connection.unlock(_name(lock))

    async def try_row(self, lock: RowLock) -> bool:
        """Whether the row is ours now. A table that is missing is made first."""
        try:
            rows = await self._connection.query(lock.take.text)
        except MemoryDatabaseError as error:
            if error.sqlstate != UNDEFINED_TABLE:
                raise
            await self.make(lock)
            rows = await self._connection.query(lock.take.text)
        self._rows.update(zip([lock], rows, strict=False))
        return bool(rows)

    async def make(self, lock: RowLock) -> None:
        """The lock's table. Of two that make it at once one fails, and finds the other's."""
        with contextlib.suppress(MemoryDatabaseError):
            for statement in lock.make:
                await self._connection.execute(statement.text)

    async def give_up(self, lock: RowLock) -> None:
        """The row that was taken; over another connection if this one was lost."""
        text = lock.released(self._rows.pop(lock))
        lost = self._connection.closed
        await (MemoryConnection(self._connection.database) if lost else self._connection).execute(text)

    async def _holder(self, lock: Lock, waited: float) -> LockWaiting:
        if isinstance(lock, Advisory):
            holder = self._connection.database.holder(_name(lock))
            return LockWaiting(waited, holder.pid if holder else None)
        rows = await self._connection.query(lock.holder.text) if lock.holder else ()
        return next((LockWaiting(waited, age=row["age"], holder=row["name"]) for row in rows), LockWaiting(waited))


def _name(lock: Advisory) -> Hashable:
    return ("advisory", lock.key)
