"""After success, failure and cancellation, once and twice: a usable connection, nothing held, nothing left running."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import (
    advisory_locks,
    applied,
    clean,
    history,
    settings,
    tables,
    until,
    until_awake,
    until_sleeping,
    write,
)
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator, Observer, Unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep(20);\nCREATE TABLE never (id int);\n"
PYTHON = """
    {mode}
    async def upgrade(connection):
        await connection.execute("SET work_mem = '9MB'")
        async with connection.transaction():
            await connection.execute("CREATE TABLE slow (id int)")
            await connection.execute("SELECT pg_sleep(20)")
"""
KINDS = {
    "sql": {"2_slow.sql": SLOW},
    "sql, one statement": {"2_slow.sql": "SELECT pg_sleep(20);"},
    "sql that changes settings": {"2_slow.sql": "SET work_mem = '9MB';\n" + SLOW},
    "python": {"2_slow.py": PYTHON.format(mode="")},
    "sql outside a transaction": {"2_slow.sql": "-- trek: no-transaction\nSET work_mem = '9MB';\n" + SLOW},
    "python outside a transaction": {"2_slow.py": PYTHON.format(mode="no_transaction = True")},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("times", [1, 2, 5])
async def test_a_cancelled_migration_is_stopped_on_the_server_and_leaves_a_usable_connection(
    connection: Connection, other: Connection, tmp_path: Path, kind: str, times: int
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", **KINDS[kind]})
    before = await settings(connection)
    task = asyncio.create_task(migrate(connection, folder))
    await until_sleeping(other)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_awake(other)
    await clean(connection)
    assert await settings(connection) == before
    assert await advisory_locks(other) == 0
    assert "1" in await applied(other)
    if "outside" in kind:
        assert ("2", "apply", "done") not in await history(other)
        await _check_unfinished(connection, folder, kind)
    else:
        assert await tables(other) == {"a"}
        assert await history(other) == [("1", "apply", "done")]


async def _check_unfinished(connection: Connection, folder: str, kind: str) -> None:
    """SQL would go on at the statement that was cancelled; of Python nobody knows how far it came."""
    planning = Migrator(AsyncpgBackend(connection), folder).plan()
    if "python" in kind:
        with pytest.raises(Unfinished, match="2"):
            await planning
    else:
        (action,) = (await planning).actions
        assert action.resume
        assert (action.resume.done, action.resume.open) == (2, None)


@every_kind
async def test_a_migration_that_fails_leaves_a_usable_connection(
    connection: Connection, other: Connection, tmp_path: Path, kind: str
) -> None:
    files = {name: text.replace("SELECT pg_sleep(20)", "SELECT 1/0") for name, text in KINDS[kind].items()}
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", **files})
    before = await settings(connection)
    with pytest.raises(MigrationFailed, match="division by zero"):
        await migrate(connection, folder)
    await clean(connection)
    assert await settings(connection) == before
    assert await advisory_locks(other) == 0


@every_kind
async def test_a_migration_that_works_leaves_a_usable_connection(
    connection: Connection, other: Connection, tmp_path: Path, kind: str
) -> None:
    files = {name: text.replace("SELECT pg_sleep(20)", "SELECT 1") for name, text in KINDS[kind].items()}
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", **files})
    before = await settings(connection)
    await migrate(connection, folder)
    await clean(connection)
    assert await settings(connection) == before
    assert await advisory_locks(other) == 0
    assert await applied(other) == ["1", "2"]


async def test_a_timeout_around_a_run_is_a_cancellation(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": SLOW})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await migrate(connection, folder)
    await until_awake(other)
    await clean(connection)
    assert await tables(other) == set()


async def test_a_timeout_of_the_connection_is_a_failure_that_was_rolled_back(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    impatient = await database.connect(command_timeout=0.5)
    with pytest.raises(MigrationFailed) as failed:
        await migrate(impatient, write(tmp_path, {"1_slow.sql": SLOW}))
    assert failed.value.failure.outcome == "rolled back"
    assert "1_slow.sql:2:1" in str(failed.value)
    await until_awake(other)
    await clean(impatient)
    assert await tables(other) == set()
    assert await advisory_locks(other) == 0


async def test_inside_the_callers_transaction_a_cancelled_migration_leaves_no_lock_of_a_session(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": SLOW})
    transaction = connection.transaction()
    await transaction.start()
    task = asyncio.create_task(migrate(connection, folder))
    await until_sleeping(other)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_awake(other)
    assert await connection.fetchval("SELECT 1") == 1
    await transaction.rollback()
    assert await advisory_locks(other) == 0


# --------------------------------------------------------------------------- the lock
@pytest.mark.parametrize("free", [True, False], ids=["lock is free", "lock is held by another"])
async def test_cancelling_at_a_random_moment_of_a_hundred_leaves_no_lock_held(
    connection: Connection, other: Connection, tmp_path: Path, free: bool
) -> None:
    folder = write(tmp_path, {"1_a.sql": "SELECT pg_sleep(0.003);\n-- trek: down\nSELECT pg_sleep(0.003);\n"})
    await migrate(connection, folder)
    if not free:
        await other.execute(f"SELECT pg_advisory_lock({(await lock_key(connection, folder))})")
    moments = random.Random(20)
    for number in range(100):
        task = asyncio.create_task(migrate(connection, folder, "base" if number % 2 else "head"))
        await asyncio.sleep(moments.uniform(0, 0.02))
        task.cancel()
        await asyncio.wait([task])
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1"
        assert await other.fetchval(held, connection.get_server_pid()) == 0, f"attempt {number}"
    await other.execute("SELECT pg_advisory_unlock_all()")
    await clean(connection)
    await migrate(connection, folder)
    assert (await history(connection))[-1][2] == "done"


async def lock_key(connection: Connection, folder: str) -> int:
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan("base")
    (lock,) = plan.origin.store.value.locks(plan.history)
    return lock.key


async def test_a_cancelled_run_can_be_run_again_at_once(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": SLOW})
    task = asyncio.create_task(migrate(connection, folder))
    await until_sleeping(other)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    write(tmp_path, {"1_slow.sql": SLOW.replace("20", "0")})
    assert [ran.revision for ran in (await migrate(other, folder, lock_wait=20)).ran] == ["1"]


async def test_a_cancelled_wait_for_the_lock_changes_nothing(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;"})
    await migrate(connection, folder)
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);"})
    await other.execute(f"SELECT pg_advisory_lock({await lock_key(connection, folder)})")
    heard = asyncio.Event()

    async def hear(event: object) -> None:
        if type(event).__name__ == "LockWaiting":
            heard.set()

    task = asyncio.create_task(migrate(connection, folder, observers=[Observer("ear", hear)]))
    await asyncio.wait_for(heard.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def only_others() -> object:
        return await advisory_locks(other) == 1

    await until(only_others, "only the other's lock is held")
    await clean(connection)
    assert await applied(connection) == ["1"]
