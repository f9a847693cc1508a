"""A migration lock that is a row of a table, as some tools have one."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, sleeping, tables, two, until_awake, until_sleeping, write
from tests.support.faults import faulty
from tests.support.pooler import PROGRAM, pgbouncer
from trek_asyncpg import migrate, status
from trek_asyncpg._executor import AsyncpgExecutor
from trek_asyncpg._onlooker import NoSecond
from trek_asyncpg._row_lock import give_up
from trek_asyncpg._store import NativeStore
from trek_asyncpg.testing import PostgresGround
from trek_core import ConnectError, LockTimeout, MigrationFailed, Observer
from trek_core.events import LockWaiting
from trek_core.plugin import History, Lock, Sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

ROW = PostgresGround.row_lock(None)  # type: ignore[arg-type]
ROWS = "SELECT count(*) FROM public.row_lock"
SLOW = {"1_slow.sql": "SELECT pg_sleep(30);"}


class Store(NativeStore):
    """The native history with a row beside its key."""

    def locks(self, history: History) -> Sequence[Lock]:
        return (*super().locks(history), ROW)


@pytest.fixture
async def taken(other: Connection) -> AsyncIterator[Connection]:
    """A run that was killed has left its row."""
    await other.execute(ROW.make[0].text)
    await other.execute("INSERT INTO public.row_lock VALUES ('it', 4711, LOCALTIMESTAMP - interval '95 s')")
    yield other
    assert await other.fetchval(ROWS) == 1


async def test_runners_at_once_make_the_table_take_turns_and_leave_no_row(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    runners = [await database.connect() for _ in range(4)]
    reports = await asyncio.gather(*(migrate(runner, folder, store=Store()) for runner in runners))
    assert sorted(len(report.ran) for report in reports) == [0, 0, 0, 2]
    assert await other.fetchval(ROWS) == 0


@pytest.mark.parametrize("raced", ["duplicate_table", "duplicate_object", "duplicate_schema", "unique_violation"])
async def test_whatever_the_server_says_to_who_makes_the_table_second_the_first_ones_is_used(
    raced: str, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    said = Sql(f"DO $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RAISE {raced}; END $$")

    class Second(NativeStore):
        def locks(self, history: History) -> Sequence[Lock]:
            return (*super().locks(history), replace(ROW, make=(said,)))

    await other.execute("SELECT pg_advisory_lock(4711)")
    run = asyncio.create_task(migrate(connection, two(tmp_path), store=Second()))
    while not run.done() and not await other.fetchval(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = 4711"
    ):
        await asyncio.sleep(0.01)
    await other.execute(ROW.make[0].text)
    await other.execute("SELECT pg_advisory_unlock(4711)")
    assert len((await run).ran) == 2
    assert await other.fetchval(ROWS) == 0


async def test_a_row_that_somebody_left_is_waited_for_named_and_never_taken_away(
    connection: Connection, taken: Connection, tmp_path: Path
) -> None:
    heard: list[LockWaiting] = []

    async def hear(event: object) -> None:
        if isinstance(event, LockWaiting):
            heard.append(event)

    with pytest.raises(LockTimeout) as refused:
        await migrate(connection, two(tmp_path), store=Store(), lock_wait=0.2, observers=[Observer("ear", hear)])
    said = str(refused.value)
    assert re.search(r"its row says 'session 4711', taken \d+ s ago\.", said)
    assert "Make sure that the run is gone before you free it. Delete the row of public.row_lock." in said
    assert [one.holder for one in heard] == ["session 4711"]
    assert heard[0].age is not None
    assert heard[0].age >= 95
    assert await tables(taken) == {"row_lock"}
    assert await advisory_locks(taken) == 0


async def test_who_does_not_take_the_lock_does_not_wait_for_the_row(
    connection: Connection, taken: Connection, tmp_path: Path
) -> None:
    assert (await status(connection, two(tmp_path), store=Store())).state == "uninitialised"
    assert await tables(taken) == {"row_lock"}


async def test_a_run_that_fails_leaves_no_row(connection: Connection, other: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "SELECT 1 / 0;"})
    with pytest.raises(MigrationFailed, match="division by zero"):
        await migrate(connection, folder, store=Store())
    assert await applied(other) == ["1"]
    assert await other.fetchval(ROWS) == 0


@pytest.mark.parametrize("way", ["dsn", "connection"])
async def test_a_run_whose_session_is_lost_leaves_no_row(
    database: Database, other: Connection, tmp_path: Path, way: str
) -> None:
    folder = write(tmp_path, SLOW)
    given = database.dsn if way == "dsn" else await asyncpg.connect(database.dsn)
    running = asyncio.create_task(migrate(given, folder, store=Store()))
    await other.execute(f"SELECT pg_terminate_backend({await until_sleeping(other)})")
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert failed.value.failure.outcome == ("rolled back" if way == "dsn" else "unknown")
    assert await other.fetchval(ROWS) == 0


async def test_the_row_of_a_lost_session_stays_while_the_server_works_for_it(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(1.5); CREATE TABLE late (id int);"})
    given = await asyncpg.connect(database.dsn)
    running = asyncio.create_task(migrate(given, folder, store=Store()))
    await until_sleeping(other)
    given.terminate()
    await asyncio.sleep(0.3)
    rows = await other.fetchval(ROWS)
    assert rows == 1 or not await sleeping(other)
    with pytest.raises(MigrationFailed):
        await running
    assert await tables(other) == {"row_lock", "late"}
    assert await other.fetchval(ROWS) == 0


async def test_a_cancelled_attempt_gives_up_the_row_that_it_got(connection: Connection, other: Connection) -> None:
    await other.execute(ROW.make[0].text)
    slow = replace(ROW, take=Sql(ROW.take.text.replace("VALUES ('it')", "SELECT 'it' FROM pg_sleep(0.5)")))

    async def lock() -> None:
        async with AsyncpgExecutor(connection).lock([slow], 5, unheard):
            pytest.fail("it was cancelled before")

    task = asyncio.create_task(lock())
    await until_sleeping(other)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await until_awake(other)
    assert await other.fetchval(ROWS) == 0


async def test_in_the_callers_transaction_the_row_is_taken_with_it_and_goes_with_it(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    async with connection.transaction():
        assert len((await migrate(connection, two(tmp_path), store=Store())).ran) == 2
    assert await other.fetchval(ROWS) == 0
    await other.execute("INSERT INTO public.row_lock VALUES ('it')")
    with pytest.raises(LockTimeout, match="its row says"):
        async with connection.transaction():
            await migrate(connection, write(tmp_path, {"3_c.sql": "SELECT 1"}), store=Store(), lock_wait=0.1)


async def test_the_row_costs_one_round_trip_and_giving_it_up_none(database: Database, tmp_path: Path) -> None:
    trips = list[int]()
    for number, store in enumerate((Store(), NativeStore(), Store()), 1):
        folder = write(tmp_path, {f"{number}_t.sql": f"CREATE TABLE t{number} (id int);"})
        async with faulty(database.dsn) as (dsn, link):
            assert len((await migrate(dsn, folder, store=store)).ran) == 1
        trips.append(link.seen["down"].count(b"Z"))
    assert trips[2] == trips[1] + 1


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
async def test_behind_a_pooler_the_row_is_taken_and_given_up(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    with pgbouncer(database.dsn, "transaction", tmp_path) as port:
        dsn = f"postgresql://postgres@127.0.0.1:{port}/{database.name}"
        running = asyncio.create_task(
            migrate(dsn, write(tmp_path / "m", {"1_a.sql": "SELECT pg_sleep(1)"}), store=Store())
        )
        await until_sleeping(other)
        assert await other.fetchval(ROWS) == 1
        assert len((await running).ran) == 1
    assert await other.fetchval(ROWS) == 0


@pytest.mark.parametrize(("second", "why"), [(None, "behind a pooler"), ("none", "NoSecond: all are in use")])
async def test_a_row_that_cannot_be_given_up_is_named_with_what_to_do(second: str | None, why: str) -> None:
    @contextlib.asynccontextmanager
    async def none() -> AsyncIterator[Connection]:
        msg = "all are in use"
        raise NoSecond(msg)
        yield

    with pytest.raises(ConnectError) as refused:
        await give_up(none if second else None, 1, [("DELETE", ROW)], 0)
    assert f"its row could not be given up: {why}" in str(refused.value)
    assert str(refused.value).endswith("Delete the row of public.row_lock.")


async def test_making_the_table_needs_the_right_to(database: Database, other: Connection) -> None:
    await other.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await other.execute(f"CREATE ROLE {(name := f'reader_{database.name}')} LOGIN")
    try:
        given = await database.connect(user=name)
        with pytest.raises(Exception, match=r"making the table of the migration lock was refused.*\n.*Grant CREATE"):
            async with AsyncpgExecutor(given).lock([ROW], 1, unheard):
                pass
        await given.close()
    finally:
        await other.execute(f"DROP ROLE {name}")


async def unheard(waiting: LockWaiting) -> None: ...
