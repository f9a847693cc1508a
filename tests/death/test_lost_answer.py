"""The answer is lost: who can open another session asks the history, and says what is so. A guess is no answer."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, tables, until_sleeping, write
from tests.run.test_observers import Ear
from tests.support.faults import Cut, faulty
from trek_asyncpg import migrate
from trek_core import MigrationFailed, Observer
from trek_core.events import Done, Failed, LockWaiting, Started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

FILES = {f"{n}_t.sql": f"CREATE TABLE t{n} (id int);" for n in (1, 2, 3)}
PYTHON = "async def upgrade(connection):\n    await connection.execute('CREATE TABLE t2 (id int)')\n"
WAYS = ("dsn", "pool of one", "connection")


async def lose(database: Database, folder: str, cut: Cut, way: str, **options: object) -> MigrationFailed:
    """The error of a run that loses its connection there."""
    async with faulty(database.dsn, cut) as (dsn, link), AsyncExitStack() as stack:
        given: object = dsn
        if way == "pool of one":
            given = await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=0, max_size=1))
        elif way == "connection":
            given = await asyncpg.connect(dsn)
        with pytest.raises(MigrationFailed) as failed:
            await migrate(given, folder, **options)
        assert link.was_cut
    return failed.value


BATCH = 4  # the client's messages: startup, the history, the facts, the lock, and this one


@pytest.mark.parametrize("way", WAYS)
async def test_the_answer_to_commit_is_lost(database: Database, other: Connection, tmp_path: Path, way: str) -> None:
    folder = write(tmp_path, FILES)
    error = await lose(database, folder, Cut("up", BATCH, "after"), way)
    failure, ran = error.failure, [one.revision for one in error.report.ran]
    if way == "connection":
        assert (failure.outcome, failure.together, ran) == ("unknown", 3, [])
        assert "No new session could tell: the connection that was given is closed" in str(error)
    else:
        assert (failure.outcome, failure.together, ran) == ("committed", 1, ["1", "2", "3"])
        assert "3 was committed: only the answer was lost." in str(error)
        assert "Done before it in this run, and committed: 1, 2." in str(error)
    assert isinstance(error.__cause__, asyncpg.PostgresError | asyncpg.InterfaceError | OSError)
    assert not (await migrate(other, folder)).ran
    assert await applied(other) == ["1", "2", "3"]


@pytest.mark.parametrize("way", WAYS)
async def test_the_query_never_came(database: Database, other: Connection, tmp_path: Path, way: str) -> None:
    folder = write(tmp_path, FILES)
    error = await lose(database, folder, Cut("up", BATCH, "half"), way)
    known = ("unknown", 3) if way == "connection" else ("rolled back", 1)
    assert (error.failure.outcome, error.failure.together) == known
    if way != "connection":
        assert "Nothing of 1 remains: its transaction was rolled back." in str(error)
        assert "Not begun: 2, 3." in str(error)
    assert error.report.ran == ()
    assert await tables(other) == set()


async def test_some_of_a_query_are_committed_and_observers_hear_of_each(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    folder, ear = write(tmp_path, {**FILES, "2_t.sql": "CREATE TABLE t2 (id int); SELECT pg_sleep(20);"}), Ear()
    running = asyncio.create_task(migrate(database.dsn, folder, observers=[ear.observer]))
    await other.execute(f"SELECT pg_terminate_backend({await until_sleeping(other)})")
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert (failed.value.action.revision, failed.value.failure.outcome) == ("2", "rolled back")
    assert [one.revision for one in failed.value.report.ran] == ["1"]
    heard = [(type(e).__name__, e.action.revision) for e in ear.events if isinstance(e, Started | Done | Failed)]
    assert heard == [("Started", "1"), ("Done", "1"), ("Started", "2"), ("Failed", "2")]
    assert await tables(other) == {"t1"}


async def test_it_waits_until_the_server_has_ended_the_query(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    """The client's side is cut; the server runs the query to its end."""
    folder, ear = write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(1);\nCREATE TABLE t1 (id int);"}), Ear()
    error = await lose(database, folder, Cut("up", BATCH, "after"), "dsn", observers=[ear.observer])
    assert error.failure.outcome == "committed"
    assert any(isinstance(event, LockWaiting) for event in ear.events)
    assert await tables(other) == {"t1"}


async def test_it_does_not_wait_longer_than_for_the_lock_and_then_it_is_unknown(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(5);\nCREATE TABLE t1 (id int);"})
    error = await lose(database, folder, Cut("up", BATCH, "after"), "dsn", lock_wait=0.2)
    assert error.failure.outcome == "unknown"
    assert "No new session could tell: the migration lock was not free" in str(error)
    assert (await migrate(other, folder)).ran == ()
    assert await applied(other) == ["1"]


async def test_a_server_that_is_gone_leaves_it_unknown_and_the_first_error_is_raised(
    database: Database, tmp_path: Path
) -> None:
    folder = write(tmp_path, FILES)
    async with faulty(database.dsn, Cut("up", BATCH, "after")) as (dsn, link):

        async def gone(event: object) -> None:
            if isinstance(event, Started):
                link.refuses = True

        with pytest.raises(MigrationFailed) as failed:
            await migrate(dsn, folder, observers=[Observer("ear", gone)])
    assert failed.value.failure.outcome == "unknown"
    assert "No new session could tell: cannot connect to" in str(failed.value)


@pytest.mark.parametrize("number", range(4))
async def test_a_new_session_that_is_lost_as_well_is_no_answer_and_another_is_asked(
    database: Database, tmp_path: Path, number: int
) -> None:
    """A server that recovers from a crash takes connections until it has noticed, and ends them all."""
    folder = write(tmp_path, FILES)
    async with faulty(database.dsn, Cut("up", BATCH, "after")) as (dsn, link):
        link.more = [Cut("up", BATCH + 1 + number, "before")]
        with pytest.raises(MigrationFailed) as failed:
            await migrate(dsn, folder)
        assert link.times == 2
    assert failed.value.failure.outcome == "committed"


async def test_python_whose_commit_is_lost(database: Database, other: Connection, tmp_path: Path) -> None:
    """All points of it: what the error says is what the other run finds."""
    folder = write(tmp_path, {"1_t.sql": FILES["1_t.sql"], "2_t.py": PYTHON})
    found = set()
    for number in range(5, 12):
        await other.execute("DROP TABLE IF EXISTS t1, t2, public.trek_history")
        error = await lose(database, folder, Cut("up", number, "after"), "dsn")
        found.add(error.failure.outcome)
        assert ("t2" in await tables(other)) == (error.failure.outcome == "committed")
        assert [one.revision for one in error.report.ran] == await applied(other)
    assert found == {"rolled back", "committed"}
    assert await advisory_locks(other) == 0


STEPS = "-- trek: no-transaction\nCREATE TABLE t1 (id int);\n{0};\nCREATE TABLE t2 (id int);\n"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("SELECT pg_sleep(20)", "1 of its 3 statements are done."),
        (
            "CREATE INDEX CONCURRENTLY i ON locked (id)",
            "1 of its 3 statements are done, and not whether statement 2 is.",
        ),
    ],
)
async def test_outside_a_transaction_it_says_how_many_statements_are_done(
    database: Database, other: Connection, tmp_path: Path, statement: str, says: str
) -> None:
    await other.execute("CREATE TABLE locked (id int)")
    await other.execute("BEGIN; LOCK TABLE locked")
    watching = await database.connect()
    running = asyncio.create_task(migrate(database.dsn, write(tmp_path, {"1_steps.sql": STEPS.format(statement)})))
    busy = f"SELECT pid FROM pg_stat_activity WHERE query LIKE '{statement.split('(', maxsplit=1)[0]}%' AND state = 'active'"
    async with asyncio.timeout(20):
        while (pid := await watching.fetchval(f"{busy} AND pid <> pg_backend_pid()")) is None:
            await asyncio.sleep(0.02)
    await watching.execute(f"SELECT pg_terminate_backend({pid})")
    await other.execute("ROLLBACK")
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert failed.value.failure.outcome == "partial"
    assert f"The history says that {says}" in str(failed.value)


async def test_the_callers_transaction_is_lost_as_a_whole(database: Database, tmp_path: Path) -> None:
    """Nobody has committed it, and nobody can: no other session is asked."""
    folder = write(tmp_path, {"1_end.sql": "SELECT pg_terminate_backend(pg_backend_pid());"})
    connection = await database.connect()
    await connection.execute("BEGIN")
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder)
    assert "No new session" not in str(failed.value)


HISTORIES = {"migrations", "trek_history"}
EDGES = {
    "20240101_initial_up_one.sql": "CREATE TABLE t1 (id int);",
    "20240102_one_up_two.sql": "CREATE TABLE t2 (id int);",
    "20240103_two_down_one.sql": "DROP TABLE t2;",
    "20240104_one_down_initial.sql": "DROP TABLE t1;",
}


@pytest.mark.parametrize(("when", "outcome"), [("after", "committed"), ("half", "rolled back")])
async def test_a_history_of_another_tool_tells_it_too_up_and_down(
    database: Database, other: Connection, tmp_path: Path, when: str, outcome: str
) -> None:
    """asyncpg-trek's table knows forward and back, and no more."""
    folder = write(tmp_path, EDGES)
    error = await lose(database, folder, Cut("up", BATCH, when), "dsn", format="asyncpg-trek")
    assert error.failure.outcome == outcome, str(error)
    assert await tables(other) - HISTORIES == ({"t1", "t2"} if outcome == "committed" else set())
    await migrate(other, folder, format="asyncpg-trek")
    async with faulty(database.dsn, Cut("up", BATCH, when)) as (dsn, link):
        with pytest.raises(MigrationFailed) as failed:
            await migrate(dsn, folder, "initial", format="asyncpg-trek")
        assert link.was_cut
    assert failed.value.failure.outcome == outcome, str(failed.value)
    assert await tables(other) - HISTORIES == (set() if outcome == "committed" else {"t1", "t2"})
