"""Behind PgBouncer in each of its modes: no session to rely on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, history, settings, tables, write
from tests.support.pooler import PROGRAM, pgbouncer
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import ConfigError, MigrationFailed, Migrator, ReadOnly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

FILES = {
    "1_a.sql": "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);",
    "2_p.py": "async def upgrade(connection):\n    await connection.execute('CREATE TABLE p (id int)')\n",
    "3_b.sql": "SET search_path = pg_catalog;\nCREATE TABLE public.b (id int);",
}
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def pooled(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of the test's database through a PgBouncer of its own, in transaction mode or the one that is asked for."""
    mode = getattr(request, "param", "transaction")
    with pgbouncer(database.dsn, mode, tmp_path) as port:
        yield f"postgresql://postgres@127.0.0.1:{port}/{database.name}"


async def test_migrations_in_transactions_work_and_no_lock_is_left(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", FILES)
    assert len((await migrate(pooled, folder)).ran) == 3
    assert not await migrate(pooled, folder)
    assert await applied(connection) == ["1", "2", "3"]
    assert await advisory_locks(connection) == 0


async def test_a_failing_one_is_rolled_back_and_no_lock_is_left(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", {**FILES, "4_bad.sql": "CREATE TABLE c (id int);\nSELECT 1/0;\n"})
    with pytest.raises(MigrationFailed, match="division by zero"):
        await migrate(pooled, folder)
    assert await tables(connection) == {"a", "p", "b"}
    assert await advisory_locks(connection) == 0


@pytest.mark.parametrize("state", ["empty", "begun"])
@pytest.mark.parametrize("way", ["migrate", "apply"])
async def test_migrations_outside_transactions_are_refused_before_anything_runs(
    pooled: str, connection: Connection, tmp_path: Path, state: str, way: str
) -> None:
    folder = write(tmp_path / "m", {**FILES, "4_i.sql": "CREATE INDEX CONCURRENTLY i ON a (id);"})
    if state == "begun":
        await migrate(connection, folder, "1")
    before = await history(connection)
    migrator = Migrator(AsyncpgBackend(pooled), folder)
    with pytest.raises(ReadOnly, match="direct DSN"):
        await (migrator.migrate() if way == "migrate" else migrator.apply(await migrator.plan()))
    assert await history(connection) == before
    assert await advisory_locks(connection) == 0


async def test_several_runners_through_it_apply_each_migration_once(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", FILES)
    reports = await asyncio.gather(*(migrate(pooled, folder) for _ in range(4)))
    assert sum(len(report.ran) for report in reports) == 3
    assert await applied(connection) == ["1", "2", "3"]
    assert await advisory_locks(connection) == 0


async def test_settings_do_not_leak_to_the_next_client_of_the_pooler(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    await migrate(pooled, write(tmp_path / "m", FILES))
    clients = [await asyncpg.connect(pooled, statement_cache_size=0) for _ in range(3)]
    for client in clients:
        assert (await settings(client))["search_path"] == '"$user", public'
        await client.close()


@pytest.mark.parametrize("python", [False, True], ids=["SQL only", "one in Python"])
async def test_a_plan_in_one_transaction_is_all_or_nothing_there_too(
    pooled: str, connection: Connection, tmp_path: Path, python: bool
) -> None:
    files = FILES if python else {name: text for name, text in FILES.items() if name.endswith(".sql")}
    broken = "CREATE TABLE c (id int);\nSELECT 1 / (count(*) - count(*)) FROM c;"
    folder = write(tmp_path / "m", {**files, "4_c.sql": broken})
    with pytest.raises(MigrationFailed, match=r"4_c\.sql") as raised:
        await migrate(pooled, folder, transaction="plan")
    assert raised.value.failure.outcome == "rolled back"
    assert await tables(connection) == set()
    write(tmp_path / "m", {"4_c.sql": "CREATE TABLE c (id int);"})
    assert len((await migrate(pooled, folder, transaction="plan")).ran) == len(files) + 1
    assert (await tables(connection)) >= {"a", "b", "c"}
    assert await advisory_locks(connection) == 0


async def test_a_failure_after_one_in_python_is_laid_at_its_own_migration(pooled: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "m", {**FILES, "3_b.sql": "CREATE TABLE b (id int);\nSELECT 1 / count(*) FROM b;"})
    with pytest.raises(MigrationFailed, match=r"3_b\.sql") as raised:
        await migrate(pooled, folder, transaction="plan")
    assert raised.value.action.revision == "3"


async def test_a_runner_that_finds_the_history_made_since_its_plan_goes_on_with_the_rest(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    """Where no marker tells, a migration of one statement is not taken for what failed."""
    folder = write(tmp_path / "m", {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "CREATE TABLE b (id int);"})
    migrator = Migrator(AsyncpgBackend(pooled), folder)
    plan = await migrator.plan()
    await migrate(connection, folder, "1")
    assert [ran.revision for ran in (await migrator.apply(plan)).ran] == ["2"]


@pytest.mark.parametrize("inside", [False, True], ids=["", "inside the caller's transaction"])
async def test_a_table_that_exists_is_the_failure_of_the_migration_and_not_of_the_history(
    pooled: str, connection: Connection, tmp_path: Path, inside: bool
) -> None:
    await connection.execute("CREATE TABLE taken (id int)")
    folder = write(tmp_path / "m", {"1_t.sql": "SELECT 1;\nCREATE TABLE taken (id int);"})
    through = await asyncpg.connect(pooled, statement_cache_size=0)
    try:
        async with through.transaction() if inside else contextlib.nullcontext():
            with pytest.raises(MigrationFailed, match=r'relation "taken" already exists') as raised:
                await migrate(through, folder)
    finally:
        await through.close()
    assert "History.next" not in str(raised.value)


async def test_so_it_is_in_one_transaction_of_the_whole_plan(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    await connection.execute("CREATE TABLE taken (id int)")
    folder = write(tmp_path / "m", {"1_t.sql": "SELECT 1;\nCREATE TABLE taken (id int);", "2_a.sql": "SELECT 1;"})
    with pytest.raises(MigrationFailed, match=r'relation "taken" already exists') as raised:
        await migrate(pooled, folder, transaction="plan")
    assert "History.next" not in str(raised.value)


async def test_the_data_of_a_copy_pass_through_it(pooled: str, connection: Connection, tmp_path: Path) -> None:
    """asyncpg asks for the encoding as "utf-8", and PgBouncer repeats what it was asked for."""
    text = "CREATE TABLE c (id int, word text);\nCOPY c FROM stdin;\n1\tü\n2\t漢\n\\.\n"
    await migrate(pooled, write(tmp_path / "m", {"1_c.sql": text}))
    assert await connection.fetch("SELECT * FROM c ORDER BY id") == [(1, "ü"), (2, "漢")]


async def test_a_parameter_that_it_does_not_pass_on_is_named_as_the_server_would(pooled: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'schema' is read by Prisma"):
        await migrate(f"{pooled}?schema=app", write(tmp_path / "m", FILES))


in_mode = pytest.mark.parametrize("pooled", ["session", "statement"], indirect=True)
SQL = {name: text for name, text in FILES.items() if name.endswith(".sql")}


@in_mode
async def test_sql_migrations_work_in_every_mode(pooled: str, connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path / "m", SQL)
    assert len((await migrate(pooled, folder)).ran) == 2
    assert not await migrate(pooled, folder)
    assert await applied(connection) == ["1", "3"]
    assert await advisory_locks(connection) == 0


@pytest.mark.parametrize("pooled", ["session"], indirect=True)
async def test_python_works_in_session_mode_and_what_needs_a_session_is_refused(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", FILES)
    assert len((await migrate(pooled, folder)).ran) == 3
    write(tmp_path / "m", {"4_i.sql": "CREATE INDEX CONCURRENTLY i ON a (id);"})
    with pytest.raises(ReadOnly, match="direct DSN"):
        await migrate(pooled, folder)
    assert await applied(connection) == ["1", "2", "3"]


in_statement_mode = pytest.mark.parametrize("pooled", ["statement"], indirect=True)


@in_statement_mode
@pytest.mark.parametrize("state", ["empty", "begun"])
@pytest.mark.parametrize("kind", ["Python", "COPY"])
async def test_what_is_more_than_one_query_is_refused_in_statement_mode_before_anything_runs(
    pooled: str, connection: Connection, tmp_path: Path, state: str, kind: str
) -> None:
    copied = "CREATE TABLE p (id int);\nCOPY p FROM stdin;\n1\n\\.\n"
    second = {"2_p.py": FILES["2_p.py"]} if kind == "Python" else {"2_p.sql": copied}
    folder = write(tmp_path / "m", {"0_first.sql": "SELECT 1;", "1_a.sql": FILES["1_a.sql"], **second})
    if state == "begun":
        await migrate(connection, folder, "0")
    before = await history(connection)
    with pytest.raises(ConfigError, match="statement pooling mode") as refused:
        await migrate(pooled, folder)
    assert str(refused.value).startswith(
        "2 p is a transaction of several queries, and PgBouncer runs in statement mode"
    )
    assert "Nothing was changed. Give trek a direct DSN" in str(refused.value)
    assert await history(connection) == before
    assert await tables(connection) == set()


@in_statement_mode
async def test_a_lock_that_is_a_row_is_given_up_again_in_statement_mode(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", {"1_a.sql": FILES["1_a.sql"], "2_p.py": FILES["2_p.py"]})
    await migrate(connection, folder, "1", store="yoyo")
    with pytest.raises(ConfigError, match="statement pooling mode"):
        await migrate(pooled, folder, store="yoyo")
    assert await connection.fetch("SELECT * FROM yoyo_lock") == []


@in_statement_mode
async def test_a_plan_in_one_transaction_is_refused_in_statement_mode(
    pooled: str, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", SQL)
    with pytest.raises(ConfigError, match="statement pooling mode") as refused:
        await migrate(pooled, folder, transaction="plan")
    assert "Give trek a direct DSN" in str(refused.value)
    assert await tables(connection) == set()


@pytest.mark.parametrize("size", [0, 100], ids=["no cache", "a cache"])
async def test_the_callers_own_pool_through_it_works(
    pooled: str, connection: Connection, tmp_path: Path, size: int
) -> None:
    """trek prepares no statements, so the caller's cache of them is no matter to it."""
    folder = write(tmp_path / "m", FILES)
    async with asyncpg.create_pool(pooled, min_size=2, max_size=2, statement_cache_size=size) as pool:
        reports = await asyncio.gather(migrate(pool, folder), migrate(pool, folder))
        assert sum(len(report.ran) for report in reports) == 3
        assert not await migrate(pool, folder)
    assert await applied(connection) == ["1", "2", "3"]
