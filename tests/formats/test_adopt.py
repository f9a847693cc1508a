"""`trek adopt` on what the real tools left, and on what only looks like it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import Project
from tests.docs.pages import blocks
from tests.formats.foreign import FIXTURES
from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator, adopt
from trek_core._config import load_settings
from trek_core._recognise import FITS, OWN_TABLE
from trek_core.plugin import Advisory, Facts, FileSign, History, PluginHost, Provider, Signs, hookimpl
from trek_loaders import formats
from trek_loaders.formats import TOOLS
from trek_loaders.formats._signs import SIGNS

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database, Roles
    from trek_core import Adoption

FOLDERS = {
    "alembic": "versions",
    "drizzle": "drizzle",
    "graphile": "migrations/committed",
    "liquibase": ".",
    "sqitch": "project",
}
"""The folder with the tool's files in a fixture; of the others it is `migrations`."""
NAMES = {"graphile": "graphile-migrate", "pogo": "pogo-migrate"}
RECORDED = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


def tool_of(fixture: str) -> str:
    return NAMES.get(fixture, fixture.replace("_", "-"))


async def load(database: Database, fixture: str) -> Connection:
    """A connection to a database with the tables that the tool left."""
    loading = await database.connect()  # the dump changes the session's settings
    await loading.execute((FIXTURES / fixture / "history.sql").read_text(encoding="utf-8"))
    await loading.close()
    return await database.connect()


class Undone:
    """A transaction that is rolled back."""

    def __init__(self, connection: Connection) -> None:
        self.transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self.transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self.transaction.rollback()


async def look(connection: Connection, folder: Path) -> Adoption:
    return await adopt(AsyncpgBackend(connection, plugins=[formats]), folder)


# --------------------------------------------------------------------------- what the tools left
async def test_of_each_fixture_it_names_the_tool_by_its_files_and_by_its_table(connection: Connection) -> None:
    for fixture in RECORDED:
        folder = FIXTURES / fixture / FOLDERS.get(fixture, "migrations")
        async with Undone(connection):
            await connection.execute((FIXTURES / fixture / "history.sql").read_text(encoding="utf-8"))
            await connection.execute("RESET ALL")
            for given in (folder, folder if fixture == "sqitch" else FIXTURES / fixture):
                found = await look(connection, given)
                assert (found.tool, Path(found.directory)) == (tool_of(fixture), folder)
                assert found.candidates[0].files, fixture
                assert len(found.candidates[0].tables) == 1, fixture  # each table is told once
                assert "search_path" not in found.candidates[0].tables[0], fixture  # it lies where its tool has it
                assert found.available == (found.tool in {*TOOLS, "asyncpg-trek"})
                assert bool(found.configuration) == found.available
                assert found.notes == ()


async def test_the_files_alone_tell_the_tool_unless_several_have_such_names(connection: Connection) -> None:
    for fixture in RECORDED:
        found = await look(connection, FIXTURES / fixture / FOLDERS.get(fixture, "migrations"))
        assert tool_of(fixture) in {one.tool for one in found.candidates}
        assert found.tool == tool_of(fixture) or found.candidates[0].weight == (FITS, 0)
        assert found.notes == ("The database is empty: it has no table at all.",)


TABLES = {
    "dbmate": "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)",
    "golang-migrate": "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)",
    "supabase": (
        "CREATE SCHEMA supabase_migrations; "
        "CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, statements text[], name text)"
    ),
    "Rails": "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); CREATE TABLE ar_internal_metadata (key varchar)",
    "Ecto": "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp)",
    "Hasura": (
        "CREATE SCHEMA hdb_catalog; CREATE TABLE hdb_catalog.hdb_version (i int); "
        "CREATE TABLE hdb_catalog.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)"
    ),
    "Laravel": "CREATE TABLE migrations (id serial, migration varchar, batch int)",
    "TypeORM": "CREATE TABLE migrations (id serial, timestamp bigint, name varchar)",
    "asyncpg-trek": "CREATE TABLE migrations (id serial, from_revision text, to_revision text, timestamp timestamp)",
    "tern": "CREATE TABLE schema_version (version int PRIMARY KEY)",
    "sqlx": (
        "CREATE TABLE other_migrations (version bigint, description text, installed_on timestamptz, success boolean, "
        "checksum bytea, execution_time bigint)"
    ),
}
"""Tables of the same name, or of another than the tool's, told by their columns."""


async def test_tables_of_one_name_are_told_apart_by_their_columns(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "1700000000_title.sql").write_text("SELECT 1;")
    for tool, made in TABLES.items():
        async with Undone(connection):
            await connection.execute(made)
            found = await look(connection, tmp_path)
            assert found.tool == tool or found.candidates[0].weight[1] < OWN_TABLE
            tables = {one.tool for one in found.candidates if one.table}
            assert tables == {tool}


async def test_a_table_of_that_name_with_other_columns_is_nobodys(connection: Connection, tmp_path: Path) -> None:
    await connection.execute("CREATE TABLE schema_migrations (who text, version varchar)")
    found = await look(connection, tmp_path)
    assert found.tool is None
    assert found.notes == (
        f"The folder '{tmp_path}' holds no file.",
        "The database has 1 table, and none is the history of a tool that trek knows.",
    )


# --------------------------------------------------------------------------- a folder of none
async def test_of_a_folder_and_a_database_of_none_it_says_what_it_looked_for(
    connection: Connection, tmp_path: Path
) -> None:
    (tmp_path / "readme.sql").write_text("SELECT 1;")
    found = await look(connection, tmp_path)
    assert (found.tool, found.configuration) == (None, "")
    assert [line.partition(":")[0] for line in found.looked_for] == [one.tool for one in SIGNS]
    assert "goose: the line `-- +goose Up`; the table goose_db_version" in found.looked_for
    assert found.notes == ("The database is empty: it has no table at all.",)


async def test_an_empty_folder_is_said_to_be_one(connection: Connection, tmp_path: Path) -> None:
    found = await look(connection, tmp_path)
    assert found.notes[0] == f"The folder '{tmp_path}' holds no file."


async def test_without_the_folder_the_table_alone_tells(database: Database, tmp_path: Path) -> None:
    found = await look(await load(database, "goose"), tmp_path / "nowhere")
    assert (found.tool, found.directory) == ("goose", "")
    assert found.advice == "Name the folder of its files with --dir."


# --------------------------------------------------------------------------- what it says of a tool
async def test_it_only_reads(database: Database, tmp_path: Path) -> None:
    connection = await load(database, "goose")
    folder = Path(shutil.copytree(FIXTURES / "goose/migrations", tmp_path / "migrations"))
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    await connection.execute("SET default_transaction_read_only = on")
    async with connection.transaction():
        assert (await look(connection, folder)).status
        assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()") is None
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert await connection.fetchval(held) == 0
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


async def test_it_says_what_is_pending_and_what_trek_refuses_with_file_and_line(
    database: Database, tmp_path: Path
) -> None:
    connection = await load(database, "dbmate")
    folder = Path(shutil.copytree(FIXTURES / "dbmate/migrations", tmp_path / "migrations"))
    (folder / "20240103_more.sql").write_text("-- migrate:up\n-- migrate:down\n-- migrate:up\n")
    found = await look(connection, folder)
    assert found.status
    assert (len(found.status.applied), len(found.status.pending)) == (2, 1)
    (refused,) = found.refused
    assert (Path(refused.path).name, refused.line) == ("20240103_more.sql", 3)
    assert "a second `-- migrate:up`" in refused.problem
    assert found.advice.startswith("Settle what is refused")


async def test_what_is_refused_and_applied_already_stands_in_no_way(database: Database) -> None:
    found = await look(await load(database, "alembic"), FIXTURES / "alembic/versions")
    assert [Path(error.path).name for error in found.refused_again] == [
        "aaa111_one.py",
        "bbb222_two.py",
        "ccc333_three.py",
    ]
    assert (found.refused, found.advice) == ((), "Nothing is pending: `trek status --check`.")


async def test_a_folder_that_its_layout_refuses_is_said_with_the_file(database: Database, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FIXTURES / "goose/migrations", tmp_path / "migrations"))
    (folder / "00004_more.go").touch()
    found = await look(await load(database, "goose"), folder)
    assert [Path(error.path).name for error in found.refused] == ["00004_more.go"]
    assert (found.status, found.rows) == (None, 3)


async def test_a_table_outside_the_search_path_is_named_and_the_configuration_finds_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await load(database, "goose")
    await connection.execute("CREATE SCHEMA app; ALTER TABLE goose_db_version SET SCHEMA app")
    await connection.execute("ALTER TABLE app.goose_db_version RENAME TO versions")
    found = await look(connection, FIXTURES / "goose/migrations")
    assert found.candidates[0].tables == (
        "the columns of the table app.versions, named goose_db_version by default, which the search_path does not find",
    )
    assert found.status
    assert len(found.status.applied) == 3
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(found.configuration)
    settings = load_settings(tmp_path, {})
    assert (settings.format, settings.store_settings) == ("goose", {"schema": "app", "table": "versions"})
    backend = AsyncpgBackend(
        connection, format=settings.format, store_settings=settings.store_settings, plugins=[formats]
    )
    assert len((await Migrator(backend, settings.directory).status()).applied) == 3


async def test_of_settings_that_are_there_it_is_said_that_they_stay_without_their_values(database: Database) -> None:
    connection, secret = await load(database, "flyway"), {"placeholders": {"who": "me", "who2": "s3cret"}}
    backend = AsyncpgBackend(connection, format="flyway", layout_settings=secret, plugins=[formats])
    found = await adopt(backend, FIXTURES / "flyway/migrations")
    assert found.configuration.endswith("\n# [tool.trek.layout-settings] stays as it is")
    other = await adopt(
        AsyncpgBackend(connection, format="goose", store_settings={"table": "t"}, plugins=[formats]),
        FIXTURES / "flyway/migrations",
    )
    assert other.configuration.endswith("\n# [tool.trek.store-settings] goes: it was for the store goose")


async def test_a_placeholder_without_a_value_is_said_with_the_line_to_write(database: Database) -> None:
    found = await look(await load(database, "flyway"), FIXTURES / "flyway/migrations")
    assert '[tool.trek.layout-settings]: placeholders = { who2 = "..." }' in str(found.refused[0])


async def test_whoever_holds_the_tools_lock_is_named(database: Database) -> None:
    connection, tool = await load(database, "golang_migrate"), await database.connect()
    await tool.execute("SET application_name = 'the tool'")
    store = PluginHost([formats]).store("golang-migrate").value
    facts = Facts(database=database.name, schema="public")
    for lock in store.locks(History(exists=True, schema="public", facts=facts)):
        assert isinstance(lock, Advisory)
        assert (await look(connection, FIXTURES / "golang_migrate/migrations")).holders == ()
        await tool.execute(f"SELECT pg_advisory_lock({lock.key})")
        (holder,) = (await look(connection, FIXTURES / "golang_migrate/migrations")).holders
        assert holder == f"server process {tool.get_server_pid()}, user postgres, the tool"
        await tool.execute("SELECT pg_advisory_unlock_all()")


async def test_files_of_one_tool_and_the_table_of_another_are_told_and_both_are_candidates(database: Database) -> None:
    found = await look(await load(database, "goose"), FIXTURES / "dbmate/migrations")
    assert found.tool == "dbmate"
    assert [one.tool for one in found.others] == ["goose"]
    (note,) = found.notes
    assert note == (
        "The files are dbmate's, and the database has no table of it, but one of another tool: "
        "goose: the columns of the table public.goose_db_version."
    )


async def test_of_names_that_several_tools_have_it_names_the_others_and_the_table_decides(
    connection: Connection, tmp_path: Path
) -> None:
    for way in ("up", "down"):
        (tmp_path / f"000001_a.{way}.sql").write_text("SELECT 1;")
    found = await look(connection, tmp_path)
    assert found.tool == "golang-migrate"
    assert [one.tool for one in found.others] == ["sqlx", "native"]
    await connection.execute(TABLES["sqlx"].replace("other", "_sqlx"))
    assert (await look(connection, tmp_path)).tool == "sqlx"


# --------------------------------------------------------------------------- the command
async def test_the_page_shows_what_the_command_says(database: Database, tmp_path: Path) -> None:
    connection = await load(database, "goose")
    await connection.execute("DELETE FROM goose_db_version WHERE version_id = 20240102030406")
    shutil.copytree(FIXTURES / "goose/migrations", tmp_path / "migrations")
    (shown,) = [block.text for block in blocks("text", "docs/adopt/README.md") if "trek adopt" in block.text]
    project = Project(tmp_path, database.dsn)
    assert f"$ trek adopt\n{project.run('adopt').out}" == shown.replace("database shop", f"database {database.name}")
    said = project.run("adopt", "--json").json
    assert (said["tool"], said["state"], said["available"]) == ("goose", "pending", True)
    assert [one["state"] for one in said["revisions"]] == ["applied", "applied", "pending"]
    twice = project.run("adopt", database.dsn, "--dsn", database.dsn)
    assert (twice.code, "stands there twice" in twice.err) == (2, True)


async def test_of_a_history_that_may_not_be_read_no_number_of_rows_is_said(
    database: Database, tmp_path: Path, make_role: Roles
) -> None:
    await load(database, "goose")
    shutil.copytree(FIXTURES / "goose/migrations", tmp_path / "migrations")
    role = await make_role()
    dsn = f"{database.dsn}{'&' if '?' in database.dsn else '?'}role={role}"
    said = Project(tmp_path, dsn).run("adopt").out
    assert "its history: reading the history was refused" in said
    assert "0 rows" not in said


# --------------------------------------------------------------------------- the data
async def test_a_plugin_of_a_stranger_says_by_what_its_format_is_known(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "1.shop").write_text("SELECT 1;")
    signs = Signs(tool="shop", files=(FileSign(name=r"[0-9]+\.shop", says="names like 1.shop"),))
    plugin = ModuleType("shop_signs")
    plugin.trek_register_signs = hookimpl(lambda: [Provider("shop", lambda _: [signs])])  # type: ignore[attr-defined]
    found = await adopt(AsyncpgBackend(connection, plugins=[plugin]), tmp_path)
    assert (found.tool, found.available) == ("shop", False)
    assert found.candidates[0].reasons == ("names like 1.shop (1.shop)",)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_table_of_a_tools_store_is_the_one_of_its_signs(tool: str) -> None:
    (signs,) = [one for one in SIGNS if one.tool == tool]
    store = PluginHost([formats]).store(tool).value
    if not hasattr(store, "columns"):
        pytest.skip("its store is not one table with columns")
    sign = next(one for one in signs.tables if one.table == store.table)
    for column, kinds in store.columns.items():
        assert column in sign.columns or column in sign.more
        assert not kinds or set(sign.columns.get(column, kinds)) <= set(kinds)


def test_every_format_has_signs_and_every_tool_has_them_once() -> None:
    tools = [one.tool for one in SIGNS]
    assert len(tools) == len(set(tools))
    assert set(TOOLS) <= set(tools)


async def test_a_folder_that_is_not_there_is_named_when_another_one_is_looked_at(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FIXTURES / "dbmate/migrations", tmp_path / "db/migrations")
    found = await look(connection, Path("nowhere"))
    assert (found.tool, Path(found.directory)) == ("dbmate", Path("db/migrations"))
    assert any("no folder 'nowhere': this is what 'db/migrations' is" in note for note in found.notes)
    for given in ("migrations", "db", "."):
        assert not any("folder" in note for note in (await look(connection, Path(given))).notes)
