"""Supabase's own command and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.formats.test_supabase import CASE, TORTURE, TORTURED
from tests.formats.tools import npm, run, url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "20240101000000_people.sql": "-- who; is\nCREATE TABLE people (id int);\nINSERT INTO people VALUES (1);;\n",
    "20240102000000_i.sql": "CREATE TABLE j (id int);\n-- alone\nCREATE INDEX CONCURRENTLY i ON j (id);\nVACUUM j;\n",
    "20240103000000_torture.sql": TORTURE,
    "20240104000000_own.sql": "BEGIN;\nCREATE TABLE n (id int);\nCOMMIT;\nSELECT 1;\n",
}
VERSIONS = [name[:14] for name in FILES]


class Supabase:
    """The tool in a project, on a database."""

    def __init__(self, program: str, project: Path, dsn: str) -> None:
        self.program, self.project, self.url = program, project, _with_host(url(dsn))

    async def __call__(self, *words: str) -> str:
        command = ("node", self.program, *words, "--db-url", self.url, "--workdir", str(self.project), "--yes")
        quiet = {"SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
        return await asyncio.to_thread(run, *command, cwd=self.project, environment=quiet)


def _with_host(dsn: str) -> str:
    """The tool wants a host and a port in front of the path, also where a socket's folder follows."""
    parts = urlsplit(dsn)
    port = parse_qs(parts.query).get("port", [""])[0]
    return dsn.replace("@/", f"@localhost:{port}/", 1) if port else dsn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "supabase/migrations"
    made.mkdir(parents=True)
    return write(made, 4)


@pytest.fixture
def supabase(folder: Path, database: Database) -> Supabase:
    program = npm("supabase@3", "node_modules/supabase/dist/supabase.js", "--ignore-scripts")
    return Supabase(program, folder.parents[1], database.dsn)


def write(folder: Path, number: int) -> Path:
    """The first so many files, and no other."""
    for at, (name, text) in enumerate(FILES.items()):
        (folder / name).unlink(missing_ok=True)
        if at < number:
            (folder / name).write_text(text)
    return folder


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, folder: Path, supabase: Supabase
) -> None:
    write(folder, 2)
    await supabase("migration", "up")
    shape = await CASE.shape(connection)
    write(folder, 4)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == VERSIONS[2:]
    told = await supabase("migration", "up")
    assert "is up to date." in told
    assert "Applying" not in told
    await connection.execute(f"DROP TABLE {CASE.table}, people, j, n; DROP FUNCTION g")
    await CASE.migrator(connection, folder).migrate()
    assert await CASE.shape(connection) == shape


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, folder: Path, supabase: Supabase
) -> None:
    await CASE.migrator(connection, folder).migrate(VERSIONS[1])
    told = await supabase("migration", "up")
    assert [name in told for name in FILES] == [False, False, True, True]
    assert not await CASE.migrator(connection, folder).migrate()
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_both_write_the_same_rows(connection: Connection, folder: Path, supabase: Supabase) -> None:
    await supabase("migration", "up")
    by_tool = await CASE.rows(connection)
    await connection.execute(f"DROP TABLE {CASE.table}, people, j, n; DROP FUNCTION g")
    await CASE.migrator(connection, folder).migrate()
    assert await CASE.rows(connection) == by_tool
    assert TORTURED in [row["statements"] for row in by_tool]


async def test_what_each_takes_out_of_the_history_the_other_applies_again(
    connection: Connection, folder: Path, supabase: Supabase
) -> None:
    write(folder, 1)
    await CASE.migrator(connection, folder).migrate()
    await supabase("migration", "repair", "--status", "reverted", VERSIONS[0])
    await connection.execute("DROP TABLE people")
    assert [ran.revision for ran in (await CASE.migrator(connection, folder).migrate()).ran] == VERSIONS[:1]
    await CASE.migrator(connection, folder).repair(VERSIONS[0], applied=False)
    await connection.execute("DROP TABLE people")
    assert "Applying migration 20240101000000_people.sql" in await supabase("migration", "up")
