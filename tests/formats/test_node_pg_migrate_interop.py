"""node-pg-migrate itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_node_pg_migrate import CASE
from tests.formats.tools import npm, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "1700000000000_people": "-- Up Migration\nCREATE TABLE people (id int);\n-- Down Migration\nDROP TABLE people;\n",
    "20231114221321000_i": "-- Up Migration\nCREATE INDEX i ON people (id);\n-- Down Migration\nDROP INDEX i;\n",
    "1700000002000_orders": (
        "-- Down Migration\nDROP TABLE orders;\n-- Up Migration\nCREATE TABLE orders (id int);\nINSERT INTO orders VALUES (1)"
    ),
    "1700000002000_Zeta": "-- Up Migration\n-- Down Migration\n",
}
NAMES = [*FILES]
SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"


class NodePgMigrate:
    """The tool on a folder and a database."""

    def __init__(self, program: str, folder: Path, dsn: str) -> None:
        self.program, self.folder = program, folder
        self.environment = {"DATABASE_URL": url(dsn)}

    async def __call__(self, *words: str) -> str:
        command = (self.program, *words, "-m", str(self.folder))
        return await asyncio.to_thread(run, *command, cwd=self.folder.parent, environment=self.environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    return write(made, 4)


@pytest.fixture
def tool(folder: Path, database: Database) -> NodePgMigrate:
    return NodePgMigrate(npm("node-pg-migrate", "node_modules/.bin/node-pg-migrate", "pg"), folder, database.dsn)


def write(folder: Path, number: int) -> Path:
    """The first so many files, and no other."""
    for at, (name, text) in enumerate(FILES.items()):
        (folder / f"{name}.sql").unlink(missing_ok=True)
        if at < number:
            (folder / f"{name}.sql").write_text(text)
    return folder


async def names(connection: Connection) -> list[str]:
    return [row["name"] for row in await connection.fetch("SELECT name FROM pgmigrations ORDER BY run_on, id")]


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_that_there_is_nothing_to_run(
    connection: Connection, folder: Path, tool: NodePgMigrate
) -> None:
    write(folder, 2)
    await tool("up")
    write(folder, 4)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == NAMES[2:]
    assert "No migrations to run!" in await tool("up")


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, tool: NodePgMigrate
) -> None:
    await CASE.migrator(connection, folder).migrate(NAMES[1])
    told = await tool("up")
    assert f"> - {NAMES[2]}\n> - {NAMES[3]}\n" in told
    assert NAMES[1] not in told
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_one_step_down_by_each(connection: Connection, folder: Path, tool: NodePgMigrate) -> None:
    await CASE.migrator(connection, folder).migrate()
    await tool("down")
    await CASE.migrator(connection, folder).migrate("-1")
    assert await names(connection) == NAMES[:2]
    await tool("down")
    await CASE.migrator(connection, folder).migrate("base")
    assert await names(connection) == []
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


async def test_the_table_and_its_rows_are_those_that_the_tool_makes(
    connection: Connection, folder: Path, tool: NodePgMigrate
) -> None:
    await tool("up")
    by_tool = await CASE.shape(connection), await CASE.rows(connection)
    await connection.execute("DROP TABLE pgmigrations, people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert (await CASE.shape(connection), await CASE.rows(connection)) == by_tool


async def test_while_the_tool_migrates_trek_waits_and_does_nothing_twice(
    connection: Connection, other: Connection, folder: Path, tool: NodePgMigrate
) -> None:
    (folder / f"{NAMES[3]}.sql").write_text("SELECT pg_sleep(1.5)")
    running = asyncio.create_task(tool("up"))
    async with asyncio.timeout(30):
        while not await other.fetchval(SLEEPS):
            await asyncio.sleep(0.01)
    report = await CASE.migrator(connection, folder).migrate()
    await running
    assert not report.ran
    assert await names(connection) == NAMES
