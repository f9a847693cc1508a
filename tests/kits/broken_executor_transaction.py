"""For each test of E13 to E16, E26 to E30, E33, E34, E45 to E48 an executor that fails it and no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.kits.broken_executor import Leaky, LeavesSettings
from trek_core.plugin import (
    Action,
    Blocked,
    Done,
    Failed,
    Failure,
    Locked,
    Lost,
    Record,
    Result,
    Sql,
    Started,
    Statement,
    script,
)
from trek_core.testing import MemoryConnection, MemoryExecutor
from trek_core.testing._memory_executor import Unit, UnitFailed


class BeginsInSilence(MemoryExecutor):
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        async for result in super().run(units):
            if not isinstance(result, Started):
                yield result


class FinishesBeforeTheBody(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        record = replace(unit.record, begin=(*unit.record.begin, *unit.record.finish), finish=())
        await super().in_transaction(Unit(unit.action, record))


class Records(MemoryExecutor):
    """Knows whether it holds the lock, and writes a record in one statement."""

    locked = False

    @asynccontextmanager
    async def lock(self, *given: Any) -> AsyncIterator[Locked]:
        async with super().lock(*given) as got:
            self.locked = True
            try:
                yield got
            finally:
                self.locked = False

    async def in_transaction(self, unit: Unit) -> None:
        one, sql = unit.record.afterwards, all(isinstance(part, Sql) for part in unit.body)
        if one is not None:
            unit = Unit(unit.action, self.recorded(unit.record, one, sql=sql))
        await super().in_transaction(unit)

    def recorded(self, record: Record, one: Statement, *, sql: bool) -> Record:
        return replace(record, begin=(), finish=(one,)) if self.locked and sql else record


class RecordsTwice(Records):
    def recorded(self, record: Record, one: Statement, *, sql: bool) -> Record:
        return replace(record, finish=(*record.finish, one)) if self.locked and sql else record


class RecordsWithoutTheLock(Records):
    def recorded(self, record: Record, one: Statement, *, sql: bool) -> Record:
        return replace(record, begin=(), finish=(one,)) if sql else record


class RecordsACall(Records):
    def recorded(self, record: Record, one: Statement, *, sql: bool) -> Record:
        return super().recorded(record, one, sql=True)


class FinishesInAnotherTransaction(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        await super().in_transaction(Unit(unit.action, replace(unit.record, finish=())))
        with self.connection.transaction():
            await self.send(unit.record.finish)


class BeginsAgainAfterAFailure(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        try:
            await super().in_transaction(unit)
        except UnitFailed:
            if self.connection.closed:
                raise
            with contextlib.suppress(UnitFailed), self.connection.transaction():
                await self.send(unit.record.begin)
            raise


class RunsAllInOneTransaction(MemoryExecutor):
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        units, last = list(units), None
        whole = not self.connection.in_transaction and all(action.mode == "transaction" for action, _ in units)
        with (
            contextlib.suppress(ZeroDivisionError),
            self.connection.transaction() if whole else contextlib.nullcontext(),
        ):
            async for last in super().run(units):
                yield last
            if whole and isinstance(last, Failed):
                raise ZeroDivisionError
        for action, record in units if whole and isinstance(last, Failed) else ():
            if action is last.action:
                await self.note(Unit(action, record), last)


class GoesOn(MemoryExecutor):
    stops: tuple[type[Result], ...]

    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        for unit in units:
            last: Result | None = None
            async for last in super().run([unit]):
                yield last
            if isinstance(last, self.stops):
                return


class GoesOnAfterAFailure(GoesOn):
    stops = (Lost,)


class GoesOnAfterALoss(GoesOn):
    stops = (Failed,)


class SkipsWhatHasNoBody(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        if unit.action.body is not None:
            await super().in_transaction(unit)


# --------------------------------------------------------------------------- afterwards
class LeavesATransactionOpen(Leaky):
    """At the end of a run, or when it was left with one of those errors."""

    last: tuple[type[Result], ...] = ()
    errors: tuple[type[BaseException], ...] = ()

    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        result = None
        try:
            async for result in super().run(units):
                yield result
        except self.errors:
            self.leave_one_open()
            raise
        if isinstance(result, self.last):
            self.leave_one_open()


class LeavesOneOpenAtTheEnd(LeavesATransactionOpen):
    last = (Done,)


class LeavesOneOpenAfterAFailure(LeavesATransactionOpen):
    last = (Failed,)


class LeavesOneOpenWhenCancelled(LeavesATransactionOpen):
    errors = (asyncio.CancelledError,)


class LeavesOneOpenWhenClosed(LeavesATransactionOpen):
    errors = (GeneratorExit,)


class CommitsWhenCancelled(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        cancelled = None
        with self.connection.transaction(), self.same_settings():
            try:
                await self.send((*script.opening(unit.action, unit.record), *unit.body))
            except asyncio.CancelledError as error:
                cancelled = error
            else:
                await self.send(unit.record.finish)
        if cancelled:
            raise cancelled


# --------------------------------------------------------------------------- settings, and the caller's transaction
class LeavesSettingsOfTransactions(LeavesSettings):
    leaves = "transaction"


class IgnoresTheLockTimeout(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        body = unit.action.body and replace(unit.action.body, lock_timeout=None)
        await super().in_transaction(Unit(replace(unit.action, body=body), unit.record))


class LeavesTheLockTimeout(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        await super().in_transaction(unit)
        if unit.action.body and unit.action.body.lock_timeout:
            self.connection.set("lock_timeout", "1ms")


class IgnoresTheStatementTimeout(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        body = unit.action.body and replace(unit.action.body, statement_timeout=None)
        await super().in_transaction(Unit(replace(unit.action, body=body), unit.record))


class LeavesTheStatementTimeout(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        await super().in_transaction(unit)
        if unit.action.body and unit.action.body.statement_timeout:
            self.connection.set("statement_timeout", "1ms")


class StartsAgainWhenBlocked(MemoryExecutor):
    async def carry_out(self, unit: Unit) -> AsyncGenerator[Result]:
        waiting = any(isinstance(part, Sql) and part.text.startswith("HOLD") for part in unit.body)
        if waiting and unit.action.body and unit.action.body.lock_timeout is None:
            yield Blocked(unit.action, 0.1)
            yield Started(unit.action)
        async for result in super().carry_out(unit):
            yield result


class WritesNoNote(MemoryExecutor):
    async def note(self, unit: Unit, result: Failed | Lost) -> None:
        pass


class FailsByItsNote(MemoryExecutor):
    async def note(self, unit: Unit, result: Failed | Lost) -> None:
        with contextlib.suppress(UnitFailed):
            await self.send(script.told(unit.record, result.failure))


class RunsBesideTheCallersTransaction(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        if self.connection.in_transaction:
            await MemoryExecutor(MemoryConnection(self.connection.database)).in_transaction(unit)
        else:
            await super().in_transaction(unit)


class IsSureOfTheRollback(MemoryExecutor):
    def failure(self, error: Exception, statement: Statement) -> Failure:
        return replace(super().failure(error, statement), outcome="rolled back")


class RollsTheCallerBack(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        nested = self.connection.in_transaction
        try:
            await super().in_transaction(unit)
        except UnitFailed:
            if nested:
                self.connection._changes.clear()  # type: ignore[union-attr]
            raise


DIAGONAL: dict[str, type[MemoryExecutor]] = {
    "test_e13_a_unit_gives_started_first_and_one_outcome_last": BeginsInSilence,
    "test_e14_begin_body_and_finish_run_in_this_order": FinishesBeforeTheBody,
    "test_e14_nobody_sees_a_part_of_them": FinishesInAnotherTransaction,
    "test_e15_nothing_of_a_failed_unit_remains": BeginsAgainAfterAFailure,
    "test_e15_what_was_done_before_a_failure_remains": RunsAllInOneTransaction,
    "test_e16_after_a_failure_no_other_unit_begins": GoesOnAfterAFailure,
    "test_e16_after_a_loss_no_other_unit_begins": GoesOnAfterALoss,
    "test_e26_a_unit_without_a_body_only_writes_its_record": SkipsWhatHasNoBody,
    "test_e27_after_the_end_the_session_is_usable": LeavesOneOpenAtTheEnd,
    "test_e27_after_a_failure_the_session_is_usable": LeavesOneOpenAfterAFailure,
    "test_e27_after_a_cancellation_the_session_is_usable": LeavesOneOpenWhenCancelled,
    "test_e27_after_aclose_the_session_is_usable": LeavesOneOpenWhenClosed,
    "test_e28_a_cancelled_unit_leaves_nothing": CommitsWhenCancelled,
    "test_e29_settings_are_as_they_were": LeavesSettingsOfTransactions,
    "test_e30_the_lock_timeout_of_a_body_holds_for_it": IgnoresTheLockTimeout,
    "test_e30_the_lock_timeout_of_a_body_holds_no_longer": LeavesTheLockTimeout,
    "test_e45_the_statement_timeout_of_a_body_holds_for_it": IgnoresTheStatementTimeout,
    "test_e45_the_statement_timeout_of_a_body_holds_for_no_other": LeavesTheStatementTimeout,
    "test_e46_a_unit_that_was_blocked_started_once_and_has_its_outcome": StartsAgainWhenBlocked,
    "test_e48_a_record_in_one_statement_stands_alone_behind_the_body": RecordsTwice,
    "test_e48_a_record_in_one_statement_needs_the_lock": RecordsWithoutTheLock,
    "test_e48_a_record_in_one_statement_needs_a_body_of_sql": RecordsACall,
    "test_e47_failed_is_written_behind_the_rollback": WritesNoNote,
    "test_e47_what_becomes_of_it_changes_no_result": FailsByItsNote,
    "test_e34_the_outcome_of_a_lost_connection_is_unknown": IsSureOfTheRollback,
    "test_e33_the_callers_rollback_undoes_the_run": RunsBesideTheCallersTransaction,
    "test_e33_a_failure_leaves_the_callers_transaction_usable": RollsTheCallerBack,
}
