"""The template: migrated once, kept between runs, made anew when it must be, and its failure told once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from tests.pytest_plugin.conftest import databases, run
from trek_asyncpg.testing._pytest import _names
from trek_asyncpg.testing._pytest._cluster import cluster
from trek_asyncpg.testing._pytest._stock import Stock
from trek_core.plugin import configured

if TYPE_CHECKING:
    from tests.pytest_plugin.conftest import Project
    from trek_asyncpg.testing import Server

TWO = "def test_a(trek_dsn): pass\ndef test_b(trek_dsn): pass\n"
KILLED = "import os\ndef test_a(trek_dsn): os._exit(9)\n"
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
    ran = project.pytest()
    assert (ran.told, ran.code) == ("4 errors", 1)
    assert ran.output.count("migrations/0003_wrong.sql:1:1: applying 0003 wrong failed: division by zero") == 1, (
        ran.output
    )
    assert ran.output.count("no database, for the reason that test_it.py::test_a shows") == 3
    assert await databases(server, project.templates) == []


def test_where_there_is_no_server_that_is_told_once(project: Project) -> None:
    project.has(it=TWO)
    ran = project.pytest(TREK_TEST_DSN="", TREK_TEST_PROVIDER="dsn")
    assert ran.told == "2 errors"
    assert "TREK_TEST_DSN is not set" in ran.output
    assert "no database, for the reason that test_it.py::test_a shows" in ran.output


async def test_what_a_killed_run_left_is_dropped_by_the_next(project: Project, server: Server) -> None:
    project.has(it=KILLED)
    assert project.pytest().code == 9
    (left,) = await clones_of(project, server)
    async with cluster(server) as other:  # it lives, and so do its databases
        mine = f"{_names.clones(other.session)}1"
        await other.create(mine, "template0")
        project.has(it=TWO)
        assert project.pytest().told == "2 passed"
        assert left not in await databases(server, _names.CLONE)
        assert mine in await databases(server, _names.CLONE)
        await other.drop(mine)


async def clones_of(project: Project, server: Server) -> list[str]:
    """Clones that this project's run left: those whose session is gone."""
    admin = await asyncpg.connect(server.base)
    try:
        rows = await admin.fetch(
            "SELECT datname FROM pg_database WHERE starts_with(datname, $1) AND NOT EXISTS "
            "(SELECT FROM pg_stat_activity WHERE application_name = $2 || split_part(pg_database.datname, '_', 3))",
            _names.CLONE,
            _names.SESSION,
        )
        return [row[0] for row in rows]
    finally:
        await admin.close()


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


async def test_a_role_that_may_not_make_databases_is_told_what_it_lacks(project: Project, server: Server) -> None:
    await run(server, "CREATE ROLE trek_no_databases LOGIN")
    try:
        project.has(it=TWO)
        base = f"{server.base}{'&' if '?' in server.base else '?'}user=trek_no_databases".replace("postgres@/", "/")
        ran = project.pytest(TREK_TEST_DSN=base)
        assert "Name a role that may: ALTER ROLE … CREATEDB" in ran.output
    finally:
        await run(server, "DROP ROLE trek_no_databases")
