"""Every Python block of the pages runs on a real database: the table `RUNS` says how."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg_trek  # type: ignore[import-untyped]
import pytest
from asyncpg_trek.asyncpg import AsyncpgBackend as ToolBackend  # type: ignore[import-untyped]
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import trek_asyncpg
from tests.docs.installed import installed
from tests.docs.pages import block, blocks, execute, module
from tests.docs.plugin_pages import EXAMPLES, FOLDERS, LOG, README, SECRET, SQLX, STORE, TESTING, Example
from trek_core import Changed, ConnectError, Irreversible, LoadError, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.docs.conftest import Reader

USERS = "CREATE TABLE users (id int);\n"
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
    assert told[0].startswith("apply 0005.1 first_release 0.")
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


# --------------------------------------------------------------------------- plugins
async def only_define(text: str, reader: Reader, _: object) -> None:
    """What it registers is used by the block after it; here: it can be imported, and has a hook."""
    made = module(f"trek_docs_{abs(hash(text))}", text)
    assert [name for name in vars(made) if name.startswith("trek_register_")]
    del sys.modules[made.__name__]


async def started(example: Example, text: str) -> Any:
    """The function `start` of a block that uses the example."""
    module(example.module, example.text)
    return (await execute(text, example.page))["start"]


async def with_the_loader(text: str, reader: Reader, _: object) -> None:
    start = await started(SQLX, text)
    reader.has({"0001_users.sql": USERS, "0002_note.sqlx": "SELECT 1;\n\nCOMMENT ON TABLE users IS 'of {{owner}}';\n"})
    assert [ran.revision for ran in (await start(reader.connection)).ran] == ["0001", "0002"]
    assert await reader.connection.fetchval("SELECT obj_description('users'::regclass)") == "of shop_owner"
    reader.has({"0003_more.sqlx": "SELECT 1;\nSELECT {{nobody}};\n"})
    with pytest.raises(LoadError, match=r"0003_more\.sqlx:2: no value for \{\{nobody\}\}\nThere are: owner\."):
        await start(reader.connection)


async def by_hand(text: str, reader: Reader, _: object) -> None:
    start = await started(SQLX, text)
    reader.has({"0001_users.sqlx": USERS})
    assert [found.revision for found in (await start(reader.connection)).applied] == ["0001"]


async def in_a_frozen_application(text: str, reader: Reader, _: object) -> None:
    start = await started(SQLX, text)
    reader.has({"0001_users.sqlx": USERS})
    with pytest.MonkeyPatch.context() as environment:
        environment.setattr("importlib.metadata.entry_points", lambda **_: [])
        assert [ran.revision for ran in (await start(reader.connection)).ran] == ["0001"]
    assert not await start(reader.connection)  # where they are installed they do no harm


async def with_the_observer(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS, "0002_bad.sql": "SELECT no_such_thing;\n"})
    logger = logging.getLogger("shop.migrations")
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        start = await started(LOG, text)
        with pytest.raises(MigrationFailed):
            await start(reader.connection)
    finally:
        logger.removeHandler(handler)
    assert told[0].startswith("apply 0001 users: 0.")
    assert told[1] == 'apply 0002 bad: column "no_such_thing" does not exist'
    assert len(told) == 2


async def with_the_store(text: str, reader: Reader, _: object) -> None:
    reader.has_the_shop()
    start = await started(STORE, text)
    assert len((await start(reader.connection)).ran) == 21
    assert len(await reader.history("shop_steps")) == 21
    assert not await start(reader.connection)
    assert await reader.connection.fetchval("SELECT to_regclass('public.trek_history')") is None


async def with_the_layout(text: str, reader: Reader, _: object) -> None:
    reader.has(
        {"001-users/up.sql": USERS, "001-users/down.sql": "DROP TABLE users;\n", "002-note/up.sql": "SELECT 1;\n"}
    )
    start = await started(FOLDERS, text)
    assert [(ran.revision, ran.title) for ran in (await start(reader.connection)).ran] == [
        ("001", "users"),
        ("002", "note"),
    ]
    assert not await start(reader.connection)
    reader.has({"001-users/up.sql": f"-- edited\n{USERS}"})
    reader.has({"003-more/up.sql": "SELECT 1;\n"})
    with pytest.raises(Changed):
        await start(reader.connection)


async def with_the_executor(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    secret = reader.folder / "secret"
    start = await started(SECRET, text)
    with pytest.raises(ConnectError, match=r"there is no DSN in .*secret: no such file"):
        await start(secret)
    secret.write_text(f"{reader.database.dsn}\n")
    assert [ran.revision for ran in (await start(secret)).ran] == ["0001"]
    assert await reader.history() == ["0001"]


async def with_pytest(text: str, reader: Reader, _: object) -> None:
    """A module of tests of a plugin author, in a process of its own: what is not skipped passes."""
    for example in EXAMPLES:
        (reader.folder / f"{example.module}.py").write_text(example.text)
    installed(reader.folder)
    (reader.folder / "test_plugin.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--rootdir", str(reader.folder)]
    environ = {**os.environ, "TREK_TEST_DSN": reader.database.dsn, "PYTHONPATH": str(reader.folder)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=reader.folder, env=environ, timeout=300
    )
    assert re.search(r"^\d+ passed(, \d+ skipped)? in ", done.stdout, re.MULTILINE), done.stdout + done.stderr


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


# --------------------------------------------------------------------------- extras
async def with_templates(text: str, reader: Reader, _: object) -> None:
    """The template of the page with trek's own loader, then one with the value of the block's."""
    reader.has({"0002_users.sql": USERS, "0003_tenants.sql.j2": block("sql", "docs/jinja.md", 1)})
    await trek_asyncpg.migrate(reader.connection, "migrations")
    assert await reader.history("pg_namespace WHERE nspname IN ('north', 'south')", "nspname") == ["north", "south"]
    reader.has({"0004_note.sql.j2": "COMMENT ON TABLE users IS 'of {{ owner }}';"})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TREK_DISABLE_PLUGINS", "jinja")
        await trek_asyncpg.migrate(reader.connection, "migrations", plugins=[module("shop_j2", text)])
    assert await reader.connection.fetchval("SELECT obj_description('users'::regclass)") == "of shop_owner"


async def with_spans(text: str, reader: Reader, _: object) -> None:
    reader.has({"0001_users.sql": USERS})
    found = await execute(text, "opentelemetry")
    exporter, provider = InMemorySpanExporter(), found["TracerProvider"](shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    found["telemetry"] = found["observer"](provider, {"shop.team": "payments"})
    await found["start"](reader.connection)
    assert [span.name for span in exporter.get_finished_spans()] == ["trek apply", "trek run"]


RUNS: dict[tuple[str, int], Callable[[str, Reader, Any], Awaitable[None]]] = {
    ("README.md", 1): one_call,
    ("README.md", 2): plan_and_execute,
    ("docs/running.md", 1): in_your_transaction,
    **{(example.page, 1): only_define for example in EXAMPLES},
    **{(example.page, 3): with_pytest for example in EXAMPLES},
    **{(TESTING, number): with_pytest for number in (1, 2, 3, 4)},
    (README, 1): by_hand,
    (README, 2): in_a_frozen_application,
    (SQLX.page, 2): with_the_loader,
    (FOLDERS.page, 2): with_the_layout,
    (STORE.page, 2): with_the_store,
    (SECRET.page, 2): with_the_executor,
    (LOG.page, 2): with_the_observer,
    ("docs/embedded.md", 1): by_its_dsn,
    ("docs/embedded.md", 2): by_serve,
    ("docs/embedded.md", 3): as_a_fixture,
    ("docs/jinja.md", 1): with_templates,
    ("docs/opentelemetry.md", 1): with_spans,
    ("docs/asyncpg-trek.md", 1): one_call_after_the_tool,
    ("docs/asyncpg-trek.md", 2): a_plan_after_the_tool,
}


@pytest.fixture(autouse=True)
def forget_modules() -> Iterator[None]:
    yield
    for example in EXAMPLES:
        sys.modules.pop(example.module, None)


def test_every_python_block_has_a_run() -> None:
    assert {found.place for found in blocks("python")} == set(RUNS)


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
