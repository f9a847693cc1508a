"""Every Python block of the pages runs on a real database: the table `RUNS` says how."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import asyncpg_trek  # type: ignore[import-untyped]
import httpx
import pytest
from asyncpg_trek.asyncpg import AsyncpgBackend as ToolBackend  # type: ignore[import-untyped]

import trek_asyncpg
from tests.docs.pages import ROOT, block, blocks, execute, pages
from tests.docs.plugin_pages import EXAMPLES
from tests.docs.plugin_runs import PLUGIN_RUNS, USERS
from tests.docs.pytest_runs import PYTEST_RUNS
from tests.docs.sessions import SESSIONS
from trek_core import Irreversible, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.docs.conftest import Reader

GOOSE = ROOT / "tests/formats/fixtures/goose"
OF_THE_TOOL = {
    "20240101_initial_up_people.sql": "CREATE TABLE people (id int);",
    "20240102_people_up_orders.sql": "CREATE TABLE orders (id int);",
    "20240102_orders_down_people.sql": "DROP TABLE orders;",
}
PROMISE = """\
import asyncpg
from trek_core import Direction, execute, plan
from trek_asyncpg import AsyncpgBackend

async def to_revision(connection: asyncpg.Connection, target: str) -> None:
    backend = AsyncpgBackend(connection)
    async with backend.connect() as session:
        planned = await plan(session, backend, "migrations", target_revision=target, direction=Direction.up)
        await execute(session, backend, planned)
"""
"""The call shape that trek was begun with, word for word. It does not change."""


# --------------------------------------------------------------------------- README
async def one_call(text: str, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    reader.has_the_shop()
    start = (await execute(text, "README"))["start"]
    await start(reader.database.dsn)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 21
    assert told[0] == "apply 0005.1 first_release"
    await start(reader.database.dsn)
    assert capsys.readouterr().out == ""


async def plan_and_execute(text: str, reader: Reader, _: object) -> None:
    assert text == PROMISE
    reader.has_the_shop()
    to_revision = (await execute(text, "README"))["to_revision"]
    await to_revision(reader.connection, "0009")
    assert (await reader.history())[-1] == "0009"
    await to_revision(reader.connection, "head")
    assert (await reader.history())[-1] == "0025"


# --------------------------------------------------------------------------- how a run behaves
async def in_your_transaction(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    await reader.connection.execute("CREATE TABLE audit (what text)")
    await execute(text, "running", connection=reader.connection, migrate=trek_asyncpg.migrate)
    assert await reader.history() == ["0001"]
    assert await reader.history("audit", "what") == ["migrating"]


async def all_or_nothing(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS, "0002_bad.sql": "SELECT 1/0;"})
    given = {"connection": reader.connection, "migrate": trek_asyncpg.migrate}
    with pytest.raises(MigrationFailed, match="Nothing of the plan"):
        await execute(text, "running", **given)
    (reader.folder / "migrations/0002_bad.sql").write_text("SELECT 1;")
    await execute(text, "running", **given)
    assert await reader.history() == ["0001", "0002"]


# --------------------------------------------------------------------------- the embedded server
async def by_its_dsn(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    main = (await execute(text, "embedded"))["main"]
    assert [ran.revision for ran in (await main()).ran] == ["0001"]
    assert not await main()
    assert (reader.folder / ".trek/postgres/data/PG_VERSION").exists()


async def by_serve(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    await (await execute(text, "embedded"))["main"]()
    assert not await trek_asyncpg.migrate("embedded:.trek/postgres", "migrations")


async def as_a_fixture(text: str, reader: Reader, _: object) -> None:
    """pytest runs it, in a process of its own."""
    (reader.folder / "conftest.py").write_text(text)
    (reader.folder / "test_it.py").write_text(
        "import asyncio, asyncpg\n"
        "async def ask(dsn):\n"
        "    connection = await asyncpg.connect(dsn)\n"
        "    try:\n"
        "        return await connection.fetchval('SELECT 41 + 1')\n"
        "    finally:\n"
        "        await connection.close()\n"
        "def test_it(dsn):\n"
        "    assert asyncio.run(ask(dsn)) == 42\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(reader.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=reader.folder)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


# --------------------------------------------------------------------------- applications, and what they log
async def in_starlette(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    app = (await execute(text, "applications"))["application"](reader.database.dsn, "open sesame")
    asking = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
    async with app.router.lifespan_context(app), asking as client:
        assert (await client.get("/migrations/ready")).json() == {"ready": True, "state": "current"}
        assert (await client.post("/migrations/migrate")).status_code == 401
        assert await reader.history() == ["0001"]
        reader.has({"0002_more.sql": "SELECT 1;"})
        answer = await client.post("/migrations/migrate", headers={"Authorization": "Bearer open sesame"})
        assert answer.text.splitlines()[-3] == "event: report"
    assert await reader.history() == ["0001", "0002"]
    (reader.folder / "migrations/0002_more.sql").unlink()
    async with app.router.lifespan_context(app):
        """An old process starts while the new release is there."""


async def as_json_lines(text: str, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    reader.has({"0001_users.sql": USERS})
    log = logging.getLogger("trek")
    handler = (await execute(text, "logging"))["handler"]
    try:
        await trek_asyncpg.migrate(reader.connection, "migrations")
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [fields["trek_event"] for fields in told] == ["run_started", "done", "run_finished"]
    assert (told[1]["level"], told[1]["trek_revision"]) == ("INFO", "0001")


# --------------------------------------------------------------------------- reviewing
async def a_folder_without_a_database(text: str, reader: Reader, capsys: Any) -> None:
    reader.has({"0001_users.sql": f"-- trek: irreversible\n{USERS}", "notes.txt": ""})
    await execute(text, "reviewing")
    assert capsys.readouterr().out.startswith("note ignored migrations/notes.txt None no loader takes '.txt'")


# --------------------------------------------------------------------------- asyncpg-trek
async def after_the_tool(reader: Reader) -> None:
    """The tool itself has gone to its first revision."""
    reader.has(OF_THE_TOOL)
    backend, up = ToolBackend(reader.connection), asyncpg_trek.Direction.up
    planned = await asyncpg_trek.plan(backend, reader.folder / "migrations", "people", up)
    await asyncpg_trek.execute(backend, planned)


async def one_call_after_the_tool(text: str, reader: Reader, _: object) -> None:
    await after_the_tool(reader)
    start = (await execute(text, "asyncpg-trek"))["start"]
    assert [ran.revision for ran in (await start(reader.connection)).ran] == ["orders"]
    assert await reader.history("migrations", "id || to_revision") == ["1people", "2orders"]


async def a_plan_after_the_tool(text: str, reader: Reader, _: object) -> None:
    await after_the_tool(reader)
    to_revision = (await execute(text, "asyncpg-trek"))["to_revision"]
    await to_revision(reader.connection, "orders")
    assert await reader.history("migrations", "id || to_revision") == ["1people", "2orders"]


# --------------------------------------------------------------------------- other tools
async def one_call_after_goose(text: str, reader: Reader, _: object) -> None:
    """Its folder and its table, as goose left them, and a further file."""
    shutil.copytree(GOOSE / "migrations", reader.folder / "migrations", dirs_exist_ok=True)
    await reader.connection.execute((GOOSE / "history.sql").read_text())
    await reader.connection.execute("RESET ALL")
    reader.has({"20250101000000_more.sql": "-- +goose Up\nSELECT 1;\n"})
    start = (await execute(text, "adopt"))["start"]
    assert [ran.revision for ran in (await start(reader.connection)).ran] == ["20250101000000"]


# --------------------------------------------------------------------------- drift
async def ways_back(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    all_go_back = (await execute(text, "drift"))["all_go_back"]
    await all_go_back(reader.database.dsn)
    reader.has({"0002_left.sql": "CREATE TYPE mood AS ENUM ('sad');\n-- trek: down\nSELECT 1;\n"})
    with pytest.raises(AssertionError, match=r"stays: type public\.mood"):
        await all_go_back(reader.database.dsn)


async def drift_of_a_copy(text: str, reader: Reader, _: object) -> None:
    made, copy = "CREATE TABLE users (email text NOT NULL)", f"{reader.database.name}_copy"
    await reader.connection.execute(made)
    await reader.connection.execute(f"CREATE DATABASE {copy} TEMPLATE template0")
    dsn = reader.database.dsn.replace(reader.database.name, copy)
    try:
        connection = await asyncpg.connect(dsn)
        by_hand = "ALTER TABLE users ALTER email DROP NOT NULL; CREATE INDEX users_low ON users (lower(email))"
        await connection.execute(f"{made}; {by_hand}")
        await connection.close()
        told = await (await execute(text, "drift"))["drift"](reader.database.dsn, dsn)
    finally:
        await reader.connection.execute(f"DROP DATABASE {copy} WITH (FORCE)")
    assert f"{told}\n" == block("", "docs/drift.md", 1)


# --------------------------------------------------------------------------- packages.md
async def with_a_library(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": "CREATE TABLE users (id int);"})
    reader.has({"../shop_auth/migrations/auth.0001_roles.sql": "CREATE TABLE roles (id int);"})
    sys.path.insert(0, str(reader.folder))
    try:
        await (await execute(text, "packages"))["start"](reader.database.dsn)
    finally:
        sys.path.remove(str(reader.folder))
    assert await reader.history() == ["0001", "auth.0001"]


RUNS: dict[tuple[str, int], Callable[[str, Reader, Any], Awaitable[None]]] = {
    ("README.md", 1): one_call,
    ("README.md", 2): plan_and_execute,
    ("docs/running.md", 1): all_or_nothing,
    ("docs/running.md", 2): in_your_transaction,
    ("docs/reviewing.md", 1): a_folder_without_a_database,
    **PLUGIN_RUNS,
    ("docs/applications.md", 1): in_starlette,
    ("docs/logging.md", 1): as_json_lines,
    ("docs/drift.md", 1): ways_back,
    ("docs/drift.md", 2): drift_of_a_copy,
    ("docs/packages.md", 1): with_a_library,
    **PYTEST_RUNS,
    ("docs/embedded.md", 1): by_its_dsn,
    ("docs/embedded.md", 2): by_serve,
    ("docs/embedded.md", 3): as_a_fixture,
    ("docs/adopt/README.md", 1): one_call_after_goose,
    ("docs/asyncpg-trek.md", 1): one_call_after_the_tool,
    ("docs/asyncpg-trek.md", 2): a_plan_after_the_tool,
}


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    yield
    for example in EXAMPLES:
        sys.modules.pop(example.module, None)


def test_every_python_block_has_a_run() -> None:
    here = [page for page in pages() if page not in SESSIONS]
    assert {found.place for found in blocks("python", *here)} == set(RUNS)


@pytest.mark.parametrize("place", RUNS, ids=lambda place: f"{place[0]}-{place[1]}")
async def test_a_python_block_runs(place: tuple[str, int], reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    await RUNS[place](block("python", *place), reader, capsys)


@pytest.mark.parametrize("target", ["0009", "head"])
async def test_the_example_of_the_api_runs_with_its_direction_left_out(reader: Reader, target: str) -> None:
    shorter = PROMISE.replace(", direction=Direction.up", "")
    assert shorter != PROMISE
    reader.has_the_shop()
    to_revision = (await execute(shorter, "README"))["to_revision"]
    await to_revision(reader.connection, target)
    assert (await reader.history())[-1] == {"head": "0025"}.get(target, target)
    if target == "head":
        with pytest.raises(Irreversible):
            await to_revision(reader.connection, "base")
    else:
        await to_revision(reader.connection, "base")
        assert await reader.connection.fetchval("SELECT to_regclass('public.orders')") is None
