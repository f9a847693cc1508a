"""For each test of E2 to E12 and E41 to E43 an executor that fails it and no other."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.kits.broken_executor import Keeper, KeepsAfter, Leaky, Waiting
from trek_core.plugin import (
    Advisory,
    ConfigError,
    ConnectError,
    Facts,
    Lock,
    Locked,
    LockTimeout,
    LockWaiting,
    RowLock,
    Rows,
    Sql,
)
from trek_core.testing import MemoryConnection, MemoryExecutor


class KeepsTheEscapesOfJson(MemoryExecutor):
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        facts, rows = await super().read(query)
        return facts, rows and [{key: json.dumps(value)[1:-1] for key, value in row.items()} for row in rows]


class FindsNoRowsWithoutTable(MemoryExecutor):
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        facts, rows = await super().read(query)
        return facts, [] if rows is None else rows


class LeavesReadingOpen(Leaky):
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        facts, rows = await super().read(query)
        if rows is None:
            self.leave_one_open()
        return facts, rows


class RollsBackWhatReadingNeeds(MemoryExecutor):
    """It has no savepoint of its own to go back to."""

    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        facts, rows = await super().read(query)
        if rows is None and self.connection.in_transaction:
            self.connection._changes.clear()  # type: ignore[union-attr]
        return facts, rows


class NamesNoUser(MemoryExecutor):
    def facts(self) -> Facts:
        return replace(super().facts(), user="")


class OverlooksTheCallersTransaction(MemoryExecutor):
    def facts(self) -> Facts:
        return replace(super().facts(), in_transaction=False)


class LetsTheDriversErrorThrough(MemoryExecutor):
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        try:
            return await super().read(query)
        except ConfigError as error:
            raise error.__cause__ or error from None


class TakesALostConnectionForARefusal(MemoryExecutor):
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        try:
            return await super().read(query)
        except ConnectError as error:
            raise ConfigError(str(error)) from error


# --------------------------------------------------------------------------- locks
class TakesALockByForce(MemoryExecutor):
    """It thinks that a lock is stale which was not free twice."""

    tries = 0

    async def try_lock(self, lock: Lock) -> bool:
        self.tries += 1
        return await super().try_lock(lock) or (self.tries > 1 and isinstance(lock, Advisory))


class HasOneLock(MemoryExecutor):
    async def try_lock(self, lock: Lock) -> bool:
        return await super().try_lock(lock if isinstance(lock, RowLock) else Advisory(0))

    async def release(self, lock: Lock) -> None:
        await super().release(lock if isinstance(lock, RowLock) else Advisory(0))


class OverlooksRowsInAHurry(MemoryExecutor):
    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        if isinstance(lock, RowLock) and time.monotonic() >= end:
            self._rows[lock] = {}
            return False
        return await super()._take(lock, end, waiting)


class MakesNoTable(MemoryExecutor):
    async def make(self, lock: RowLock) -> None: ...


class HidesWhoHasTheRow(MemoryExecutor):
    async def _holder(self, lock: Lock, waited: float) -> LockWaiting:
        return replace(await super()._holder(lock, waited), holder="")


class GivesUpAnyRow(MemoryExecutor):
    async def give_up(self, lock: RowLock) -> None:
        any_row = replace(lock, release=Sql("BREAK it"))
        self._rows[any_row] = self._rows.pop(lock)
        await super().give_up(any_row)


class KeepsTheRowOfALostSession(MemoryExecutor):
    async def give_up(self, lock: RowLock) -> None:
        if not self.connection.closed:
            await super().give_up(lock)


class RaisesATimeoutOfItsOwn(MemoryExecutor):
    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        try:
            return await super()._take(lock, end, waiting)
        except LockTimeout:
            if isinstance(lock, RowLock):
                raise
            raise TimeoutError from None


class KeepsTheFirstLockAfterATimeout(Keeper):
    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        try:
            return await super()._take(lock, end, waiting)
        except LockTimeout:
            self.keeps = True
            raise


class WaitsInSilence(MemoryExecutor):
    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        async def silent(_: object) -> None: ...

        return await super()._take(lock, end, waiting if isinstance(lock, RowLock) else silent)


class NeverSaysThatItWaited(MemoryExecutor):
    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        return await super()._take(lock, end, waiting) and False


class LocksWithoutFacts(MemoryExecutor):
    @asynccontextmanager
    async def lock(self, locks: Sequence[Lock], timeout: float, waiting: Waiting) -> AsyncIterator[Locked]:
        async with super().lock(locks, timeout, waiting) as locked:
            yield replace(locked, facts=Facts())


class KeepsItAfterTheEnd(Keeper):
    @asynccontextmanager
    async def lock(self, locks: Sequence[Lock], timeout: float, waiting: Waiting) -> AsyncIterator[Locked]:
        async with super().lock(locks, timeout, waiting) as locked:
            yield locked
            self.keeps = not any(isinstance(lock, RowLock) for lock in locks)


class KeepsItAfterAnError(KeepsAfter):
    errors = (Exception,)


class KeepsItAfterACancellation(KeepsAfter):
    errors = (asyncio.CancelledError,)


class KeepsTheFirstLockWhenCancelled(Keeper):
    async def _take(self, lock: Lock, end: float, waiting: Waiting) -> bool:
        try:
            return await super()._take(lock, end, waiting)
        except asyncio.CancelledError:
            self.keeps = True
            raise


class LocksOnAnotherConnection(MemoryExecutor):
    def __init__(self, connection: MemoryConnection) -> None:
        super().__init__(connection)
        self.second = MemoryExecutor(MemoryConnection(connection.database))

    async def try_lock(self, lock: Lock) -> bool:
        return await (super() if isinstance(lock, RowLock) else self.second).try_lock(lock)

    async def release(self, lock: Lock) -> None:
        if isinstance(lock, RowLock):
            await super().release(lock)
        elif not self.connection.closed:
            await self.second.release(lock)


DIAGONAL: dict[str, type[MemoryExecutor]] = {
    "test_e2_a_row_is_a_mapping_with_the_text_that_was_written": KeepsTheEscapesOfJson,
    "test_e3_without_the_table_the_rows_are_none": FindsNoRowsWithoutTable,
    "test_e3_without_the_table_the_session_stays_usable": LeavesReadingOpen,
    "test_e3_without_the_table_the_callers_transaction_stays_usable": RollsBackWhatReadingNeeds,
    "test_e4_the_facts_name_database_and_user": NamesNoUser,
    "test_e4_the_facts_say_whether_the_caller_has_a_transaction_open": OverlooksTheCallersTransaction,
    "test_e5_another_refusal_is_a_config_error": LetsTheDriversErrorThrough,
    "test_e5_a_lost_connection_is_a_connect_error": TakesALostConnectionForARefusal,
    "test_e6_a_lock_excludes_every_other_session": TakesALockByForce,
    "test_e6_a_lock_excludes_no_other_lock": HasOneLock,
    "test_e6_a_lock_that_is_a_row_excludes_too": OverlooksRowsInAHurry,
    "test_e41_the_table_of_a_row_lock_is_made_where_it_is_missing": MakesNoTable,
    "test_e42_who_waits_for_a_row_hears_what_it_says": HidesWhoHasTheRow,
    "test_e43_a_row_that_somebody_else_took_meanwhile_is_left_to_him": GivesUpAnyRow,
    "test_e7_after_the_timeout_it_raises_lock_timeout": RaisesATimeoutOfItsOwn,
    "test_e7_after_the_timeout_it_holds_nothing": KeepsTheFirstLockAfterATimeout,
    "test_e8_while_it_waits_it_tells": WaitsInSilence,
    "test_e9_it_says_whether_it_had_to_wait": NeverSaysThatItWaited,
    "test_e9_the_facts_are_complete": LocksWithoutFacts,
    "test_e10_the_end_of_the_block_releases_it": KeepsItAfterTheEnd,
    "test_e10_an_error_in_the_block_releases_it": KeepsItAfterAnError,
    "test_e10_a_cancellation_in_the_block_releases_it": KeepsItAfterACancellation,
    "test_e11_a_cancellation_while_it_waits_leaves_nothing_held": KeepsTheFirstLockWhenCancelled,
    "test_e12_the_lock_of_a_lost_session_is_free": LocksOnAnotherConnection,
    "test_e12_the_row_lock_of_a_lost_session_is_free_after_the_block": KeepsTheRowOfALostSession,
}
