"""pogo-migrate itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_pogo_migrate import CASE, file
from tests.formats.tools import pip, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FUNCTION = "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$\nBEGIN\n-- a; 'b\nRETURN 'x';\nEND\n$$;"
PYTHON = '''\
"""in Python"""
__depends__ = ["3-i"]


async def apply(db):
    await db.execute("INSERT INTO people VALUES (2)")


async def rollback(db):
    await db.execute("DELETE FROM people WHERE id = 2")
'''
FILES = {
    "9-people.sql": file("", "CREATE TABLE people (id int);\nINSERT INTO people VALUES (1);", "DROP TABLE people;"),
    "3-i.sql": file(
        "9-people",
        "CREATE INDEX CONCURRENTLY i ON people (id);",
        "DROP INDEX CONCURRENTLY i;",
        "-- transaction: false",
    ),
    "5-python.py": PYTHON,
    "4-f.sql": file("5-python", FUNCTION, "DROP FUNCTION f"),
}
NAMES = [name.rpartition(".")[0] for name in FILES]


class Pogo:
    """The tool in its folder, and on a database."""

    def __init__(self, programs: Path, home: Path, dsn: str) -> None:
        self.program, self.home, self.dsn, self.folder = str(programs / "pogo"), home, dsn, home / "migrations"
        config = f"[tool.pogo]\nmigrations = 'migrations'\ndatabase_config = '{dsn}'\n"
        (home / "pyproject.toml").write_text(config)
        self.folder.mkdir()

    def write(self, number: int) -> None:
        """The first so many files, and no other."""
        for at, (name, text) in enumerate(FILES.items()):
            (self.folder / name).unlink(missing_ok=True)
            if at < number:
                (self.folder / name).write_text(text)

    async def __call__(self, *words: str) -> str:
        return await asyncio.to_thread(run, self.program, *words, cwd=self.home)


@pytest.fixture
def pogo(tmp_path: Path, database: Database) -> Pogo:
    made = Pogo(pip("pogo", "pogo-migrate"), tmp_path, database.dsn)
    made.write(4)
    return made


async def recorded(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT migration_id FROM public._pogo_migration ORDER BY applied")
    return [row["migration_id"] for row in rows]


def told(history: str) -> dict[str, str]:
    """From the tool's table of migrations to "A" (applied) and "U"."""
    return {line.split()[1]: line.split()[0] for line in history.splitlines() if line[:2] in ("A ", "U ")}


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(connection: Connection, pogo: Pogo) -> None:
    pogo.write(2)
    await pogo("apply", "-v")
    pogo.write(4)
    report = await CASE.migrator(connection, pogo.folder).migrate()
    assert [ran.revision for ran in report.ran] == NAMES[2:]
    assert told(await pogo("history", "--simple")) == dict.fromkeys(NAMES, "A")
    assert "Applying" not in await pogo("apply", "-v")
    await pogo("rollback", "--count", "4")
    assert await recorded(connection) == []


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(connection: Connection, pogo: Pogo) -> None:
    await CASE.migrator(connection, pogo.folder).migrate(NAMES[1])
    said = await pogo("apply", "-v")
    assert f"Applying {NAMES[2]}" in said
    assert f"Applying {NAMES[0]}" not in said
    assert not await CASE.migrator(connection, pogo.folder).migrate()
    assert await recorded(connection) == NAMES


async def test_one_step_down_by_each_and_the_function_is_the_tools(connection: Connection, pogo: Pogo) -> None:
    source = "SELECT prosrc FROM pg_proc WHERE proname = 'f'"
    await pogo("apply", "-v")
    by_tool = await connection.fetchval(source)
    await pogo("rollback", "--count", "1")
    migrator = CASE.migrator(connection, pogo.folder)
    await migrator.migrate()
    assert await connection.fetchval(source) == by_tool
    await migrator.migrate("-1")
    await pogo("rollback", "--count", "1")
    await migrator.migrate("-1")
    assert await recorded(connection) == [NAMES[0]]
