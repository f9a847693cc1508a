"""The script of a plan, run by psql: what a DBA would do with it, and trek then agrees or says why not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pytest

from tests.run.dba import more
from tests.run.folders import applied
from trek_asyncpg import AsyncpgBackend, testing
from trek_core import MigrationFailed, Migrator, PlanError
from trek_core.plugin import advisory_key

if TYPE_CHECKING:
    from tests.run.dba import Dba
    from tests.run.folders import Connection
    from tests.support.databases import Server


async def test_trek_agrees_with_what_psql_did_up_and_down(dba: Dba, connection: Connection) -> None:
    more(
        dba,
        {
            "2_index.sql": "CREATE INDEX CONCURRENTLY a_id ON a (id);\n-- trek: down\nDROP INDEX CONCURRENTLY a_id;",
            "3_steps.sql": "-- trek: no-transaction\nINSERT INTO a VALUES (1);\nVACUUM a;\nINSERT INTO a VALUES (2);\n"
            "-- trek: down\nDELETE FROM a;",
            "4_comment.sql": "CREATE TABLE b (id int) -- no semicolon, a comment",
        },
    )
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (await dba.migrator.status()).state == "current"
    assert await connection.fetchval("SELECT count(*) FROM a") == 2
    assert not await dba.migrator.plan()
    assert await applied(connection) == ["1", "2", "3", "4"]


async def test_settings_do_not_reach_the_next_migration(dba: Dba, connection: Connection) -> None:
    more(
        dba,
        {
            "2_path.sql": "SET search_path = pg_temp; SET default_transaction_read_only = on;",
            "3_outside.sql": "-- trek: no-transaction\nSET search_path = pg_temp;",
            "4_real.sql": "CREATE TABLE real_one (id int);",
        },
    )
    assert (await dba.runs()).returncode == 0
    assert await connection.fetchval("SELECT to_regclass('public.real_one')::text") == "real_one"
    assert await applied(connection) == ["1", "2", "3", "4"]


async def test_it_stops_at_an_error_and_records_nothing_after_it(dba: Dba, connection: Connection) -> None:
    more(dba, {"2_typo.sql": "CREATE TABEL b (id int);", "3_c.sql": "CREATE TABLE c (id int);"})
    ended = await dba.runs()
    assert ended.returncode == 3
    assert "TABEL" in ended.stderr
    assert await applied(connection) == ["1"]
    assert await connection.fetchval("SELECT to_regclass('c')") is None


async def test_a_failed_concurrent_build_is_not_recorded_as_done(dba: Dba, connection: Connection) -> None:
    more(
        dba,
        {"2_rows.sql": "INSERT INTO a VALUES (1), (1);", "3_u.sql": "CREATE UNIQUE INDEX CONCURRENTLY u ON a (id);"},
    )
    assert (await dba.runs()).returncode == 3
    assert await applied(connection) == ["1", "2"]
    (action,) = (await dba.migrator.plan()).actions
    assert action.resume
    assert action.resume.open


async def test_a_plan_that_resumes_goes_on_in_psql(dba: Dba, connection: Connection) -> None:
    steps = "SET search_path = public;\nINSERT INTO a VALUES (1);\nINSERT INTO late VALUES (2);\nVACUUM a;\n"
    more(dba, {"2_steps.sql": f"-- trek: no-transaction\n{steps}"})
    assert (await dba.runs()).returncode == 3
    await connection.execute("CREATE TABLE late (id int)")
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not await dba.migrator.plan()
    assert await connection.fetchval("SELECT count(*) FROM a") == 1
    assert await connection.fetchval("SELECT count(*) FROM late") == 1
    states = await connection.fetch("SELECT state FROM trek_history WHERE revision = '2' AND step = 0 ORDER BY seq")
    assert [row["state"] for row in states] == ["abandoned", "done"]


PYTHON = "async def upgrade(connection):\n    pass\n\n\nasync def downgrade(connection):\n    pass\n"


@pytest.mark.parametrize("mode", ["", "no_transaction = True\n"])
async def test_no_script_is_made_of_python_and_what_to_do_instead_leads_to_the_head(
    dba: Dba, connection: Connection, mode: str
) -> None:
    more(dba, {"2_p.py": mode + PYTHON, "3_c.sql": "CREATE TABLE c (id int);", "4_q.py": PYTHON})
    with pytest.raises(PlanError) as refused:
        await dba.runs()
    first, line = ("2_p.py", 1 + mode.count("\n"))
    assert f"2 p: it is Python ({dba.migrator.directory}/{first}:{line})" in str(refused.value)
    assert refused.value.revisions == ("2", "4")
    assert await steps_of(dba, refused.value) == ["plan +1", "migrate +1", "plan +1", "migrate"]
    assert (await dba.migrator.status()).state == "current"
    assert await applied(connection) == ["1", "2", "3", "4"]


async def steps_of(dba: Dba, error: PlanError) -> list[str]:
    """Does what the message says, line by line."""
    steps = re.findall(r"^  trek (plan|migrate)(?: (\S+))?", str(error).partition("In this order")[2], re.MULTILINE)
    for command, target in steps:
        where = target if target and not target.startswith("--") else "head"
        if command == "plan":
            ended = await dba.runs(where)
            assert (ended.returncode, ended.stderr) == (0, "")
        else:
            await dba.migrator.migrate(where)
    return [f"{command} {target}".removesuffix("--sql").strip() for command, target in steps]


async def test_the_steps_for_a_plan_with_python_are_right_for_a_revision_and_on_the_way_down(
    dba: Dba, connection: Connection
) -> None:
    down = "CREATE TABLE c (id int);\n-- trek: down\nDROP TABLE c;"
    more(dba, {"2_p.py": PYTHON, "3_c.sql": down, "4_q.py": PYTHON, "5_d.sql": "SELECT 1;"})
    with pytest.raises(PlanError) as refused:
        await dba.runs("4")
    assert await steps_of(dba, refused.value) == ["plan 1", "migrate 2", "plan 3", "migrate 4"]
    with pytest.raises(PlanError) as refused:
        await dba.runs("1")
    assert await steps_of(dba, refused.value) == ["migrate -1", "plan -1", "migrate 1"]
    assert [one.revision for one in (await dba.migrator.status()).applied] == ["1"]


async def test_with_python_in_it_a_plan_in_one_transaction_is_left_to_trek(dba: Dba) -> None:
    dba.migrator.transaction = "plan"
    more(dba, {"2_p.py": PYTHON})
    with pytest.raises(PlanError, match="one transaction, which only trek can run: trek migrate --transaction plan"):
        await dba.runs()


async def test_the_script_of_a_plan_in_one_transaction_runs_whole_or_not_at_all(
    dba: Dba, connection: Connection
) -> None:
    dba.migrator.transaction = "plan"
    sets = "-- trek: lock-timeout 2s\nSET search_path = pg_catalog; SELECT 1;"
    more(dba, {"2_b.sql": sets, "3_c.sql": "CREATE TABLE c (id int);", "4_d.sql": "SELECT 1 / 0;"})
    ended = await dba.runs()
    assert "division by zero" in ended.stderr
    assert await connection.fetchval("SELECT to_regclass('public.a')") is None
    assert await applied(connection) == []
    more(dba, {"4_d.sql": "INSERT INTO c VALUES (1);"})
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert await applied(connection) == ["1", "2", "3", "4"]
    assert not await dba.migrator.plan()


async def test_the_script_of_a_plan_in_one_transaction_begins_and_ends_it_once(dba: Dba) -> None:
    dba.migrator.transaction = "plan"
    more(dba, {"2_b.sql": "-- trek: lock-timeout 2s\nSELECT 2;", "3_c.sql": "SELECT 3;"})
    script = (await dba.migrator.plan()).sql()
    assert script.count("BEGIN ISOLATION LEVEL READ COMMITTED;") == 1
    assert script.count("\nCOMMIT;") == 1
    assert script.count("SET CONSTRAINTS ALL IMMEDIATE;") == 3
    assert script.count("SET CONSTRAINTS ALL DEFERRED;") == 2
    assert script.index("SET LOCAL lock_timeout") < script.index("RESET lock_timeout;") < script.index("SELECT 3;")


# --------------------------------------------------------------------------- the history, the lock, the database
async def test_it_runs_once_and_says_the_second_time_that_the_history_is_another(
    dba: Dba, connection: Connection
) -> None:
    script = (await dba.migrator.plan()).sql()
    assert dba.run(script).returncode == 0
    again = dba.run(script)
    assert again.returncode == 3
    assert "made for a database without public.trek_history, and here is one" in again.stderr
    assert await applied(connection) == ["1"]


@pytest.mark.parametrize("there", [["1"], ["1", "2", "3"], ["1", "2", "2 back"]])
async def test_it_does_nothing_where_the_history_is_behind_or_has_moved_on_or_is_of_another_database(
    dba: Dba, connection: Connection, server: Server, there: list[str]
) -> None:
    more(dba, {"2_b.sql": "SELECT 1;\n-- trek: down\nSELECT 1;", "3_c.sql": "SELECT 3;"})
    await dba.migrator.migrate("2")
    script = (await dba.migrator.plan()).sql()
    async with testing.database(server) as second:
        other = await second.connect()
        for step in there:
            await Migrator(AsyncpgBackend(other), dba.migrator.directory).migrate(step if " " not in step else "-1")
        before = await other.fetch("SELECT * FROM trek_history")
        ended = dba.run(script, second.dsn)
        assert ended.returncode == 3
        assert "made for another history: public.trek_history with 2 rows, the newest of which is '2 apply 2 done'" in (
            ended.stderr
        )
        assert await other.fetch("SELECT * FROM trek_history") == before


async def test_a_database_without_the_history_is_refused_and_one_with_the_same_history_is_not(
    dba: Dba, connection: Connection, server: Server
) -> None:
    more(dba, {"2_b.sql": "CREATE TABLE b (id int);"})
    await dba.migrator.migrate("1")
    script = (await dba.migrator.plan()).sql()
    async with testing.database(server) as second:
        assert '"public.trek_history" does not exist' in dba.run(script, second.dsn).stderr
        other = Migrator(AsyncpgBackend(second.dsn), dba.migrator.directory)
        await other.migrate("1")
        assert dba.run(script, second.dsn).returncode == 0
        assert (await other.status()).state == "current"


LOCKS = (  # tests in other databases take the same
    "SELECT * FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def test_it_holds_the_lock_and_gives_it_up(dba: Dba, connection: Connection) -> None:
    more(dba, {"2_b.sql": f"CREATE TABLE locks AS {LOCKS} AND granted;"})
    script = (await dba.migrator.plan()).sql()
    assert dba.run(f"{script}\nCREATE TABLE later AS {LOCKS};").returncode == 0
    key = advisory_key("trek\0public.trek_history") % 2**64
    held = await connection.fetch("SELECT classid, objid FROM locks")
    assert [(row["classid"] << 32) | row["objid"] for row in held] == [key]
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM later WHERE (classid::bigint, objid::bigint) = ($1, $2)", *divmod(key, 2**32)
        )
        == 0
    )


async def test_while_trek_is_at_work_it_does_nothing_and_does_not_wait(
    dba: Dba, connection: Connection, other: Connection
) -> None:
    script = (await dba.migrator.plan()).sql()
    await other.execute("SELECT pg_advisory_lock($1)", advisory_key("trek\0public.trek_history"))
    ended = dba.run(script)
    assert ended.returncode == 3
    assert "somebody else holds the migration lock; nothing was changed" in ended.stderr
    assert await applied(connection) == []


async def test_a_script_for_an_empty_database_expects_the_one_that_was_named(dba: Dba, connection: Connection) -> None:
    """Without a history the database tells nothing of itself when the plan is made."""
    backend = AsyncpgBackend(connection, expect_database="another")
    script = (await Migrator(backend, dba.migrator.directory).plan()).sql()
    assert "this is not the database another; nothing was changed" in dba.run(script).stderr
    assert await applied(connection) == []
    name = await connection.fetchval("SELECT current_database()")
    backend = AsyncpgBackend(connection, expect_database=name)
    assert dba.run((await Migrator(backend, dba.migrator.directory).plan()).sql()).returncode == 0


async def test_after_a_failure_that_the_history_tells_of_the_script_goes_on(dba: Dba, connection: Connection) -> None:
    more(dba, {"2_b.sql": "SELECT 1 / 0;"})
    with pytest.raises(MigrationFailed):
        await dba.migrator.migrate()
    more(dba, {"2_b.sql": "SELECT 2;"})
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (await dba.migrator.status()).state == "current"


@pytest.mark.parametrize("expected", ["name", "identity", "same"])
async def test_of_a_database_that_was_expected_the_script_expects_it_as_well(
    dba: Dba, connection: Connection, server: Server, expected: str
) -> None:
    await dba.migrator.migrate()
    more(dba, {"2_b.sql": "SELECT 2;"})
    status = await dba.migrator.status()
    word = {"name": status.database, "identity": status.identity}.get(expected, "same")
    backend = AsyncpgBackend(connection, expect_database=word)
    script = (await Migrator(backend, dba.migrator.directory).plan()).sql()
    async with testing.database(server) as second:
        await Migrator(AsyncpgBackend(second.dsn), dba.migrator.directory).migrate("1")
        ended = dba.run(script, second.dsn)
        assert ended.returncode == 3
        assert "this is not the database" in ended.stderr
    assert dba.run(script).returncode == 0
    assert (await dba.migrator.status()).state == "current"


@pytest.mark.parametrize("transaction", ["each", "plan"])
async def test_who_runs_it_sees_what_the_migrations_give_and_nothing_of_the_history(
    dba: Dba, connection: Connection, transaction: Literal["each", "plan"]
) -> None:
    dba.migrator.transaction = transaction
    more(dba, {"2_b.sql": "CREATE TABLE b (id int PRIMARY KEY DEFERRABLE);\nSELECT 'mine' AS whose;"})
    if transaction == "each":
        more(dba, {"3_c.sql": "-- trek: no-transaction\nVACUUM a;\nINSERT INTO b VALUES (1);"})
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["whose", "-------", "mine", "(1", "row)"]
    assert not await dba.migrator.plan()


@pytest.mark.parametrize("transaction", ["each", "plan"])
async def test_a_migration_that_took_its_row_away_is_an_error_there_too(
    dba: Dba, connection: Connection, transaction: Literal["each", "plan"]
) -> None:
    dba.migrator.transaction = transaction
    more(dba, {"2_b.sql": "CREATE TABLE b (id int);\nDELETE FROM trek_history WHERE revision = '2';"})
    ended = await dba.runs()
    assert ended.returncode == 3
    assert "of public.trek_history is gone or was changed; found: no row" in ended.stderr
    assert await connection.fetchval("SELECT to_regclass('b')") is None
    assert await applied(connection) == (["1"] if transaction == "each" else [])
