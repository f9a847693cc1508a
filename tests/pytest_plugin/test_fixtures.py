"""The fixtures, in a project of a user: each test its own database, on whatever loop it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pytest_plugin.conftest import Project

COUNT = '"SELECT count(*) FROM users"'
EVERY_KIND = f"""
import asyncio
import asyncpg
import pytest
import trek_asyncpg

@pytest.mark.parametrize("_", [1, 2])
async def test_each_has_its_own(trek_connection, trek_dsn, _):
    assert await trek_connection.fetchval({COUNT}) == 0
    await trek_connection.execute("INSERT INTO users VALUES (1, 'ann')")
    assert not await trek_asyncpg.migrate(trek_dsn)

async def test_a_pool_of_the_same_database(trek_pool, trek_connection):
    await trek_connection.execute("INSERT INTO users VALUES (1, 'ann')")
    assert await trek_pool.fetchval({COUNT}) == 1

async def test_a_connection_that_was_not_given_back(trek_pool):
    await trek_pool.acquire()

async def test_a_transaction_that_was_left_open(trek_connection):
    await trek_connection.execute("BEGIN; LOCK TABLE users")

def test_without_a_loop(trek_dsn):
    async def ask():
        connection = await asyncpg.connect(trek_dsn)
        try:
            return await connection.fetchval({COUNT})
        finally:
            await connection.close()
    assert asyncio.run(ask()) == 0

@pytest.mark.trek(target="base")
async def test_an_empty_database(trek_connection):
    assert await trek_connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0

@pytest.mark.trek(target="0001")
async def test_a_migration_of_data(trek_connection, trek_migrator):
    await trek_connection.execute("INSERT INTO users VALUES (1)")
    await trek_migrator.migrate("0002")
    assert tuple(await trek_connection.fetchrow("SELECT * FROM users")) == (1, None)
"""
LOOPS = f"""
import pytest
import pytest_asyncio

@pytest_asyncio.fixture(loop_scope="SCOPE")
async def ann(trek_connection):
    await trek_connection.execute("INSERT INTO users VALUES (1, 'ann')")

@pytest.mark.asyncio(loop_scope="SCOPE")
async def test_on_that_loop(ann, trek_connection, trek_pool):
    assert await trek_connection.fetchval({COUNT}) == await trek_pool.fetchval({COUNT}) == 1
"""
ANYIO = f"""
import pytest

@pytest.fixture
def anyio_backend():
    return BACKEND

@pytest.fixture
async def ann(trek_connection):
    await trek_connection.execute("INSERT INTO users VALUES (1, 'ann')")

@pytest.mark.anyio
async def test_of_anyio(ann, trek_connection, trek_pool):
    assert await trek_connection.fetchval({COUNT}) == await trek_pool.fetchval({COUNT}) == 1
"""
NEITHER = """
async def test_async(trek_connection): pass
def test_sync(trek_connection): pass
def test_dsn(trek_dsn): pass
"""


def test_every_kind_of_test_has_a_database_of_its_own(project: Project) -> None:
    project.has(kinds=EVERY_KIND)
    ran = project.pytest()
    assert (ran.told, ran.code) == ("8 passed", 0), ran.output


def test_connections_live_on_the_loop_of_the_test_whichever_that_is(project: Project) -> None:
    scopes = ("function", "class", "module", "session")
    project.has(**{scope: LOOPS.replace("SCOPE", scope) for scope in scopes})
    project.has(anyio=ANYIO.replace("BACKEND", "'asyncio'"), options=ANYIO.replace("BACKEND", "('asyncio', {})"))
    ran = project.pytest("-o", "asyncio_mode=strict")
    assert (ran.told, ran.code) == ("6 passed", 0), ran.output


def test_a_test_that_both_async_plugins_take_is_told_what_to_change(project: Project) -> None:
    project.has(anyio=ANYIO.replace("BACKEND", "'asyncio'"))
    ran = project.pytest("-o", "asyncio_mode=auto")
    assert ran.told == "1 error", ran.output
    assert "each on a loop of its own" in ran.output
    assert "set asyncio_mode = strict" in ran.output


def test_without_an_async_plugin_there_is_the_dsn(project: Project) -> None:
    project.has(neither=NEITHER)
    ran = project.pytest("-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning")
    assert ran.told == "1 passed, 2 errors", ran.output
    assert ran.output.count("take trek_dsn, as any test may") >= 2


def test_a_wrong_mark_and_a_wrong_backend_are_told_what_to_write(project: Project) -> None:
    marks = ("'0001'", "revision='0001'", "target=1", "")
    tests = (f"@pytest.mark.trek({mark})\ndef test_{number}(trek_dsn): pass\n" for number, mark in enumerate(marks))
    project.has(marks="import pytest\n" + "".join(tests), trio=ANYIO.replace("BACKEND", "'trio'"))
    ran = project.pytest("-o", "asyncio_mode=strict")
    assert ran.told == "5 errors"
    assert ran.output.count("@pytest.mark.trek takes target=") >= 4
    assert "this test runs on trio: let the fixture anyio_backend return 'asyncio'" in ran.output


def test_the_folder_may_be_named_and_the_migrator_made_by_hand(project: Project) -> None:
    (project.folder / "migrations").rename(project.folder / "elsewhere")
    project.has(it="async def test_it(trek_connection): assert await trek_connection.fetchval('TABLE users') is None")
    assert project.pytest("-o", "trek_directory=elsewhere").told == "1 passed"
    project.has(
        it="import pytest, trek_asyncpg, trek_core\n"
        "@pytest.fixture(scope='session')\n"
        "def trek_migrator_for():\n"
        "    return lambda dsn: trek_core.Migrator(trek_asyncpg.AsyncpgBackend(dsn, schema='log'), 'elsewhere')\n"
        "async def test_it(trek_connection):\n"
        "    assert await trek_connection.fetchval('SELECT count(*) FROM log.trek_history') == 2\n"
    )
    ran = project.pytest()
    assert ran.told == "1 passed", ran.output
