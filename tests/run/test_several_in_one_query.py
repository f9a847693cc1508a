"""Eight migrations in one query, and whatever may go wrong in the k-th: who is done, who failed, what the next run does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, clean, tables, until, until_awake, until_sleeping, write
from tests.run.test_observers import Ear
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator
from trek_core.events import Done, Failed, Lost, RunFailed, RunFinished, RunStarted, Started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

N = 8
every_k = pytest.mark.parametrize("k", range(1, N + 1))
PREPARED = """
    CREATE TABLE counted (revision int);
    CREATE TABLE u (id int CONSTRAINT one_of_a_kind UNIQUE DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE v (id int PRIMARY KEY);
"""
AT_COMMIT = (
    "CREATE FUNCTION leaves() RETURNS void LANGUAGE sql AS $$"
    "CREATE TEMP TABLE p (id int PRIMARY KEY) ON COMMIT DELETE ROWS;"
    " CREATE TEMP TABLE c (id int REFERENCES p) ON COMMIT PRESERVE ROWS; $$; SELECT leaves();"
)
FAILURES = {  # the third line of a migration, its SQLSTATE, and the place; none where only the migration is known
    "parse error": ("SELECT * FORM v;", "42601", ":3:10: "),
    "error with a position": ("SELECT nothing FROM counted;", "42703", ":3:8: "),
    "error without a position": ("SELECT 1 / (count(*) - count(*)) FROM v;", "22012", ":3:1: "),
    "unique violation": ("INSERT INTO v VALUES (1), (1);", "23505", ":3:1: "),
    "deferred constraint": ("INSERT INTO u VALUES (1), (1);", "23505", ":3:1: "),
    "error of the COMMIT": (AT_COMMIT, "0A000", ": "),
}


def text(n: int, line: str = "") -> str:
    """A migration that counts how often it ran; no key, so that a second run would be seen."""
    return f"CREATE TABLE t{n} (id int);\nINSERT INTO counted VALUES ({n});\n{line}\nSELECT 'last';\n"


async def folder(connection: Connection, path: Path, k: int = 0, line: str = "") -> str:
    """A history that exists, and eight files, of which the k-th has that line."""
    write(path, {"0_prepared.sql": PREPARED})
    await migrate(connection, path)
    return write(path, {f"{n}_t.sql": text(n, line if n == k else "") for n in range(1, N + 1)})


def numbers(first: int, last: int) -> list[str]:
    return [str(n) for n in range(first, last + 1)]


async def stands(connection: Connection, done: list[str]) -> None:
    """History, tables and counts must all say that exactly these ran, once."""
    assert await applied(connection) == ["0", *done]
    assert await tables(connection) - {"counted", "u", "v"} == {f"t{n}" for n in done}
    found = await connection.fetch("SELECT revision::text FROM counted ORDER BY revision")
    assert [row["revision"] for row in found] == done


async def goes_on(connection: Connection, path: Path, k: int, done: list[str]) -> None:
    """The mended folder is finished by the next run, on a connection that is as before."""
    await clean(connection)
    assert not await connection.fetchval("SELECT current_setting('trek.done', true)")
    write(path, {f"{k}_t.sql": text(k)})
    report = await migrate(connection, path)
    assert [ran.revision for ran in report.ran] == [n for n in numbers(1, N) if n not in done]
    await stands(connection, numbers(1, N))


async def test_all_of_them_are_done_in_order_and_say_what_was_measured(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    report = await migrate(connection, await folder(connection, tmp_path), observers=[ear.observer])
    assert ear.kinds == [RunStarted, *[Started, Done] * N, RunFinished]
    assert next(event.together for event in ear.events if isinstance(event, Started)) == N
    assert {(ran.seconds, ran.together) for ran in report.ran} == {(report.ran[0].seconds, N)}
    await stands(connection, numbers(1, N))
    await clean(connection)


async def test_each_is_a_transaction_of_its_own_and_its_row_has_its_own_times(
    connection: Connection, tmp_path: Path
) -> None:
    await migrate(connection, await folder(connection, tmp_path, 4, "SELECT pg_sleep(0.3);"))
    found = await connection.fetch("SELECT revision, xmin::text AS x, duration FROM trek_history WHERE revision <> '0'")
    assert len({row["x"] for row in found}) == N
    assert [row["revision"] for row in found if row["duration"] > 0.25] == ["4"]


# --------------------------------------------------------------------------- errors
@every_k
@pytest.mark.parametrize("kind", FAILURES)
async def test_what_was_before_is_done_and_the_failure_is_laid_where_it_belongs(
    connection: Connection, tmp_path: Path, kind: str, k: int
) -> None:
    line, sqlstate, place = FAILURES[kind]
    ear, before = Ear(), numbers(1, k - 1)
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, await folder(connection, tmp_path, k, line), observers=[ear.observer])
    error = failed.value
    assert (error.action.revision, error.failure.sqlstate, error.failure.outcome) == (str(k), sqlstate, "rolled back")
    assert f"{k}_t.sql{place}applying {k} t failed" in str(error)
    assert [ran.revision for ran in error.report.ran] == before
    assert ear.kinds == [RunStarted, *[Started, Done] * (k - 1), Started, Failed, RunFailed]
    assert [event.action.revision for event in ear.events[1:-1:2]] == [*before, str(k)]
    await stands(connection, before)
    await goes_on(connection, tmp_path, k, before)


async def test_of_two_that_cannot_be_parsed_the_first_is_named(connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path, 3, "SELEC;")
    write(tmp_path, {"6_t.sql": text(6, "SELEC;")})
    with pytest.raises(MigrationFailed, match=r"3_t\.sql:3:1: applying 3 t failed"):
        await migrate(connection, path)
    await stands(connection, ["1", "2"])


async def test_an_error_that_runs_comes_before_one_that_cannot_be_parsed(
    connection: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path, 7, "SELEC;")
    write(tmp_path, {"5_t.sql": text(5, "SELECT 1/0;")})
    with pytest.raises(MigrationFailed, match=r"5_t\.sql:3:1: applying 5 t failed"):
        await migrate(connection, path)
    await stands(connection, numbers(1, 4))


@every_k
async def test_text_that_the_servers_encoding_lacks_is_laid_at_its_migration(
    database: Database, connection: Connection, tmp_path: Path, k: int
) -> None:
    """It is refused before anything runs, and without a position."""
    name = f"{database.name}_latin"
    await connection.execute(f"CREATE DATABASE {name} ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    latin = await asyncpg.connect(database.dsn.replace(database.name, name))
    try:
        with pytest.raises(MigrationFailed) as failed:
            await migrate(latin, await folder(latin, tmp_path, k, "SELECT '漢';"))
        assert (failed.value.action.revision, failed.value.failure.sqlstate) == (str(k), "22P05")
        await stands(latin, numbers(1, k - 1))
        await goes_on(latin, tmp_path, k, numbers(1, k - 1))
    finally:
        await latin.close()
        await connection.execute(f"DROP DATABASE {name}")


@every_k
async def test_a_lock_timeout_holds_for_its_own_migration(
    connection: Connection, other: Connection, tmp_path: Path, k: int
) -> None:
    path = await folder(connection, tmp_path)
    write(
        tmp_path, {f"{k}_t.sql": "-- trek: lock-timeout 30ms\nSELECT current_setting('lock_timeout');\nLOCK TABLE v;"}
    )
    async with other.transaction():
        await other.execute("LOCK TABLE v")
        with pytest.raises(MigrationFailed, match=rf"{k}_t\.sql:3:1: ") as failed:
            await migrate(connection, path, lock_patience=0)
    assert failed.value.failure.sqlstate == "55P03"
    assert await connection.fetchval("SHOW lock_timeout") == "0"
    await stands(connection, numbers(1, k - 1))
    await goes_on(connection, tmp_path, k, numbers(1, k - 1))


@every_k
async def test_the_sessions_statement_timeout_is_each_statements(
    connection: Connection, tmp_path: Path, k: int
) -> None:
    await connection.execute("SET statement_timeout = 300")
    path = await folder(connection, tmp_path, k, "SELECT pg_sleep(20);")
    for n in range(1, k):  # together longer than the timeout
        write(tmp_path, {f"{n}_t.sql": text(n, "SELECT pg_sleep(0.1);")})
    with pytest.raises(MigrationFailed, match=rf"{k}_t\.sql:3:1: ") as failed:
        await migrate(connection, path)
    assert failed.value.failure.sqlstate == "57014"
    await stands(connection, numbers(1, k - 1))
    await goes_on(connection, tmp_path, k, numbers(1, k - 1))


async def test_a_deadlock_is_laid_at_the_statement_that_waited(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path, 5, "LOCK TABLE u; LOCK TABLE v;")
    await other.execute("SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE v")
    run = asyncio.create_task(migrate(connection, path, lock_timeout=0, lock_patience=0))
    await until(lambda: waiting(other), "the migration waits")
    await other.execute("LOCK TABLE u; ROLLBACK")
    with pytest.raises(MigrationFailed, match=r"5_t\.sql:3:15: ") as failed:
        await run
    assert failed.value.failure.sqlstate == "40P01"
    await stands(connection, numbers(1, 4))
    await goes_on(connection, tmp_path, 5, numbers(1, 4))


async def waiting(other: Connection) -> object:
    here = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    return await other.fetchval(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN ({here})")


# --------------------------------------------------------------------------- two runners
@every_k
async def test_a_step_that_another_runner_was_faster_with_is_lost_and_the_rest_goes_on(
    connection: Connection, other: Connection, tmp_path: Path, k: int
) -> None:
    path, ear = await folder(connection, tmp_path), Ear()
    row = f"(seq, revision, verb, title, state) VALUES ({k + 1}, '{k}', 'apply', 't', 'done')"
    await other.execute(f"BEGIN; INSERT INTO trek_history {row}")
    run = asyncio.create_task(migrate(connection, path, observers=[ear.observer]))
    await until(lambda: waiting(other), "the guard of the k-th waits")
    await other.execute("COMMIT")
    report = await run
    others = [n for n in numbers(1, N) if n != str(k)]
    assert [ran.revision for ran in report.ran] == others
    assert [event.action.revision for event in ear.events if isinstance(event, Lost)] == [str(k)]
    assert await applied(connection) == numbers(0, N)
    assert await tables(connection) - {"counted", "u", "v"} == {f"t{n}" for n in others}
    await clean(connection)


# --------------------------------------------------------------------------- cancellation and death
@every_k
@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_run_tells_what_is_committed_and_leaves_nothing_of_the_rest(
    connection: Connection, other: Connection, tmp_path: Path, k: int, times: int
) -> None:
    ear, before = Ear(), numbers(1, k - 1)
    path = await folder(connection, tmp_path, k, "SELECT pg_sleep(20);")
    run = asyncio.create_task(migrate(connection, path, observers=[ear.observer]))
    await until_sleeping(other)
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    await until_awake(other)
    assert await advisory_locks(other) == 0
    heard = [event.action.revision for event in ear.events if isinstance(event, Done)]
    assert (heard, ear.kinds[-2:]) == (before, [Started, RunFailed])
    await stands(connection, before)
    await goes_on(connection, tmp_path, k, before)


@every_k
async def test_of_a_lost_connection_nothing_is_claimed_and_a_later_run_is_right(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, k: int
) -> None:
    path = await folder(other, tmp_path, k, "SELECT pg_sleep(20);")
    run = asyncio.create_task(migrate(connection, path))
    await other.execute(f"SELECT pg_terminate_backend({await until_sleeping(other)})")
    with pytest.raises(MigrationFailed) as failed:
        await run
    failure, message = failed.value.failure, str(failed.value)
    assert (failure.outcome, failure.together, failed.value.action.revision) == ("unknown", N, "1")
    assert failed.value.report.ran == ()
    assert "which of 1, 2, 3, 4, 5, 6, 7, 8 were committed is unknown" in message
    assert "Not begun" not in message
    await stands(other, numbers(1, k - 1))
    await goes_on(other, tmp_path, k, numbers(1, k - 1))


async def test_a_timeout_of_the_connection_is_meant_for_each_of_them(database: Database, tmp_path: Path) -> None:
    impatient = await database.connect(command_timeout=0.5)
    path = await folder(impatient, tmp_path)
    write(tmp_path, {f"{n}_t.sql": text(n, "SELECT pg_sleep(0.2);") for n in range(1, N + 1)})
    assert [ran.revision for ran in (await migrate(impatient, path)).ran] == numbers(1, N)
    await stands(impatient, numbers(1, N))
    await clean(impatient)


async def test_a_way_down_goes_together_too(connection: Connection, tmp_path: Path) -> None:
    downs = {f"{n}_t.sql": f"CREATE TABLE t{n} ();\n-- trek: down\nDROP TABLE t{n};" for n in range(1, N + 1)}
    path = write(tmp_path, {"0_prepared.sql": PREPARED, **downs})
    await migrate(connection, path)
    report = await Migrator(AsyncpgBackend(connection), path).migrate("0")
    assert [(ran.verb, ran.revision, ran.together) for ran in report.ran] == [
        ("revert", n, N) for n in reversed(numbers(1, N))
    ]
    assert await tables(connection) == {"counted", "u", "v"}
