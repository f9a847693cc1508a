"""Runs that end in the middle of a migration outside a transaction, at a moment that a lock holds."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import until, write
from trek_asyncpg import AsyncpgBackend, AsyncpgExecutor, migrate
from trek_core import MigrationFailed, Migrator
from trek_core.events import Started, StatementDone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database
    from trek_core import Plan

START = """
    CREATE TABLE b (id int, p int);
    INSERT INTO b VALUES (1, 1), (2, 2);
    CREATE INDEX old_id ON b (id);
    CREATE TABLE ran (what text);
    CREATE TABLE parent (id int) PARTITION BY LIST (id);
    CREATE TABLE part PARTITION OF parent FOR VALUES IN (1);
"""
BODY = "-- trek: no-transaction\nINSERT INTO ran VALUES ('before');\n{};\nINSERT INTO ran VALUES ('after');\n"


async def folder_with(connection: Connection, tmp_path: Path, statement: str) -> str:
    """A folder of which the first migration is applied, and the statement is the second of three of the second one."""
    folder = write(tmp_path, {"1_start.sql": START})
    await migrate(connection, folder)
    return write(tmp_path, {"2_work.sql": BODY.format(statement)})


@asynccontextmanager
async def held(database: Database, command: str) -> AsyncIterator[None]:
    """A transaction of somebody else that holds a lock, without a snapshot that a concurrent build would wait for."""
    connection = await database.connect()
    await connection.execute(f"BEGIN; {command}")
    try:
        yield
    finally:
        await connection.execute("ROLLBACK")
        await connection.close()


async def dies(database: Database, other: Connection, folder: str, lock: str, target: str = "head") -> None:
    """A run that waits for the lock is ended by the server there."""
    runner = await database.connect()
    pid = runner.get_server_pid()
    async with held(database, lock):
        running = asyncio.create_task(migrate(runner, folder, target))
        await waits(other, pid)
        await other.execute(f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert failed.value.failure.outcome == "unknown"


async def dies_after(database: Database, other: Connection, folder: str, lock: str) -> None:
    """A run whose statement came to its end, and which is ended while it waits to write that down."""
    runner = await database.connect()
    pid = runner.get_server_pid()
    async with held(database, lock):
        running = asyncio.create_task(migrate(runner, folder))
        await waits(other, pid)
        writing = held(database, "LOCK TABLE trek_history IN EXCLUSIVE MODE")
        await writing.__aenter__()
    await waits(other, pid, "public.trek_history")
    await other.execute(f"SELECT pg_terminate_backend({pid})")
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert failed.value.failure.outcome == "unknown"
    await writing.__aexit__(None, None, None)


async def waits(other: Connection, pid: int, relation: str = "") -> None:
    """Until that server process waits for a lock (on a relation)."""
    what = f" AND relation = '{relation}'::regclass" if relation else ""

    async def check() -> object:
        return await other.fetchval(f"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted{what}")

    await until(check, f"process {pid} waits for a lock {relation}")


async def ran(connection: Connection) -> list[str]:
    """What the statements around the one in the middle did, each time they did it."""
    return [row["what"] for row in await connection.fetch("SELECT what FROM ran")]


async def planned(connection: Connection, folder: str, target: str = "head") -> Plan:
    return await Migrator(AsyncpgBackend(connection), folder).plan(target)


async def stops(connection: Connection, plan: Plan, after: int) -> None:
    """A run that is gone after so many statements (0: after it began), with nothing told to the history."""
    executor = AsyncpgExecutor(connection)
    await executor.read(plan.origin.store.value.query())
    async with contextlib.aclosing(executor.run(zip(plan.actions, plan.records, strict=True))) as results:
        async for result in results:
            if after == 0 and isinstance(result, Started):
                break
            if isinstance(result, StatementDone) and result.number == after:
                return
    (record,) = plan.records
    for statement in record.begin:
        await connection.execute(statement.text)


async def begins(connection: Connection, plan: Plan, number: int) -> None:
    """The intent of the next statement is written down, and nothing more."""
    (record,) = plan.records
    for statement in record.progress(number, "begin"):
        await connection.execute(statement.text)


async def died_at(connection: Connection, tmp_path: Path, statement: str) -> str:
    """A folder whose second migration died between the intent and the statement."""
    folder = await folder_with(connection, tmp_path, statement)
    plan = await planned(connection, folder)
    await stops(connection, plan, 1)
    await begins(connection, plan, 2)
    return folder
