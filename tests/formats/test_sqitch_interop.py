"""Sqitch itself, of Debian's package, and trek take turns on one project and one database."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.formats.test_sqitch import BY, CASE, HEAD
from tests.formats.tools import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

CHANGES = {
    "people": (f"people {BY} # The people", "BEGIN;\nCREATE TABLE people (id int);\nCOMMIT;\n", "DROP TABLE people;\n"),
    "i": (
        f"i [people] {BY} # An index,\\noutside\n@v1 {BY} # tagged",
        "CREATE INDEX CONCURRENTLY i ON people (id);\n",
        "DROP INDEX CONCURRENTLY i;\n",
    ),
    "orders": (
        f"orders [people !nothing i@v1] {BY}",
        "BEGIN;\nCREATE TABLE orders (id int);\nCOMMIT;\n",
        "BEGIN;\nDROP TABLE orders;\nCOMMIT;\n",
    ),
    "nothing": (f"nothing {BY} # -- \\\\ nothing", "SELECT 1;\n", "SELECT 2;\n"),
}
WORKER = {
    "SQITCH_FULLNAME": "Ann Dev",
    "SQITCH_EMAIL": "ann@example.com",
    "LC_ALL": "C.UTF-8",
    "SQITCH_USER_CONFIG": "none",
}


class Sqitch:
    """The tool on a project and a database."""

    def __init__(self, project: Path, dsn: str) -> None:
        parts = urlsplit(dsn)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.project, self.target = project, f"db:pg:{parts.path.lstrip('/')}"
        host = asked.get("host") or parts.hostname or ""
        port = asked.get("port") or str(parts.port or 5432)
        self.where = {
            "PGHOST": host,
            "PGPORT": port,
            "PGUSER": parts.username or "",
            "PGPASSWORD": parts.password or "",
        }

    async def __call__(self, *words: str) -> str:
        program = shutil.which("sqitch")
        if program is None or shutil.which("psql") is None:
            pytest.skip(
                "sqitch and psql are not installed: Debian has packages, sqitch, libdbd-pg-perl, postgresql-client"
            )
        environment = {**WORKER, **{name: value for name, value in self.where.items() if value}}
        command = (program, *words, "--target", self.target)
        return await asyncio.to_thread(run, *command, cwd=self.project, environment=environment)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "revert").mkdir()
    (tmp_path / "sqitch.conf").write_text("[core]\n\tengine = pg\n")
    (tmp_path / "sqitch.plan").write_text(HEAD + "".join(f"{line}\n" for line, _, _ in CHANGES.values()))
    for name, (_, deploy, revert) in CHANGES.items():
        (tmp_path / f"deploy/{name}.sql").write_text(deploy)
        (tmp_path / f"revert/{name}.sql").write_text(revert)
    return tmp_path


@pytest.fixture
def sqitch(project: Path, database: Database) -> Sqitch:
    return Sqitch(project, database.dsn)


async def registry(connection: Connection) -> list[object]:
    """All that is in it, without the times."""
    found, times = list[object](), "'{committed_at,created_at,installed_at}'::text[]"
    for table in ("projects", "changes", "tags", "dependencies", "events", "releases"):
        found += [row[0] for row in await connection.fetch(f"SELECT to_jsonb(t) - {times} FROM sqitch.{table} t")]
    return sorted(found, key=str)


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, project: Path, sqitch: Sqitch
) -> None:
    await sqitch("deploy", "--to", "@v1")
    report = await CASE.migrator(connection, project).migrate()
    assert [ran.revision for ran in report.ran] == ["orders", "nothing"]
    assert "Nothing to deploy (up-to-date)" in await sqitch("status")
    assert "Check successful" in await sqitch("check")


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(
    connection: Connection, project: Path, sqitch: Sqitch
) -> None:
    await CASE.migrator(connection, project).migrate("i")
    told = await sqitch("deploy")
    assert "+ orders" in told
    assert "+ people" not in told
    assert not await CASE.migrator(connection, project).migrate()
    assert (await CASE.migrator(connection, project).status()).state == "current"


async def test_one_step_down_by_each(connection: Connection, project: Path, sqitch: Sqitch) -> None:
    await CASE.migrator(connection, project).migrate()
    assert "- nothing" in await sqitch("revert", "-y", "--to", "@HEAD^")
    await CASE.migrator(connection, project).migrate("-1")
    assert await connection.fetchval("SELECT to_regclass('orders') IS NULL")
    assert "- i " in await sqitch("revert", "-y", "--to", "people")
    await CASE.migrator(connection, project).migrate("base")
    assert await connection.fetchval("SELECT count(*) FROM sqitch.changes") == 0
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


async def test_the_registry_is_the_same_whoever_deployed_and_reverted(
    connection: Connection, project: Path, sqitch: Sqitch
) -> None:
    await sqitch("deploy")
    await sqitch("revert", "-y", "--to", "@HEAD^^")
    by_tool, shape = await registry(connection), await CASE.shape(connection)
    await connection.execute("DROP SCHEMA sqitch CASCADE; DROP TABLE people")
    await CASE.migrator(connection, project).migrate()
    await CASE.migrator(connection, project).migrate("-2")
    assert await registry(connection) == by_tool
    assert await CASE.shape(connection) == shape
