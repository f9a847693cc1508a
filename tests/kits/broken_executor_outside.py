"""For each test of E17 to E25, E31, E32, E39, E40, E44, and E29 outside a transaction, an executor that fails it alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from tests.kits.broken_executor import LeavesSettings
from trek_core.plugin import Call, Copy, Facts, Failure, Piece, Rows, Sql, Statement, StatementDone, script
from trek_core.testing import MemoryConnection, MemoryExecutor
from trek_core.testing._memory_executor import Unit, UnitFailed


class NamesNoStatement(MemoryExecutor):
    def failure(self, error: Exception, statement: Statement) -> Failure:
        failure = super().failure(error, statement)
        return failure if isinstance(statement, Call) else replace(failure, statement=None)


class HasNoSqlstate(MemoryExecutor):
    def failure(self, error: Exception, statement: Statement) -> Failure:
        return replace(super().failure(error, statement), sqlstate="")


class CountsPlacesFromOne(MemoryExecutor):
    def failure(self, error: Exception, statement: Statement) -> Failure:
        failure = super().failure(error, statement)
        return failure if failure.position is None else replace(failure, position=failure.position + 1)


class NeverLoses(MemoryExecutor):
    def is_lost(self, unit: Unit, failure: Failure) -> bool:
        return False


class TakesEveryKeyForTheGuard(MemoryExecutor):
    def is_lost(self, unit: Unit, failure: Failure) -> bool:
        return failure.sqlstate == "23505"


# --------------------------------------------------------------------------- calls
class Proxy:
    def __init__(self, connection: MemoryConnection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class GivesCallsAProxy(MemoryExecutor):
    async def send_one(self, statement: Statement) -> None:
        if isinstance(statement, Call):
            await statement.function(Proxy(self.connection))
        else:
            await super().send_one(statement)


class RunsCallsLast(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        statements = tuple(sorted(unit.body, key=lambda statement: isinstance(statement, Call)))
        body = unit.action.body and replace(unit.action.body, statements=statements)
        await super().in_transaction(Unit(replace(unit.action, body=body), unit.record))


class KeepsWhatCallsDid(MemoryExecutor):
    async def in_transaction(self, unit: Unit) -> None:
        try:
            await super().in_transaction(unit)
        except UnitFailed as failed:
            if not isinstance(failed.failure.statement, Call):
                await self.send(statement for statement in unit.body if isinstance(statement, Call))
            raise


class HidesTheErrorOfACall(MemoryExecutor):
    def failure(self, error: Exception, statement: Statement) -> Failure:
        failure = super().failure(error, statement)
        return replace(failure, cause=RuntimeError(str(error))) if isinstance(statement, Call) else failure


# --------------------------------------------------------------------------- outside a transaction
class UndoesWhatRanOutside(MemoryExecutor):
    """It runs what no transaction block refuses in one."""

    async def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        plain = all(isinstance(statement, Sql) and not statement.refuses_block for statement in unit.body)
        if not plain or unit.action.mode == "message":
            async for step in super().outside(unit):
                yield step
            return
        try:
            with self.connection.transaction():
                async for step in super().outside(unit):
                    yield step
        except UnitFailed:
            await self.send(unit.record.failed)
            raise


class SaysThatAllIsRolledBack(MemoryExecutor):
    def partial(self, failure: Failure) -> Failure:
        return failure


class HasATransactionAroundEveryStatement(MemoryExecutor):
    async def send_query(self, query: Sequence[Statement]) -> None:
        with self.connection.transaction():
            await super().send_query(query)


class WritesNoProgress(MemoryExecutor):
    def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        return super().outside(Unit(unit.action, replace(unit.record, progress=None)))


class DoesNotTellTheHistoryOfAFailure(MemoryExecutor):
    async def tell_failed(self, unit: Unit, failure: Failure) -> None:
        pass


class DoesNotKnowHowManyThereAre(MemoryExecutor):
    async def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        async for step in super().outside(unit):
            yield replace(step, total=step.number)


class BeginsAnew(MemoryExecutor):
    """It does not know that an action may resume."""

    def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        known = unit.action.resume is not None and unit.action.resume.open is not None
        return super().outside(unit if known else Unit(replace(unit.action, resume=None), unit.record))


class RunsWhatWasBegun(MemoryExecutor):
    def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        resume = unit.action.resume and replace(unit.action.resume, open=None)
        return super().outside(Unit(replace(unit.action, resume=resume), unit.record))


class LeavesSettingsOutside(LeavesSettings):
    leaves = "autocommit"


class CutsMessages(MemoryExecutor):
    async def send_one(self, statement: Statement) -> None:
        if isinstance(statement, Sql):
            for text in statement.text.split(script.SEPARATOR):
                await super().send_one(replace(statement, text=text))
        else:
            await super().send_one(statement)


class ForgetsTheDataOfACopy(MemoryExecutor):
    async def send_one(self, statement: Statement) -> None:
        if not isinstance(statement, Copy):
            await super().send_one(statement)


class ForgetsTheLastStatementOfAPiece(MemoryExecutor):
    async def send_one(self, statement: Statement) -> None:
        if isinstance(statement, Piece):
            await self.send(statement.split()[:-1])
        else:
            await super().send_one(statement)


class ReadsOnAnotherSession(MemoryExecutor):
    """While it runs something."""

    running = False

    async def in_transaction(self, unit: Unit) -> None:
        self.running = True
        try:
            await super().in_transaction(unit)
        finally:
            self.running = False

    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        other = MemoryExecutor(MemoryConnection(self.connection.database)) if self.running else super()
        return await other.read(query)


DIAGONAL: dict[str, type[MemoryExecutor]] = {
    "test_e17_a_failure_names_the_statement": NamesNoStatement,
    "test_e17_a_failure_has_the_databases_message_and_sqlstate": HasNoSqlstate,
    "test_e18_a_failure_has_its_place_in_the_statement": CountsPlacesFromOne,
    "test_e19_a_violation_of_the_guard_is_lost": NeverLoses,
    "test_e19_any_other_unique_violation_is_failed": TakesEveryKeyForTheGuard,
    "test_e24_a_call_gets_the_connection": GivesCallsAProxy,
    "test_e24_a_call_runs_in_its_place": RunsCallsLast,
    "test_e24_a_call_runs_inside_the_units_transaction": KeepsWhatCallsDid,
    "test_e25_an_exception_of_a_call_is_failed": HidesTheErrorOfACall,
    "test_e20_what_ran_before_a_failure_stays": UndoesWhatRanOutside,
    "test_e20_the_outcome_of_a_failure_is_partial": SaysThatAllIsRolledBack,
    "test_e21_a_statement_that_refuses_a_transaction_runs_in_none": HasATransactionAroundEveryStatement,
    "test_e22_progress_stands_around_every_statement": WritesNoProgress,
    "test_e22_failed_follows_a_failure": DoesNotTellTheHistoryOfAFailure,
    "test_e23_every_statement_is_told_with_its_number": DoesNotKnowHowManyThereAre,
    "test_e29_settings_are_as_they_were_outside_a_transaction": LeavesSettingsOutside,
    "test_e31_a_message_is_never_cut": CutsMessages,
    "test_e39_what_resumes_runs_the_rest_and_nothing_else": BeginsAnew,
    "test_e40_where_it_is_not_certain_nothing_runs": RunsWhatWasBegun,
    "test_e44_a_call_may_read_what_its_transaction_has_written": ReadsOnAnotherSession,
    "test_e32_a_copy_sends_its_data": ForgetsTheDataOfACopy,
    "test_e32_a_piece_sends_the_statements_that_it_reads": ForgetsTheLastStatementOfAPiece,
}
