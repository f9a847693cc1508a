"""The migration lock, and waiting for table locks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, clean, history, tables, two, until_sleeping, write
from trek_asyncpg import migrate, status
from trek_core import ConfigError, ConnectError, LockTimeout, MigrationFailed, Observer
from trek_core.events import LockWaiting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles


async def test_a_second_runner_waits_says_who_it_waits_for_and_finds_the_work_done(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(1.5);", "2_b.sql": "CREATE TABLE b (id int);"})
    first = await database.connect(server_settings={"application_name": "the first"})
    heard: list[object] = []

    async def hear(event: object) -> None:
        heard.append(event)

    running = asyncio.create_task(migrate(first, folder))
    await until_sleeping(other)
    second = await migrate(connection, folder, observers=[Observer("ear", hear)])
    assert len((await running).ran) == 2
    assert not second.ran
    assert await applied(other) == ["1", "2"]
    waiting = [event for event in heard if isinstance(event, LockWaiting)]
    assert waiting[0].application == "the first"
    assert waiting[0].pid == first.get_server_pid()


async def test_a_lock_timeout_names_the_holder_and_changes_nothing(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(20);"})
    first = await database.connect(server_settings={"application_name": "the first"})
    running = asyncio.create_task(migrate(first, folder))
    await until_sleeping(other)
    with pytest.raises(LockTimeout) as refused:
        await migrate(connection, folder, lock_wait=0.3)
    assert refused.value.holder is not None
    assert refused.value.holder.pid == first.get_server_pid()
    assert str(first.get_server_pid()) in str(refused.value)
    assert "'the first'" in str(refused.value)
    assert "Nothing was changed" in str(refused.value)
    running.cancel()
    await asyncio.wait([running])
    await clean(connection)
    assert await advisory_locks(other) == 0


async def test_waiting_for_the_lock_blocks_no_index_that_is_built_concurrently(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    """A waiter that held a snapshot would: both would die of a deadlock."""
    files = {
        "1_t.sql": "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id;",
        "2_i.sql": "CREATE INDEX CONCURRENTLY t_id ON t (id);",
        "3_j.sql": "CREATE INDEX CONCURRENTLY t_id2 ON t (id);",
    }
    folder = write(tmp_path, files)
    runners = [await database.connect() for _ in range(4)]
    reports = await asyncio.gather(*(migrate(runner, folder) for runner in runners))
    assert sorted(len(report.ran) for report in reports) == [0, 0, 0, 3]
    assert await other.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


async def test_migrations_of_two_histories_do_not_wait_for_each_other(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    slow = write(tmp_path / "slow", {"1_slow.sql": "SELECT pg_sleep(20);"})
    running = asyncio.create_task(migrate(connection, slow))
    await until_sleeping(other)
    assert len((await migrate(other, two(tmp_path / "quick"), schema="elsewhere", lock_wait=0)).ran) == 2
    running.cancel()
    await asyncio.wait([running])


async def test_a_lock_held_by_somebody_else_stops_no_look_and_no_run_without_work(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    async with other.transaction():
        await other.execute("LOCK TABLE trek_history IN SHARE ROW EXCLUSIVE MODE")
        assert not await migrate(connection, folder, lock_wait=0)
        assert (await status(connection, folder)).state == "current"


async def test_a_connection_that_ends_while_it_waits_for_the_lock_is_a_lost_connection_and_no_plugins_fault(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    async def end_it(event: object) -> None:
        if isinstance(event, LockWaiting):
            await other.execute(f"SELECT pg_terminate_backend({connection.get_server_pid()})")

    first = await database.connect()
    running = asyncio.create_task(migrate(first, write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(20);"})))
    await until_sleeping(other)
    with pytest.raises(ConnectError, match="lost while the migration lock was asked for"):
        await migrate(connection, str(tmp_path), observers=[Observer("ear", end_it)])
    running.cancel()
    await asyncio.wait([running])


async def test_a_role_that_may_not_take_the_lock_is_told_so(
    connection: Connection, tmp_path: Path, make_role: Roles
) -> None:
    await connection.execute("REVOKE EXECUTE ON FUNCTION pg_try_advisory_lock(bigint) FROM public")
    await connection.execute(f'SET ROLE "{await make_role("NOLOGIN")}"')
    with pytest.raises(ConfigError, match=r"asking for the migration lock was refused: .* pg_try_advisory_lock"):
        await migrate(connection, two(tmp_path))


# --------------------------------------------------------------------------- table locks
async def test_the_lock_timeout_of_a_file_bounds_its_wait_for_a_table(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    write(tmp_path, {"2_b.sql": "-- trek: lock-timeout 200ms\nCREATE TABLE b (id int);\nALTER TABLE a ADD x int;"})
    async with other.transaction():
        await other.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed) as failed:
            await asyncio.wait_for(migrate(connection, folder, lock_patience=0), 20)
    assert isinstance(failed.value.__cause__, asyncpg.LockNotAvailableError)
    assert "2_b.sql:3:1" in str(failed.value)
    assert await tables(connection) == {"a"}
    assert await connection.fetchval("SHOW lock_timeout") == "0"
    assert len((await migrate(connection, folder)).ran) == 1


async def test_the_lock_timeout_of_a_file_bounds_its_wait_for_the_guard(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    write(tmp_path, {"2_b.sql": "-- trek: lock-timeout 200ms\nCREATE TABLE b (id int);"})
    async with other.transaction():
        await other.execute("INSERT INTO trek_history (seq, revision, verb, title, state) VALUES (2, 'x', '', '', '')")
        with pytest.raises(MigrationFailed, match="lock timeout"):
            await asyncio.wait_for(migrate(connection, folder, lock_patience=0), 20)
        await other.execute("DELETE FROM trek_history WHERE seq = 2")
    assert await history(connection) == [("1", "apply", "done")]


async def test_the_lock_timeout_of_a_python_file_bounds_its_wait(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    body = """
        lock_timeout = "200ms"
        async def upgrade(connection):
            await connection.execute("ALTER TABLE a ADD x int")
    """
    write(tmp_path, {"2_b.py": body})
    async with other.transaction():
        await other.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed, match="lock timeout") as failed:
            await asyncio.wait_for(migrate(connection, folder, lock_patience=0), 20)
    assert "2_b.py:4" in str(failed.value)
    assert await connection.fetchval("SHOW lock_timeout") == "0"
