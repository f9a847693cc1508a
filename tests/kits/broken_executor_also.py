"""More executors with one mistake each, and the test that sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from tests.kits.broken_executor import Keeper, LeavesSettings, Waiting
from tests.kits.broken_executor_transaction import GoesOn, LeavesATransactionOpen
from trek_core.plugin import (
    Action,
    Advisory,
    Call,
    Failed,
    Failure,
    Lock,
    Locked,
    Lost,
    Record,
    Result,
    RowLock,
    Started,
    StatementDone,
)
from trek_core.testing import MemoryExecutor
from trek_core.testing._memory_executor import Unit, UnitFailed


class CutsLocksTo32Bits(MemoryExecutor):
    async def try_lock(self, lock: Lock) -> bool:
        return await super().try_lock(_narrow(lock))

    async def release(self, lock: Lock) -> None:
        await super().release(_narrow(lock))


def _narrow(lock: Lock) -> Lock:
    return lock if isinstance(lock, RowLock) else Advisory(lock.key % 2**32)


class ReleasesOnlyTheLastLock(Keeper):
    """At the end of a block that went well."""

    @asynccontextmanager
    async def lock(self, locks: Sequence[Lock], timeout: float, waiting: Waiting) -> AsyncIterator[Locked]:
        async with super().lock(locks, timeout, waiting) as locked:
            yield locked
            for lock in locks[-1:]:
                await self.release(lock)
            self.keeps = True


class CommitsBeforeACallThatFails(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        try:
            await super().in_transaction(unit)
        except UnitFailed as failed:
            if isinstance(failed.failure.statement, Call):
                await self.send(unit.record.begin)
            raise


class GoesOnAfterAFailureOutside(GoesOn):
    stops = (Failed, Lost)

    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        units = list(units)
        async for result in super().run(units):
            yield result
        if isinstance(result, Failed) and result.action.mode == "autocommit":
            async for result in super().run(units[1:]):
                yield result


class LaysAFailureInFinishAtTheBody(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        try:
            await super().in_transaction(unit)
        except UnitFailed as failed:
            if unit.body and failed.failure.statement in unit.record.finish:
                raise UnitFailed(replace(failed.failure, statement=unit.body[-1])) from failed
            raise


class LosesNothingOutside(MemoryExecutor):
    def is_lost(self, unit: Unit, failure: Failure) -> bool:
        return unit.action.mode == "transaction" and super().is_lost(unit, failure)


class TellsOfAFailureAlways(MemoryExecutor):
    async def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        async for step in super().outside(unit):
            yield step
        await self.send(unit.record.failed)


class FinishesWhatFailed(MemoryExecutor):
    async def tell_failed(self, unit: Unit, failure: Failure) -> None:
        await self.send((*unit.record.finish, *unit.record.failed))


class LeavesOneOpenAfterALoss(LeavesATransactionOpen):
    last = (Lost,)


class LeavesOneOpenAfterAFailureOutside(LeavesATransactionOpen):
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        async for result in super().run(units):
            yield result
        if isinstance(result, Failed) and result.action.mode == "autocommit":
            self.leave_one_open()


class LeavesSettingsAfterAFailureOutside(LeavesSettings):
    leaves = "message"

    @contextmanager
    def same_settings(self) -> Iterator[None]:
        before = dict(self.connection.settings)
        yield
        self.connection.settings = before


class TellsOfStatementsInTransactions(MemoryExecutor):
    """That is no mistake."""

    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        async for result in super().run(units):
            yield result
            if isinstance(result, Started) and result.action.mode == "transaction":
                yield StatementDone(result.action, 1, 1, 0.0)


ALSO: tuple[tuple[str, type[MemoryExecutor]], ...] = (
    ("test_e6_a_lock_excludes_no_other_lock", CutsLocksTo32Bits),
    ("test_e10_the_end_of_the_block_releases_it", ReleasesOnlyTheLastLock),
    ("test_e15_nothing_of_a_failed_unit_remains", CommitsBeforeACallThatFails),
    ("test_e16_after_a_failure_no_other_unit_begins", GoesOnAfterAFailureOutside),
    ("test_e17_a_failure_names_the_statement", LaysAFailureInFinishAtTheBody),
    ("test_e19_a_violation_of_the_guard_is_lost", LosesNothingOutside),
    ("test_e22_progress_stands_around_every_statement", TellsOfAFailureAlways),
    ("test_e22_failed_follows_a_failure", FinishesWhatFailed),
    ("test_e27_after_a_failure_the_session_is_usable", LeavesOneOpenAfterALoss),
    ("test_e27_after_a_failure_the_session_is_usable", LeavesOneOpenAfterAFailureOutside),
    ("test_e29_settings_are_as_they_were_outside_a_transaction", LeavesSettingsAfterAFailureOutside),
)
