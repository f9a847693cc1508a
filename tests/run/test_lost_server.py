"""The server or the client goes away in the middle of a migration."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, history, tables, until, until_sleeping, write
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator, TrekError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep({0});\nCREATE TABLE last (id int);\n"
PYTHON = """
async def upgrade(connection):
    await connection.execute("CREATE TABLE slow (id int)")
    await connection.execute("SELECT pg_sleep({0})")
    await connection.execute("CREATE TABLE last (id int)")
"""
KINDS = {"sql": ("2_slow.sql", SLOW), "python": ("2_slow.py", PYTHON)}


@pytest.mark.parametrize("given", ["connection", "dsn"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_the_server_ends_is_a_failure_and_a_later_run_is_right(
    database: Database, other: Connection, tmp_path: Path, kind: str, given: str
) -> None:
    name, text = KINDS[kind]
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", name: text.format(20)})
    running = asyncio.create_task(migrate(await database.connect() if given == "connection" else database.dsn, folder))
    await other.execute(f"SELECT pg_terminate_backend({await until_sleeping(other)})")
    with pytest.raises(MigrationFailed) as failed:
        await running
    failure, first = failed.value.failure, kind == "sql"  # Python goes alone, after the answer for the first
    if given == "dsn":  # another session tells
        assert (failure.outcome, failure.together) == ("rolled back", 1)
    else:
        assert (failure.outcome, failure.together) == (("unknown", 2) if first else (failure.outcome, 1))
    assert isinstance(failed.value.__cause__, asyncpg.PostgresError | asyncpg.InterfaceError | OSError)
    message = str(failed.value)
    both = failure.together == 2
    assert ("applying 1 a and, in the same query, 2 failed" if both else "applying 2 slow failed") in message
    assert ("Connect again" in message) == (failure.outcome == "unknown")
    assert [ran.revision for ran in failed.value.report.ran] == ([] if both else ["1"])
    assert await tables(other) == {"a"}
    write(tmp_path, {name: text.format(0)})
    assert [ran.revision for ran in (await migrate(other, folder)).ran] == ["2"]
    assert await applied(other) == ["1", "2"]
    assert await advisory_locks(other) == 0


async def test_outside_a_transaction_a_lost_connection_leaves_it_unfinished(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "-- trek: no-transaction\n" + SLOW.format(20)})
    running = asyncio.create_task(migrate(connection, folder))
    await other.execute(f"SELECT pg_terminate_backend({await until_sleeping(other)})")
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert failed.value.failure.outcome == "unknown"
    assert (await Migrator(AsyncpgBackend(other), folder).status()).state == "unfinished"
    await Migrator(AsyncpgBackend(other), folder).stamp("1")
    assert not await migrate(other, folder)


CLIENT = "import asyncio, sys\nfrom trek_asyncpg import migrate\nasyncio.run(migrate(*sys.argv[1:3]))\n"


async def killed(database: Database, other: Connection, folder: str) -> None:
    """A client that is killed with -9 while its migration sleeps on the server."""
    client = subprocess.Popen([sys.executable, "-c", CLIENT, database.dsn, folder])
    try:
        await until_sleeping(other)
    finally:
        os.kill(client.pid, signal.SIGKILL)
        client.wait()


async def test_after_kill_9_a_new_run_waits_for_the_server_and_then_reads(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    """The dead client's query runs on to its last COMMIT: whoever reads before that reads too early."""
    folder = write(tmp_path, {"1_slow.sql": SLOW.format(3), "2_b.sql": "CREATE TABLE b (id int);"})
    await killed(database, other, folder)
    assert await history(other) == []
    assert not await migrate(other, folder)
    assert await applied(other) == ["1", "2"]
    assert await tables(other) == {"slow", "last", "b"}

    async def free() -> object:
        return await advisory_locks(other) == 0

    await until(free, "the dead client's locks are gone")


async def test_after_kill_9_outside_a_transaction_a_new_run_waits_and_goes_on(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "-- trek: no-transaction\n" + SLOW.format(2)})
    await killed(database, other, folder)
    await migrate(other, folder)
    assert await tables(other) == {"slow", "last"}
    assert await applied(other) == ["1"]
    sleeps = "SELECT count(*) FROM trek_history WHERE step = 2 AND finished_at IS NOT NULL"
    assert await other.fetchval(sleeps) == 1  # the dead client's query ran to its end, with its row


async def test_after_kill_9_of_a_python_migration_it_runs_again(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.py": PYTHON.format(2)})
    await killed(database, other, folder)
    assert [ran.revision for ran in (await migrate(other, folder)).ran] == ["1"]
    assert await applied(other) == ["1"]


async def test_a_connection_lost_before_the_run_is_an_error_of_trek(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    lost = await database.connect()
    await other.execute(f"SELECT pg_terminate_backend({lost.get_server_pid()})")
    with pytest.raises(TrekError, match="connection"):
        await migrate(lost, write(tmp_path, {"1_a.sql": "SELECT 1;"}))
