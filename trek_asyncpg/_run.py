"""One run: units in order, several to a query where that can be, and again where nothing remains of what had to wait."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from trek_asyncpg import _callbacks, _patience, _several
from trek_asyncpg._before import Before
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._groups import Group, Groups
from trek_asyncpg._lock import Held
from trek_asyncpg._onlooker import Onlooker, Second
from trek_asyncpg._patience import Patience
from trek_asyncpg._queries import Queries
from trek_asyncpg._session import Snapshot
from trek_asyncpg._settings import RunSettings
from trek_asyncpg._unit import GONE, Unit, lost_the_race
from trek_asyncpg._watched import Outcome, kept, watched
from trek_asyncpg._wire import rows, to_the_end
from trek_core.plugin import (
    Action,
    Blocked,
    Done,
    Failed,
    Lost,
    Record,
    Result,
    Sql,
    Started,
    StatementDone,
    quote_ident,
    replace,
    script,
)

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

T = TypeVar("T")
BRIEF = 1.0  # seconds: a wait that cannot be longer is not looked at the first time
POOLED = "behind a pooler nobody can tell which server process is waiting"


class Run:
    """Carries units out on a connection. pooled: the next query may run in another session of the server."""

    def __init__(
        self,
        connection: Connection,
        settings: RunSettings,
        held: Held,
        *,
        snapshot: Snapshot | None,
        second: Second,
        pooled: bool,
    ) -> None:
        self._connection, self._settings, self._held = connection, settings, held
        self._before, self._pooled = Before(connection, snapshot, pooled=pooled), pooled
        self._onlooker = Onlooker(second, connection.get_server_pid())
        self._patience: Patience | None = None
        self._deadlock_timeout: float | None = None

    @property
    def _nested(self) -> bool:
        return bool(self._connection.is_in_transaction())

    async def results(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        """What `Executor.run` gives."""
        groups = Groups(units, lambda: 1 if self._nested or self._pooled else self._settings.together)
        queries = Queries(groups, self._one_of_several)
        result: Result | None = None
        try:
            for group in groups:
                first = group.pairs[0][0]
                if result is None or result.action is not first:  # else it was begun before, and nothing of it remains
                    result = Started(first, len(group.pairs))
                    yield result
                work = self._together(group, queries) if group.may_share else self._alone(*group.pairs[0])
                async with contextlib.aclosing(work) as results:
                    async for result in results:
                        if isinstance(result, Failed):
                            from trek_asyncpg._noting import note  # noqa: PLC0415 - most runs have no failure

                            await note(self._connection, result, group.pairs)
                        yield result
                if isinstance(result, Failed | Lost):
                    return
        finally:  # tables and types may be others now than the driver remembers; within a transaction it would not ask again
            if queries.prepared.names:  # else the last query took them away
                await to_the_end(_several.take_away(self._connection, queries.prepared))
            if not self._connection.is_closed():
                await self._connection.reload_schema_state()
            await self._onlooker.close()

    # ----------------------------------------------------------------------- several in one query
    async def _together(self, group: Group, queries: Queries) -> AsyncGenerator[Result]:
        """The results of units in one query but the first's `Started`. What must be sent anew is put back.

        With the last unit of a run the lock is given up: one round trip less.
        """
        begun = time.monotonic()
        outcome: Outcome[_several.Ended] = Outcome()
        query, groups = queries.of(group), queries.groups
        units, ends = query.units, groups.end
        more, prepared = groups.more(group), queries.prepared
        after = (*([] if more else prepared.away), *(self._held.release if ends else ()))
        async with contextlib.aclosing(
            self._watched(units[0], lambda: _several.run(query, after, queries.write_ahead))
        ) as told:
            async for one in told:
                if isinstance(one, Blocked):
                    yield one
                else:
                    outcome = one
        ended = outcome.value or _several.Ended(0)
        cancelled = outcome.cancelled or outcome.error or ended.cancelled
        if ends and ended.whole:
            self._held.release = []
        if ended.whole and not more:
            prepared.names.clear()
        queries.ended(group, ended)
        seconds = time.monotonic() - begun
        try:
            for result in _several.told(units, ended, seconds, failing=bool(ended.failure or cancelled)):
                yield result
        finally:
            if cancelled:
                raise cancelled
        if ended.failure:
            last: Result | None = None
            async with contextlib.aclosing(self._failed(units[ended.done], UnitFailed(ended.failure))) as results:
                async for last in results:
                    yield last
            if isinstance(last, Blocked):
                groups.again((group[ended.done : ended.done + 1], group[ended.done + 1 :]))

    def _one_of_several(self, action: Action, record: Record) -> Unit:
        one = record.afterwards if self._held.release else None
        at_once = one if isinstance(one, Sql) else None
        return Unit(
            self._connection, action, record, (), nested=False, mark=True, limits=self._limits(action), at_once=at_once
        )

    # ----------------------------------------------------------------------- one by itself
    async def _alone(self, action: Action, record: Record) -> AsyncGenerator[Result]:
        """The results of one unit but its `Started`; the last is `Done`, `Failed` or `Lost`."""
        begun = time.monotonic()
        result: Result | None = None
        while not isinstance(result, Done | Failed | Lost):
            failed: UnitFailed | None = None
            unit = self._bare(action, record)
            try:
                unit = await self._restored(unit)
                with _callbacks.kept(self._connection) as added:
                    async with contextlib.aclosing(self._carried_out(unit)) as results:
                        async for result in results:
                            yield result
                if added and unit.nested:  # out of the caller's transaction no channel was left
                    await unit.send([Sql(f"UNLISTEN {quote_ident(channel)}") for channel in added])
            except UnitFailed as error:
                failed = error
            if failed is None:
                yield Done(action, time.monotonic() - begun)
                return
            async with contextlib.aclosing(self._failed(unit, failed)) as results:
                async for result in results:
                    yield result

    async def _carried_out(self, unit: Unit) -> AsyncGenerator[Result]:
        """Raises `UnitFailed`, and what the run is cancelled with."""
        if unit.action.mode == "transaction":
            from trek_asyncpg import _transaction  # noqa: PLC0415 - most runs have none that is alone

            async with contextlib.aclosing(self._watched(unit, lambda: _transaction.run(unit))) as told:
                async for one in told:
                    if isinstance(one, Blocked):
                        yield one
                    else:
                        _value(one)
            return
        from trek_asyncpg import _autocommit  # noqa: PLC0415 - as above

        async with contextlib.aclosing(_autocommit.run(unit)) as steps:
            done: StatementDone | None = None
            while True:
                async with contextlib.aclosing(self._watched(unit, lambda: anext(steps, None))) as looked:
                    async for found in looked:
                        if isinstance(found, Blocked):
                            yield found
                        else:
                            done = _value(found)
                if done is None:
                    return
                yield done

    def _bare(self, action: Action, record: Record) -> Unit:
        """Outside a transaction its limits are settings of the session."""
        limits = self._limits(action)
        if action.mode != "transaction" and limits:
            record, limits = replace(record, begin=(*limits, *record.begin)), ()
        return Unit(self._connection, action, record, (), self._nested, not self._pooled, limits)

    async def _restored(self, unit: Unit) -> Unit:
        """With what puts the session back, if the unit may leave it otherwise than it was. Raises `UnitFailed`."""
        limits = self._limits(unit.action)
        outside = unit.action.mode != "transaction"
        changes = ((unit.nested or outside) and limits) or script.changes_settings(unit.action.body)
        return await self._before.restored(unit) if changes else unit

    # ----------------------------------------------------------------------- waiting
    def _patience_of(self, action: Action) -> Patience:
        """That of the unit which waits, if it is this one's, else a fresh one."""
        if self._patience is not None and self._patience.action is action:
            return self._patience
        repeats = action.mode == "transaction" and not self._nested
        known = self._deadlock_timeout or _patience.DEADLOCK_TIMEOUT
        return Patience(action, self._settings, repeats, known)

    def _limits(self, action: Action) -> tuple[Sql, ...]:
        """What bounds its waits and its statements: what the migration says, else in a transaction what the user says."""
        body, transaction = action.body, action.mode == "transaction"
        statement = body.statement_timeout if body else None
        if statement is None and transaction:
            statement = self._settings.statement_timeout
        return script.limits(self._patience_of(action).lock_timeout, statement, local=transaction)

    async def _watched(self, unit: Unit, work: Callable[[], Awaitable[T]]) -> AsyncGenerator[Blocked | Outcome[T]]:
        """Who is in the way while the work is under way, then its outcome."""
        self._patience = patience = self._patience_of(unit.action)
        soon, limit = patience.attempts > 1, patience.lock_timeout
        if self._pooled or (not soon and limit and limit <= BRIEF):
            yield await kept(work)
            return

        async def look() -> Blocked | None:
            if (seen := await self._onlooker.look()) is None:
                return None
            patience.seen = seen
            return patience.report("")

        async with contextlib.aclosing(watched(work, look, soon=soon)) as told:
            async for one in told:
                yield one

    async def _failed(self, unit: Unit, failed: UnitFailed) -> AsyncGenerator[Blocked | Failed | Lost]:
        """`Blocked` and a pause if it is to be begun again, else how it ended."""
        self._patience = patience = self._patience_of(unit.action)
        pause = await self._pause(unit, failed, patience)
        if pause is None:
            yield await self._judged(unit, failed, patience)
            return
        if not self._pooled:
            self._onlooker.open()
        yield patience.report(self._unseen)
        await asyncio.sleep(pause)
        patience.again()

    async def _pause(self, unit: Unit, failed: UnitFailed, patience: Patience) -> float | None:
        """Seconds until the next attempt, where nothing of this one remains."""
        failure = failed.failure
        harmed = failed.escaped or failure.outcome != "rolled back" or self._connection.is_closed()
        if harmed or failure.sqlstate not in _patience.RETRIED:
            return None
        if self._deadlock_timeout is None and not unit.nested:
            patience.deadlock_timeout = self._deadlock_timeout = await self._ask_deadlock_timeout()
        return patience.pause(failure)

    async def _ask_deadlock_timeout(self) -> float:
        query = "SELECT pg_catalog.to_jsonb(s.setting) FROM pg_catalog.pg_settings s WHERE s.name = 'deadlock_timeout'"
        with contextlib.suppress(*GONE):
            return float((await rows(self._connection, query))[0]) / 1000  # type: ignore[arg-type]
        return _patience.DEADLOCK_TIMEOUT

    @property
    def _unseen(self) -> str:
        return POOLED if self._pooled else self._onlooker.unseen

    async def _judged(self, unit: Unit, failed: UnitFailed, patience: Patience) -> Failed | Lost:
        failure = failed.failure
        if lost_the_race(unit, failure):
            return Lost(unit.action, failure)
        if failure.statement is None and not failed.escaped:
            from trek_asyncpg import _deferred  # noqa: PLC0415 - most runs have no failure

            failure = await _deferred.laid(unit, failure)
        if failure.sqlstate in _patience.STOPPED and (patience.attempts > 1 or patience.seen):
            failure = replace(failure, blocked=patience.report(self._unseen))
        return Failed(unit.action, failure)


def _value(outcome: Outcome[T]) -> T | None:
    """Raises what the work raised, or what cancelled it."""
    if error := outcome.cancelled or outcome.error:
        raise error
    return outcome.value
