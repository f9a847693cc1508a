"""The executor: one asyncpg connection, read, locked and run as DESIGN §6 says."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from trek_asyncpg import _autocommit, _failure, _lock, _reading, _several, _transaction
from trek_asyncpg._groups import Group, Groups
from trek_asyncpg._session import SNAPSHOT, Snapshot
from trek_asyncpg._settings import RunSettings
from trek_asyncpg._unit import Unit, UnitFailed
from trek_asyncpg._wire import rows
from trek_core.plugin import (
    Action,
    Done,
    Executor,
    Facts,
    Failed,
    Lock,
    Locked,
    LockWaiting,
    Lost,
    Record,
    Result,
    Rows,
    Sql,
    Started,
    script,
)

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection


class AsyncpgExecutor(Executor):
    """Runs migrations on an asyncpg connection (or a pool's proxy of one) that the caller owns."""

    def __init__(self, connection: Connection, settings: RunSettings | None = None) -> None:
        self._connection = connection
        self._settings = settings or RunSettings()
        self._facts: Facts | None = None
        self._snapshot: Snapshot | None = None
        self._held = _lock.Held()

    @property
    def connection(self) -> Any:
        return self._connection

    @property
    def _nested(self) -> bool:
        return bool(self._connection.is_in_transaction())

    @property
    def _pooled(self) -> bool:
        """Behind a pooler the next query may run in another session, where no marker is."""
        return self._facts is not None and self._facts.pooled

    # ----------------------------------------------------------------------- reading and locking
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        """One round trip; inside the caller's transaction two more, for a savepoint."""
        self._facts, found = await _reading.read(self._connection, query)
        return self._facts, found

    @asynccontextmanager
    async def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AsyncIterator[Locked]:
        """Polled. Behind a pooler there is no session lock that could be relied on: the history's guard alone decides."""
        if self._facts is None or not self._facts.database:  # what the driver knew without asking
            self._facts = await _reading.facts(self._connection)
        facts = self._facts
        if facts.pooled:
            yield Locked(waited=False, facts=facts)
            return
        async with _lock.hold(self._connection, locks, timeout, waiting, nested=self._nested) as held:
            if held.settings is not None:
                self._snapshot = Snapshot.of(held.settings)
            self._held = held
            try:
                yield Locked(held.waited, facts)
            finally:
                self._held = _lock.Held()

    # ----------------------------------------------------------------------- running
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        groups = Groups(units, lambda: 1 if self._nested or self._pooled else self._settings.together)
        result: Result | None = None
        try:
            for group in groups:
                if not isinstance(result, Started):  # else it was begun before, in a query of which nothing ran
                    result = Started(group.pairs[0][0], len(group.pairs))
                    yield result
                work = self._together(group, groups) if group.may_share else self._alone(*group.pairs[0])
                async with contextlib.aclosing(work) as results:
                    async for result in results:
                        yield result
                if isinstance(result, Failed | Lost):
                    return
        finally:  # tables and types may be others now than the driver remembers; within a transaction it would not ask again
            await self._connection.reload_schema_state()

    async def _together(self, group: Group, groups: Groups) -> AsyncGenerator[Result]:
        """The results of units in one query but the first's `Started`. What must be sent anew is put back.

        With the last unit of a run the lock is given up: one round trip less.
        """
        begun = time.monotonic()
        units = [
            Unit(self._connection, action, record, (), nested=False, mark=True, limits=self._limits(action))
            for action, record in group.pairs
        ]
        ended = await _several.run(units, self._held.release if groups.end else ())
        seconds, ran = time.monotonic() - begun, min(ended.done + 1, len(units))
        groups.again(group[part] for part in ended.again)
        if groups.end and ended.whole:
            self._held.release = []
        try:
            for number, unit in enumerate(units[: ended.done + bool(ended.failure or ended.cancelled)]):
                if number:
                    yield Started(unit.action)
                if number < ended.done:
                    yield Done(unit.action, seconds, ran)
                elif ended.failure:
                    yield self._judged(unit, UnitFailed(ended.failure))
        finally:
            if ended.cancelled:
                raise ended.cancelled

    async def _alone(self, action: Action, record: Record) -> AsyncGenerator[Result]:
        """The results of one unit but its `Started`; the last is `Done`, `Failed` or `Lost`."""
        begun = time.monotonic()
        unit = await self._unit(action, record)
        try:
            if action.mode == "transaction":
                await _transaction.run(unit)
            else:
                async with contextlib.aclosing(_autocommit.run(unit)) as steps:
                    async for step in steps:
                        yield step
        except UnitFailed as failed:
            yield self._judged(unit, failed)
        else:
            yield Done(action, time.monotonic() - begun)

    def _judged(self, unit: Unit, failed: UnitFailed) -> Failed | Lost:
        in_body = failed.failure.statement is not None and bool(failed.failure.statement.file)
        if _failure.is_lost_race(failed.failure.cause, unit.record.guard, bootstrap=not in_body):
            return Lost(unit.action, failed.failure)
        return Failed(unit.action, failed.failure)

    async def _unit(self, action: Action, record: Record) -> Unit:
        nested = self._nested
        restore: tuple[Sql, ...] = ()
        limits = self._limits(action)
        if (nested and limits) or script.changes_settings(action.body):
            if self._snapshot is None:
                self._snapshot = Snapshot.of((await rows(self._connection, f"SELECT {SNAPSHOT}"))[0])
            restore = self._snapshot.restore()
        return Unit(self._connection, action, record, restore, nested, not self._pooled, limits)

    def _limits(self, action: Action) -> tuple[Sql, ...]:
        """The body's own timeouts, else those of the settings."""
        body, lock, statement = action.body, self._settings.lock_timeout, self._settings.statement_timeout
        if body is not None:
            lock = lock if body.lock_timeout is None else body.lock_timeout
            statement = statement if body.statement_timeout is None else body.statement_timeout
        return script.limits(lock, statement)
