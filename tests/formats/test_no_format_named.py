"""A folder that could be another tool's, whose history is in the database, and nobody has named a format."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.formats.foreign import FIXTURES
from trek_asyncpg import AsyncpgBackend
from trek_core import ConfigError, Conversion, Migrator
from trek_loaders import formats

if TYPE_CHECKING:
    from typing import Any

    from tests.support.databases import Connection

ALIKE = ("golang_migrate", "sqlx", "supabase")
"""Fixtures whose files trek could read as its own."""
MINE = "SELECT to_regclass('trek_history') IS NOT NULL"


def migrator(connection: Connection, folder: Path, **options: Any) -> Migrator:
    return Migrator(AsyncpgBackend(connection, plugins=[formats], **options), folder)


async def record(connection: Connection, tmp_path: Path, fixture: str) -> Path:
    """The history that the tool wrote, and its folder, in which every migration has a way up."""
    await connection.execute((FIXTURES / fixture / "history.sql").read_text(encoding="utf-8"))
    await connection.execute("RESET ALL")
    folder = Path(shutil.copytree(FIXTURES / fixture / "migrations", tmp_path / "migrations"))
    for down in folder.glob("*.down.sql"):
        up = Path(str(down).replace(".down.", ".up."))
        up.write_text(up.read_text() if up.exists() else "SELECT 1;")
    return folder


@pytest.mark.parametrize("fixture", ALIKE)
async def test_the_first_run_is_refused_with_what_is_there(
    connection: Connection, tmp_path: Path, fixture: str
) -> None:
    folder, tool = await record(connection, tmp_path, fixture), fixture.replace("_", "-")
    wanted = (
        rf"history of {tool}: .* rows?, the last of .*\n.* the files of '{folder}' .*\n.*\n"
        rf'.*format = "{tool}".*\n.*convert --from {tool}'
    )
    for refused in (migrator(connection, folder).plan(), migrator(connection, folder).migrate("head")):
        with pytest.raises(ConfigError, match=wanted):
            await refused
    with pytest.raises(ConfigError, match=wanted):
        await migrator(connection, folder).status()
    async with connection.transaction():
        with pytest.raises(ConfigError, match=wanted):
            await migrator(connection, folder).migrate()
    assert not await connection.fetchval(MINE)


@pytest.mark.parametrize("fixture", ALIKE)
async def test_the_ways_on_that_are_named_lead_on(connection: Connection, tmp_path: Path, fixture: str) -> None:
    folder, tool = await record(connection, tmp_path, fixture), fixture.replace("_", "-")
    assert not await migrator(connection, folder, format=tool).migrate()
    assert (await migrator(connection, folder, format="native").plan()).actions
    await Conversion(AsyncpgBackend(connection, plugins=[formats]), folder, source=tool).run()
    assert not await migrator(connection, folder, layout=tool, store="native").migrate()


async def test_a_history_of_treks_own_beside_it_is_what_counts(connection: Connection, tmp_path: Path) -> None:
    folder = await record(connection, tmp_path, "sqlx")
    plan = await migrator(connection, folder, format="native").plan()
    await migrator(connection, folder).stamp(plan.actions[-1].revision)
    assert (await migrator(connection, folder).status()).state == "current"
    assert not await migrator(connection, folder).migrate()


@pytest.mark.parametrize(
    "made",
    [
        "TRUNCATE _sqlx_migrations",
        "CREATE SCHEMA other; ALTER TABLE _sqlx_migrations SET SCHEMA other",
        "ALTER TABLE _sqlx_migrations RENAME TO jobs_history",
        "ALTER TABLE _sqlx_migrations DROP checksum",
        "DROP TABLE _sqlx_migrations; CREATE TABLE alembic_version AS SELECT '1'::varchar AS version_num",
    ],
    ids=["empty", "in another schema", "of another name", "of another shape", "of a tool with other files"],
)
async def test_a_table_that_says_nothing_of_these_files_stands_in_no_way(
    connection: Connection, tmp_path: Path, made: str
) -> None:
    folder = await record(connection, tmp_path, "sqlx")
    await connection.execute(made)
    assert (await migrator(connection, folder).plan()).actions


async def test_a_folder_with_files_that_the_tool_would_not_have_is_treks_own(
    connection: Connection, tmp_path: Path
) -> None:
    await record(connection, tmp_path, "golang_migrate")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/0001_users.sql").write_text("CREATE TABLE users (id int);")
    assert (await migrator(connection, tmp_path / "mine").migrate()).ran
    assert not await migrator(connection, tmp_path / "mine").migrate()


async def test_the_folder_of_a_tool_with_treks_table_is_refused_until_its_history_was_taken_over(
    connection: Connection, tmp_path: Path
) -> None:
    folder = await record(connection, tmp_path, "sqlx")
    with pytest.raises(ConfigError, match="convert --from sqlx"):
        await migrator(connection, folder, layout="sqlx", store="native").migrate()


async def test_drizzles_folder_is_told_by_its_journal(connection: Connection) -> None:
    with pytest.raises(ConfigError, match=r"looks like drizzle because of its meta/_journal\.json\.\nName its format"):
        await migrator(connection, FIXTURES / "drizzle/drizzle").plan()
