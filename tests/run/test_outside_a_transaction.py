"""Migrations that run outside a transaction: their rows, their failures, and the ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, clean, history, tables, write
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_core import LoadError, MigrationFailed, Migrator, Observer, Unfinished
from trek_core.events import StatementDone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection

FIRST = {"1_a.sql": "CREATE TABLE a (id int);"}
THREE = """
    -- trek: no-transaction
    CREATE TABLE b (id int);
    CREATE INDEX CONCURRENTLY b_id ON b (id);
    INSERT INTO b VALUES (1);
"""
BROKEN = THREE.replace("INSERT INTO b VALUES (1)", "INSERT INTO b VALUES (1 / 0)")


async def steps(connection: Connection) -> list[tuple[int, bool]]:
    """The number of each step row, and whether it is finished."""
    query = "SELECT step, finished_at IS NOT NULL FROM trek_history WHERE state = 'step' ORDER BY seq"
    return [tuple(row) for row in await connection.fetch(query)]


async def test_started_every_step_and_done_are_rows(connection: Connection, tmp_path: Path) -> None:
    heard: list[object] = []

    async def hear(event: object) -> None:
        if isinstance(event, StatementDone):
            heard.append((event.number, event.total, await history(connection)))

    folder = write(tmp_path, {**FIRST, "2_b.sql": THREE})
    await migrate(connection, folder, observers=[Observer("ear", hear)])
    begun = [("1", "apply", "done"), ("2", "apply", "started")]
    step = ("2", "apply", "step")
    assert [(number, total) for number, total, _ in heard] == [(1, 3), (2, 3), (3, 3)]
    assert [rows for _, _, rows in heard] == [[*begun, step], [*begun, step, step], [*begun, step, step, step]]
    assert await history(connection) == [("1", "apply", "done"), ("2", "apply", "done"), step, step, step]
    assert await steps(connection) == [(1, True), (2, True), (3, True)]
    assert await applied(connection) == ["1", "2"]


@pytest.fixture
async def failed(connection: Connection, tmp_path: Path) -> str:
    """A folder whose second migration failed in its third statement, outside a transaction."""
    folder = write(tmp_path, {**FIRST, "2_b.sql": BROKEN, "3_c.sql": "CREATE TABLE c (id int);"})
    with pytest.raises(MigrationFailed) as failure:
        await migrate(connection, folder)
    assert failure.value.failure.outcome == "partial"
    assert "2_b.sql:5:" in str(failure.value)
    assert "what it did before the failure stays" in str(failure.value)
    assert "trek repair 2 --applied" in str(failure.value)
    return folder


async def test_a_failure_in_the_middle_is_written_down_and_what_ran_stays(connection: Connection, failed: str) -> None:
    assert [row for row in await history(connection) if row[2] != "step"] == [
        ("1", "apply", "done"),
        ("2", "apply", "failed"),
    ]
    assert await steps(connection) == [(1, True), (2, True)]
    assert await tables(connection) == {"a", "b"}
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'b_id'::regclass")
    await clean(connection)


async def test_afterwards_nothing_else_is_planned_and_status_says_why(connection: Connection, failed: str) -> None:
    migrator = Migrator(AsyncpgBackend(connection), failed)
    for attempt in (migrator.migrate("1"), migrator.plan("base")):
        with pytest.raises(Unfinished) as refused:
            await attempt
        assert refused.value.revisions == ("2",)
        assert "trek repair 2 --not-applied" in str(refused.value)
    assert (await status(connection, failed)).state == "unfinished"
    assert "c" not in await tables(connection)


async def test_a_stamp_to_it_says_that_it_is_all_there(connection: Connection, failed: str) -> None:
    await Migrator(AsyncpgBackend(connection), failed).stamp("2")
    assert [ran.revision for ran in (await migrate(connection, failed)).ran] == ["3"]


async def test_a_stamp_before_it_says_that_it_was_undone(connection: Connection, failed: str, tmp_path: Path) -> None:
    await Migrator(AsyncpgBackend(connection), failed).stamp("1")
    await connection.execute("DROP TABLE b")
    write(tmp_path, {"2_b.sql": THREE})
    assert [ran.revision for ran in (await migrate(connection, failed)).ran] == ["2", "3"]


@pytest.mark.parametrize(("is_there", "left"), [(True, ["3"]), (False, ["2", "3"])])
async def test_repair_is_a_way_out_too(
    connection: Connection, failed: str, tmp_path: Path, is_there: bool, left: list[str]
) -> None:
    await Migrator(AsyncpgBackend(connection), failed).repair("2", applied=is_there)
    await connection.execute("DROP TABLE b")
    write(tmp_path, {"2_b.sql": BROKEN if is_there else THREE})
    assert [ran.revision for ran in (await migrate(connection, failed)).ran] == left
    rows = await connection.fetch("SELECT seq FROM trek_history")
    assert len(rows) >= 5  # nothing was deleted


async def test_a_python_migration_outside_a_transaction(connection: Connection, tmp_path: Path) -> None:
    body = """
        no_transaction = True
        async def upgrade(connection):
            assert not connection.is_in_transaction()
            await connection.execute("CREATE TABLE b (id int)")
            await connection.execute("CREATE INDEX CONCURRENTLY b_id ON b (id)")
            async with connection.transaction():
                await connection.execute("INSERT INTO b VALUES (1)")
    """
    await migrate(connection, write(tmp_path, {**FIRST, "2_b.py": body}))
    assert await applied(connection) == ["1", "2"]
    assert await connection.fetchval("SELECT count(*) FROM b") == 1
    await clean(connection)


async def test_a_python_migration_that_leaves_a_transaction_open_fails(connection: Connection, tmp_path: Path) -> None:
    body = """
        no_transaction = True
        async def upgrade(connection):
            await connection.execute("BEGIN")
            await connection.execute("CREATE TABLE b (id int)")
    """
    folder = write(tmp_path, {**FIRST, "2_b.py": body})
    with pytest.raises(MigrationFailed, match="left a transaction open"):
        await migrate(connection, folder)
    assert await history(connection) == [("1", "apply", "done"), ("2", "apply", "failed"), ("2", "apply", "step")]
    assert await tables(connection) == {"a"}
    await clean(connection)


async def test_a_file_with_its_own_transaction_runs_as_it_stands(connection: Connection, tmp_path: Path) -> None:
    body = "-- trek: no-transaction\nBEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\nCREATE TABLE c (id int);\n"
    await migrate(connection, write(tmp_path, {**FIRST, "2_b.sql": body}))
    assert await tables(connection) == {"a", "b", "c"}
    assert await applied(connection) == ["1", "2"]
    await clean(connection)


async def test_a_file_that_ends_inside_its_own_transaction_is_not_done(connection: Connection, tmp_path: Path) -> None:
    body = "-- trek: no-transaction\nBEGIN;\nCREATE TABLE b (id int);\n"
    with pytest.raises((MigrationFailed, LoadError)):
        await migrate(connection, write(tmp_path, {**FIRST, "2_b.sql": body}))
    assert "2" not in await applied(connection)
    assert await tables(connection) == {"a"}
    await clean(connection)


async def test_a_failed_concurrent_index_is_a_failure_and_names_its_line(
    connection: Connection, tmp_path: Path
) -> None:
    files = {
        "1_a.sql": "CREATE TABLE a AS SELECT 1 AS id UNION ALL SELECT 1;",
        "2_i.sql": "\n\nCREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id);",
    }
    folder = write(tmp_path, files)
    with pytest.raises(MigrationFailed, match="could not create unique index") as failed:
        await migrate(connection, folder)
    assert "2_i.sql:3:1" in str(failed.value)
    assert (
        "It left the INVALID index public.a_id. Correct the cause in the database and run again: trek removes that and"
        in (message := str(failed.value))
    )
    assert "goes on at statement 1 of 1" in message


async def test_a_squash_that_counts_as_applied_is_reverted_with_all_that_it_replaces(
    connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {**FIRST, "2_b.sql": "CREATE TABLE b (id int);", "3_c.sql": "CREATE TABLE c (id int);"})
    await migrate(connection, folder)
    (tmp_path / "1_a.sql").unlink()
    (tmp_path / "2_b.sql").unlink()
    body = """
        -- trek: replaces 1 2
        CREATE TABLE a (id int); CREATE TABLE b (id int);
        -- trek: down
        DROP TABLE b; DROP TABLE a;
    """
    write(tmp_path, {"2.1_squash.sql": body, "3_c.sql": "CREATE TABLE c (id int);\n-- trek: down\nDROP TABLE c;"})
    await Migrator(AsyncpgBackend(connection), folder).repair("3", applied=True)
    assert not await migrate(connection, folder)
    await migrate(connection, folder, "base")
    assert await tables(connection) == set()
    assert [ran.revision for ran in (await migrate(connection, folder)).ran] == ["2.1", "3"]
    assert not await migrate(connection, folder)
    assert await tables(connection) == {"a", "b", "c"}


COMMITTING = {
    "a procedure": "CALL fill();",
    "a block": "DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO filled VALUES (i); COMMIT; END LOOP; END $$;",
}
FILL = """
    CREATE TABLE filled (i int);
    CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
        BEGIN FOR i IN 1..3 LOOP INSERT INTO filled VALUES (i); COMMIT; END LOOP; END $$;
"""


@pytest.mark.parametrize("deed", COMMITTING.values(), ids=COMMITTING)
async def test_what_commits_batch_by_batch_runs_there_and_has_its_rows(
    connection: Connection, tmp_path: Path, deed: str
) -> None:
    body = f"-- trek: no-transaction\nINSERT INTO filled VALUES (0);\n{deed}\nINSERT INTO filled VALUES (4);\n"
    await migrate(connection, write(tmp_path, {"1_fill.sql": FILL, "2_call.sql": body}))
    assert [row[0] for row in await connection.fetch("SELECT i FROM filled ORDER BY i")] == [0, 1, 2, 3, 4]
    assert await applied(connection) == ["1", "2"]
    assert await steps(connection) == [(1, True), (2, True), (3, True)]
    await clean(connection)


async def test_one_that_failed_between_its_commits_is_asked_about(connection: Connection, tmp_path: Path) -> None:
    deed = "DO $$ BEGIN INSERT INTO filled VALUES (1); COMMIT; PERFORM 1 / 0; END $$;"
    folder = write(tmp_path, {"1_fill.sql": FILL, "2_call.sql": f"-- trek: no-transaction\nSELECT 1;\n{deed}\n"})
    with pytest.raises(MigrationFailed, match=r"2_call.sql:3:1") as failed:
        await migrate(connection, folder)
    assert failed.value.failure.sqlstate == "22012"
    assert await steps(connection) == [(1, True), (2, False)]
    with pytest.raises(Unfinished, match="cannot see in the database whether it ended"):
        await migrate(connection, folder)
    assert await connection.fetchval("SELECT count(*) FROM filled") == 1
    await clean(connection)
