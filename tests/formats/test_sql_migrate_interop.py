"""sql-migrate itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_sql_migrate import CASE, DOWN, UP
from tests.formats.tools import debian, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "1_people.sql": f"{UP}CREATE TABLE people (id int);\n{DOWN}DROP TABLE people;\n",
    "2-i.sql": (
        "-- +migrate Up notransaction\nCREATE INDEX CONCURRENTLY i ON people (id);\n"
        "-- +migrate Down notransaction\nDROP INDEX CONCURRENTLY i;\n"
    ),
    "10_f.sql": (
        f"{UP}-- +migrate StatementBegin\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\n-- why\nBEGIN\n"
        f"RETURN 1;\nEND $$;\n-- +migrate StatementEnd\n{DOWN}DROP FUNCTION f;\n"
    ),
    "more.sql": f"{UP}CREATE TABLE orders (id int);\nINSERT INTO orders VALUES (1);\n{DOWN}DROP TABLE orders;\n",
}
NAMES = list(FILES)


class SqlMigrate:
    """The tool in a project, on a database."""

    def __init__(self, program: str, project: Path, dsn: str) -> None:
        self.program, self.project = program, project
        settings = {"dialect": "postgres", "datasource": url(dsn), "dir": "migrations", "table": "gorp_migrations"}
        (project / "dbconfig.yml").write_text(json.dumps({"development": settings}))

    async def __call__(self, *words: str) -> str:
        return await asyncio.to_thread(run, self.program, *words, cwd=self.project)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    return write(made, *NAMES)


@pytest.fixture
def sql_migrate(folder: Path, database: Database) -> SqlMigrate:
    return SqlMigrate(debian("sql-migrate", "sql-migrate"), folder.parent, database.dsn)


def write(folder: Path, *names: str) -> Path:
    """Those files, and no other."""
    for name, text in FILES.items():
        (folder / name).unlink(missing_ok=True)
        if name in names:
            (folder / name).write_text(text)
    return folder


async def rows(connection: Connection) -> list[str]:
    return [row["id"] for row in await connection.fetch("SELECT id FROM gorp_migrations ORDER BY applied_at")]


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, folder: Path, sql_migrate: SqlMigrate
) -> None:
    write(folder, *NAMES[:2])
    assert "Applied 2 migrations" in await sql_migrate("up")
    shape = await CASE.shape(connection)
    write(folder, *NAMES)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == NAMES[2:]
    assert "Applied 0 migrations" in await sql_migrate("up")
    assert "| no" not in await sql_migrate("status")
    await CASE.migrator(connection, folder).migrate("base")
    await connection.execute("DROP TABLE gorp_migrations")
    await CASE.migrator(connection, folder).migrate()
    assert await CASE.shape(connection) == shape


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, sql_migrate: SqlMigrate
) -> None:
    await CASE.migrator(connection, folder).migrate(NAMES[1])
    assert "Applied 2 migrations" in await sql_migrate("up")
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"
    assert await rows(connection) == NAMES


async def test_one_step_down_by_each(connection: Connection, folder: Path, sql_migrate: SqlMigrate) -> None:
    await CASE.migrator(connection, folder).migrate()
    assert "Applied 1 migration" in await sql_migrate("down")
    assert await rows(connection) == NAMES[:3]
    await CASE.migrator(connection, folder).migrate("-1")
    assert await rows(connection) == NAMES[:2]
    assert "Applied 1 migration" in await sql_migrate("down")
    await CASE.migrator(connection, folder).migrate("base")
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


async def test_both_leave_the_same_function(connection: Connection, folder: Path, sql_migrate: SqlMigrate) -> None:
    write(folder, NAMES[2])
    await sql_migrate("up")
    body = await connection.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'f'")
    await sql_migrate("down")
    await CASE.migrator(connection, folder).migrate()
    assert await connection.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'f'") == body
    assert "why" not in body
