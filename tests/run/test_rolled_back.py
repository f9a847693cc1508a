"""A migration that failed in a transaction leaves a row that only tells of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.run.folders import applied, sleeping, until, write
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection

GOOD, WRONG = "CREATE TABLE good_{0} ();", "CREATE TABLE t ();\nINSERT INTO nobody VALUES ('it''s');"
SAID = 'relation "nobody" does not exist (SQLSTATE 42P01)'


async def rows(connection: Connection) -> list[tuple[Any, ...]]:
    found = await connection.fetch("SELECT revision, verb, state, problem FROM trek_history ORDER BY seq")
    return [tuple(row) for row in found]


async def fails(connection: Connection, folder: str, **options: Any) -> MigrationFailed:
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder, **options)
    return failed.value


@pytest.mark.parametrize("options", [{}, {"together": 1}, {"transaction": "plan"}], ids=["together", "singly", "plan"])
@pytest.mark.parametrize("name", ["2_wrong.sql", "2_wrong.py"])
async def test_it_names_the_migration_and_what_the_database_said(
    connection: Connection, tmp_path: Path, options: dict[str, Any], name: str
) -> None:
    await migrate(connection, write(tmp_path, {"1_a.sql": GOOD.format(1)}))
    python = f"async def upgrade(connection):\n    await connection.execute({WRONG!r})\n"
    folder = write(tmp_path, {name: python if name.endswith("py") else WRONG, "3_c.sql": GOOD.format(3)})
    await fails(connection, folder, **options)
    assert await rows(connection) == [("1", "apply", "done", None), ("2", "apply", "rolled back", SAID)]
    (told,) = [row for row in (await Migrator(AsyncpgBackend(connection), folder).history()).rows if row.problem]
    assert (told.revision, told.state, told.problem) == ("2", "rolled back", SAID)
    assert told.who
    assert told.finished_at >= told.started_at > ""


async def test_it_changes_no_state_and_the_next_run_goes_on_behind_it(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": GOOD.format(1)})
    await migrate(connection, folder)
    await fails(connection, write(tmp_path, {"2_b.sql": WRONG}))
    status = await Migrator(AsyncpgBackend(connection), folder).status()
    assert (status.state, [one.revision for one in status.pending]) == ("pending", ["2"])
    write(tmp_path, {"2_b.sql": GOOD.format(2)})
    assert [ran.revision for ran in (await migrate(connection, folder)).ran] == ["2"]
    assert [state for _, _, state, _ in await rows(connection)] == ["done", "rolled back", "done"]
    assert (await migrate(connection, folder)).ran == ()


async def test_the_same_failure_at_every_start_is_one_row_and_another_one_is_another(
    connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": GOOD.format(1)})
    await migrate(connection, folder)
    write(tmp_path, {"2_b.sql": WRONG})
    for _ in range(3):
        await fails(connection, folder)
    first, last = await connection.fetchrow(
        "SELECT started_at, finished_at FROM trek_history ORDER BY seq DESC LIMIT 1"
    )
    assert last > first
    write(tmp_path, {"2_b.sql": "SELECT 1 / 0;"})
    await fails(connection, folder)
    problems = [problem for _, _, _, problem in await rows(connection)]
    assert problems == [None, SAID, "division by zero (SQLSTATE 22012)"]


async def test_a_way_back_that_failed_is_told_too(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": GOOD.format(1) + "\n-- trek: down\nSELECT 1 / 0;\n"})
    await migrate(connection, folder)
    await fails(connection, folder, target_revision="base")
    assert (await rows(connection))[1:] == [("1", "revert", "rolled back", "division by zero (SQLSTATE 22012)")]
    assert await applied(connection) == ["1"]


async def test_the_first_migration_of_all_leaves_nothing_as_there_is_no_table(
    connection: Connection, tmp_path: Path
) -> None:
    await fails(connection, write(tmp_path, {"1_b.sql": WRONG}))
    assert await connection.fetchval("SELECT to_regclass('trek_history')") is None


async def test_in_the_callers_transaction_nothing_is_told(connection: Connection, tmp_path: Path) -> None:
    await migrate(connection, write(tmp_path, {"1_a.sql": GOOD.format(1)}))
    async with connection.transaction():
        await fails(connection, write(tmp_path, {"2_b.sql": WRONG}))
    assert [state for _, _, state, _ in await rows(connection)] == ["done"]


async def test_a_history_that_cannot_be_written_hides_no_failure(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    await migrate(connection, write(tmp_path, {"1_a.sql": GOOD.format(1)}))
    await connection.execute("CREATE TABLE free (id int)")
    folder = write(tmp_path, {"2_b.sql": "SELECT pg_sleep(1);\nSELECT 1 / 0;"})
    run = asyncio.create_task(fails(connection, folder))
    await until(lambda: sleeping(other), "the migration runs")
    await connection_holds(other, run)
    assert "division by zero" in str(await run)
    await other.execute("ROLLBACK")
    assert [state for _, _, state, _ in await rows(connection)] == ["done"]


async def connection_holds(other: Connection, run: asyncio.Task[MigrationFailed]) -> None:
    """Somebody takes the table between the migration's own rows and the note: as soon as the rollback frees it."""
    await other.execute("BEGIN; LOCK TABLE trek_history IN SHARE MODE")
    assert not run.done()


async def test_outside_a_transaction_the_row_that_failed_says_why(connection: Connection, tmp_path: Path) -> None:
    await migrate(connection, write(tmp_path, {"1_a.sql": GOOD.format(1)}))
    folder = write(tmp_path, {"2_b.sql": "-- trek: no-transaction\nSELECT 1;\nSELECT 1 / 0;\n"})
    await fails(connection, folder)
    problems = {state: problem for _, _, state, problem in await rows(connection) if problem}
    assert problems == {"failed": "division by zero (SQLSTATE 22012)"}
