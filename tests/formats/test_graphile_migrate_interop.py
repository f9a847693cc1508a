"""graphile-migrate itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_graphile_migrate import CASE as FOREIGN
from tests.formats.test_graphile_migrate import committed, hashed
from tests.formats.tools import npm, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "000001-people": (
        "create table people (name text);\ninsert into people values (':DATABASE_NAME'), (':DATABASE_OWNER'), (':ROLE');"
    ),
    "000002": "--! no-transaction\ncreate index concurrently i on people (name);",
    "000003-Orders_": "create table orders (name text);\n\n\tinsert into orders values ('é');",
    "000004-": "-- nothing",
}
CASE = replace(FOREIGN, layout_settings={"placeholders": {":ROLE": "app"}})


class GraphileMigrate:
    """The tool on a folder and a database."""

    def __init__(self, program: str, home: Path, dsn: str) -> None:
        self.program, self.home = program, home
        (home / ".gmrc").write_text('{"placeholders": {":ROLE": "app"}}')
        self.environment = {"DATABASE_URL": url(dsn), "SHADOW_DATABASE_URL": url(dsn, application_name="shadow")}

    async def __call__(self, *words: str) -> str:
        return await asyncio.to_thread(run, self.program, *words, cwd=self.home, environment=self.environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    (made / "committed").mkdir(parents=True)
    (made / "current.sql").write_text("-- Enter migration here\n")
    return write(made, 4)


@pytest.fixture
def tool(folder: Path, database: Database) -> GraphileMigrate:
    program = npm("graphile-migrate", "node_modules/.bin/graphile-migrate")
    return GraphileMigrate(program, folder.parent, database.dsn)


def write(folder: Path, number: int) -> Path:
    """The first so many files, and no other."""
    previous = ""
    for at, (name, body) in enumerate(FILES.items()):
        file = folder / f"committed/{name}.sql"
        file.unlink(missing_ok=True)
        if at < number:
            file.write_text(committed(body, previous), encoding="utf-8")
        previous = hashed(body, previous)
    return folder


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, folder: Path, tool: GraphileMigrate
) -> None:
    write(folder, 2)
    await tool("migrate")
    write(folder, 4)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == ["000003", "000004"]
    assert "Already up to date" in await tool("migrate")
    assert "Up to date." in await tool("status")


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, tool: GraphileMigrate
) -> None:
    await CASE.migrator(connection, folder).migrate("000002")
    told = await tool("migrate")
    assert "Running migration '000003-Orders_.sql'" in told
    assert "000002" not in told
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_the_tables_their_rows_and_what_the_placeholders_became_are_the_same(
    connection: Connection, folder: Path, tool: GraphileMigrate
) -> None:
    await tool("migrate")
    by_tool = await made(connection)
    await connection.execute("DROP SCHEMA graphile_migrate CASCADE; DROP TABLE people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert await made(connection) == by_tool


async def made(connection: Connection) -> list[object]:
    names = ("graphile_migrate.migrations", "graphile_migrate.current")
    shapes = [await replace(CASE, table=name).shape(connection) for name in names]
    people = await connection.fetch("SELECT name FROM people ORDER BY name")
    return [*shapes, await CASE.rows(connection), [row["name"] for row in people]]
