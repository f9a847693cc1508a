"""The target is the right one, and may be written: found before the first write, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.folders import advisory_locks, applied, clean, history, tables, two, write
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_core import ConfigError, MigrationFailed, Migrator, ReadOnly, execute, plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles


async def written(connection: Connection) -> tuple[int, object]:
    """What a write to the history or the schema would change."""
    made = await connection.fetchval("SELECT count(*) FROM pg_class")
    found = await connection.fetchval("SELECT to_regclass('public.trek_history')")
    return made, found and await connection.fetch("SELECT xmin, * FROM trek_history")


# --------------------------------------------------------------------------- which database
async def test_the_database_that_is_expected_by_name_is_migrated(connection: Connection, tmp_path: Path) -> None:
    name = await connection.fetchval("SELECT current_database()")
    assert len((await migrate(connection, two(tmp_path), expect_database=name)).ran) == 2
    assert not await migrate(connection, two(tmp_path), expect_database=name)


async def test_its_identity_is_shown_and_may_be_expected(connection: Connection, tmp_path: Path) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    identity = (await status(connection, folder)).identity
    cluster, oid = identity.split("/")
    assert int(cluster) == await connection.fetchval("SELECT system_identifier FROM pg_control_system()")
    assert int(oid) == await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
    assert len((await migrate(connection, folder, expect_database=identity)).ran) == 1


@pytest.mark.parametrize("state", ["empty", "begun", "up to date"])
async def test_another_database_is_refused_and_nothing_is_changed(
    connection: Connection, tmp_path: Path, state: str
) -> None:
    folder = two(tmp_path)
    if state != "empty":
        await migrate(connection, folder, "1" if state == "begun" else "head")
    before = await written(connection)
    with pytest.raises(ConfigError, match=r"expected 'shop_live', found '.*', identity [0-9]+/[0-9]+") as refused:
        await migrate(connection, folder, expect_database="shop_live")
    assert "Nothing was changed" in str(refused.value)
    assert await written(connection) == before
    assert await advisory_locks(connection) == 0


async def test_a_clone_is_told_from_what_it_was_cloned_from(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    folder, clone = two(tmp_path), f"{database.name}_clone"
    await migrate(connection, folder, "1")
    identity = (await status(connection, folder)).identity
    admin = await database.connect(database="postgres")
    await connection.close()
    await admin.execute(f'CREATE DATABASE "{clone}" TEMPLATE "{database.name}"')
    try:
        cloned = await database.connect(database=clone)
        with pytest.raises(ConfigError, match=f"expected '{identity}', found '{clone}'"):
            await migrate(cloned, folder, expect_database=identity)
        assert await applied(cloned) == ["1"]
        await cloned.close()
    finally:
        await admin.execute(f'DROP DATABASE "{clone}" WITH (FORCE)')


async def test_a_plan_that_was_shown_is_not_carried_out_elsewhere(connection: Connection, tmp_path: Path) -> None:
    backend = AsyncpgBackend(connection, expect_database="shop_live")
    async with backend.connect() as session:
        planned = await plan(
            session, backend, two(tmp_path)
        )  # of a database without history only the name is not known yet
        with pytest.raises(ConfigError, match="expected 'shop_live'"):
            await execute(session, backend, planned)
    assert await tables(connection) == set()


async def test_whoever_looks_may_look_at_any(connection: Connection, tmp_path: Path) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    migrator = Migrator(AsyncpgBackend(connection, expect_database="shop_live"), folder)
    assert (await migrator.status()).state == "current"
    assert len((await migrator.history()).rows) == 2


async def test_a_server_that_does_not_tell_its_identity_is_migrated_all_the_same(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    role = await make_role("LOGIN")
    await connection.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    await connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public")
    guest = await database.connect(user=role)
    assert len((await migrate(guest, folder, "1")).ran) == 1
    async with guest.transaction():
        assert len((await migrate(guest, folder)).ran) == 1
    assert (await status(guest, folder)).identity == ""
    with pytest.raises(ConfigError, match="not told by the server"):
        await migrate(guest, folder, expect_database="123/456")


# --------------------------------------------------------------------------- what the user may do
RIGHTS = {
    "no INSERT": ("REVOKE INSERT ON trek_history FROM {role}", "GRANT INSERT, UPDATE"),
    "no UPDATE": ("REVOKE UPDATE ON trek_history FROM {role}", "GRANT INSERT, UPDATE"),
}


@pytest.mark.parametrize(("revoked", "advice"), RIGHTS.values(), ids=RIGHTS)
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a transaction"])
async def test_a_user_who_may_not_write_the_history_is_told_what_to_grant(  # noqa: PLR0917
    connection: Connection,
    database: Database,
    make_role: Roles,
    tmp_path: Path,
    revoked: str,
    advice: str,
    inside: bool,
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    role = await make_role("LOGIN")
    await connection.execute(f"GRANT ALL ON trek_history TO {role}; GRANT ALL ON SCHEMA public TO {role}")
    await connection.execute(revoked.format(role=role))
    guest = await database.connect(user=role)
    before = await written(connection)
    if inside:
        await guest.execute("BEGIN")
    with pytest.raises(ReadOnly, match=advice) as refused:
        await migrate(guest, folder)
    assert role in str(refused.value)
    assert await guest.fetchval("SELECT 1") == 1
    await guest.execute("ROLLBACK" if inside else "SELECT 1")
    assert await written(connection) == before
    assert await applied(connection) == ["1"]


async def test_a_user_who_may_not_make_the_history_is_told_what_to_grant(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    role = await make_role("LOGIN")
    await connection.execute(f'REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA "My Own" AUTHORIZATION {role}')
    guest = await database.connect(user=role)
    before = await written(connection)
    for _ in range(2):
        with pytest.raises(ReadOnly, match=f'GRANT CREATE ON SCHEMA "public" TO "{role}"'):
            await migrate(guest, two(tmp_path))
    assert await written(connection) == before
    files = tmp_path / "data"
    files.mkdir()
    (files / "1_d.sql").write_text('CREATE TABLE "My Own".t ();')
    assert len((await migrate(guest, str(files), schema="My Own")).ran) == 1


# --------------------------------------------------------------------------- what the server is
OTHERS = (
    "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27, go1.19.13)",
    "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.57799",
    "PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 16.0.6, 64-bit",
)


@pytest.mark.parametrize("version", OTHERS, ids=["CockroachDB", "Redshift", "Yugabyte"])
@pytest.mark.parametrize("state", ["empty", "begun"])
async def test_a_server_that_is_no_postgresql_is_refused_with_the_reason(
    connection: Connection, tmp_path: Path, version: str, state: str
) -> None:
    folder = two(tmp_path)
    if state == "begun":
        await migrate(connection, folder, "1")
    said = (
        f"CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$ SELECT '{version}' $$"
    )
    await connection.execute(said)
    before = await history(connection)
    with pytest.raises(ReadOnly, match="the server is no PostgreSQL") as refused:
        await migrate(connection, folder)
    assert version in str(refused.value)
    assert await history(connection) == before
    assert "b" not in await tables(connection)


async def test_a_database_with_implicit_casts_to_text_is_migrated(connection: Connection, tmp_path: Path) -> None:
    """Many a database that is older than PostgreSQL 8.3 has them: then `number || 'text'` is two operators, and none."""
    for kind in ("bigint", "integer", "oid"):
        await connection.execute(f"CREATE CAST ({kind} AS text) WITH INOUT AS IMPLICIT")
    kept = "CREATE TEMP TABLE t (i int); SELECT pg_advisory_lock(5)"
    files = {
        "1_a.sql": "CREATE TABLE a (i int);",
        "2_b.py": f"async def upgrade(connection):\n    await connection.execute({kept!r})\n",
        "3_c.sql": "-- trek: no-transaction\nCREATE INDEX CONCURRENTLY a_i ON a (i);",
        "4_d.sql": "SELECT 1;",
        "5_e.sql": "SELECT 1 / 0;",
    }
    with pytest.raises(MigrationFailed, match=r"5_e\.sql:1:1"):
        await migrate(connection, write(tmp_path, files))
    assert await applied(connection) == ["1", "2", "3", "4"]
    assert (await status(connection, str(tmp_path))).state == "pending"
    await clean(connection)
