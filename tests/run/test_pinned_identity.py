"""The history names the database in which it was written: `expect_database = "same"` refuses another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, tables, two, write
from tests.run.test_guard import COUNTED, carry_out
from tests.run.test_targets import written
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_core import ConfigError, Migrator, ReadOnly
from trek_core.events import Done, Event, Failed, Lost, Started
from trek_core.plugin import Observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles

OLD = "ALTER TABLE trek_history DROP COLUMN database"
ADDED = 'ALTER TABLE "public"."trek_history" ADD COLUMN database text;'
IDENTITY = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid FROM pg_database"
    " WHERE datname = current_database()"
)
OUTSIDE = {"1_i.sql": "-- trek: no-transaction\nCREATE TABLE i (id int);\nCREATE INDEX CONCURRENTLY i_id ON i (id);\n"}


async def pinned(connection: Connection) -> list[str | None]:
    """What each row says, in order."""
    return [row["database"] for row in await connection.fetch("SELECT database FROM trek_history ORDER BY seq")]


@pytest.fixture
async def clone(database: Database, connection: Connection, tmp_path: Path) -> AsyncIterator[Connection]:
    """A copy of the database at revision 1, with the history of the other."""
    await migrate(connection, two(tmp_path), "1")
    await connection.close()
    admin, name = await database.connect(database="postgres"), f"{database.name}_clone"
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{database.name}"')
    cloned = await database.connect(database=name)
    yield cloned
    await cloned.close()
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


# --------------------------------------------------------------------------- what is pinned
@pytest.mark.parametrize("option", [None, "same"])
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "inside a transaction"])
async def test_the_first_run_pins_the_database_in_every_row(
    connection: Connection, tmp_path: Path, option: str | None, nested: bool
) -> None:
    here, folder = await connection.fetchval(IDENTITY), two(tmp_path)
    transaction = connection.transaction()
    if nested:
        await transaction.start()
    await migrate(connection, folder, expect_database=option)
    if nested:
        await transaction.commit()
    assert await pinned(connection) == [here, here]
    assert not await migrate(connection, folder, expect_database="same")


async def test_every_kind_of_row_is_pinned(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {**OUTSIDE, "2_b.sql": "CREATE TABLE b ();\n-- trek: down\nDROP TABLE b;\n"})
    await migrate(connection, folder)
    await migrate(connection, folder, "1", expect_database="same")
    await Migrator(AsyncpgBackend(connection, expect_database="same"), folder).stamp("2")
    assert set(await pinned(connection)) == {await connection.fetchval(IDENTITY)}
    assert await connection.fetchval("SELECT count(*) FROM trek_history") == 6


async def test_a_server_that_does_not_tell_is_migrated_without_same_and_nothing_is_pinned(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    role, folder = await make_role("LOGIN"), two(tmp_path)
    await connection.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    await connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public")
    guest = await database.connect(user=role)
    with pytest.raises(ConfigError, match=f'GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system.. TO "{role}"'):
        await migrate(guest, folder, expect_database="same")
    assert await connection.fetchval("SELECT to_regclass('trek_history')") is None
    await migrate(guest, folder, "1")
    assert await pinned(connection) == [None]
    with pytest.raises(ConfigError, match="does not tell the user"):
        await migrate(guest, folder, expect_database="same")
    await migrate(connection, folder, expect_database="same")
    assert await pinned(connection) == [None, await connection.fetchval(IDENTITY)]


# --------------------------------------------------------------------------- another database
async def test_a_clone_is_refused_with_same_and_nothing_is_changed(
    database: Database, clone: Connection, tmp_path: Path
) -> None:
    here, before = await clone.fetchval(IDENTITY), await written(clone)
    origin = (await pinned(clone))[0]
    with pytest.raises(ConfigError, match="written in another database") as refused:
        await migrate(clone, two(tmp_path), expect_database="same")
    assert f"has the identity {origin}, and this is '{database.name}_clone', identity {here}" in str(refused.value)
    assert f"--expect-database {here}" in str(refused.value)
    assert await written(clone) == before
    assert origin != here


async def test_a_clone_that_is_up_to_date_is_refused_too(clone: Connection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="written in another database"):
        await migrate(clone, two(tmp_path), "1", expect_database="same")
    migrator = Migrator(AsyncpgBackend(clone, expect_database="same"), two(tmp_path))
    assert (await migrator.status()).state == "pending"


async def test_a_plan_that_was_shown_at_home_is_refused_in_the_clone(
    database: Database, clone: Connection, tmp_path: Path
) -> None:
    home = AsyncpgBackend(await database.connect(), expect_database="same")
    shown = await Migrator(home, two(tmp_path)).plan()
    with pytest.raises(ConfigError, match="written in another database"):
        await Migrator(AsyncpgBackend(clone, expect_database="same"), two(tmp_path)).apply(shown)
    assert await applied(clone) == ["1"]


@pytest.mark.parametrize("way", ["without the option", "by the identity", "by the name"])
async def test_a_clone_is_accepted_by_one_run_and_is_the_same_from_then_on(
    clone: Connection, tmp_path: Path, way: str
) -> None:
    here, folder = await clone.fetchval(IDENTITY), two(tmp_path)
    name = await clone.fetchval("SELECT current_database()")
    options = {"without the option": None, "by the identity": here, "by the name": name}
    assert len((await migrate(clone, folder, expect_database=options[way])).ran) == 1
    assert (await pinned(clone))[-1] == here
    write(tmp_path, {"3_c.sql": "CREATE TABLE c (id int);"})
    assert len((await migrate(clone, folder, expect_database="same")).ran) == 1


async def test_a_clone_with_nothing_to_do_is_accepted_by_a_repair_of_the_newest(
    clone: Connection, tmp_path: Path
) -> None:
    here, folder = await clone.fetchval(IDENTITY), two(tmp_path)
    await Migrator(AsyncpgBackend(clone, expect_database=here), folder).repair("1", applied=True)
    assert await applied(clone) == ["1", "1"]
    assert not await migrate(clone, folder, "1", expect_database="same")
    assert [row.revision for row in (await status(clone, folder)).revisions if row.state == "applied"] == ["1"]


async def test_a_store_that_keeps_no_identity_says_so(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"20240101_initial_up_one.sql": "CREATE TABLE a (id int);"})
    with pytest.raises(ConfigError, match="does not keep the database in which it was written"):
        await migrate(connection, folder, format="asyncpg-trek", expect_database="same")
    assert await tables(connection) == set()


# --------------------------------------------------------------------------- tables of earlier days
async def test_a_table_without_the_column_is_read_and_gets_it_with_the_next_row(
    connection: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    await connection.execute(OLD)
    before = await written(connection)
    assert not await migrate(connection, folder, "1", expect_database="same")
    assert (await status(connection, folder)).state == "pending"
    assert await written(connection) == before
    await migrate(connection, folder, expect_database="same")
    assert await pinned(connection) == [None, await connection.fetchval(IDENTITY)]
    assert await applied(connection) == ["1", "2"]


@pytest.mark.parametrize("body", ["SELECT 1 / 0;", "-- trek: no-transaction\nVACUUM nowhere;"])
async def test_the_column_comes_with_the_first_record_and_goes_with_it(
    connection: Connection, tmp_path: Path, body: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    await connection.execute(OLD)
    write(tmp_path, {"2_b.sql": body})
    for _ in range(2):
        with pytest.raises(Exception, match=r"division by zero|nowhere"):
            await migrate(connection, folder)
    kept = await connection.fetchval(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'trek_history'::regclass AND attname = 'database'"
    )
    assert kept == body.startswith("--")
    assert await applied(connection) == ["1"]


async def test_of_many_runners_that_add_the_column_at_once_one_does_and_the_others_lose(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"0_start.sql": "SELECT 1;"})
    await migrate(connection, folder)
    await connection.execute(OLD)
    write(tmp_path, COUNTED)
    plan = await Migrator(AsyncpgBackend(connection), folder).plan()
    runners = [await database.connect() for _ in range(5)]
    everyone = await asyncio.gather(*(carry_out(runner, plan) for runner in runners))
    done = [result.action.revision for results in everyone for result in results if isinstance(result, Done)]
    assert sorted(done) == ["1", "2", "3", "4", "5"]
    assert not [result.failure for results in everyone for result in results if isinstance(result, Failed)]
    assert sum(isinstance(results[-1], Lost) for results in everyone) == 4
    assert await pinned(connection) == [None, *[await connection.fetchval(IDENTITY)] * 5]


async def test_an_owner_who_adds_the_column_between_the_look_and_the_row_is_no_failure(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    await connection.execute(OLD)
    begun: list[Started] = []

    async def meddle(event: Event) -> None:
        if isinstance(event, Started):
            begun.append(event)
            if len(begun) == 1:
                await other.execute(ADDED)

    assert len((await migrate(connection, folder, observers=[Observer("meddler", meddle)])).ran) == 1
    assert len(begun) == 2
    assert await applied(connection) == ["1", "2"]
    assert await pinned(connection) == [None, await connection.fetchval(IDENTITY)]


async def test_a_role_that_may_not_alter_is_told_what_its_owner_should_run(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder, role = two(tmp_path), await make_role("LOGIN")
    await migrate(connection, folder, "1")
    await connection.execute(f"{OLD}; GRANT ALL ON trek_history TO {role}; GRANT ALL ON SCHEMA public TO {role}")
    guest = await database.connect(user=role)
    before = await written(connection)
    assert not await migrate(guest, folder, "1")
    with pytest.raises(ReadOnly, match="lacks the column database") as refused:
        await migrate(guest, folder)
    assert await written(connection) == before
    assert ADDED in str(refused.value)
    await connection.execute(ADDED)
    assert len((await migrate(guest, folder, expect_database="same")).ran) == 1


async def test_rows_that_name_none_do_not_hide_the_newest_that_does(connection: Connection, tmp_path: Path) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    await connection.execute("UPDATE trek_history SET database = CASE seq WHEN 1 THEN '1/1' END")
    with pytest.raises(ConfigError, match="has the identity 1/1, and this is"):
        await migrate(connection, folder, expect_database="same")
