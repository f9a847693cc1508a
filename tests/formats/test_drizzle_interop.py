"""drizzle-kit itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_drizzle import CASE, journal
from tests.formats.tools import npm, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "0000_people": "CREATE TABLE people (id int);\n--> statement-breakpoint\nCREATE INDEX i ON people (id);",
    "0001_rows": "INSERT INTO people VALUES (1);--> statement-breakpoint\nINSERT INTO people VALUES (2); SELECT 'é;'",
    "0002_orders": "CREATE TABLE orders (id int);\r\n--> statement-breakpoint\r\nINSERT INTO orders VALUES (1);",
    "0003_nothing": "-- Custom SQL migration file\n",
}


class DrizzleKit:
    """The tool on a folder and a database."""

    def __init__(self, program: str, folder: Path, dsn: str) -> None:
        self.program, self.home = program, folder.parent
        config = {"dialect": "postgresql", "out": "./drizzle", "dbCredentials": {"url": url(dsn)}}
        (self.home / "drizzle.config.json").write_text(json.dumps(config))

    async def __call__(self, *words: str) -> str:
        return await asyncio.to_thread(run, self.program, *words, "--config=drizzle.config.json", cwd=self.home)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drizzle"
    (made / "meta").mkdir(parents=True)
    return write(made, 4)


@pytest.fixture
def kit(folder: Path, database: Database) -> DrizzleKit:
    return DrizzleKit(npm("drizzle-kit", "node_modules/.bin/drizzle-kit", "drizzle-orm", "pg"), folder, database.dsn)


def write(folder: Path, number: int) -> Path:
    """The files, of which the journal names the first so many."""
    for name, text in FILES.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8", newline="")
    whens = {name: 1795385236226 + 1000 * at for at, name in enumerate(FILES) if at < number}
    (folder / "meta/_journal.json").write_text(journal(**whens))
    return folder


async def test_half_by_the_tool_half_by_trek_and_the_tool_finds_nothing_to_do(
    connection: Connection, folder: Path, kit: DrizzleKit
) -> None:
    write(folder, 2)
    await kit("migrate")
    write(folder, 4)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == ["1795385238226", "1795385239226"]
    by_both = await CASE.rows(connection)
    assert "migrations applied successfully" in await kit("migrate")
    assert await CASE.rows(connection) == by_both
    assert "Everything's fine" in await kit("check")


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, kit: DrizzleKit
) -> None:
    await CASE.migrator(connection, folder).migrate("0001_rows")
    await kit("migrate")
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"
    assert await connection.fetchval("SELECT count(*) FROM people, orders") == 2


async def test_the_table_and_its_rows_are_those_that_the_tool_makes(
    connection: Connection, folder: Path, kit: DrizzleKit
) -> None:
    await kit("migrate")
    by_tool = await CASE.shape(connection), await CASE.rows(connection)
    await connection.execute("DROP SCHEMA drizzle CASCADE; DROP TABLE people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert (await CASE.shape(connection), await CASE.rows(connection)) == by_tool
