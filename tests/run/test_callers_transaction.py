"""Called inside the caller's transaction: a guest, who never begins, commits or breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, history, settings, tables, two, write
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_core import ConfigError, LockTimeout, MigrationFailed, Migrator, ReadOnly, execute, plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles

PYTHON = "async def upgrade(connection):\n    await connection.execute('CREATE TABLE p (id int)')\n"
FAILING = {
    "at run time": {"2_b.sql": "CREATE TABLE b (id int);\nSELECT 1/0;\n"},
    "at its only statement": {"2_b.sql": "SELECT 1/0;"},
    "with a syntax error": {"2_b.sql": "CREATE TABLE b (id int);\nCREATE TABEL c (id int);\n"},
    "in Python": {"2_b.py": PYTHON + "    await connection.execute('SELECT 1/0')\n"},
    "in Python, of itself": {"2_b.py": PYTHON + "    raise ValueError('no')\n"},
    "in Python, with a swallowed error": {
        "2_b.py": PYTHON
        + "    try:\n        await connection.execute('SELECT 1/0')\n    except Exception:\n        pass\n"
    },
    "by the loss of its row": {"2_b.sql": "CREATE TABLE b (id int);\nDELETE FROM public.trek_history;\n"},
}


async def test_it_works_inside_and_the_callers_commit_commits_it(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_p.py": PYTHON})
    async with connection.transaction():
        await connection.execute("CREATE TABLE mine (id int)")
        assert len((await migrate(connection, folder)).ran) == 2
        assert not await migrate(connection, folder)
        assert await tables(other) == set()
        assert connection.is_in_transaction()
    assert await tables(other) == {"mine", "a", "p"}
    assert await applied(other) == ["1", "2"]


async def test_the_callers_rollback_undoes_everything_and_the_history_too(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_p.py": PYTHON})
    transaction = connection.transaction()
    await transaction.start()
    await migrate(connection, folder)
    await transaction.rollback()
    assert await tables(other) == set()
    assert await history(other) == []
    assert len((await migrate(connection, folder)).ran) == 2


@pytest.mark.parametrize("files", FAILING.values(), ids=FAILING)
async def test_a_failing_migration_leaves_the_callers_transaction_usable_and_its_work_in_place(
    connection: Connection, other: Connection, tmp_path: Path, files: dict[str, str]
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", **files})
    async with connection.transaction():
        await connection.execute("CREATE TABLE mine (id int)")
        with pytest.raises(MigrationFailed) as failed:
            await migrate(connection, folder)
        assert failed.value.failure.outcome == "rolled back"
        assert await connection.fetchval("SELECT count(*) FROM mine") == 0
        assert await applied(connection) == ["1"]
    assert await tables(other) == {"mine", "a"}
    assert await applied(other) == ["1"]
    assert await advisory_locks(other) == 0


async def test_a_failed_read_of_the_history_leaves_the_callers_transaction_usable(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    guest = await database.connect(user=await make_role("LOGIN"))
    async with guest.transaction():
        await guest.execute("CREATE TEMPORARY TABLE mine (id int)")
        with pytest.raises(ConfigError, match="reading the history was refused"):
            await migrate(guest, folder)
        assert await guest.fetchval("SELECT count(*) FROM mine") == 0


async def test_no_error_says_committed_inside_the_callers_transaction(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "SELECT 1/0;"})
    async with connection.transaction():
        with pytest.raises(MigrationFailed) as failed:
            await migrate(connection, folder)
    assert "and committed: 1" not in str(failed.value)


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
@pytest.mark.parametrize("state", ["empty", "begun"])
async def test_an_isolation_that_hides_other_runners_is_refused(
    connection: Connection, tmp_path: Path, isolation: str, state: str
) -> None:
    folder = two(tmp_path)
    if state == "begun":
        await migrate(connection, folder, "1")
    before = await history(connection)
    async with connection.transaction(isolation=isolation):
        with pytest.raises(ReadOnly, match=isolation.replace("_", " ").upper()):
            await migrate(connection, folder)
        assert await connection.fetchval("SELECT 1") == 1
    assert await history(connection) == before


async def test_a_history_younger_than_the_callers_snapshot_is_no_history_there(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    """The server finds the table and no row that belongs to it; so does a read that races with the making of the table."""
    folder = two(tmp_path)
    async with connection.transaction(isolation="repeatable_read"):
        assert await tables(connection) == set()
        await migrate(other, folder)
        assert (await status(connection, folder)).state == "uninitialised"
        with pytest.raises(ReadOnly, match="REPEATABLE READ"):
            await migrate(connection, folder)
    assert not await migrate(connection, folder)


INDEX = {"2_i.sql": "CREATE INDEX CONCURRENTLY i ON a (id);"}


async def test_concurrently_is_refused_with_nothing_changed(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", **INDEX})
    async with connection.transaction():
        await connection.execute("CREATE TABLE mine (id int)")
        with pytest.raises(ReadOnly, match="2 i runs outside a transaction") as refused:
            await migrate(connection, folder)
        assert "Nothing was changed" in str(refused.value)
    assert await tables(connection) == {"mine"}
    assert await history(connection) == []


@pytest.mark.parametrize("isolation", ["read_committed", "serializable"])
@pytest.mark.parametrize("state", ["empty", "begun"])
async def test_a_plan_made_outside_and_carried_out_inside_is_judged_by_the_inside(
    connection: Connection, tmp_path: Path, isolation: str, state: str
) -> None:
    """Also on an empty database, where nothing else would make trek look again."""
    folder = write(tmp_path, {"0_z.sql": "SELECT 1;", "1_a.sql": "CREATE TABLE a (id int);", **INDEX})
    if state == "begun":
        await migrate(connection, folder, "0")
    backend = AsyncpgBackend(connection)
    async with backend.connect() as session:
        planned = await plan(session, backend, folder)
        async with connection.transaction(isolation=isolation):
            await connection.execute("CREATE TABLE mine (id int)")
            with pytest.raises(ReadOnly):
                await execute(session, backend, planned)
    assert await tables(connection) == {"mine"}


async def test_a_plan_made_inside_can_be_carried_out_outside(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", **INDEX})
    migrator = Migrator(AsyncpgBackend(connection), folder)
    async with connection.transaction(isolation="serializable"):
        planned = await migrator.plan()
    assert len((await migrator.apply(planned)).ran) == 2


async def test_a_second_transaction_on_one_session_is_seen_as_it_is(connection: Connection, tmp_path: Path) -> None:
    folder = two(tmp_path)
    migrator = Migrator(AsyncpgBackend(connection), folder)
    async with migrator.backend.connect():
        async with connection.transaction():
            assert len((await migrator.plan()).actions) == 2
        async with connection.transaction(isolation="serializable"):
            with pytest.raises(ReadOnly, match="SERIALIZABLE"):
                await migrator.migrate()
        assert len((await migrator.migrate()).ran) == 2
    assert not connection.is_in_transaction()


async def test_the_lock_is_held_until_the_callers_transaction_ends(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    async with connection.transaction():
        await migrate(connection, folder)
        with pytest.raises(LockTimeout):
            await migrate(other, folder, lock_wait=0.2)
    assert not await migrate(other, folder, lock_wait=0.2)
    assert await advisory_locks(other) == 0


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
async def test_a_transaction_begun_as_text_is_the_callers_too(
    connection: Connection, other: Connection, tmp_path: Path, end: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_p.py": PYTHON})
    await connection.execute("BEGIN; CREATE TABLE mine (id int)")
    await migrate(connection, folder)
    write(tmp_path, {"3_b.py": PYTHON.replace(" p ", " b ") + "    raise ValueError('no')\n"})
    with pytest.raises(MigrationFailed, match="ValueError: no"):
        await migrate(connection, folder)
    await connection.execute(end)
    assert await tables(other) == ({"mine", "a", "p"} if end == "COMMIT" else set())
    assert await applied(other) == (["1", "2"] if end == "COMMIT" else [])


async def test_settings_and_savepoints_of_the_caller_survive(connection: Connection, tmp_path: Path) -> None:
    body = (
        "-- trek: lock-timeout 3s\nSET search_path = pg_catalog; SET work_mem = '7MB'; CREATE TABLE public.a (id int);"
    )
    folder = write(tmp_path, {"1_a.sql": body})
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '5min'")
        before = await settings(connection)
        await connection.execute("SAVEPOINT mine")
        await migrate(connection, folder)
        assert await settings(connection) == before
        await connection.execute("ROLLBACK TO SAVEPOINT mine")
    assert await tables(connection) == set()
    assert await history(connection) == []


async def test_an_aborted_transaction_of_the_caller_is_an_error_that_says_so(
    connection: Connection, tmp_path: Path
) -> None:
    transaction = connection.transaction()
    await transaction.start()
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.execute("SELECT 1/0")
    with pytest.raises(ConfigError, match="current transaction is aborted"):
        await migrate(connection, two(tmp_path))
    await transaction.rollback()
    assert await tables(connection) == set()
