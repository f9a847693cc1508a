"""What must never be mistaken for an empty or a shorter history."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import applied, history, tables, two, write
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_asyncpg.embedded._binaries import in_wheel
from trek_core import ConfigError, MigrationFailed, Migrator, PlanOutdated, ReadOnly

if TYPE_CHECKING:
    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles

HOSTILE = {
    "renames the schema and makes it anew": "ALTER SCHEMA public RENAME TO old; CREATE SCHEMA public;",
    "moves the history aside and makes one of its shape": (
        "ALTER SCHEMA public RENAME TO old; CREATE SCHEMA public; CREATE TABLE public.trek_history"
        " (LIKE old.trek_history INCLUDING DEFAULTS, CONSTRAINT trek_history_key PRIMARY KEY (seq));"
    ),
    "deletes every row": "CREATE TABLE b (id int); DELETE FROM public.trek_history;",
    "moves every row": "UPDATE public.trek_history SET seq = seq + 100;",
    "drops the table": "CREATE TABLE b (id int); DROP TABLE public.trek_history;",
    "renames the table": "ALTER TABLE public.trek_history RENAME TO elsewhere;",
}
OWN = {
    "deletes its row": "DELETE FROM public.trek_history WHERE revision = '2';",
    "completes its row": "UPDATE public.trek_history SET state = 'done' WHERE revision = '2';",
    "moves its row": "UPDATE public.trek_history SET seq = seq + 100 WHERE revision = '2';",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_a_body_that_takes_the_history_away_is_rolled_back(
    connection: Connection, tmp_path: Path, body: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    write(tmp_path, {"2_hostile.sql": body})
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder)
    assert failed.value.failure.outcome == "rolled back"
    assert "2 hostile" in str(failed.value)
    assert await history(connection) == [("1", "apply", "done")]
    assert await tables(connection) == {"a"}


@pytest.mark.parametrize("moment", ["BEFORE INSERT", "BEFORE UPDATE", "BEFORE INSERT OR UPDATE OF state"])
async def test_a_trigger_that_may_take_its_rows_away_is_refused_and_named(
    connection: Connection, tmp_path: Path, moment: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    await connection.execute(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        f'CREATE TRIGGER "Swallow" {moment} ON trek_history FOR EACH ROW EXECUTE FUNCTION swallow()'
    )
    assert (await status(connection, folder)).state == "current"
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);"})
    with pytest.raises(ReadOnly, match='DISABLE TRIGGER "Swallow"'):
        await migrate(connection, folder)
    assert await tables(connection) == {"a"}
    await connection.execute('ALTER TABLE trek_history DISABLE TRIGGER "Swallow"')
    await migrate(connection, folder)
    assert await applied(connection) == ["1", "2"]


@pytest.mark.parametrize("what", ["INSERT", "UPDATE"])
async def test_a_rule_that_takes_its_rows_away_is_refused_and_named(
    connection: Connection, tmp_path: Path, what: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    await connection.execute(f"CREATE RULE none AS ON {what} TO trek_history DO INSTEAD NOTHING")
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);", "3_c.sql": "CREATE TABLE c (id int);"})
    with pytest.raises(ReadOnly, match='DISABLE RULE "none"'):
        await migrate(connection, folder)
    assert await tables(connection) == {"a"}


MADE = "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER s BEFORE"
TAKING = {
    "a trigger": f"{MADE} INSERT OR UPDATE ON trek_history FOR EACH ROW EXECUTE FUNCTION swallow();",
    "a trigger of updates": f"{MADE} UPDATE ON trek_history FOR EACH ROW EXECUTE FUNCTION swallow();",
    "a rule": "CREATE RULE none AS ON INSERT TO trek_history DO INSTEAD NOTHING;",
}
FAILING = {"3_c.sql": "SELECT 1 / 0;"}


async def falls_short(connection: Connection, path: Path, body: str, transaction: str) -> bool:
    """Whether the migration is committed without its row: it would run again."""
    await migrate(connection, write(path, {"1_a.sql": "CREATE TABLE a (id int);"}), "1")
    folder = write(path, {"2_b.sql": body})
    with contextlib.suppress(MigrationFailed):
        await migrate(connection, folder, transaction=transaction)
    return ("b" in await tables(connection)) != (("2", "apply", "done") in await history(connection))


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("body", TAKING.values(), ids=TAKING)
@pytest.mark.parametrize("after", [{}, FAILING], ids=["the last", "before one that fails"])
async def test_a_body_alone_that_lets_no_row_be_written_is_rolled_back(
    connection: Connection, tmp_path: Path, body: str, transaction: str, after: dict[str, str]
) -> None:
    write(tmp_path, after)
    alone = f"SET LOCAL work_mem = '4MB'; CREATE TABLE b (id int); {body}"
    assert not await falls_short(connection, tmp_path, alone, transaction)


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("kind", ["a trigger", "a rule"])
async def test_a_body_in_a_shared_query_that_lets_no_row_be_written_is_rolled_back(
    connection: Connection, tmp_path: Path, kind: str, transaction: str
) -> None:
    assert not await falls_short(connection, tmp_path, f"CREATE TABLE b (id int); {TAKING[kind]}", transaction)


@pytest.mark.parametrize("kind", ["a trigger", "a rule"])
async def test_it_is_also_where_the_next_one_fails(connection: Connection, tmp_path: Path, kind: str) -> None:
    write(tmp_path, FAILING)
    assert not await falls_short(connection, tmp_path, f"CREATE TABLE b (id int); {TAKING[kind]}", "each")


@pytest.mark.parametrize("moment", ["AFTER INSERT OR UPDATE", "BEFORE DELETE"])
async def test_a_trigger_that_can_take_no_row_away_is_none_of_its_business(
    connection: Connection, tmp_path: Path, moment: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    await connection.execute(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        f"CREATE TRIGGER note {moment} ON trek_history FOR EACH ROW EXECUTE FUNCTION note()"
    )
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);"})
    await migrate(connection, folder)
    assert await applied(connection) == ["1", "2"]


@pytest.mark.parametrize("body", OWN.values(), ids=OWN)
async def test_a_row_that_is_written_in_front_of_the_body_is_there_behind_it(
    connection: Connection, tmp_path: Path, body: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    write(tmp_path, {"2_hostile.sql": f"SET LOCAL work_mem = '4MB'; {body}"})
    with pytest.raises(MigrationFailed, match="2 hostile"):
        await migrate(connection, folder)
    assert await history(connection) == [("1", "apply", "done")]


@pytest.mark.parametrize("body", OWN.values(), ids=OWN)
async def test_a_row_that_is_written_behind_the_body_is_no_prey_of_it(
    connection: Connection, tmp_path: Path, body: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    write(tmp_path, {"2_hostile.sql": body})
    await migrate(connection, folder)
    assert await history(connection) == [("1", "apply", "done"), ("2", "apply", "done")]


async def test_a_body_that_writes_its_row_itself_is_rolled_back(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, folder)
    row = "INSERT INTO trek_history (seq, revision, verb, title, state) VALUES (2, '2', 'apply', '', 'done')"
    write(tmp_path, {"2_hostile.sql": f"CREATE TABLE b (id int); {row};"})
    with pytest.raises(MigrationFailed, match="That key is the history's"):
        await migrate(connection, folder)
    assert await history(connection) == [("1", "apply", "done")]
    assert await tables(connection) == {"a"}


async def test_rows_hidden_by_row_security_are_an_error_not_an_empty_history(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    role = await make_role("LOGIN")
    await connection.execute(
        f"GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};"
        "ALTER TABLE trek_history ENABLE ROW LEVEL SECURITY"
    )
    with pytest.raises(ConfigError, match="row security hides rows of public"):
        await migrate(await database.connect(user=role), folder)
    assert await applied(connection) == ["1", "2"]


async def test_a_temporary_table_of_that_name_is_not_the_history(connection: Connection, tmp_path: Path) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    await connection.execute("CREATE TEMPORARY TABLE trek_history (LIKE public.trek_history INCLUDING ALL)")
    assert not await migrate(connection, folder)
    assert (await status(connection, folder)).state == "current"


async def test_a_schema_in_front_on_the_search_path_makes_no_second_history(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    await other.execute("CREATE SCHEMA front; SET search_path = front, public")
    assert not await migrate(other, folder)
    await other.execute("SET search_path = ''")
    assert not await migrate(other, folder)


async def test_a_table_of_another_shape_is_refused_and_left_alone(connection: Connection, tmp_path: Path) -> None:
    await connection.execute("CREATE TABLE trek_history (version text); INSERT INTO trek_history VALUES ('mine')")
    with pytest.raises(ConfigError, match="another shape"):
        await migrate(connection, two(tmp_path))
    assert await connection.fetchval("SELECT version FROM trek_history") == "mine"
    assert await tables(connection) == set()


async def test_a_view_in_the_place_of_the_history_is_refused(connection: Connection, tmp_path: Path) -> None:
    await connection.execute("CREATE VIEW trek_history AS SELECT 1 AS seq")
    with pytest.raises(ConfigError, match="another shape"):
        await migrate(connection, two(tmp_path))


SHRUNK = {
    "the table is dropped": "DROP TABLE public.trek_history",
    "all rows are deleted": "DELETE FROM public.trek_history",
    "the last row is deleted": "DELETE FROM public.trek_history WHERE seq = 2",
    "a row in the middle is deleted": "DELETE FROM public.trek_history WHERE seq = 1",
}


@pytest.mark.parametrize("deed", SHRUNK.values(), ids=SHRUNK)
async def test_a_history_that_shrinks_between_plan_and_run_stops_the_run(
    connection: Connection, other: Connection, tmp_path: Path, deed: str
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    write(tmp_path, {"3_c.sql": "CREATE TABLE c (id int);"})
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    await other.execute(deed)
    with pytest.raises(PlanOutdated, match="history lost rows"):
        await migrator.apply(plan)
    assert await tables(connection) == {"a", "b"}


async def test_a_stale_plan_does_not_slip_in_after_a_deleted_row(connection: Connection, tmp_path: Path) -> None:
    """Plan for 2 and 3; another runner writes 2 and reverts it; the row numbers of the stale plan must not fit again."""
    folder = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;"})
    await migrate(connection, folder)
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);\n-- trek: down\nDROP TABLE b;"})
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    await migrate(connection, folder)
    await migrate(connection, folder, "base")
    with pytest.raises(PlanOutdated):
        await migrator.apply(plan)
    assert await tables(connection) == set()


async def test_a_publication_for_all_tables_is_warned_of(connection: Connection, tmp_path: Path) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    try:
        await connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    except asyncpg.PostgresError as error:  # pragma: no cover - servers that reserve it
        pytest.skip(f"no such publication here: {error}")
    report = await migrate(connection, folder)
    assert any("FOR ALL TABLES" in warning and "trek_history" in warning for warning in report.warnings)
    assert await applied(connection) == ["1", "2"]


def _pg_dump(pg_bindir: Path | None) -> str | None:
    places = [folder for folder in (pg_bindir, in_wheel()) if folder]
    return next((str(p / "pg_dump") for p in places if (p / "pg_dump").exists()), shutil.which("pg_dump"))


async def test_a_dumped_and_restored_history_goes_on_where_it_was(
    connection: Connection, database: Database, pg_bindir: Path | None, tmp_path: Path
) -> None:
    program = _pg_dump(pg_bindir)
    if program is None:
        pytest.skip("no pg_dump with this server's programs")
    folder = two(tmp_path / "m")
    await migrate(connection, folder)
    command = [program, "--no-owner", "--inserts", "-d", database.dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pg_dump does not fit this server: {done.stderr.strip()}")
    sql = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("\\"))
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    restored = await database.connect()
    await restored.execute(sql)
    assert not await migrate(connection, folder)
    write(tmp_path / "m", {"3_c.sql": "CREATE TABLE c (id int);"})
    assert [ran.revision for ran in (await migrate(connection, folder)).ran] == ["3"]
    assert await applied(connection) == ["1", "2", "3"]


async def test_a_history_name_full_of_sql_is_only_a_name(connection: Connection, tmp_path: Path) -> None:
    name = 'a"; drop table x; --'
    await connection.execute("CREATE TABLE x (id int)")
    folder = two(tmp_path)
    await migrate(connection, folder, schema=name)
    assert not await migrate(connection, folder, schema=name)
    assert await tables(connection) == {"x", "a", "b"}
    assert await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = $1", name) == 1


async def test_a_migration_adds_a_row_to_the_history_and_nothing_else(connection: Connection, tmp_path: Path) -> None:
    """The first name is as long as a file's may be."""
    names = [f"1{'0' * 30}{number}{'x' * 200}" for number in range(3)]
    folder = write(tmp_path, {f"{name}.sql": f"CREATE TABLE t{n} (id int);" for n, name in enumerate(names)})
    await migrate(connection, folder)
    assert len(await applied(connection)) == 3
    objects = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 't_'"
    assert await connection.fetchval(objects) == 2, "the table, and the index of its key"
