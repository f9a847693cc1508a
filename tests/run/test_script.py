"""The script of a plan, run by psql: what a DBA would do with it, and trek then agrees or says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, write
from trek_asyncpg import AsyncpgBackend
from trek_asyncpg.embedded._binaries import find_binaries
from trek_core import Migrator

if TYPE_CHECKING:
    import asyncpg

    from tests.support.databases import Database

    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture(scope="session")
def psql(pg_bindir: Path | None) -> str:
    """Beside the server's programs, or on the path."""
    beside = (pg_bindir or find_binaries()) / "psql"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("psql")
    if not found:
        pytest.skip("no psql beside the server's programs nor on the path")
    return found


class Dba:
    """Runs the script of a plan by psql."""

    def __init__(self, psql: str, database: Database, connection: Connection, folder: str) -> None:
        self.psql, self.database = psql, database
        self.migrator = Migrator(AsyncpgBackend(connection), folder)

    async def runs(self, target: str = "head") -> subprocess.CompletedProcess[str]:
        script = (await self.migrator.plan(target)).sql()
        words = [self.psql, "-X", "-q", "-d", self.database.dsn]
        return subprocess.run(words, input=script, capture_output=True, text=True, check=False)


@pytest.fixture
def dba(psql: str, database: Database, connection: Connection, tmp_path: Path) -> Dba:
    return Dba(psql, database, connection, write(tmp_path / "m", {"1_a.sql": "CREATE TABLE a (id int);"}))


def more(dba: Dba, files: dict[str, str]) -> None:
    write(Path(dba.migrator.directory), files)


async def test_trek_agrees_with_what_psql_did_up_and_down(dba: Dba, connection: Connection) -> None:
    more(
        dba,
        {
            "2_index.sql": "CREATE INDEX CONCURRENTLY a_id ON a (id);\n-- trek: down\nDROP INDEX CONCURRENTLY a_id;",
            "3_steps.sql": "-- trek: no-transaction\nINSERT INTO a VALUES (1);\nVACUUM a;\nINSERT INTO a VALUES (2);\n"
            "-- trek: down\nDELETE FROM a;",
            "4_comment.sql": "CREATE TABLE b (id int) -- no semicolon, a comment",
        },
    )
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (await dba.migrator.status()).state == "current"
    assert await connection.fetchval("SELECT count(*) FROM a") == 2
    assert not await dba.migrator.plan()
    assert await applied(connection) == ["1", "2", "3", "4"]


async def test_settings_do_not_reach_the_next_migration(dba: Dba, connection: Connection) -> None:
    more(
        dba,
        {
            "2_path.sql": "SET search_path = pg_temp; SET default_transaction_read_only = on;",
            "3_outside.sql": "-- trek: no-transaction\nSET search_path = pg_temp;",
            "4_real.sql": "CREATE TABLE real_one (id int);",
        },
    )
    assert (await dba.runs()).returncode == 0
    assert await connection.fetchval("SELECT to_regclass('public.real_one')::text") == "real_one"
    assert await applied(connection) == ["1", "2", "3", "4"]


async def test_it_stops_at_an_error_and_records_nothing_after_it(dba: Dba, connection: Connection) -> None:
    more(dba, {"2_typo.sql": "CREATE TABEL b (id int);", "3_c.sql": "CREATE TABLE c (id int);"})
    ended = await dba.runs()
    assert ended.returncode == 3
    assert "TABEL" in ended.stderr
    assert await applied(connection) == ["1"]
    assert await connection.fetchval("SELECT to_regclass('c')") is None


async def test_a_failed_concurrent_build_is_not_recorded_as_done(dba: Dba, connection: Connection) -> None:
    more(
        dba,
        {"2_rows.sql": "INSERT INTO a VALUES (1), (1);", "3_u.sql": "CREATE UNIQUE INDEX CONCURRENTLY u ON a (id);"},
    )
    assert (await dba.runs()).returncode == 3
    assert await applied(connection) == ["1", "2"]
    (action,) = (await dba.migrator.plan()).actions
    assert action.resume
    assert action.resume.open


async def test_a_plan_that_resumes_goes_on_in_psql(dba: Dba, connection: Connection) -> None:
    steps = "SET search_path = public;\nINSERT INTO a VALUES (1);\nINSERT INTO late VALUES (2);\nVACUUM a;\n"
    more(dba, {"2_steps.sql": f"-- trek: no-transaction\n{steps}"})
    assert (await dba.runs()).returncode == 3
    await connection.execute("CREATE TABLE late (id int)")
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not await dba.migrator.plan()
    assert await connection.fetchval("SELECT count(*) FROM a") == 1
    assert await connection.fetchval("SELECT count(*) FROM late") == 1
    states = await connection.fetch("SELECT state FROM trek_history WHERE revision = '2' AND step = 0 ORDER BY seq")
    assert [row["state"] for row in states] == ["abandoned", "done"]


@pytest.mark.parametrize("mode", ["", "no_transaction = True\n"])
async def test_it_stops_before_a_python_migration_and_says_what_to_do(
    dba: Dba, connection: Connection, mode: str
) -> None:
    more(
        dba,
        {"2_p.py": f"{mode}async def upgrade(connection):\n    pass\n", "3_c.sql": "CREATE TABLE c (id int);"},
    )
    ended = await dba.runs()
    assert ended.returncode == 3
    assert "2 p is Python" in ended.stderr
    assert "trek migrate" in ended.stderr
    assert await applied(connection) == ["1"]
    assert (await dba.migrator.migrate()).ran[0].revision == "2"
    assert (await dba.migrator.status()).state == "current"


async def test_the_script_of_a_plan_in_one_transaction_runs_whole_or_not_at_all(
    dba: Dba, connection: Connection
) -> None:
    dba.migrator.transaction = "plan"
    sets = "-- trek: lock-timeout 2s\nSET search_path = pg_catalog; SELECT 1;"
    more(dba, {"2_b.sql": sets, "3_c.sql": "CREATE TABLE c (id int);", "4_d.sql": "SELECT 1 / 0;"})
    ended = await dba.runs()
    assert "division by zero" in ended.stderr
    assert await connection.fetchval("SELECT to_regclass('public.a')") is None
    assert await applied(connection) == []
    more(dba, {"4_d.sql": "INSERT INTO c VALUES (1);"})
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert await applied(connection) == ["1", "2", "3", "4"]
    assert not await dba.migrator.plan()
