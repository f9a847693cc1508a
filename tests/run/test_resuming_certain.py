"""What a run leaves that failed or died outside a transaction, made at an exact moment, and what the next run does with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.run.deaths import BODY, begins, died_at, dies, folder_with, held, planned, ran, stops, waits
from tests.run.folders import clean, history, until, write
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_core import MigrationFailed, Migrator, Unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

UNIQUE = "CREATE UNIQUE INDEX CONCURRENTLY b_p ON b (p)"
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"


# ------------------------------------------------------------------ statements that share a query with their row
async def test_what_shares_a_query_with_its_row_happened_with_it_or_not_at_all(
    connection: Connection, tmp_path: Path
) -> None:
    body = "-- trek: no-transaction\n" + "".join(f"INSERT INTO ran VALUES ('{n}');\n" for n in range(1, 4))
    await migrate(connection, write(tmp_path, {"1_start.sql": "CREATE TABLE ran (what text);"}))
    for number in range(4):
        folder = write(tmp_path, {f"{number + 2}_work.sql": body})
        await connection.execute("TRUNCATE ran")
        await stops(connection, await planned(connection, folder), number)
        plan = await planned(connection, folder)
        assert [action.resume.done for action in plan.actions if action.resume] == [number]
        assert [one.revision for one in (await migrate(connection, folder)).ran] == [f"{number + 2}"]
        assert await ran(connection) == ["1", "2", "3"]
    assert not await migrate(connection, folder)
    await clean(connection)


async def test_settings_of_the_statements_that_are_done_are_set_again(connection: Connection, tmp_path: Path) -> None:
    body = (
        "-- trek: no-transaction\nSET search_path = elsewhere;\nSELECT 1;\n"
        "CREATE TABLE here (id int);\nVACUUM here;\nCREATE TABLE there (id int);\n"
    )
    folder = write(tmp_path, {"1_start.sql": "CREATE SCHEMA elsewhere;"})
    await migrate(connection, folder)
    write(tmp_path, {"2_work.sql": body})
    await stops(connection, await planned(connection, folder), 2)
    await connection.execute("RESET search_path")
    assert (await planned(connection, folder)).sql().count("SET search_path = elsewhere") == 1
    await migrate(connection, folder)
    assert await connection.fetchval("SELECT to_regclass('elsewhere.there') IS NOT NULL")
    assert await connection.fetchval("SHOW search_path") != "elsewhere"


@pytest.mark.parametrize(
    "statement",
    ["DO $$ BEGIN END $$", "CREATE TEMPORARY TABLE t (id int)", "SELECT set_config('work_mem', '9MB', false)"],
)
async def test_what_a_session_took_with_it_is_asked_for(connection: Connection, tmp_path: Path, statement: str) -> None:
    folder = write(tmp_path, {"1_work.sql": f"-- trek: no-transaction\n{statement};\nSELECT 1;\n"})
    await stops(connection, await planned(connection, folder), 1)
    with pytest.raises(Unfinished, match=r"1 of 2 statements done: (statement 1|the temporary table of statement 1)"):
        await migrate(connection, folder)


# ------------------------------------------------------------------ indexes
async def test_an_index_that_could_not_be_unique_is_named_and_built_again_when_the_cause_is_gone(
    connection: Connection, tmp_path: Path
) -> None:
    folder = await folder_with(connection, tmp_path, UNIQUE)
    await connection.execute("UPDATE b SET p = 1")
    for _ in range(2):
        with pytest.raises(MigrationFailed, match=r"It left the INVALID index public\.b_p\. .* at statement 2 of 3"):
            await migrate(connection, folder)
        assert await connection.fetchval(INVALID) == 1
    (shown,) = [one for one in (await status(connection, folder)).revisions if one.state == "unfinished"]
    assert shown.progress == "1 of 3 statements done"
    await connection.execute("UPDATE b SET p = id")
    await migrate(connection, folder)
    assert await connection.fetchval(INVALID) == 0
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'b_p'::regclass")
    assert await ran(connection) == ["before", "after"]
    states = [state for revision, _, state in await history(connection) if revision == "2" and state != "step"]
    assert states == ["failed", "failed", "done"]


async def somebodys(connection: Connection, name: str = "b_p") -> None:
    """An INVALID index of somebody else's, from a build that failed."""
    await connection.execute("UPDATE b SET p = 1")
    with contextlib.suppress(Exception):
        await connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON b (p)")
    await connection.execute("UPDATE b SET p = id")
    assert await connection.fetchval(INVALID) == 1


@pytest.mark.parametrize("clause", ["", "IF NOT EXISTS "])
async def test_an_invalid_index_that_was_there_before_is_refused_by_name_and_never_dropped(
    connection: Connection, tmp_path: Path, clause: str
) -> None:
    folder = await folder_with(connection, tmp_path, f"CREATE INDEX CONCURRENTLY {clause}b_p ON b (p)")
    await somebodys(connection)
    there = await connection.fetchval("SELECT 'b_p'::regclass::oid")
    with pytest.raises(MigrationFailed, match=r"the INVALID index public\.b_p was there before it"):
        await migrate(connection, folder)
    await connection.execute("ALTER INDEX b_p SET (fillfactor = 50)")  # its row in pg_class is new now, and it is not
    for _ in range(2):
        with pytest.raises(
            Unfinished, match=r"the INVALID index public\.b_p was there before it.*\n(.*\n)*.*trek repair 2"
        ):
            await migrate(connection, folder)
    assert await connection.fetchval("SELECT 'b_p'::regclass::oid") == there
    await connection.execute("DROP INDEX CONCURRENTLY b_p")
    await migrate(connection, folder)
    assert await connection.fetchval(INVALID) == 0
    assert await ran(connection) == ["before", "after"]


async def test_where_it_asks_the_history_is_left_as_it_was(connection: Connection, tmp_path: Path) -> None:
    folder = await folder_with(connection, tmp_path, "CREATE INDEX CONCURRENTLY b_p ON b (p)")
    await somebodys(connection)
    plan = await planned(connection, folder)
    await stops(connection, plan, 1)
    await begins(connection, plan, 2)
    before = await connection.fetch("SELECT * FROM trek_history ORDER BY seq")
    with pytest.raises(Unfinished, match="was there before it"):
        await migrate(connection, folder)
    assert await connection.fetch("SELECT * FROM trek_history ORDER BY seq") == before


async def test_a_valid_index_that_was_there_before_is_told_by_the_server(
    connection: Connection, tmp_path: Path
) -> None:
    folder = await folder_with(connection, tmp_path, "CREATE INDEX CONCURRENTLY old_id ON b (id)")
    for _ in range(2):
        with pytest.raises(MigrationFailed, match='relation "old_id" already exists'):
            await migrate(connection, folder)
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'old_id'::regclass")


async def test_somebody_elses_index_beside_an_unnamed_one_is_asked_about(
    connection: Connection, tmp_path: Path
) -> None:
    folder = await died_at(connection, tmp_path, "CREATE INDEX CONCURRENTLY ON b (p)")
    await connection.execute("CREATE INDEX mine ON b (p, id)")
    with pytest.raises(Unfinished, match=r"CREATE INDEX mine ON public\.b"):
        await migrate(connection, folder)
    await connection.execute("DROP INDEX mine")
    await migrate(connection, folder)
    assert await connection.fetchval("SELECT to_regclass('b_p_idx') IS NOT NULL")


async def test_a_reindex_that_leaves_an_invalid_index_is_no_success(connection: Connection, tmp_path: Path) -> None:
    """The server skips an INVALID index of the table with a warning."""
    folder = await folder_with(connection, tmp_path, "REINDEX TABLE CONCURRENTLY b")
    await somebodys(connection, "b_other")
    with pytest.raises(MigrationFailed, match=r"reported success, and the index public\.b_other is INVALID"):
        await migrate(connection, folder)
    await connection.execute("DROP INDEX b_other")
    await migrate(connection, folder)
    assert await ran(connection) == ["before", "after"]


async def test_an_index_that_somebody_builds_now_is_left_alone(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    """Without a lock that would make it wait, as after a psql script."""
    folder = await died_at(connection, tmp_path, "CREATE INDEX CONCURRENTLY b_p ON b (p)")
    builder = await database.connect()
    async with held(database, "LOCK TABLE b IN ROW EXCLUSIVE MODE"):
        building = asyncio.create_task(builder.execute("CREATE INDEX CONCURRENTLY b_p ON b (p)"))
        await waits(other, builder.get_server_pid())
        with pytest.raises(Unfinished, match=f"server process {builder.get_server_pid()} builds an index there now"):
            await migrate(connection, folder)
    await building
    await migrate(connection, folder)
    assert await ran(connection) == ["before", "after"]


CLIENT = "import asyncio, sys\nfrom trek_asyncpg import migrate\nasyncio.run(migrate(*sys.argv[1:3]))\n"


async def test_after_kill_9_the_server_goes_on_and_the_next_run_waits_and_does_not_build_again(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await folder_with(connection, tmp_path, "CREATE INDEX CONCURRENTLY b_p ON b (p)")
    building = "SELECT pid FROM pg_stat_progress_create_index"
    async with held(database, "LOCK TABLE b IN ROW EXCLUSIVE MODE"):
        client = subprocess.Popen([sys.executable, "-c", CLIENT, database.dsn, folder])

        async def builds() -> object:
            return await other.fetchval(building)

        await until(builds, "the index is being built")
        os.kill(client.pid, signal.SIGKILL)
        client.wait()
        next_run = asyncio.create_task(migrate(connection, folder))
        await asyncio.sleep(0.5)
        assert await other.fetchval(building)
        assert not next_run.done()
        built = await other.fetchval("SELECT 'b_p'::regclass::oid")
    assert [one.revision for one in (await next_run).ran] == ["2"]
    assert await connection.fetchval("SELECT 'b_p'::regclass::oid") == built
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'b_p'::regclass")
    assert await ran(connection) == ["before", "after"]


# ------------------------------------------------------------------ other statements
DATABASES = {
    "CREATE DATABASE trek_made": "DROP DATABASE trek_made",
    "DROP DATABASE IF EXISTS trek_made": "CREATE DATABASE trek_made",
}


@pytest.mark.parametrize("statement", DATABASES)
@pytest.mark.parametrize("happened", [False, True])
async def test_a_database_is_looked_at(
    connection: Connection, tmp_path: Path, statement: str, *, happened: bool
) -> None:
    back = DATABASES[statement]
    if statement.startswith("DROP"):
        await connection.execute(back)
    try:
        folder = await died_at(connection, tmp_path, statement)
        if happened:
            await connection.execute(statement)
        await migrate(connection, folder)
        assert await ran(connection) == ["before", "after"]
        there = await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'trek_made'")
        assert there == statement.startswith("CREATE")
    finally:
        await connection.execute("DROP DATABASE IF EXISTS trek_made")


async def test_a_setting_of_the_server_is_set_again(connection: Connection, tmp_path: Path) -> None:
    folder = await died_at(connection, tmp_path, "ALTER SYSTEM RESET work_mem")
    await migrate(connection, folder)
    assert await ran(connection) == ["before", "after"]


async def test_what_failed_with_an_answer_fails_again_with_it(connection: Connection, tmp_path: Path) -> None:
    """That the index is not there does not say that it was dropped: the server said that it never was."""
    folder = await folder_with(connection, tmp_path, "DROP INDEX CONCURRENTLY nowhere")
    for _ in range(2):
        with pytest.raises(MigrationFailed, match='index "nowhere" does not exist'):
            await migrate(connection, folder)


@pytest.mark.parametrize("statement", ["COMMIT PREPARED 'x'", "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p"])
async def test_what_cannot_be_seen_is_asked_for(connection: Connection, tmp_path: Path, statement: str) -> None:
    folder = await died_at(connection, tmp_path, statement)
    with pytest.raises(Unfinished, match=r"1 of 3 statements done: statement 2 was begun: trek cannot see") as refused:
        await migrate(connection, folder)
    assert "trek repair 2 --applied" in str(refused.value)
    assert "trek repair 2 --not-applied" in str(refused.value)
    await Migrator(AsyncpgBackend(connection), folder).repair("2", applied=True)
    assert not await migrate(connection, folder)


async def test_a_partition_that_somebody_began_to_detach_is_asked_about(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    detach = "ALTER TABLE parent DETACH PARTITION part CONCURRENTLY"
    folder = await folder_with(connection, tmp_path, detach)
    somebody = await database.connect()
    async with held(database, "LOCK TABLE parent IN ACCESS SHARE MODE"):
        detaching = asyncio.create_task(somebody.execute(detach))
        await waits(other, somebody.get_server_pid())
        await other.execute(f"SELECT pg_terminate_backend({somebody.get_server_pid()})")
        with contextlib.suppress(Exception):
            await detaching
    with pytest.raises(MigrationFailed, match="pending detach"):
        await migrate(connection, folder)
    with pytest.raises(Unfinished, match="somebody began to detach part before it"):
        await migrate(connection, folder)


# ------------------------------------------------------------------ the way down
async def test_a_revert_goes_on_too(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await folder_with(connection, tmp_path, "VACUUM")
    drop = BODY.format("DROP INDEX CONCURRENTLY old_id")
    write(tmp_path, {"2_work.sql": "SELECT 1;", "2_work.down.sql": drop})
    await migrate(connection, folder)
    await dies(database, other, folder, "LOCK TABLE b IN ROW EXCLUSIVE MODE", "1")
    with pytest.raises(Unfinished, match="reverting it is not on the way to 'head'"):
        await migrate(connection, folder)
    write(tmp_path, {"2_work.down.sql": BODY.format("DROP INDEX CONCURRENTLY other")})
    with pytest.raises(Unfinished, match="1 of 3 statements done: statement 2, which was begun, was edited since"):
        await migrate(connection, folder, "1")
    write(tmp_path, {"2_work.down.sql": drop})
    assert [(one.verb, one.revision) for one in (await migrate(connection, folder, "1")).ran] == [("revert", "2")]
    assert await connection.fetchval("SELECT to_regclass('old_id') IS NULL")
    assert await ran(connection) == ["before", "after"]
    assert not await migrate(connection, folder, "1")
    assert [one.revision for one in (await migrate(connection, folder)).ran] == ["2"]
