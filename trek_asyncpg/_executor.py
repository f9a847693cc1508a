"""The executor: one asyncpg connection, read, locked and run as DESIGN §6 says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trek_asyncpg import _reading
from trek_asyncpg._settings import RunSettings
from trek_core.plugin import Executor, Facts, Rows, Sql

if TYPE_CHECKING:
    from trek_asyncpg._catalogue import Looker
    from trek_asyncpg._lock import Held
    from trek_asyncpg._onlooker import Second
    from trek_asyncpg._session import Snapshot
    from trek_asyncpg._types import Connection
    from trek_core.plugin import Action, Lock, Locked, LockWaiting, Record, Result

    Units = Iterable[tuple[Action, Record]]


class AsyncpgExecutor(Executor):
    """Runs migrations on an asyncpg connection (or a pool's proxy of one) that the caller owns."""

    def __init__(
        self, connection: Connection, settings: RunSettings | None = None, second: Second | None = None
    ) -> None:
        """second: opens another connection to the same database, for looking on; by default one like the first."""
        self._connection = connection
        self._settings = settings or RunSettings()
        self._second = second
        self._facts: Facts | None = None
        self._absent = False
        self._snapshot: Snapshot | None = None
        self._held: Held | None = None
        self._looker: Looker | None = None

    @property
    def connection(self) -> Any:
        return self._connection

    @property
    def _nested(self) -> bool:
        return bool(self._connection.is_in_transaction())

    @property
    def _pooled(self) -> bool:
        return self._facts is not None and self._facts.pooled

    def _beside(self) -> AbstractAsyncContextManager[Connection]:
        """Another connection to the same database."""
        from trek_asyncpg._onlooker import beside  # noqa: PLC0415 - for somebody who waits, or lost the first

        return self._second() if self._second else beside(self._connection)

    # ----------------------------------------------------------------------- reading and locking
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        """One round trip; inside the caller's transaction two more, for a savepoint. After a missing table all of the facts."""
        if self._absent:  # then there is most likely something to do
            asyncio.get_running_loop().call_soon(import_module, "trek_asyncpg._several")
        self._facts, found = await _reading.read(self._connection, query, first=self._absent)
        self._absent = found is None
        return self._facts, found

    @asynccontextmanager
    async def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AsyncIterator[Locked]:
        """Polled. Behind a pooler there is no session lock that could be relied on: rows, and the history's guard, decide."""
        from trek_asyncpg import _lock  # noqa: PLC0415 - what writes is imported when there is something to write
        from trek_asyncpg._session import Snapshot  # noqa: PLC0415
        from trek_core.plugin import Locked, RowLock  # noqa: PLC0415

        facts = self._facts
        if (
            facts is None or not facts.database or facts.in_transaction != self._nested
        ):  # what the driver knew, or of before
            facts = self._facts = await _reading.facts(self._connection)
        asyncio.get_running_loop().call_soon(import_module, "trek_asyncpg._run")  # while the server works
        second = None if facts.pooled else self._beside
        if facts.pooled:
            locks = [lock for lock in locks if isinstance(lock, RowLock)]
        async with _lock.hold(self._connection, locks, timeout, waiting, nested=self._nested, second=second) as held:
            if held.settings is not None:
                self._snapshot = Snapshot.of(held.settings)
            self._held = held
            try:
                yield Locked(held.waited, facts)
            finally:
                self._held = None

    # ----------------------------------------------------------------------- running
    def run(self, units: Units) -> AsyncGenerator[Result]:
        from trek_asyncpg._lock import Held  # noqa: PLC0415 - as above
        from trek_asyncpg._run import Run  # noqa: PLC0415

        held, pooled = self._held or Held(), self._pooled
        run = Run(self._connection, self._settings, held, snapshot=self._snapshot, second=self._beside, pooled=pooled)
        return self._asked_before(run.results, units, held, as_one=False)

    def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        from trek_asyncpg._lock import Held  # noqa: PLC0415 - as above

        held = self._held or Held()
        return self._asked_before(lambda units: self._as_one(list(units), held), units, held, as_one=True)

    def _asked_before(
        self, run: Callable[[Units], AsyncGenerator[Result]], units: Units, held: Held, *, as_one: bool
    ) -> AsyncGenerator[Result]:
        """The results of the run, behind a pooler after a question."""
        if not self._pooled or self._nested:
            return run(units)
        from trek_asyncpg._statement_mode import Question  # noqa: PLC0415 - as above

        return Question(self._connection, held, self._beside).before(run, list(units), as_one=as_one)

    async def _as_one(self, pairs: list[tuple[Action, Record]], held: Held) -> AsyncGenerator[Result]:
        from trek_asyncpg import _callbacks  # noqa: PLC0415 - as above
        from trek_asyncpg._before import Before  # noqa: PLC0415
        from trek_asyncpg._failure import UnitFailed  # noqa: PLC0415
        from trek_asyncpg._noting import note  # noqa: PLC0415
        from trek_asyncpg._onlooker import Onlooker  # noqa: PLC0415
        from trek_asyncpg._whole import Whole  # noqa: PLC0415
        from trek_asyncpg._whole_query import whole_units  # noqa: PLC0415
        from trek_core.plugin import Done, Failed, Started  # noqa: PLC0415

        pooled = self._pooled
        before = Before(self._connection, self._snapshot, pooled=pooled)
        try:
            made = await whole_units(self._connection, pairs, self._settings, before)
        except UnitFailed as failed:
            yield Started(pairs[0][0])
            yield Failed(pairs[0][0], failed.failure)
            return
        onlooker = None if pooled else Onlooker(self._beside, self._connection.get_server_pid())
        whole = Whole(self._connection, made, self._nested, pooled, self._settings.together, held.release, onlooker)
        result: Result | None = None
        try:
            with _callbacks.kept(self._connection):
                async with contextlib.aclosing(whole.run()) as results:
                    async for result in results:
                        if isinstance(result, Failed):
                            await note(self._connection, result, pairs)
                        yield result
        finally:
            if not isinstance(result, Done):
                for unit in made:
                    await unit.tidy()
            if onlooker:
                await onlooker.close()
            await self._connection.reload_schema_state()

    # ----------------------------------------------------------------------- beside the contract: ScratchExecutor, DumpExecutor
    async def catalogue(self) -> Mapping[str, str]:
        """See `trek_asyncpg.catalogue`."""
        from trek_asyncpg._catalogue import Looker  # noqa: PLC0415 - for `trek test`, and for nobody else

        self._looker = self._looker or Looker(self._connection)
        return await self._looker.look()

    def scratch(self) -> AbstractAsyncContextManager[Callable[[], AbstractAsyncContextManager[Executor]]]:
        from trek_asyncpg._scratch import scratch  # noqa: PLC0415 - as above

        return scratch(self._connection, lambda made: AsyncpgExecutor(made, self._settings))

    async def dump(self, *, grants: bool) -> str:
        from trek_asyncpg._dump import dump  # noqa: PLC0415 - as above

        return await dump(self._connection, grants=grants)
