"""The reference executor: a session with a database in memory, which keeps every sentence of the contract."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from trek_core import script
from trek_core.errors import ConfigError, ConnectError
from trek_core.events import Done, Failed, Failure, Lost, Result, Started, StatementDone
from trek_core.model import (
    Action,
    Copy,
    Facts,
    Piece,
    Record,
    Rows,
    Sql,
    Statement,
)
from trek_core.testing._memory_connection import MemoryConnection
from trek_core.testing._memory_database import (
    CONNECTION_LOST,
    DUPLICATE_TABLE,
    UNDEFINED_TABLE,
    UNIQUE_VIOLATION,
    MemoryDatabaseError,
)
from trek_core.testing._memory_lock import MemoryLocks


class UnitFailed(Exception):
    """Carries a failure out of a unit."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True, slots=True)
class Unit:
    """An action and what is written around it."""

    action: Action
    record: Record

    @property
    def body(self) -> tuple[Statement, ...]:
        return script.statements(self.action)

    def holds(self, statement: Statement | None) -> bool:
        """Whether it is the body's own, and none of the store's."""
        return any(statement is own for own in self.body)


class MemoryExecutor(MemoryLocks):
    """Runs migrations on a connection that the caller owns."""

    @property
    def connection(self) -> MemoryConnection:
        return self._connection

    # ----------------------------------------------------------------------- reading
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        try:
            rows = await self._connection.query(query.text)
        except MemoryDatabaseError as error:
            if error.sqlstate == UNDEFINED_TABLE:
                return self.facts(), None
            advice = "Nothing was changed."
            if error.sqlstate == CONNECTION_LOST:
                msg = f"the connection was lost while the history was read. {advice} Run again on a new one."
                raise ConnectError(msg) from error
            msg = f"reading the history was refused: {error}. {advice}"
            raise ConfigError(msg) from error
        return self.facts(), [dict(row) for row in rows]

    def facts(self) -> Facts:
        return Facts(
            database=self._connection.database.name,
            schema="public",
            user="memory",
            session_user="memory",
            backend_pid=self._connection.pid,
            in_transaction=self._connection.in_transaction,
        )

    # ----------------------------------------------------------------------- running
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        for action, record in units:
            result: Result = Started(action)
            yield result
            async with contextlib.aclosing(self.carry_out(Unit(action, record))) as results:
                async for result in results:
                    yield result
            if not isinstance(result, Done):
                return

    async def run_as_one(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        done: list[Done] = []
        unit: Unit | None = None
        try:
            with self._connection.transaction():
                for action, record in units:
                    yield Started(action)
                    begun = time.monotonic()
                    await self.part(unit := Unit(action, record))
                    done.append(Done(action, time.monotonic() - begun))
        except UnitFailed as failed:
            assert unit is not None
            judged = self.judged(unit, failed.failure)
            await self.note(unit, judged)
            yield judged
        else:
            for result in done:
                yield result

    async def part(self, unit: Unit) -> None:
        """One unit of several in one transaction: what it set, SET LOCAL too, is put back."""
        before = dict(self._connection.settings)
        for statements in (script.opening(unit.action, unit.record), unit.body, unit.record.finish):
            await self.send(statements)
        self._connection.settings = before

    async def carry_out(self, unit: Unit) -> AsyncGenerator[Result]:
        """The results of one unit; the last is `Done`, `Failed` or `Lost`."""
        begun = time.monotonic()
        try:
            if unit.action.mode == "transaction":
                await self.in_transaction(unit)
            else:
                async with contextlib.aclosing(self.outside(unit)) as steps:
                    async for step in steps:
                        yield step
        except UnitFailed as failed:
            result = self.judged(unit, failed.failure)
            await self.note(unit, result)
            yield result
        else:
            yield Done(unit.action, time.monotonic() - begun)

    async def note(self, unit: Unit, result: Failed | Lost) -> None:
        """What its store keeps of a failure whose transaction was rolled back."""
        ours = unit.action.mode == "transaction" and not self._connection.in_transaction
        if isinstance(result, Failed) and ours and not self._connection.closed:
            with contextlib.suppress(UnitFailed), self._connection.transaction():
                await self.send(script.told(unit.record, result.failure))

    async def in_transaction(self, unit: Unit) -> None:
        """All or nothing: a transaction of ours, or a savepoint of the caller's."""
        with self._connection.transaction():
            with self.same_settings():
                await self.send(script.opening(unit.action, unit.record))
                await self.send(unit.body)
            await self.send(unit.record.finish)

    async def outside(self, unit: Unit) -> AsyncGenerator[StatementDone]:
        """A statement at a time. The history is told of a failure, if it was told of the beginning."""
        resume, total, ours = unit.action.resume, len(unit.body), False
        number = resume.done if resume else 0
        rest = unit.body[number:]
        if resume and resume.open:  # there is nothing to be looked at
            raise UnitFailed(self.question(unit.body[resume.done]))
        with self.same_settings():
            try:
                for query in script.queries(unit.action, unit.record):
                    begun = time.monotonic()
                    await self.send_query(query)
                    ours = True
                    if any(query[0] is own for own in rest):
                        number += 1
                        yield StatementDone(unit.action, number, total, time.monotonic() - begun)
            except UnitFailed as failed:
                if ours:
                    await self.tell_failed(unit, failed.failure)
                raise UnitFailed(self.partial(failed.failure)) from failed.failure.cause

    async def tell_failed(self, unit: Unit, failure: Failure) -> None:
        with contextlib.suppress(UnitFailed):  # the first failure counts; nothing can be told over a lost connection
            await self.send(script.told(unit.record, failure))

    async def send_query(self, query: Sequence[Statement]) -> None:
        """What stands together is one transaction; what stands alone has none around it."""
        with self._connection.transaction() if len(query) > 1 else contextlib.nullcontext():
            await self.send(query)

    async def send(self, statements: Iterable[Statement]) -> None:
        for statement in statements:
            try:
                await self.send_one(statement)
            except UnitFailed:  # of one of the statements of a piece
                raise
            except Exception as error:
                raise UnitFailed(self.failure(error, statement)) from error

    async def send_one(self, statement: Statement) -> None:
        if isinstance(statement, Sql):
            await self._connection.execute(statement.text)
        elif isinstance(statement, Piece):
            for part in statement.split():
                await self.send((part,))
        elif isinstance(statement, Copy):
            await self._connection.copy(b"".join(statement.chunks()).decode())
        else:
            await statement.function(self._connection)

    @contextmanager
    def same_settings(self) -> Iterator[None]:
        """Afterwards the session's settings are as they were."""
        before = dict(self._connection.settings)
        try:
            yield
        finally:
            self._connection.settings = before

    # ----------------------------------------------------------------------- failures
    def failure(self, error: Exception, statement: Statement) -> Failure:
        if not isinstance(error, MemoryDatabaseError):
            return Failure(error, f"{type(error).__name__}: {error}", statement)
        outcome = "unknown" if error.sqlstate == CONNECTION_LOST else "rolled back"
        return Failure(error, error.message, statement, error.position, error.sqlstate, outcome=outcome)

    def question(self, statement: Statement) -> Failure:
        """Nobody can tell whether a statement that was begun is done."""
        problem = "nothing here tells whether the statement that was begun is done"
        return Failure(RuntimeError(problem), problem, statement, outcome="unfinished")

    def partial(self, failure: Failure) -> Failure:
        """A failure outside a transaction: what ran before stays."""
        return failure if failure.outcome == "unknown" else replace(failure, outcome="partial")

    def judged(self, unit: Unit, failure: Failure) -> Failed | Lost:
        return Lost(unit.action, failure) if self.is_lost(unit, failure) else Failed(unit.action, failure)

    def is_lost(self, unit: Unit, failure: Failure) -> bool:
        """Whether somebody was faster: he wrote the row of the guard, or made the table that a store prepares."""
        error, guard = failure.cause, unit.record.guard
        if not isinstance(error, MemoryDatabaseError):
            return False
        if error.sqlstate == UNIQUE_VIOLATION and guard is not None:
            return (error.schema, error.table, error.constraint) == (guard.schema, guard.table, guard.constraint)
        return error.sqlstate == DUPLICATE_TABLE and not unit.holds(failure.statement)
