"""The template: migrated once, kept between runs, made anew when it must be, and its failure told once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.pytest_plugin.conftest import databases, run
from trek_asyncpg.testing._pytest import _names
from trek_asyncpg.testing._pytest._cluster import cluster
from trek_asyncpg.testing._pytest._stock import Stock
from trek_core.plugin import configured

if TYPE_CHECKING:
    from tests.pytest_plugin.conftest import Project
    from tests.support.databases import Roles
    from trek_asyncpg.testing import Server

TWO = "def test_a(trek_dsn): pass\ndef test_b(trek_dsn): pass\n"
KILLED = """
import os
import pathlib
import urllib.parse

def test_a(trek_dsn):
    pathlib.Path("left").write_text(urllib.parse.urlsplit(trek_dsn).path[1:])
    os._exit(9)
"""
COUNTED = "async def upgrade(connection):\n    with open({!r}, 'a') as file: file.write('x')\n"


async def test_the_template_is_kept_until_a_file_changes(project: Project, server: Server, tmp_path: Path) -> None:
    project.has(it=TWO)
    runs = tmp_path / "runs"
    project.migrations({"0003_counted.py": COUNTED.format(str(runs))})

    def migrated(*options: str) -> int:
        ran = project.pytest(*options)
        assert ran.told == "2 passed", ran.output
        return len(runs.read_text())

    assert migrated("-n", "2") == 1  # two workers want it at once
    assert migrated() == 1
    assert migrated("--trek-rebuild", "-n", "2") == 2
    first = await databases(server, project.templates)
    project.migrations({"0004_more.sql": "CREATE TABLE more ();"})
    assert migrated() == 3
    second = await databases(server, project.templates)
    assert len(first) == len(second) == 1
    assert first != second


async def test_a_failing_migration_is_told_once(project: Project, server: Server) -> None:
    project.has(it=TWO, other=TWO)
    project.migrations({"0003_wrong.sql": "SELECT 1/0;"})
    ran = project.pytest("-rN")  # where CI is set, pytest's summary tells each message once more, whole
    assert (ran.told, ran.code) == ("4 errors", 1)
    assert ran.output.count("migrations/0003_wrong.sql:1:1: applying 0003 wrong failed: division by zero") == 1, (
        ran.output
    )
    assert ran.output.count("no database, for the reason that test_it.py::test_a shows") == 3
    assert await databases(server, project.templates) == []


def test_where_there_is_no_server_that_is_told_once_and_a_single_head_needs_none(project: Project) -> None:
    project.has(it=TWO, head="def test_head(trek_check): trek_check.single_head()")
    ran = project.pytest(TREK_TEST_DSN="", TREK_TEST_PROVIDER="dsn")
    assert ran.told == "1 passed, 2 errors"
    assert "TREK_TEST_DSN is not set" in ran.output
    assert "no database, for the reason that test_it.py::test_a shows" in ran.output


async def test_what_a_killed_run_left_is_dropped_by_the_next(project: Project, server: Server) -> None:
    project.has(it=KILLED)
    assert project.pytest().code == 9
    left = (project.folder / "left").read_text()
    assert left.startswith(_names.CLONE)
    async with cluster(server) as other:  # it lives, and so do its databases
        mine = f"{_names.clones(other.session)}1"
        await other.create(mine, "template0")
        project.has(it=TWO)
        assert project.pytest().told == "2 passed"
        assert left not in await databases(server, left)
        assert mine in await databases(server, mine)
        await other.drop(mine)


async def test_a_template_that_another_run_dropped_is_made_again(project: Project, server: Server) -> None:
    stock = Stock(server, lambda dsn: configured(dsn, project.folder), project.folder)
    await stock.open()
    try:
        first = await stock.take("head")
        (template,) = await databases(server, project.templates)
        await run(server, f'DROP DATABASE "{template}"')
        second = await stock.take("head")
        assert {first.name, second.name} <= set(await databases(server, _names.CLONE))
    finally:
        await stock.close()
    assert not {first.name, second.name} & set(await databases(server, _names.CLONE))


async def test_a_role_that_may_not_make_databases_is_told_what_it_lacks(
    project: Project, server: Server, make_role: Roles
) -> None:
    project.has(it=TWO)
    role = f"{'&' if '?' in server.base else '?'}role={await make_role()}"
    assert "Name a role that may: ALTER ROLE … CREATEDB" in project.pytest(TREK_TEST_DSN=server.base + role).output
