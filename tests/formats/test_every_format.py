"""What every format promises of its store: nothing lost, nothing twice, and what is said of a failure is so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.formats.specimens import SPECIMENS, Specimen, Step
from tests.support.faults import Cut, When, faulty
from trek_asyncpg import AsyncpgExecutor
from trek_core import MigrationFailed
from trek_core.errors import Unfinished
from trek_core.events import Done, Failed, Lost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.databases import Connection, Database
    from trek_core import Plan
    from trek_core.events import Result

RUNNERS = 8
STEPS = tuple(Step(f"CREATE TABLE t{n} (i int);", f"DROP TABLE t{n};") for n in range(1, 21))
MADE = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]+$'"
INDEX = Step("CREATE UNIQUE INDEX CONCURRENTLY u ON twice (i);", "DROP INDEX CONCURRENTLY u;", outside=True)
every = pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.format)


async def carry_out(connection: Connection, plan: Plan) -> list[Result]:
    """A plan on an executor of its own, without lock or second look."""
    executor = AsyncpgExecutor(connection)
    await executor.read(plan.origin.store.value.query())
    run = executor.run_as_one if plan.as_one else executor.run
    async with contextlib.aclosing(run(zip(plan.actions, plan.records, strict=True))) as results:
        return [result async for result in results]


@every
async def test_without_a_lock_each_migration_is_applied_once_and_the_others_are_told_that_they_lost(
    specimen: Specimen, database: Database, tmp_path: Path
) -> None:
    runners = [await database.connect() for _ in range(RUNNERS)]
    await specimen.migrator(runners[0], tmp_path, STEPS[:1]).migrate()
    steps = (*STEPS[:1], *(Step(f"INSERT INTO t1 VALUES ({n});", "SELECT 1;") for n in range(2, 5)))
    plan = await specimen.migrator(runners[0], tmp_path, steps).plan()
    everyone = await asyncio.gather(*(carry_out(runner, plan) for runner in runners))
    assert [result.failure for results in everyone for result in results if isinstance(result, Failed)] == []
    done = [result.action.index for results in everyone for result in results if isinstance(result, Done)]
    assert sorted(done) == [0, 1, 2]
    assert sum(isinstance(results[-1], Lost) for results in everyone) == RUNNERS - 1
    assert [row["i"] for row in await runners[0].fetch("SELECT i FROM t1 ORDER BY i")] == [2, 3, 4]
    assert not await specimen.migrator(runners[0], tmp_path, steps).migrate()


@every
async def test_twenty_migrations_share_a_query_and_their_way_back_does(
    specimen: Specimen, database: Database, connection: Connection, tmp_path: Path
) -> None:
    await specimen.migrator(connection, tmp_path, STEPS[:1]).migrate()
    rows = await specimen.shown(connection)
    for target, verb in (("head", "apply"), ("-19", "revert"))[: 1 + specimen.down]:
        async with faulty(database.dsn) as (dsn, link):
            report = await specimen.migrator(dsn, tmp_path, STEPS).migrate(target)
        assert [ran.verb for ran in report.ran] == [verb] * 19
        assert len(link.seen["up"]) <= specimen.messages
    assert await connection.fetchval(MADE) == (1 if specimen.down else 20)
    assert not specimen.down or await specimen.shown(connection) == rows or specimen.grows


@every
async def test_when_the_answer_to_commit_is_lost_the_error_says_what_is_so(
    specimen: Specimen, database: Database, connection: Connection, tmp_path: Path
) -> None:
    """Up, and down where there is a way: no query that is cut short is taken for done, nor one that was done for nothing."""
    await specimen.migrator(connection, tmp_path, STEPS[:1]).migrate()
    losses: tuple[tuple[str, When], ...] = (("head", "half"), ("head", "after"), ("base", "after"))
    for target, when in losses[: 2 + specimen.down]:
        before = await connection.fetchval(MADE)
        error = await lose(specimen, database, tmp_path, target, when)
        after = await connection.fetchval(MADE)
        assert error.failure.outcome == ("committed" if when == "after" else "rolled back"), str(error)
        assert (after == before) == (when == "half")
        assert len(error.report.ran) == abs(after - before)
    assert not await specimen.migrator(connection, tmp_path, STEPS[:4]).migrate(target)


async def test_one_that_came_late_is_found_though_its_row_lies_before_others(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    """Rows without a time are in the order of their names."""
    dbmate = next(one for one in SPECIMENS if one.format == "dbmate")
    await dbmate.migrator(connection, tmp_path, STEPS[:2]).migrate()
    (tmp_path / "0000_t.sql").write_text("-- migrate:up\nCREATE TABLE t0 (i int);\n-- migrate:down\n")
    error = await lose(dbmate, database, tmp_path, "head", "after", steps=STEPS[:2])
    assert (error.failure.outcome, [ran.revision for ran in error.report.ran]) == ("committed", ["0000"])


async def lose(
    specimen: Specimen,
    database: Database,
    folder: Path,
    target: str,
    when: When,
    *,
    steps: Sequence[Step] = STEPS[:4],
) -> MigrationFailed:
    """The error of a run that loses its connection at the query with the migrations."""
    async with faulty(database.dsn, Cut("up", specimen.batch, when)) as (dsn, link):
        with pytest.raises(MigrationFailed) as failed:
            await specimen.migrator(dsn, folder, steps).migrate(target)
        assert link.was_cut
    return failed.value


@every
async def test_of_several_in_a_query_the_failing_one_its_file_and_its_line_are_named(
    specimen: Specimen, connection: Connection, tmp_path: Path
) -> None:
    steps = (*STEPS[:2], Step("CREATE TABLE t3 (i int);\nSELECT 1 / 0;\nSELECT 3;"), *STEPS[3:5])
    with pytest.raises(MigrationFailed) as failed:
        await specimen.migrator(connection, tmp_path, steps).migrate()
    path = next(path for path, text in specimen.write(steps).items() if "1 / 0" in text)
    line = specimen.write(steps)[path].split("SELECT 1 / 0")[0].count("\n") + 1
    assert str(failed.value).startswith(f"{tmp_path / path}:{line}:1: applying ")
    assert failed.value.failure.outcome == "rolled back"
    done = 0 if specimen.format in ("drizzle", "node-pg-migrate") else 2
    assert (len(failed.value.report.ran), await connection.fetchval(MADE)) == (0 if done == 0 else 2, done)
    report = await specimen.migrator(connection, tmp_path, STEPS[:5]).migrate()
    assert len(report.ran) == 5 - done


@pytest.mark.parametrize("specimen", [one for one in SPECIMENS if one.outside], ids=lambda one: one.format)
async def test_what_failed_outside_a_transaction_is_as_the_error_says(
    specimen: Specimen, connection: Connection, tmp_path: Path
) -> None:
    await connection.execute("CREATE TABLE twice AS SELECT 1 AS i FROM generate_series(1, 2)")
    with pytest.raises(MigrationFailed) as failed:
        await specimen.migrator(connection, tmp_path, (*STEPS[:2], INDEX)).migrate()
    error, action = str(failed.value), failed.value.action
    assert failed.value.failure.outcome == "partial"
    assert "It left the INVALID index public.u." in error
    await connection.execute("DELETE FROM twice; DROP INDEX u")
    again = specimen.migrator(connection, tmp_path, (*STEPS[:2], INDEX))
    if specimen.begun:
        assert "Until then trek refuses to go on." in error
        with pytest.raises(Unfinished, match=action.revision):
            await again.migrate()
        await again.repair(action.revision, applied=False)
    else:
        assert f"run again, and trek begins {action.revision} with its first statement" in error
    assert [ran.revision for ran in (await again.migrate()).ran] == [action.revision]
    assert not await again.migrate()


@pytest.mark.parametrize("specimen", [one for one in SPECIMENS if one.outside], ids=lambda one: one.format)
async def test_a_session_that_dies_outside_a_transaction_is_never_said_to_have_left_nothing(
    specimen: Specimen, database: Database, connection: Connection, tmp_path: Path
) -> None:
    await connection.execute("CREATE TABLE twice (i int)")
    blocker = await database.connect()
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("LOCK TABLE twice IN ROW EXCLUSIVE MODE")
    running = asyncio.create_task(specimen.migrator(database.dsn, tmp_path, (*STEPS[:2], INDEX)).migrate())
    busy = (  # of this database: another worker may be at the same test
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE 'CREATE UNIQUE%'"
    )
    async with asyncio.timeout(30):
        while (pid := await connection.fetchval(busy)) is None:
            await asyncio.sleep(0.02)
    await connection.execute(f"SELECT pg_terminate_backend({pid})")
    await transaction.rollback()
    with pytest.raises(MigrationFailed) as failed:
        await running
    assert failed.value.failure.outcome == "partial", str(failed.value)
    assert ("Until then trek refuses" if specimen.begun else "with its first statement") in str(failed.value)


HOSTILE = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()::timestamptz';
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()::timestamptz';
CREATE FUNCTION evil.gen_random_uuid() RETURNS uuid LANGUAGE sql AS 'SELECT evil.trap()::uuid';
CREATE FUNCTION evil.decode(text, text) RETURNS bytea LANGUAGE sql AS 'SELECT evil.trap()::bytea';
CREATE FUNCTION evil.to_char(timestamp, text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.pg_typeof("any") RETURNS regtype LANGUAGE internal AS 'pg_typeof';
CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.later(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT evil.trap()::bigint';
CREATE FUNCTION evil.later(int, int) RETURNS int LANGUAGE sql AS 'SELECT evil.trap()::int';
CREATE FUNCTION evil.later(timestamp, timestamp) RETURNS timestamp LANGUAGE sql AS 'SELECT evil.trap()::timestamp';
CREATE FUNCTION evil.later(boolean, boolean) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()::boolean';
CREATE AGGREGATE evil.max(bigint) (SFUNC = evil.later, STYPE = bigint);
CREATE AGGREGATE evil.max(int) (SFUNC = evil.later, STYPE = int);
CREATE AGGREGATE evil.sum(int) (SFUNC = evil.later, STYPE = int);
CREATE AGGREGATE evil.max(timestamp) (SFUNC = evil.later, STYPE = timestamp);
CREATE AGGREGATE evil.bool_and(boolean) (SFUNC = evil.later, STYPE = boolean);
CREATE FUNCTION evil.same(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()::boolean';
CREATE FUNCTION evil.same(varchar, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.trap()::boolean';
CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = varchar, RIGHTARG = varchar);
CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = varchar, RIGHTARG = text);
"""


@every
async def test_functions_and_operators_of_a_user_are_not_taken_for_those_of_the_catalogue(
    specimen: Specimen, connection: Connection, tmp_path: Path
) -> None:
    await specimen.migrator(connection, tmp_path, STEPS[:1]).migrate()
    await connection.execute(HOSTILE)
    await connection.execute("SET search_path = public, evil, pg_catalog")
    report = await specimen.migrator(connection, tmp_path, STEPS[:3]).migrate()
    assert len(report.ran) == 2
    if specimen.down:
        assert len((await specimen.migrator(connection, tmp_path, STEPS[:3]).migrate("base")).ran) == 3
