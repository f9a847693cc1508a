"""A run on uvloop, whose transports and cancellations are its own: what other tests hold on asyncio's loop holds here too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, sleeping, tables, until, until_awake, write
from trek_asyncpg import migrate, status
from trek_core import LockTimeout, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.databases import Database

uvloop = pytest.importorskip("uvloop", reason="uvloop is not for this platform")

PYTHON = """
async def upgrade(connection):
    async with connection.transaction():
        await connection.copy_records_to_table("a", records=[(n,) for n in range(1000)], columns=["id"])

async def downgrade(connection):
    await connection.execute("DELETE FROM a")
"""
FILES = {
    "1_a.sql": "CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;",
    "2_fill.py": PYTHON,
    "3_index.sql": "CREATE INDEX CONCURRENTLY a_id ON a (id);\n-- trek: down\nDROP INDEX CONCURRENTLY a_id;",
    "4_copy.sql": "COPY a (id) FROM STDIN;\n1\n2\n\\.\n-- trek: down\nSELECT 1;",
}
NAMES = ["1", "2", "3", "4"]


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


def test_up_down_and_nothing_to_do(loop: asyncio.Runner, database: Database, tmp_path: Path) -> None:
    async def run() -> None:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        assert [ran.revision for ran in (await migrate(database.dsn, write(tmp_path, FILES))).ran] == NAMES
        async with asyncpg.create_pool(database.dsn, min_size=1) as pool:
            assert not await migrate(pool, tmp_path)
            assert await pool.fetchval("SELECT count(*) FROM a") == 1002
            assert (await status(pool, tmp_path)).state == "current"
            assert [ran.revision for ran in (await migrate(pool, tmp_path, "base")).ran] == NAMES[::-1]

    loop.run(run())


def test_a_failure_and_a_cancellation_leave_a_usable_connection(
    loop: asyncio.Runner, database: Database, tmp_path: Path
) -> None:
    async def run() -> None:
        connection, other = await asyncpg.connect(database.dsn), await asyncpg.connect(database.dsn)
        write(tmp_path, {"1_a.sql": "CREATE TABLE a ();", "2_b.sql": "CREATE TABLE b (); SELECT 1 / 0;"})
        with pytest.raises(MigrationFailed, match=r"2_b\.sql:1:20"):
            await migrate(connection, tmp_path)
        write(tmp_path, {"2_b.sql": "CREATE TABLE b (); SELECT pg_sleep(60);"})
        task = asyncio.create_task(migrate(connection, tmp_path))
        await until(lambda: sleeping(other), "the migration runs")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_awake(other)
        assert await applied(connection) == ["1"]
        assert await tables(other) == {"a"}
        assert await advisory_locks(other) == 0
        await asyncio.gather(connection.close(), other.close())

    loop.run(run())


def test_of_two_at_once_one_waits_and_a_third_gives_up(
    loop: asyncio.Runner, database: Database, tmp_path: Path
) -> None:
    async def run() -> None:
        other = await asyncpg.connect(database.dsn)
        await other.execute("CREATE TABLE gate (open bool)")
        gate = "DO 'BEGIN WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.05); END LOOP; END'"
        write(tmp_path, {"1_gate.sql": gate, "2_b.sql": "CREATE TABLE b ();"})
        runs = [asyncio.create_task(migrate(database.dsn, tmp_path)) for _ in range(2)]
        await until(lambda: sleeping(other), "one of them runs")
        with pytest.raises(LockTimeout):
            await migrate(database.dsn, tmp_path, lock_wait=0)
        await other.execute("INSERT INTO gate VALUES (true)")
        reports = await asyncio.gather(*runs)
        assert sorted(len(report.ran) for report in reports) == [0, 2]
        await other.close()

    loop.run(run())


def test_a_server_process_that_dies_is_told(loop: asyncio.Runner, database: Database, tmp_path: Path) -> None:
    async def run() -> None:
        other = await asyncpg.connect(database.dsn)
        task = asyncio.create_task(migrate(database.dsn, write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(60);"})))
        await until(lambda: sleeping(other), "the migration runs")
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND datname = current_database()"
        )
        with pytest.raises(MigrationFailed) as failed:
            await task
        assert failed.value.failure.outcome == "rolled back"
        assert await applied(other) == []
        await other.close()

    loop.run(run())
