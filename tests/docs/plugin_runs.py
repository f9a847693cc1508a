"""How the Python blocks of the plugin pages, and of what trek brings as extras, are run."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import trek_asyncpg
from tests.docs.installed import installed
from tests.docs.pages import block, execute, module
from tests.docs.plugin_pages import (
    EXAMPLES,
    FOLDERS,
    LOG,
    README,
    SECRET,
    SETTINGS,
    SQLX,
    STATEMENTS,
    STORE,
    TESTING,
    Example,
)
from trek_core import Changed, ConfigError, ConnectError, LoadError, MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.docs.conftest import Reader

USERS = "CREATE TABLE users (id int);\n"


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
        environment.setattr("trek_core._host.entry_points", lambda _: [])
        assert [ran.revision for ran in (await start(reader.connection)).ran] == ["0001"]
    assert not await start(reader.connection)  # where they are installed they do no harm


async def with_a_class(text: str, reader: Reader, _: object) -> None:
    module(SQLX.module, SQLX.text)
    plugin = module("shop_hooks", text).plugin
    reader.has({"0001_users.sqlx": USERS})
    ran = (await trek_asyncpg.migrate(reader.connection, "migrations", plugins=[plugin])).ran
    assert [done.revision for done in ran] == ["0001"]


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


async def with_a_row_a_statement(text: str, reader: Reader, _: object) -> None:
    """The kit of the page holds the second store too, and its rows tell how far a file came."""
    assert sum(bool(line.strip()) for line in text.splitlines()) < 40
    (reader.folder / "shop_statements.py").write_text(text)
    test = STORE.test.replace("import ShopSettings, ShopStore", "import ShopSettings")
    await with_pytest(f"from shop_statements import StatementStore as ShopStore\n{test}", reader, None)
    module(STORE.module, STORE.text)
    plugin = module("shop_statements", text)
    index = "CREATE INDEX CONCURRENTLY ON users (id);\n"
    reader.has({"0001_a.sql": USERS, "0002_b.sql": f"-- trek: no-transaction\n{index}SELECT 1;\n{index}SELECT no;\n"})
    with pytest.raises(MigrationFailed):
        await trek_asyncpg.migrate(reader.connection, "migrations", store="shop-statements", plugins=[plugin])
    told = await reader.history("shop_steps", "concat_ws(' ', step, title, state)")
    steps = ["3 statement 1 step", "4 statement 2 step", "5 statement 3 step"]
    assert told == ["1 a done", "2 b failed", *steps]


async def with_settings(text: str, reader: Reader, _: object) -> None:
    module(STORE.module, STORE.text)
    plugin = module("shop_team", text)
    reader.has({"0001_users.sql": USERS})

    async def start(**settings: str) -> None:
        await trek_asyncpg.migrate(
            reader.connection, "migrations", store="team", store_settings=settings, plugins=[plugin]
        )

    with pytest.raises(ConfigError, match=r"^settings of store team: team is 'no, word'\. Write a word: "):
        await start(team="no, word")
    with pytest.raises(ConfigError, match="'team' is missing"):
        await start()
    await start(team="blue")
    assert await reader.history("shop_blue.shop_steps") == ["0001"]


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


PLUGIN_RUNS: dict[tuple[str, int], Callable[[str, Reader, Any], Awaitable[None]]] = {
    **{(example.page, 1): only_define for example in EXAMPLES},
    **{(example.page, 3): with_pytest for example in EXAMPLES},
    **{(TESTING, number): with_pytest for number in (1, 2, 3, 4)},
    (README, 1): by_hand,
    (README, 2): in_a_frozen_application,
    (README, 3): with_a_class,
    (SQLX.page, 2): with_the_loader,
    (FOLDERS.page, 2): with_the_layout,
    (STORE.page, 2): with_the_store,
    STATEMENTS: with_a_row_a_statement,
    (SETTINGS, 1): with_settings,
    (SECRET.page, 2): with_the_executor,
    (LOG.page, 2): with_the_observer,
    ("docs/jinja.md", 1): with_templates,
    ("docs/opentelemetry.md", 1): with_spans,
}
