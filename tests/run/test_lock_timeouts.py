"""Waiting for what others hold: short attempts with pauses, again only where nothing happened, and never without a limit."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.run.folders import applied, clean, history, tables, until, until_sleeping, write
from tests.run.test_observers import Ear
from trek_asyncpg import migrate
from trek_asyncpg._patience import LONGEST_PAUSE, REST, Patience
from trek_asyncpg._settings import RunSettings
from trek_core import MigrationFailed
from trek_core.events import Blocked, Done, Failure, Started
from trek_core.testing._drive import action

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

A = {"1_a.sql": "CREATE TABLE a (id int); CREATE TABLE tries (n int, l text); CREATE SEQUENCE tried;"}
TRY = "SELECT nextval('tried');\n"  # a sequence keeps its number when the transaction is rolled back
ALTER = TRY + "ALTER TABLE a ADD COLUMN x int;\n"
PYTHON = """
    async def upgrade(connection):
        await connection.execute("SELECT nextval('tried')")
        await connection.execute("ALTER TABLE a ADD COLUMN x int")
"""
REPORTED = """
CREATE FUNCTION tell() RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'limit %', current_setting('lock_timeout'); END $$;
"""


async def prepared(connection: Connection, tmp_path: Path, files: dict[str, str]) -> str:
    folder = write(tmp_path, A)
    await migrate(connection, folder)
    return write(tmp_path, files)


async def tried(connection: Connection) -> int:
    return await connection.fetchval("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tried")


async def run_until(connection: Connection, other: Connection, folder: str, attempts: int, **options: Any) -> list[Any]:
    """Migrates while `other` holds table a, which it gives free after so many attempts; the events."""
    ear = Ear()
    await other.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
    run = asyncio.create_task(migrate(connection, folder, observers=[ear.observer], **options))

    await until(lambda: enough(other, attempts), f"{attempts} attempts")
    await other.execute("ROLLBACK")
    await run
    return ear.events


# --------------------------------------------------------------------------- the schedule
@pytest.mark.parametrize(
    ("name", "text"), [("2_b.sql", ALTER), ("2_b.py", PYTHON)], ids=["several in one query", "python"]
)
async def test_a_migration_that_finds_a_table_locked_is_tried_again_until_it_is_free(
    connection: Connection, other: Connection, tmp_path: Path, name: str, text: str
) -> None:
    folder = await prepared(connection, tmp_path, {name: text})
    await run_until(connection, other, folder, 3)
    assert await history(connection) == [("1", "apply", "done"), ("2", "apply", "done")]
    assert await connection.fetchval("SELECT count(*) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum = 2")
    assert await connection.fetchval("SHOW lock_timeout") == "0"
    await clean(connection)


async def test_every_attempt_has_its_own_short_limit_as_the_server_sees_it(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    limits: list[str] = []
    connection.add_log_listener(lambda _, message: limits.append(message.message))
    await connection.execute(REPORTED)
    folder = await prepared(connection, tmp_path, {"2_b.sql": "SELECT tell();\n" + ALTER})
    await run_until(connection, other, folder, 6)
    assert len(limits) >= 6
    wanted = ["limit 50ms", "limit 100ms", "limit 100ms", *["limit 200ms"] * len(limits)]
    assert limits == wanted[: len(limits)]


async def test_no_attempt_is_as_long_as_the_deadlock_timeout(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    limits: list[str] = []
    connection.add_log_listener(lambda _, message: limits.append(message.message))
    await connection.execute(REPORTED + "SET deadlock_timeout = '80ms'")
    folder = await prepared(connection, tmp_path, {"2_b.sql": "SELECT tell();\n" + ALTER})
    await run_until(connection, other, folder, 4)
    assert limits[:4] == ["limit 50ms", "limit 64ms", "limit 64ms", "limit 64ms"]


async def test_with_a_limit_of_its_own_each_attempt_has_that(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    limits: list[str] = []
    connection.add_log_listener(lambda _, message: limits.append(message.message))
    await connection.execute(REPORTED)
    text = "-- trek: lock-timeout 30ms\nSELECT tell();\n" + ALTER
    folder = await prepared(connection, tmp_path, {"2_b.sql": text})
    await run_until(connection, other, folder, 3, lock_timeout=5)
    assert set(limits) == {"limit 30ms"}


def failure(sqlstate: str) -> Failure:
    return Failure(RuntimeError(), "", sqlstate=sqlstate)


def attempts(settings: RunSettings, number: int) -> list[tuple[float | None, float]]:
    """The limit of each attempt, and the pause after it."""
    patience, found = Patience(action("a"), settings, repeats=True), []
    for _ in range(number):
        limit, pause = patience.lock_timeout, patience.pause(failure("55P03"))
        assert pause is not None
        found.append((limit, pause))
        patience.again()
    return found


def test_the_pauses_are_longer_than_the_stall_they_follow_differ_and_have_an_end() -> None:
    several = [attempts(RunSettings(lock_patience=1e9), 40) for _ in range(5)]
    for limit, pause in itertools.chain(*several):
        assert limit is not None
        assert 0 < limit <= 0.2
        assert REST * limit <= pause <= 2 * LONGEST_PAUSE
    assert len({pause for _, pause in itertools.chain(*several)}) > 150


def test_without_patience_there_is_one_attempt_and_it_has_a_limit() -> None:
    patience = Patience(action("a"), RunSettings(lock_patience=0), repeats=True)
    assert patience.lock_timeout == 0.05
    assert patience.pause(failure("55P03")) is None


def test_what_is_no_lock_is_not_tried_again() -> None:
    patience = Patience(action("a"), RunSettings(), repeats=True)
    assert {patience.pause(failure(code)) for code in ("23505", "57014", "", "40000", "25P02")} == {None}


async def test_when_patience_ends_it_fails_and_nothing_remains(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    async with other.transaction():
        await other.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed, match=r"2_b\.sql:2:1: ") as failed:
            await migrate(connection, folder, lock_patience=0.5)
    assert failed.value.failure.sqlstate == "55P03"
    assert failed.value.failure.outcome == "rolled back"
    assert failed.value.failure.blocked is not None
    assert failed.value.failure.blocked.attempts == await tried(other) >= 2
    assert await history(connection) == [("1", "apply", "done")]
    await clean(connection)


# --------------------------------------------------------------------------- what is tried again
RAISE = "DO $$ BEGIN IF nextval('tried') < 3 THEN RAISE EXCEPTION USING ERRCODE = '{}'; END IF; END $$;"
RAISE_PYTHON = """
    async def upgrade(connection):
        await connection.execute(\"\"\"{}\"\"\")
        await connection.execute("INSERT INTO tries VALUES (1)")
"""


@pytest.mark.parametrize("code", ["55P03", "40001", "40P01"])
@pytest.mark.parametrize("kind", ["sql", "python"])
async def test_what_the_server_says_may_be_repeated_is_and_happens_once(
    connection: Connection, tmp_path: Path, code: str, kind: str
) -> None:
    text = RAISE.format(code)
    body = text + "INSERT INTO tries VALUES (1);" if kind == "sql" else RAISE_PYTHON.format(text)
    folder = await prepared(connection, tmp_path, {"2_b.sql" if kind == "sql" else "2_b.py": body})
    assert len((await migrate(connection, folder)).ran) == 1
    assert await tried(connection) == 3
    assert await connection.fetchval("SELECT count(*) FROM tries") == 1
    assert await history(connection) == [("1", "apply", "done"), ("2", "apply", "done")]


@pytest.mark.parametrize("code", ["23505", "57014", "P0001", "25006"])
async def test_any_other_failure_is_told_at_once(connection: Connection, tmp_path: Path, code: str) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": RAISE.format(code)})
    with pytest.raises(MigrationFailed):
        await migrate(connection, folder)
    assert await tried(connection) == 1


COMMITS = """
    async def upgrade(connection):
        await connection.execute("SELECT nextval('tried')")
        await connection.execute("INSERT INTO tries VALUES (1)")
        await connection.execute("{ends}")
        await connection.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '55P03'; END $$")
"""


@pytest.mark.parametrize("ends", ["COMMIT", "COMMIT; BEGIN", "ROLLBACK"])
async def test_a_python_migration_that_ended_its_transaction_is_not_tried_again(
    connection: Connection, tmp_path: Path, ends: str
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.py": COMMITS.format(ends=ends)})
    with pytest.raises(MigrationFailed):
        await migrate(connection, folder)
    assert await tried(connection) == 1


@pytest.mark.parametrize("kind", ["sql", "python"])
async def test_outside_a_transaction_nothing_is_tried_again(connection: Connection, tmp_path: Path, kind: str) -> None:
    text = RAISE.format("55P03")
    python = (
        "no_transaction = True\n\nasync def upgrade(connection):\n    await connection.execute('''" + text + "''')\n"
    )
    files = {"2_b.sql": "-- trek: no-transaction\n" + text} if kind == "sql" else {"2_b.py": python}
    folder = await prepared(connection, tmp_path, files)
    with pytest.raises(MigrationFailed):
        await migrate(connection, folder)
    assert await tried(connection) == 1


async def test_in_the_callers_transaction_nothing_is_tried_again_and_the_limit_is_the_callers(
    connection: Connection, tmp_path: Path
) -> None:
    look = "INSERT INTO tries VALUES (1, current_setting('lock_timeout'));"
    folder = await prepared(connection, tmp_path, {"2_look.sql": look, "3_b.sql": RAISE.format("55P03")})
    async with connection.transaction():
        await connection.execute("SET lock_timeout = '7s'")
        with pytest.raises(MigrationFailed):
            await migrate(connection, folder)
        assert await connection.fetchval("SELECT l FROM tries") == "7s"
    assert await tried(connection) == 1


# --------------------------------------------------------------------------- several in one query
@pytest.mark.parametrize("k", [2, 4, 6])
async def test_those_before_the_one_that_waits_are_done_and_the_rest_follows_it(
    connection: Connection, other: Connection, tmp_path: Path, k: int
) -> None:
    files = {f"{n}_t.sql": f"CREATE TABLE t{n} (id int);" for n in range(2, 7)}
    folder = await prepared(connection, tmp_path, {**files, f"{k}_t.sql": ALTER})
    events = await run_until(connection, other, folder, 2)
    assert await applied(other) == [str(n) for n in range(1, 7)]
    told = [(type(e), e.action.revision) for e in events if isinstance(e, Started | Blocked | Done)]
    once = [one for one, _ in itertools.groupby(told)]
    wanted = [(kind, str(n)) for n in range(2, k) for kind in (Started, Done)]
    wanted += [(Started, str(k)), (Blocked, str(k)), (Done, str(k))]
    wanted += [(kind, str(n)) for n in range(k + 1, 7) for kind in (Started, Done)]
    assert once == wanted
    assert len(await history(connection)) == 6


async def test_while_the_kth_waits_those_before_it_are_committed(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_t.sql": "CREATE TABLE t (id int);", "3_b.sql": ALTER})
    async with other.transaction():
        await other.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(MigrationFailed, match=r"3_b\.sql:2:1"):
            await migrate(connection, folder, lock_patience=0.3)
    assert await applied(other) == ["1", "2"]
    assert [len((await migrate(connection, folder)).ran), await applied(other)] == [1, ["1", "2", "3"]]


# --------------------------------------------------------------------------- others
async def test_waiting_for_another_runners_row_is_waiting_too(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": "CREATE TABLE b (id int);"})
    row = "INSERT INTO trek_history (seq, revision, verb, title, state) VALUES (2, 'x', '', '', '')"
    await other.execute(f"BEGIN; {row}")
    ear = Ear()
    run = asyncio.create_task(migrate(connection, folder, observers=[ear.observer]))
    await until(lambda: heard(ear, 2), "it was told twice that the migration waits")
    await other.execute("ROLLBACK")
    assert len((await run).ran) == 1
    assert await history(connection) == [("1", "apply", "done"), ("2", "apply", "done")]


async def heard(ear: Ear, number: int) -> bool:
    return sum(isinstance(event, Blocked) for event in ear.events) >= number


async def test_in_a_deadlock_with_an_application_the_application_survives(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    await connection.execute("CREATE TABLE b (id int); INSERT INTO b VALUES (1)")
    text = "ALTER TABLE a ADD COLUMN x int;\nSELECT pg_sleep(0.2);\nALTER TABLE b ADD COLUMN x int;\n"
    folder = await prepared(connection, tmp_path, {"2_b.sql": text})
    await other.execute("SET deadlock_timeout = '500ms'; BEGIN; UPDATE b SET id = 2")
    run = asyncio.create_task(migrate(connection, folder))
    await until_sleeping(other)
    await other.execute("SELECT FROM a; COMMIT")  # waits for the migration, which is about to wait for us
    await run
    assert await connection.fetchval("SELECT id FROM b") == 2
    assert await applied(connection) == ["1", "2"]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await connection.fetchval(deadlocks) == 0


async def test_readers_go_on_between_the_attempts(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    """How long one waits at most is measured by benchmarks/readers.py."""
    reader = await database.connect()
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await other.execute("BEGIN; SELECT count(*) FROM a")
    run = asyncio.create_task(migrate(connection, folder))
    for number in range(2, 5):
        await until(lambda: enough(other, number), f"{number} attempts")  # noqa: B023 - awaited here
        await reader.fetch("SELECT * FROM a")
        assert not run.done()
    await other.execute("COMMIT")
    await run


async def enough(connection: Connection, number: int) -> bool:
    return await tried(connection) >= number


# --------------------------------------------------------------------------- cancelled
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("when", ["waiting sql", "pausing sql", "waiting py", "pausing py"])
async def test_a_run_that_is_cancelled_while_it_waits_leaves_a_usable_connection(
    connection: Connection, other: Connection, tmp_path: Path, when: str, times: int
) -> None:
    moment, suffix = when.split()
    folder = await prepared(connection, tmp_path, {f"2_b.{suffix}": ALTER if suffix == "sql" else PYTHON})
    sessions = await count_sessions(other)
    await other.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
    ear = Ear()
    own = {"lock_timeout": 10} if moment == "waiting" else {}
    run = asyncio.create_task(migrate(connection, folder, observers=[ear.observer], **own))
    await until(lambda: heard(ear, 1 if moment == "waiting" else 2), "the migration waits")
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run
    await other.execute("ROLLBACK")
    assert await history(other) == [("1", "apply", "done")]
    assert await tables(other) == {"a", "tries"}
    await clean(connection)
    await until(lambda: as_many(other, sessions), "the second connection is closed")


async def count_sessions(connection: Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")


async def as_many(connection: Connection, number: int) -> bool:
    return await count_sessions(connection) == number


async def test_a_session_that_dies_while_it_waits_is_not_tried_again(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await other.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
    run = asyncio.create_task(migrate(connection, folder, lock_timeout=10))
    await until(lambda: enough(other, 1), "the migration waits")
    await other.execute(f"SELECT pg_terminate_backend({connection.get_server_pid()})")
    with pytest.raises(MigrationFailed) as failed:
        await run
    assert failed.value.failure.outcome == "unknown"
    assert isinstance(failed.value.__cause__, asyncpg.PostgresError | asyncpg.InterfaceError | OSError)
