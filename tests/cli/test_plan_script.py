"""`trek plan --sql | psql`: what a DBA runs who must read it first, and what trek then says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, TREK
from tests.support.programs import program

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Connection

SHOP = Path(__file__).parents[2] / "examples/shop/migrations"
PYTHON = "async def upgrade(connection):\n    pass\n"


@pytest.fixture
def piped(project: Project, pg_bindir: Path | None) -> Piped:
    return Piped(project, program("psql", pg_bindir))


class Piped:
    def __init__(self, project: Project, psql: str) -> None:
        self.project, self.psql = project, psql

    def __call__(self, *words: str) -> None:
        """trek plan … --sql | psql -v ON_ERROR_STOP=1 -f -"""
        command = 'set -o pipefail; "$TREK" plan "$@" --sql | "$PSQL" -X -q -v ON_ERROR_STOP=1 -d "$TREK_DSN" -f -'
        environ = {**self.project.env(), "TREK": str(TREK), "PSQL": self.psql}
        ended = subprocess.run(
            ["bash", "-c", command, "-", *words],
            cwd=self.project.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")


def test_the_whole_shop_goes_by_psql_with_trek_for_the_two_that_are_python(piped: Piped) -> None:
    """In the order that the refusal names; it prints no part of a script."""
    project = piped.project
    shutil.copytree(SHOP, project.folder / "migrations")
    refused = project.run("plan", "--sql")
    assert (refused.code, refused.out) == (2, "")
    python = ("0011_backfill_order_totals.py", "0020_product_slugs.py")
    assert [name for name in python if f"it is Python (migrations/{name}:" in refused.err] == list(python)
    steps = re.findall(r"^  trek (plan|migrate)(?: (\+\d+|--sql))?", refused.err, re.MULTILINE)
    assert steps == [("plan", "+6"), ("migrate", "+1"), ("plan", "+8"), ("migrate", "+1"), ("plan", "--sql")]
    for command, target in steps:
        if command == "migrate":
            assert project.run("migrate", target).code == 0
        else:
            piped(*[target] * (target != "--sql"))
    status = project.run("status", "--check")
    assert status.code == 0
    assert status.out.startswith("current  (21 revisions applied, 0 pending")
    assert project.run("migrate").out == "up to date at 0025\n"


async def test_up_nothing_and_down_again_by_psql(piped: Piped, connection: Connection) -> None:
    piped.project.write(THREE)
    piped()
    assert piped.project.run("status", "--check").code == 0
    rows = await connection.fetchval("SELECT count(*) FROM trek_history")
    piped()  # an empty script
    assert await connection.fetchval("SELECT count(*) FROM trek_history") == rows
    piped("base")
    assert piped.project.run("status").out.startswith("pending  (0 revisions applied, 3 pending")


def test_the_refusal_of_python_in_json(project: Project) -> None:
    project.write({"0001_p.py": PYTHON})
    ended = project.run("plan", "--sql", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (2, "PlanError")
    assert ended.json["error"]["revisions"] == ["0001"]
    assert project.run("plan", "--json").json["actions"][0]["revision"] == "0001"
