"""`transaction="plan"`: all migrations of a plan are one transaction. Whatever goes wrong in the k-th, nothing remains."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from benchmarks.proxy import counted
from tests.run.folders import advisory_locks, applied, clean, settings, tables, until_sleeping, write
from tests.run.test_observers import Ear
from tests.support.faults import Cut, faulty
from trek_asyncpg import AsyncpgBackend, migrate
from trek_asyncpg._lock import Held
from trek_asyncpg.embedded import EmbeddedServer
from trek_core import ConfigError, MigrationFailed, Migrator, PlanError, Rules
from trek_core.events import Done, Failed, RunFailed, RunFinished, RunStarted, Started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

N = 6
every_k = pytest.mark.parametrize("k", range(1, N + 1))
PREPARED = """
    CREATE TABLE counted (revision int);
    CREATE TABLE u (id int CONSTRAINT one_of_a_kind UNIQUE DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE v (id int PRIMARY KEY);
"""
FAILURES = {  # the third line of a migration, its SQLSTATE, and the place; none where only the migration is known
    "parse error": ("SELECT * FORM v;", "42601", ":3:10: "),
    "error with a position": ("SELECT nothing FROM counted;", "42703", ":3:8: "),
    "error without a position": ("SELECT 1 / (count(*) - count(*)) FROM v;", "22012", ":3:1: "),
    "deferred constraint": ("INSERT INTO u VALUES (1), (1);", "23505", ": "),
}
PYTHON = "async def upgrade(connection):\n    await connection.execute('INSERT INTO counted VALUES (4)')\n"


def text(n: int, line: str = "") -> str:
    return f"CREATE TABLE t{n} (id int);\nINSERT INTO counted VALUES ({n});\n{line}\nSELECT 'last';\n"


async def folder(connection: Connection, path: Path, k: int = 0, line: str = "", *, python: bool = False) -> str:
    """A history that exists, and six files, of which the k-th has that line; the fourth is Python if asked for."""
    write(path, {"0_prepared.sql": PREPARED})
    await migrate(connection, path)
    files = {f"{n}_t.sql": text(n, line if n == k else "") for n in range(1, N + 1)}
    if python and k != 4:
        del files["4_t.sql"]
        files["4_t.py"] = PYTHON
    return write(path, files)


async def as_one(connection: Any, path: Path | str, target: str = "head", **options: Any) -> Any:
    return await migrate(connection, path, target, transaction="plan", **options)


async def nothing_remains(connection: Connection) -> None:
    assert await applied(connection) == ["0"]
    assert await connection.fetchval("SELECT count(*) FROM counted") == 0
    assert await tables(connection) == {"counted", "u", "v"}
    await clean(connection)


# --------------------------------------------------------------------------- all of it
@pytest.mark.parametrize("python", [False, True], ids=["SQL only", "one in Python"])
async def test_all_migrations_are_of_one_transaction(connection: Connection, tmp_path: Path, python: bool) -> None:
    report = await as_one(connection, await folder(connection, tmp_path, python=python))
    assert [ran.revision for ran in report.ran] == [str(n) for n in range(1, N + 1)]
    assert await applied(connection) == [str(n) for n in range(N + 1)]
    written = await connection.fetch("SELECT DISTINCT xmin::text FROM trek_history WHERE revision <> '0'")
    worked = await connection.fetch("SELECT DISTINCT xmin::text FROM counted")
    assert len(written) == len(worked) == 1
    assert await connection.fetchval("SELECT count(*) FROM counted") == N
    await clean(connection)


async def test_the_first_run_makes_the_history_in_the_same_transaction(connection: Connection, tmp_path: Path) -> None:
    files = {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "SELECT 1 / 0;"}
    with pytest.raises(MigrationFailed):
        await as_one(connection, write(tmp_path, files))
    assert await connection.fetchval("SELECT to_regclass('public.trek_history')") is None
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);"})
    await as_one(connection, tmp_path)
    assert await applied(connection) == ["1", "2"]


async def test_the_way_down_is_one_transaction_too(connection: Connection, tmp_path: Path) -> None:
    for n in (1, 2, 3):
        down = "SELECT 1 / 0;" if n == 1 else f"DROP TABLE t{n};"
        write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} (id int);\n-- trek: down\n{down}\n"})
    await as_one(connection, tmp_path)
    with pytest.raises(MigrationFailed, match=r"1_t\.sql:3:1: reverting 1 t failed"):
        await as_one(connection, tmp_path, "base")
    assert await tables(connection) == {"t1", "t2", "t3"}
    assert (await as_one(connection, tmp_path, "1")).ran[0].verb == "revert"
    assert await tables(connection) == {"t1"}


async def test_round_trips_are_those_of_one_migration_and_one_more_for_every_hundred(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path)
    async with counted(database.dsn) as (dsn, count):
        through = await asyncpg.connect(dsn)
        count.reset()
        await as_one(through, path)
        assert count.round_trips == 4, count.queries  # history, lock, history, plan
        write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} (id int);" for n in range(7, 157)})
        count.reset()
        await as_one(through, path)
        assert count.round_trips == 5, count.queries
        write(tmp_path, {"157_t.py": PYTHON, "158_t.sql": "SELECT 1;"})
        count.reset()
        await as_one(through, path)
        # BEGIN; the rows; the transaction's number; Python's own; the number again; the rest; COMMIT; the lock
        assert count.round_trips == 3 + 8, count.queries
        await through.close()


# --------------------------------------------------------------------------- the k-th fails
@every_k
@pytest.mark.parametrize("kind", FAILURES)
async def test_a_failure_is_laid_at_its_migration_file_and_line_and_nothing_remains(
    connection: Connection, tmp_path: Path, k: int, kind: str
) -> None:
    line, sqlstate, place = FAILURES[kind]
    path, ear = await folder(connection, tmp_path, k, line, python=True), Ear()
    with pytest.raises(MigrationFailed) as raised:
        await as_one(connection, path, observers=[ear.observer])
    error = raised.value
    assert (error.action.revision, error.failure.sqlstate, error.failure.outcome) == (str(k), sqlstate, "rolled back")
    said = str(error)
    assert f"{k}_t.sql{place}applying {k} t failed" in said
    assert f"Nothing of the plan, {N} migrations in one transaction, remains: it was rolled back." in said
    assert "trek begins again with 1" in said
    assert error.report.ran == ()
    assert set(ear.kinds) == {RunStarted, Started, Failed, RunFailed}
    await nothing_remains(connection)
    write(tmp_path, {f"{k}_t.sql": text(k)})
    assert len((await as_one(connection, path)).ran) == N


async def test_text_that_the_servers_encoding_lacks_is_laid_at_its_file(
    connection: Connection, database: Database, tmp_path: Path
) -> None:
    latin = f"{database.name}_latin"
    await connection.execute(
        f"CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    try:
        other = await asyncpg.connect(database.dsn.replace(database.name, latin))
        path = await folder(other, tmp_path, 4, "SELECT '→';")
        with pytest.raises(MigrationFailed, match=r"4_t\.sql:3:1: applying 4 t failed"):
            await as_one(other, path)
        await nothing_remains(other)
        await other.close()
    finally:
        await connection.execute(f"DROP DATABASE {latin}")


async def test_an_error_of_the_commit_itself_leaves_nothing(connection: Connection, tmp_path: Path) -> None:
    at_commit = (
        "CREATE FUNCTION leaves() RETURNS void LANGUAGE sql AS $$"
        "CREATE TEMP TABLE p (id int PRIMARY KEY) ON COMMIT DELETE ROWS;"
        " CREATE TEMP TABLE c (id int REFERENCES p) ON COMMIT PRESERVE ROWS; $$; SELECT leaves();"
    )
    path = await folder(connection, tmp_path, 2, at_commit)
    with pytest.raises(MigrationFailed, match="unsupported ON COMMIT") as raised:
        await as_one(connection, path)
    assert "Nothing of the plan" in str(raised.value)
    await nothing_remains(connection)


async def test_python_that_raises_leaves_nothing_of_the_sql_before_it(connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path)
    write(tmp_path, {"7_t.py": "async def upgrade(connection):\n    {}['rate']\n", "8_t.sql": "SELECT 1;"})
    with pytest.raises(MigrationFailed, match=r"7_t\.py:2: applying 7 t failed: KeyError"):
        await as_one(connection, path)
    await nothing_remains(connection)


async def test_transactions_of_python_are_savepoints(connection: Connection, tmp_path: Path) -> None:
    catches = """
        import asyncpg

        async def upgrade(connection):
            try:
                async with connection.transaction():
                    await connection.execute("INSERT INTO counted VALUES (99)")
                    await connection.execute("SELECT 1 / 0")
            except asyncpg.DivisionByZeroError:
                await connection.execute("INSERT INTO counted VALUES (7)")
        """
    path = await folder(connection, tmp_path)
    write(tmp_path, {"7_t.py": catches})
    await as_one(connection, path)
    assert await connection.fetchval("SELECT array_agg(revision ORDER BY revision) FROM counted") == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
    ]


async def test_python_that_ends_the_transaction_is_noticed(connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path)
    write(tmp_path, {"7_t.py": "async def upgrade(connection):\n    await connection.execute('COMMIT')\n"})
    with pytest.raises(MigrationFailed, match="it ended the transaction that trek opened") as raised:
        await as_one(connection, path)
    assert raised.value.failure.outcome == "partial"
    assert "What ran before it in this plan stays too: 1, 2, 3, 4, 5, 6." in str(raised.value)
    await clean(connection)


async def test_python_that_commits_and_then_raises_is_noticed_too(connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path)
    raises = "async def upgrade(connection):\n    await connection.execute('COMMIT')\n    {}['rate']\n"
    write(tmp_path, {"7_t.py": raises})
    with pytest.raises(MigrationFailed, match="KeyError") as raised:
        await as_one(connection, path)
    assert raised.value.failure.outcome == "partial"
    await clean(connection)


# --------------------------------------------------------------------------- one does not disturb the next
async def test_settings_and_lock_timeouts_do_not_reach_the_next_migration(
    connection: Connection, tmp_path: Path
) -> None:
    look = "INSERT INTO seen SELECT current_setting('lock_timeout'), current_setting('search_path'), current_user;"
    files = {
        "1_a.sql": "CREATE TABLE seen (timeout text, path text, who text);",
        "2_b.sql": f"-- trek: lock-timeout 7s\n{look}",
        "3_c.sql": look,
        "4_d.sql": f"SET LOCAL search_path = pg_catalog, public; {look.replace('seen', 'public.seen')}",
        "5_e.sql": look,
        "6_f.py": "async def upgrade(connection):\n    await connection.execute(\"SET search_path = ''\")\n",
        "7_g.sql": look,
    }
    before = await settings(connection)
    await as_one(connection, write(tmp_path, files))
    found = [tuple(row)[:2] for row in await connection.fetch("SELECT timeout, path FROM seen")]
    path, timeout = before["search_path"], before["lock_timeout"]
    plain = (timeout, path)
    assert found == [("7s", path), plain, (timeout, "pg_catalog, public"), plain, plain]
    assert await settings(connection) == before


async def test_deferred_constraints_are_deferred_in_every_migration_and_immediate_ones_are_not(
    connection: Connection, tmp_path: Path
) -> None:
    late = "INSERT INTO child VALUES ({0}, {0}); INSERT INTO parent VALUES ({0});"
    caught = """
        DO $$ BEGIN
            INSERT INTO strict VALUES (99);
            RAISE 'it was not checked at once';
        EXCEPTION WHEN foreign_key_violation THEN INSERT INTO parent VALUES (98);
        END $$;
        """
    files = {
        "1_a.sql": """
            CREATE TABLE parent (id int PRIMARY KEY);
            CREATE TABLE child (id int, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            CREATE TABLE strict (parent int REFERENCES parent DEFERRABLE INITIALLY IMMEDIATE);
            """,
        "2_b.sql": late.format(2),
        "3_c.sql": late.format(3) + "ALTER TABLE child ADD COLUMN more int;",
        "4_d.sql": caught,
    }
    with pytest.raises(MigrationFailed, match="pending trigger events"):  # as in a transaction of its own
        await as_one(connection, write(tmp_path, files))
    write(tmp_path, {"3_c.sql": late.format(3), "3a_c.sql": "ALTER TABLE child ADD COLUMN more int;"})
    await as_one(connection, tmp_path)
    assert await connection.fetchval("SELECT array_agg(id ORDER BY id) FROM parent") == [2, 3, 98]


# --------------------------------------------------------------------------- the end comes from outside
async def test_a_cancelled_plan_leaves_nothing(connection: Connection, other: Connection, tmp_path: Path) -> None:
    path, ear = await folder(connection, tmp_path, 5, "SELECT pg_sleep(60);"), Ear()
    run = asyncio.create_task(as_one(connection, path, observers=[ear.observer]))
    await until_sleeping(other)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert Done not in ear.kinds
    assert await advisory_locks(other) == 0
    await nothing_remains(connection)


async def test_a_plan_cancelled_behind_its_commit_is_done(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    """The wait is in the last query, behind its COMMIT: in what gives the lock up."""
    path, ear = await folder(connection, tmp_path), Ear()
    await other.execute("CREATE FUNCTION public.slow() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(60)'")
    async with AsyncpgBackend(connection).connect() as session:
        session._held = Held(release=["SELECT public.slow()"])  # type: ignore[attr-defined]
        migrator = Migrator(AsyncpgBackend(connection), path, transaction="plan", observers=[ear.observer])
        plan = await migrator.plan()
        units = list(zip(plan.actions, plan.records, strict=True))

        async def run() -> list[Any]:
            return [result async for result in session.run_as_one(units)]

        task = asyncio.create_task(run())
        await until_sleeping(other)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await applied(connection) == [str(n) for n in range(N + 1)]


async def test_a_connection_lost_before_the_commit_leaves_nothing_for_sure(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path)
    write(tmp_path, {"4_t.sql": text(4, "SELECT pg_terminate_backend(pg_backend_pid());")})
    write(tmp_path, {"5_t.py": PYTHON})
    (tmp_path / "5_t.sql").unlink()
    with pytest.raises(MigrationFailed) as raised:
        await as_one(connection, path)
    assert raised.value.failure.outcome == "rolled back"
    assert "Nothing of the plan, 6 migrations in one transaction, remains" in str(raised.value)
    assert await applied(other) == ["0"]


async def test_a_connection_lost_with_the_commit_leaves_it_unknown(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path, 4, "SELECT pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(MigrationFailed) as raised:
        await as_one(connection, path)
    failure = raised.value.failure
    assert (failure.outcome, failure.together) == ("unknown", N)
    said = str(raised.value)
    assert "whether the plan, 6 migrations in one transaction, was committed is unknown" in said
    assert await applied(other) == ["0"]


async def test_with_a_dsn_a_new_session_tells_what_became_of_a_lost_plan(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path, 4, "SELECT pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(
        MigrationFailed, match="Nothing of the plan, 6 migrations in one transaction, remains"
    ) as raised:
        await as_one(database.dsn, path)
    assert raised.value.failure.outcome == "rolled back"
    await nothing_remains(connection)
    write(tmp_path, {"4_t.sql": text(4)})
    assert len((await as_one(database.dsn, path)).ran) == N


async def test_where_the_answer_to_the_commit_was_lost_the_whole_plan_is_found(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    path = write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} (id int);" for n in (1, 2, 3)})
    async with faulty(database.dsn, Cut("up", 4, "after")) as (
        dsn,
        link,
    ):  # startup, history, facts, lock, and the plan
        with pytest.raises(
            MigrationFailed, match="All of the plan, 3 migrations in one transaction, was committed"
        ) as raised:
            await as_one(dsn, path)
        assert link.was_cut
    assert [ran.revision for ran in raised.value.report.ran] == ["1", "2", "3"]
    assert not (await as_one(other, path)).ran


# --------------------------------------------------------------------------- in the caller's transaction, and beside others
async def test_in_the_callers_transaction_a_failure_leaves_what_the_caller_did(
    connection: Connection, tmp_path: Path
) -> None:
    path = await folder(connection, tmp_path, 5, "SELECT 1 / (count(*) - count(*)) FROM v;")
    async with connection.transaction():
        await connection.execute("INSERT INTO v VALUES (1)")
        with pytest.raises(MigrationFailed, match=r"5_t\.sql:3:1: ") as raised:
            await as_one(connection, path)
        assert "your transaction was rolled back to where it began, and is open" in str(raised.value)
        assert await connection.fetchval("SELECT count(*) FROM counted") == 0
        write(tmp_path, {"5_t.sql": text(5)})
        await as_one(connection, path)
        assert await connection.fetchval("SELECT count(*) FROM counted") == N
    assert await connection.fetchval("SELECT count(*) FROM v") == 1
    assert await applied(connection) == [str(n) for n in range(N + 1)]
    await clean(connection)


async def test_eight_at_once_apply_a_plan_once(database: Database, connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path, python=True)
    reports = await asyncio.gather(*(as_one(database.dsn, path) for _ in range(8)))
    assert sorted(len(report.ran) for report in reports) == [0] * 7 + [N]
    assert await connection.fetchval("SELECT count(*) FROM counted") == N


async def test_who_was_overtaken_without_a_lock_leaves_nothing_and_plans_anew(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    """As behind a pooler: the history's key alone decides."""
    path = await folder(connection, tmp_path)
    plan = await Migrator(AsyncpgBackend(connection), path, transaction="plan").plan()
    await migrate(other, path, "3")
    units = list(zip(plan.actions, plan.records, strict=True))
    async with AsyncpgBackend(connection).connect() as session:
        results = [result async for result in session.run_as_one(units)]
    assert [type(result).__name__ for result in results] == ["Started", "Lost"]
    assert results[-1].action.revision == "1"
    assert await connection.fetchval("SELECT count(*) FROM counted") == 3
    await clean(connection)


# --------------------------------------------------------------------------- how it is asked for
async def test_rules_and_plans_carry_the_choice(connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path, 3, "SELECT 1 / 0;")
    migrator = Migrator(AsyncpgBackend(connection), path, rules=Rules(transaction="plan"))
    plan = await migrator.plan()
    assert plan.transaction == "plan"
    with pytest.raises(MigrationFailed):
        await Migrator(AsyncpgBackend(connection), path).apply(plan)
    await nothing_remains(connection)


async def test_another_word_is_refused(connection: Connection) -> None:
    with pytest.raises(ConfigError, match="transaction='all' is no choice"):
        await migrate(connection, "migrations", transaction="all")  # type: ignore[arg-type]


async def test_events_tell_of_what_is_committed_only(connection: Connection, other: Connection, tmp_path: Path) -> None:
    path, seen = await folder(connection, tmp_path, python=True), list[list[str]]()
    ear = Ear()
    hear = ear.hear

    async def look(event: Any) -> None:
        await hear(event)
        if isinstance(event, Done):
            seen.append(await applied(other))

    ear.observer = type(ear.observer)("ear", look)
    report = await as_one(connection, path, observers=[ear.observer])
    assert seen == [[str(n) for n in range(N + 1)]] * N
    assert [type(event) for event in ear.events if isinstance(event, RunFinished)] == [RunFinished]
    assert ear.kinds.count(Started) == ear.kinds.count(Done) == N
    assert all(ran.seconds > 0 for ran in report.ran)


# --------------------------------------------------------------------------- what only the server knows
async def test_a_new_type_and_its_values_may_share_a_transaction(connection: Connection, tmp_path: Path) -> None:
    files = {
        "1_a.sql": "CREATE TYPE mood AS ENUM ('ok');",
        "2_b.sql": "ALTER TYPE mood ADD VALUE 'glad';",
        "3_c.sql": "CREATE TABLE days (m mood DEFAULT 'glad'); INSERT INTO days VALUES ('glad');",
    }
    write(tmp_path, files)
    if connection.get_server_version().major < 17:
        with pytest.raises(PlanError, match="seems to use the value 'glad'"):
            await as_one(connection, tmp_path)
        return
    await as_one(connection, tmp_path)
    assert await connection.fetchval("SELECT m::text FROM days") == "glad"


async def test_a_new_value_that_python_uses_is_told_by_the_server(connection: Connection, tmp_path: Path) -> None:
    await migrate(connection, write(tmp_path, {"1_a.sql": "CREATE TYPE mood AS ENUM ('ok');"}))
    uses = 'async def upgrade(connection):\n    await connection.execute("SELECT \'gl" "ad\'::mood")\n'
    write(tmp_path, {"2_b.sql": "ALTER TYPE mood ADD VALUE 'glad';", "3_c.py": uses})
    with pytest.raises(MigrationFailed, match="SQLSTATE 55P04") as raised:
        await as_one(connection, tmp_path)
    assert "`trek migrate` to the migration that adds it first" in str(raised.value)
    assert await applied(connection) == ["1"]


async def test_a_plan_too_large_for_the_lock_table_says_so(pg_bindir: Path | None, tmp_path: Path) -> None:
    small = {"max_locks_per_transaction": "10", "max_connections": "5", "max_wal_senders": "0", "fsync": "off"}
    files = {f"{n:04}_t.sql": f"CREATE TABLE t{n} (id int PRIMARY KEY);" for n in range(1, 601)}
    with EmbeddedServer(bindir=pg_bindir, settings=small) as server:
        connection = await asyncpg.connect(server.dsn("postgres"))
        with pytest.raises(MigrationFailed, match="out of shared memory") as raised:
            await as_one(connection, write(tmp_path, files))
        said = str(raised.value)
        assert "One transaction holds the locks of all 600" in said
        assert "`trek migrate +1000`" in said
        assert "raise max_locks_per_transaction" in said
        assert await tables(connection) == set()
        assert len((await migrate(connection, tmp_path)).ran) == 600
        await connection.close()


async def test_copy_data_go_with_the_plan(connection: Connection, tmp_path: Path) -> None:
    path = await folder(connection, tmp_path)
    copied = "COPY counted FROM STDIN;\n41\n42\n\\.\nINSERT INTO counted VALUES (43);\n"
    write(tmp_path, {"7_t.sql": copied, "8_t.sql": copied.replace("42", "x")})
    with pytest.raises(MigrationFailed, match=r"8_t\.sql:3") as raised:
        await as_one(connection, path)
    assert raised.value.action.revision == "8"
    await nothing_remains(connection)
    (tmp_path / "8_t.sql").unlink()
    await as_one(connection, path)
    assert await connection.fetchval(
        "SELECT array_agg(revision ORDER BY revision) FROM counted WHERE revision > 40"
    ) == [41, 42, 43]
