"""The script of a plan in every format: psql runs it, and trek, by that tool's rules and table, then agrees."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.formats.specimens import SPECIMENS, Specimen, Step
from tests.support.programs import program
from trek_asyncpg import testing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.databases import Connection, Database, Server

    Psql = Callable[[str, str], "subprocess.CompletedProcess[str]"]

STEPS = tuple(
    Step(f"CREATE TABLE t{n} (i int); SELECT ':ENCODING {n}'::text;", f"DROP TABLE t{n};") for n in range(1, 4)
)
INDEX = Step("CREATE INDEX CONCURRENTLY u ON t1 (i);", "DROP INDEX CONCURRENTLY u;", outside=True)
KINDS_OF_STORES = (
    "alembic",
    "asyncpg-trek",
    "flyway",
    "golang-migrate",
    "goose",
    "liquibase",
    "prisma",
    "sqitch",
    "yoyo",
)
every = pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.format)


@pytest.fixture
def psql(pg_bindir: Path | None) -> Psql:
    found = program("psql", pg_bindir)

    def run(script: str, dsn: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([found, "-X", "-q", dsn], input=script, capture_output=True, text=True, check=False)

    return run


@every
async def test_trek_agrees_with_what_psql_did_in_that_tools_folder_and_table(
    specimen: Specimen, database: Database, connection: Connection, tmp_path: Path, psql: Psql
) -> None:
    steps = (*STEPS, INDEX) if specimen.outside else STEPS
    migrator = specimen.migrator(connection, tmp_path, steps)
    for target in ("head", "-1", "base", "head")[: 4 if specimen.down else 1]:
        plan = await migrator.plan(target)
        assert plan
        ended = psql(plan.sql(), database.dsn)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert set(re.findall(r"^ *(\S+) *\n-+$", ended.stdout, re.MULTILINE)) <= {"text"}  # of the steps themselves
        status = await migrator.status()
        assert len(status.applied) == {"head": len(steps), "-1": len(steps) - 1, "base": 0}[target]
        assert (status.state == "current") == (target == "head")
    assert not await migrator.migrate()


async def test_a_file_that_a_tool_sends_as_one_query_is_one_in_the_script(
    database: Database, connection: Connection, tmp_path: Path, psql: Psql
) -> None:
    """Prisma sends it whole: what stands before the file's own BEGIN is in its transaction."""
    prisma = next(one for one in SPECIMENS if one.format == "prisma")
    steps = (*STEPS[:1], Step("INSERT INTO t1 VALUES (1); BEGIN; INSERT INTO t1 VALUES (2); SELECT 1 / 0; COMMIT;"))
    plan = await prisma.migrator(connection, tmp_path, steps).plan()
    assert [action.mode for action in plan.actions] == ["transaction", "message"]
    assert "division by zero" in psql(plan.sql(), database.dsn).stderr
    assert await connection.fetchval("SELECT count(*) FROM t1") == 0


@pytest.mark.parametrize(
    "specimen", [one for one in SPECIMENS if one.format in KINDS_OF_STORES], ids=lambda specimen: specimen.format
)
async def test_a_script_does_nothing_where_the_table_is_behind_or_ahead(
    specimen: Specimen, database: Database, server: Server, tmp_path: Path, psql: Psql
) -> None:
    connection = await database.connect()
    await specimen.migrator(connection, tmp_path, STEPS[:2]).migrate()
    plan = await specimen.migrator(connection, tmp_path, STEPS).plan()
    script = plan.sql()
    assert psql(script, database.dsn).returncode == 0
    assert psql(script, database.dsn).returncode == 3
    async with testing.database(server) as second:
        other = await second.connect()
        assert psql(script, second.dsn).returncode == 3
        first = plan.origin.catalog(plan.history.facts).entries[0].revision
        await specimen.migrator(other, tmp_path, STEPS).migrate(first)
        assert psql(script, second.dsn).returncode == 3
        assert await other.fetchval("SELECT to_regclass('t3') IS NULL")
        assert len((await specimen.migrator(other, tmp_path, STEPS).status()).applied) == 1
