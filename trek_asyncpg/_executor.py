"""The executor: one asyncpg connection, read, locked and run as DESIGN §6 says."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg import _autocommit, _failure, _lock, _transaction
from trek_asyncpg._session import SNAPSHOT, Snapshot
from trek_asyncpg._unit import Unit, UnitFailed
from trek_asyncpg._wire import rows
from trek_core import script
from trek_core.errors import ConfigError, ConnectError
from trek_core.plugin import (
    Action,
    Done,
    Executor,
    Facts,
    Failed,
    Lock,
    LockWaiting,
    Lost,
    Record,
    Result,
    Rows,
    Sql,
    Started,
)

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

FACTS = (
    "pg_catalog.jsonb_build_object('trek_facts', true, 'database', pg_catalog.current_database(),"
    " 'schema', pg_catalog.current_schema(), 'user', current_user, 'session_user', session_user,"
    " 'server_version', pg_catalog.current_setting('server_version_num')::integer,"
    " 'backend_pid', pg_catalog.pg_backend_pid(), 'standby', pg_catalog.pg_is_in_recovery(),"
    " 'read_only', pg_catalog.current_setting('transaction_read_only') = 'on',"
    " 'isolation', pg_catalog.current_setting('transaction_isolation'),"
    " 'standard_strings', pg_catalog.current_setting('standard_conforming_strings') = 'on')"
)
READ_POINT = "trek_read"


class AsyncpgExecutor(Executor):
    """Runs migrations on an asyncpg connection (or a pool's proxy of one) that the caller owns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facts: Facts | None = None
        self._absent = False
        self._snapshot: Snapshot | None = None

    @property
    def connection(self) -> Any:
        return self._connection

    @property
    def _nested(self) -> bool:
        return bool(self._connection.is_in_transaction())

    # ----------------------------------------------------------------------- reading
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        """One round trip; two where the table does not exist; two more inside the caller's transaction, for a savepoint."""
        try:
            return await self._read(query)
        except asyncpg.InsufficientPrivilegeError as error:
            msg = f"reading the history was refused: {error}\nGrant USAGE on its schema and SELECT on its table."
            raise ConfigError(msg) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if _failure.is_lost_connection(error) or self._connection.is_closed():
                msg = f"the connection was lost while the history was read: {type(error).__name__}: {error}"
                raise ConnectError(msg) from error
            msg = f"the history could not be read: {type(error).__name__}: {error}"
            raise ConfigError(msg) from error

    async def _read(self, query: Sql) -> tuple[Facts, Rows | None]:
        nested = self._nested
        both = f"SELECT {FACTS}::text UNION ALL SELECT trek_row::text FROM ({query.text}) AS history(trek_row)"
        if nested:
            await self._connection.execute(f"SAVEPOINT {READ_POINT}")
        try:
            found = await rows(self._connection, both)
        except asyncpg.UndefinedTableError:
            self._absent = True
            if nested:
                await self._connection.execute(f"ROLLBACK TO SAVEPOINT {READ_POINT}; RELEASE SAVEPOINT {READ_POINT}")
            if self._facts is None:
                self._facts = self._as_facts((await rows(self._connection, f"SELECT {FACTS}"))[0])
            return self._facts, None
        if nested:
            await self._connection.execute(f"RELEASE SAVEPOINT {READ_POINT}")
        self._absent = False
        facts = next(row for row in found if "trek_facts" in row)
        self._facts = self._as_facts(facts)
        return self._facts, [row for row in found if "trek_facts" not in row]

    def _as_facts(self, data: dict[str, Any]) -> Facts:
        known = {name: value for name, value in data.items() if name != "trek_facts"}
        pooled = known["backend_pid"] != self._connection.get_server_pid()
        return Facts(**known, in_transaction=self._nested, pooled=pooled)

    # ----------------------------------------------------------------------- locking
    @asynccontextmanager
    async def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AsyncIterator[bool]:
        """Polled. Behind a pooler there is no session lock that could be relied on: the history's guard alone decides."""
        if self._facts is not None and self._facts.pooled:
            yield False
            return
        async with _lock.hold(self._connection, locks, timeout, waiting, nested=self._nested) as held:
            if held.settings is not None:
                self._snapshot = Snapshot.of(held.settings)
            yield held.waited

    # ----------------------------------------------------------------------- running
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        for action, record in units:
            yield Started(action)
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
                return
            self._absent = False
            yield Done(action, time.monotonic() - begun)

    def _judged(self, unit: Unit, failed: UnitFailed) -> Failed | Lost:
        if _failure.is_lost_race(failed.failure.cause, unit.record.guard, bootstrap=self._absent):
            return Lost(unit.action, failed.failure)
        return Failed(unit.action, failed.failure)

    async def _unit(self, action: Action, record: Record) -> Unit:
        nested = self._nested
        restore: tuple[Sql, ...] = ()
        limited = nested and action.body is not None and action.body.lock_timeout is not None
        if limited or script.changes_settings(action.body):
            if self._snapshot is None:
                self._snapshot = Snapshot.of((await rows(self._connection, f"SELECT {SNAPSHOT}"))[0])
            restore = self._snapshot.restore()
        pooled = self._facts is not None and self._facts.pooled
        return Unit(self._connection, action, record, restore, nested, mark=not pooled)
