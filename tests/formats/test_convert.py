"""`trek convert`: what one tool has recorded, recorded in the table of another, on what the real tools left."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.project import Project
from tests.docs.test_adopt import case_of
from tests.formats.foreign import FIXTURES, told
from tests.formats.test_adopt import load
from trek_asyncpg import AsyncpgBackend
from trek_core import Changed, ConfigError, Conversion, Migrator, Observer, PlanError, Unfinished
from trek_core.events import LockWaiting
from trek_loaders import formats
from trek_loaders.formats import TOOLS

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database

GOOSE = ("1", "20240102030405", "20240102030406")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """goose's folder, which the test may change."""
    return Path(shutil.copytree(FIXTURES / "goose/migrations", tmp_path / "migrations"))


@pytest.fixture
async def recorded(database: Database, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A database with the history that goose wrote."""
    monkeypatch.setenv("FOO", "foo")
    return await load(database, "goose")


def conversion(connection: Connection, folder: Path, source: str, target: str = "native", **options: Any) -> Conversion:
    return Conversion(AsyncpgBackend(connection, plugins=[formats]), folder, source=source, target=target, **options)


def migrator(connection: Connection, folder: Path, **options: Any) -> Migrator:
    return Migrator(AsyncpgBackend(connection, plugins=[formats], **options), folder)


async def rows(connection: Connection, table: str = "goose_db_version") -> list[str]:
    return [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]


async def history(connection: Connection) -> list[tuple[str, str]]:
    found = await connection.fetch("SELECT verb, revision FROM trek_history ORDER BY seq")
    return [tuple(row) for row in found]


# --------------------------------------------------------------------------- there
async def test_a_tools_history_becomes_treks_own_with_its_times_and_the_table_is_left_alone(
    recorded: Connection, folder: Path
) -> None:
    before = await rows(recorded)
    report = await conversion(recorded, folder, "goose").run()
    assert [(ran.verb, ran.revision) for ran in report.ran] == [("mark", revision) for revision in GOOSE]
    assert await rows(recorded) == before
    status = await migrator(recorded, folder, layout="goose", store="native").status()
    assert (status.state, told(status)) == ("current", dict.fromkeys(GOOSE, "applied"))
    same = (
        "SELECT count(*) FROM trek_history JOIN goose_db_version ON version_id::text = revision AND tstamp = started_at"
    )
    assert await recorded.fetchval(same) == 3


async def test_converting_again_writes_nothing_and_later_only_what_came_meanwhile(
    recorded: Connection, folder: Path
) -> None:
    await conversion(recorded, folder, "goose").run()
    before = await rows(recorded, "trek_history")
    again = await conversion(recorded, folder, "goose").plan()
    assert not again
    assert not await conversion(recorded, folder, "goose").run()
    assert await rows(recorded, "trek_history") == before
    (folder / "20250101000000_more.sql").write_text("-- +goose Up\nSELECT 1;\n")
    await migrator(recorded, folder, format="goose").migrate()
    report = await conversion(recorded, folder, "goose").run()
    assert [ran.revision for ran in report.ran] == ["20250101000000"]


async def test_a_plan_writes_nothing_and_its_sql_is_what_would_run(recorded: Connection, folder: Path) -> None:
    plan = await conversion(recorded, folder, "goose").plan()
    assert [(action.verb, action.revision) for action in plan.actions] == [("mark", revision) for revision in GOOSE]
    assert await recorded.fetchval("SELECT to_regclass('trek_history') IS NULL")
    await recorded.execute("\n".join(line for line in plan.sql().splitlines() if not line.startswith("\\")))
    assert not await conversion(recorded, folder, "goose").plan()


# --------------------------------------------------------------------------- and back
async def test_what_trek_went_on_with_goes_back_to_the_tool(recorded: Connection, folder: Path) -> None:
    await conversion(recorded, folder, "goose").run()
    (folder / "20250101000000_more.sql").write_text("-- +goose Up\nSELECT 1;\n")
    await migrator(recorded, folder, layout="goose", store="native").migrate()
    report = await conversion(recorded, folder, "native", "goose").run()
    assert [ran.revision for ran in report.ran] == ["20250101000000"]
    assert (await migrator(recorded, folder, format="goose").status()).state == "current"
    assert not await conversion(recorded, folder, "native", "goose").run()


@pytest.mark.parametrize(("fixture", "name"), [("golang_migrate", "golang-migrate"), ("dbmate", "dbmate")])
async def test_a_table_that_is_made_anew_says_the_same_as_the_tools_own(
    database: Database, fixture: str, name: str
) -> None:
    connection, folder = await load(database, fixture), FIXTURES / fixture / "migrations"
    before = await rows(connection, "schema_migrations")
    await conversion(connection, folder, name).run()
    await connection.execute("DROP TABLE schema_migrations")
    await conversion(connection, folder, "native", name).run()
    assert await rows(connection, "schema_migrations") == before


async def test_edges_are_copied_and_come_back(database: Database) -> None:
    connection, folder = await load(database, "asyncpg_trek"), FIXTURES / "asyncpg_trek/migrations"
    await conversion(connection, folder, "asyncpg-trek").run()
    assert await history(connection) == [("mark", "one"), ("mark", "two")]
    path = "SELECT from_revision || ' ' || to_revision FROM migrations ORDER BY id"
    await connection.execute("TRUNCATE migrations RESTART IDENTITY")
    await conversion(connection, folder, "native", "asyncpg-trek").run()
    assert [row[0] for row in await connection.fetch(path)] == ["initial one", "one two"]


async def test_edges_that_were_copied_into_treks_own_table_go_on_from_there(database: Database, tmp_path: Path) -> None:
    connection = await load(database, "asyncpg_trek")
    folder = Path(shutil.copytree(FIXTURES / "asyncpg_trek/migrations", tmp_path / "migrations"))
    await conversion(connection, folder, "asyncpg-trek").run()
    own = migrator(connection, folder, layout="asyncpg-trek", store="native")
    assert not await own.migrate()
    (folder / "20240103_two_up_three.sql").write_text("CREATE TABLE further (id int);")
    (folder / "20240103_three_down_two.sql").write_text("DROP TABLE further;")
    assert [ran.revision for ran in (await own.migrate()).ran] == ["three"]
    assert [(ran.verb, ran.revision) for ran in (await own.migrate("-1")).ran] == [("revert", "three")]
    assert not await own.migrate("two")
    (folder / "20240103_three_down_one.sql").write_text("DROP TABLE further;")
    await own.migrate("three")
    with pytest.raises(PlanError, match="this history would then say 'two'"):
        await own.migrate("one")


async def test_from_tool_to_tool_revisions_are_those_of_the_same_files(connection: Connection, tmp_path: Path) -> None:
    """Both read such pairs; trek's own names keep the zeros in front, golang-migrate's are numbers."""
    for number in ("0001", "0002"):
        for way in ("up", "down"):
            (tmp_path / f"{number}_a.{way}.sql").write_text("SELECT 1;")
    await migrator(connection, tmp_path).migrate()
    await conversion(connection, tmp_path, "native", "golang-migrate", layout="native").run()
    assert await rows(connection, "schema_migrations") == ["(2,f)"]
    assert not await conversion(connection, tmp_path, "golang-migrate", layout="native").run()


@pytest.mark.parametrize("tool", TOOLS)
async def test_what_each_tool_recorded_becomes_treks_own_and_comes_back_into_a_new_table(
    database: Database, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(tool)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    connection, folder = await load(database, case.fixture), case.path / case.folder
    options: Any = {
        "layout_settings": case.layout_settings,
        "store_settings": case.store_settings,
        "plugins": [formats],
    }
    backend = AsyncpgBackend(connection, format=tool, **options)
    before = told(await Migrator(backend, folder).status())
    await Conversion(backend, folder, source=tool, target="native").run()
    own = AsyncpgBackend(connection, layout=tool, store="native", **{**options, "store_settings": {}})
    assert told(await Migrator(own, folder).status()) == before
    assert not await Migrator(own, folder).migrate()
    assert not await Conversion(backend, folder, source="native", target=tool).run()
    theirs = (
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384 AND relname <> 'trek_history'"
    )
    await connection.execute(f"DROP TABLE {', '.join(row[0] for row in await connection.fetch(theirs))}")
    await Conversion(backend, folder, source="native", target=tool).run()
    assert told(await Migrator(backend, folder).status()) == before


@pytest.mark.parametrize(
    ("tool", "times"),
    [
        ("prisma", "SELECT migration_name, started_at, finished_at"),
        ("atlas", "SELECT version, executed_at"),
        ("sql-migrate", "SELECT id, applied_at"),
        ("flyway", "SELECT installed_rank, version, installed_on"),
        ("sqitch", "SELECT change, committed_at"),
    ],
)
async def test_a_table_that_has_columns_for_times_gets_them_back(database: Database, tool: str, times: str) -> None:
    case = case_of(tool)
    connection, folder = await load(database, case.fixture), case.path / case.folder
    backend = AsyncpgBackend(
        connection,
        format=tool,
        store_settings=case.store_settings,
        layout_settings=case.layout_settings,
        plugins=[formats],
    )
    before = await connection.fetch(f"{times} FROM {case.table} ORDER BY 1")
    await Conversion(backend, folder, source=tool, target="native").run()
    whole = "SCHEMA sqitch" if tool == "sqitch" else f"TABLE {case.table}"
    await connection.execute(f"DROP {whole} CASCADE")
    await Conversion(backend, folder, source="native", target=tool).run()
    assert await connection.fetch(f"{times} FROM {case.table} ORDER BY 1") == before


# --------------------------------------------------------------------------- all or nothing
async def test_what_one_row_cannot_tell_is_refused_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    connection = await database.connect()
    for number in (1, 2, 3):
        (tmp_path / f"{number}_a.up.sql").write_text("SELECT 1;")
    await migrator(connection, tmp_path, layout="golang-migrate", store="native").migrate()
    await migrator(connection, tmp_path, layout="golang-migrate", store="native").repair("2", applied=False)
    with pytest.raises(PlanError, match="holds one version"):
        await conversion(connection, tmp_path, "native", "golang-migrate").run()
    assert await connection.fetchval("SELECT to_regclass('schema_migrations') IS NULL")


async def test_a_target_that_does_not_say_what_was_written_is_seen_before_the_commit(
    recorded: Connection, folder: Path
) -> None:
    """A trigger swallows a row, as a rule, or a store with a mistake, might."""
    await recorded.execute("CREATE TABLE schema_migrations (version varchar PRIMARY KEY)")
    await recorded.execute(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER lose BEFORE INSERT ON schema_migrations FOR EACH ROW WHEN (NEW.version = '1') EXECUTE FUNCTION lose()"
    )
    for file in folder.iterdir():
        file.write_text("-- migrate:up\n-- migrate:down\n-- +goose Up\nSELECT 1;\n")
    (folder / "00001_users.sql").rename(folder / "1_users.sql")
    with pytest.raises(PlanError, match="dbmate's table cannot keep what goose's says: read again, 1 would not count"):
        await conversion(recorded, folder, "goose", "dbmate").run()
    assert await rows(recorded, "schema_migrations") == []
    for name in ("20240102030405_idx.sql", "20240102030406_env.sql"):
        (folder / name).unlink()
    await recorded.execute("DELETE FROM goose_db_version WHERE version_id > 1")
    with pytest.raises(PlanError, match="1 would not count"):
        await conversion(recorded, folder, "goose", "dbmate").run()
    assert await rows(recorded, "schema_migrations") == []


async def test_in_the_callers_transaction_its_rollback_takes_the_copy_back(recorded: Connection, folder: Path) -> None:
    transaction = recorded.transaction()
    await transaction.start()
    assert len((await conversion(recorded, folder, "goose").run()).ran) == 3
    await transaction.rollback()
    assert await recorded.fetchval("SELECT to_regclass('trek_history') IS NULL")


async def test_the_locks_of_both_are_taken_and_their_holder_is_named(
    database: Database, recorded: Connection, folder: Path
) -> None:
    tool, heard = await database.connect(), asyncio.Queue[LockWaiting]()

    async def hear(event: object) -> None:
        if isinstance(event, LockWaiting):
            heard.put_nowait(event)

    await tool.execute("SELECT pg_advisory_lock(4097083626)")
    running = asyncio.create_task(conversion(recorded, folder, "goose", observers=[Observer("ear", hear)]).run())
    async with asyncio.timeout(30):
        assert (await heard.get()).pid == tool.get_server_pid()
        await tool.execute("DELETE FROM goose_db_version WHERE version_id = 20240102030406")
        await tool.execute("SELECT pg_advisory_unlock_all()")
        report = await running
    assert [ran.revision for ran in report.ran] == list(GOOSE[:2])


# --------------------------------------------------------------------------- refusals
async def test_what_is_not_there_is_said(connection: Connection, folder: Path) -> None:
    with pytest.raises(ConfigError, match="there is no history of goose here: goose_db_version was not found"):
        await conversion(connection, folder, "goose").run()
    with pytest.raises(ConfigError, match="both 'goose'"):
        conversion(connection, folder, "goose", "goose")


async def test_what_the_target_has_beyond_the_source_is_named(recorded: Connection, folder: Path) -> None:
    await conversion(recorded, folder, "goose").run()
    await recorded.execute("DELETE FROM goose_db_version WHERE version_id = 20240102030406")
    with pytest.raises(PlanError, match=r"(?s)trek.s history says that 20240102030406 .*--from native --to goose"):
        await conversion(recorded, folder, "goose").run()


async def test_checksums_are_copied_and_an_edited_file_is_named(database: Database, tmp_path: Path) -> None:
    connection = await load(database, "sqlx")
    folder = Path(shutil.copytree(FIXTURES / "sqlx/migrations", tmp_path / "migrations"))
    await conversion(connection, folder, "sqlx").run()
    assert (await migrator(connection, folder, layout="sqlx", store="native").status()).state == "current"
    same = "SELECT count(*) FROM trek_history JOIN _sqlx_migrations USING (checksum)"
    await connection.execute("ALTER TABLE _sqlx_migrations ALTER checksum TYPE text USING encode(checksum, 'hex')")
    assert await connection.fetchval(same) == 2
    await connection.execute("DROP TABLE _sqlx_migrations")
    with (folder / "20240101000000_first_thing.up.sql").open("a") as file:
        file.write("-- edited\n")
    assert (await migrator(connection, folder, layout="sqlx", store="native").status()).state == "changed"
    with pytest.raises(Changed, match=r"20240101000000_first_thing\.\w+\.sql: edited since trek applied it"):
        await conversion(connection, folder, "native", "sqlx").run()


async def test_what_is_unfinished_is_named(database: Database) -> None:
    connection, folder = await load(database, "golang_migrate"), FIXTURES / "golang_migrate/migrations"
    await connection.execute("UPDATE schema_migrations SET dirty = true")
    with pytest.raises(Unfinished, match="golang-migrate has 3 unfinished"):
        await conversion(connection, folder, "golang-migrate").run()


async def test_an_applied_revision_without_a_file_is_copied_to_trek_and_refused_by_a_tool_with_other_names(
    recorded: Connection, folder: Path
) -> None:
    (folder / "20240102030406_env.sql").unlink()
    with pytest.raises(PlanError, match=r"dbmate has no file for .*20240102030406"):
        await conversion(recorded, folder, "goose", "dbmate").run()
    await conversion(recorded, folder, "goose").run()
    status = await migrator(recorded, folder, layout="goose", store="native").status()
    assert told(status)["20240102030406"] == "missing"


# --------------------------------------------------------------------------- the command
async def test_the_command_says_which_settings_stay_and_which_go(database: Database, tmp_path: Path) -> None:
    connection = await load(database, "atlas")
    shutil.copytree(FIXTURES / "atlas/migrations", tmp_path / "migrations")
    lines = '[tool.trek]\nformat = "atlas"\n\n[tool.trek.store-settings]\nschema = "public"\n'
    (tmp_path / "pyproject.toml").write_text(lines)
    project = Project(tmp_path, database.dsn)
    assert (
        "# [tool.trek.store-settings] goes: it was for the store atlas" in project.run("convert", "--from", "atlas").out
    )
    await connection.execute("DROP TABLE atlas_schema_revisions")
    back = project.run("convert", "--from", "native", "--to", "atlas").out
    assert "# [tool.trek.store-settings] stays as it is" in back


def test_the_command_shows_and_writes_and_says_how_to_go_on(
    recorded: Connection, folder: Path, database: Database
) -> None:
    project = Project(folder.parent, database.dsn, {"FOO": "foo"})
    shown = project.run("convert", "--from", "goose", "--dry-run")
    assert (shown.code, len(shown.out.splitlines())) == (0, 4)
    assert "MODE" not in shown.out  # nothing runs: there are marks only
    assert "CREATE TABLE" in project.run("convert", "--from", "goose", "--sql").out
    done = project.run("convert", "--from", "goose")
    assert "3 revisions copied in" in done.out
    (folder.parent / "pyproject.toml").write_text(done.out.partition("pyproject.toml:\n")[2])
    assert project.run("status", "--check").code == 0
    again = project.run("convert", "--from", "goose", "--to", "native")
    assert "native has all that goose has already: nothing was written" in again.out
    back = project.run("convert", "--from", "native", "--to", "goose", "--json")
    assert (back.code, back.json["ran"]) == (0, [])
