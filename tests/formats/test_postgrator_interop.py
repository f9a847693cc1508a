"""postgrator itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_postgrator import CASE
from tests.formats.tools import npm, run, url

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "001.do.people.sql": "CREATE TABLE people (name text);\nINSERT INTO people VALUES ('é');\n",
    "001.undo.people.sql": "DROP TABLE people;",
    "002.do.sql": "CREATE INDEX CONCURRENTLY i ON people (name);",
    "002.undo.sql": "DROP INDEX CONCURRENTLY i;",
    "003.do.orders-and.more.sql": "CREATE TABLE orders (id int);\r\nINSERT INTO orders VALUES (1)",
    "003.undo.orders.sql": "DROP TABLE orders;",
    "10.do.nothing.sql": "-- nothing\n",
    "10.undo.nothing.sql": "",
}
PROGRAM = """\
import pg from "pg";
import Postgrator from "postgrator";
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const postgrator = new Postgrator({
  migrationPattern: process.argv[2] + "/*",
  driver: "pg",
  execQuery: (query) => client.query(query),
});
postgrator.on("validation-finished", (migration) => console.log("validated", migration.version));
const ran = await postgrator.migrate(process.argv[3]);
console.log("ran", JSON.stringify(ran.map((migration) => `${migration.version}.${migration.action}`)));
console.log("at", await postgrator.getDatabaseVersion(), "of", await postgrator.getMaxVersion());
await client.end();
"""


class Postgrator:
    """The library, which has no command, on a folder and a database."""

    def __init__(self, package: str, folder: Path, dsn: str) -> None:
        self.folder, self.environment = folder, {"DATABASE_URL": url(dsn)}
        self.program = folder.parent / "migrate.mjs"
        self.program.write_text(PROGRAM)
        (folder.parent / "node_modules").symlink_to(Path(package).parents[1])

    async def __call__(self, target: str = "max") -> str:
        return await asyncio.to_thread(
            run, "node", str(self.program), str(self.folder), target, environment=self.environment
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text, encoding="utf-8", newline="")
    return made


@pytest.fixture
def tool(folder: Path, database: Database) -> Postgrator:
    return Postgrator(npm("postgrator", "node_modules/postgrator/package.json", "pg"), folder, database.dsn)


async def test_half_by_the_tool_half_by_trek_and_the_tool_validates_and_has_nothing_to_run(
    connection: Connection, folder: Path, tool: Postgrator
) -> None:
    assert 'ran ["1.do","2.do"]\nat 2 of 10' in await tool("002")
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == ["3", "10"]
    told = await tool()
    assert "validated 1\nvalidated 2\nvalidated 3\nvalidated 10\nran []\nat 10 of 10" in told


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, tool: Postgrator
) -> None:
    await CASE.migrator(connection, folder).migrate("2")
    assert 'validated 1\nvalidated 2\nran ["3.do","10.do"]\nat 10 of 10' in await tool()
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_one_step_down_by_each(connection: Connection, folder: Path, tool: Postgrator) -> None:
    await CASE.migrator(connection, folder).migrate()
    assert 'ran ["10.undo"]\nat 3 of 10' in await tool("3")
    await CASE.migrator(connection, folder).migrate("-1")
    assert 'ran ["2.undo"]\nat 1 of 10' in await tool("1")
    await CASE.migrator(connection, folder).migrate("base")
    assert await CASE.rows(connection) == [{"version": 0, "name": None, "md5": None}]
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


async def test_the_table_and_its_rows_are_those_that_the_tool_makes(
    connection: Connection, folder: Path, tool: Postgrator
) -> None:
    await tool()
    by_tool = await CASE.shape(connection), await CASE.rows(connection)
    await connection.execute("DROP TABLE schemaversion, people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert (await CASE.shape(connection), await CASE.rows(connection)) == by_tool
