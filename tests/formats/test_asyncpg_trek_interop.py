"""asyncpg-trek 0.4.0 itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Any

import asyncpg
import asyncpg_trek
import pytest
from asyncpg_trek.asyncpg import AsyncpgBackend as ToolBackend

from trek_asyncpg import AsyncpgBackend
from trek_core import Direction, MigrationFailed, Migrator, execute, plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.databases import Database
    from trek_core import Report

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore:.*load_module.*:DeprecationWarning")]

FILES = {
    "20240101_initial_up_people.sql": "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL);\n",
    "20240102_people_up_seed.py": (
        "async def run_migration(connection):\n"
        "    await connection.executemany('INSERT INTO people VALUES ($1, $2)', [(1, 'Ada'), (2, 'Zoë')])\n"
    ),
    "20240103_seed_up_email.sql": (
        "ALTER TABLE people ADD email text;\nUPDATE people SET email = lower(name) || '@example.org';\n"
    ),
    "20240104_email_up_orders.py": (
        "async def run_migration(connection):\n"
        "    await connection.execute('CREATE TABLE orders (person int REFERENCES people, total int DEFAULT 0)')\n"
        "    for row in await connection.fetch('SELECT id FROM people ORDER BY id'):\n"
        "        await connection.execute('INSERT INTO orders VALUES ($1)', row['id'])\n"
    ),
    "20240101_people_down_initial.sql": "DROP TABLE people;\n",
    "20240102_seed_down_people.py": (
        "async def run_migration(connection):\n    await connection.execute('DELETE FROM people')\n"
    ),
    "20240103_email_down_seed.sql": "ALTER TABLE people DROP email;\n",
    "20240104_orders_down_email.py": (
        "async def run_migration(connection):\n    await connection.execute('DROP TABLE orders')\n"
    ),
}
UP, DOWN = Direction.up, Direction.down
TOUR = [
    ("seed", UP),
    ("orders", UP),
    ("seed", DOWN),
    ("initial", DOWN),
    ("people", UP),
    ("email", UP),
    ("seed", DOWN),
    ("orders", UP),
    ("people", DOWN),
    ("initial", DOWN),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name.removesuffix(".py"), None)  # the tool leaves its modules there


def by_schema(schema: str | None) -> str:
    return "public" if schema is None else schema


async def by_tool(
    connection: asyncpg.Connection[Any], folder: Path, target: str, direction: Direction, schema: str | None = None
) -> None:
    backend = ToolBackend(connection, by_schema(schema))
    planned = await asyncpg_trek.plan(backend, folder, target, asyncpg_trek.Direction[direction.name])
    assert planned
    await asyncpg_trek.execute(backend, planned)


async def by_trek(
    connection: asyncpg.Connection[Any],
    folder: Path,
    target: str,
    direction: Direction | None = None,
    schema: str | None = None,
) -> Report:
    backend = AsyncpgBackend(connection, format="asyncpg-trek", store_settings={"schema": schema})
    async with backend.connect() as session:
        planned = await plan(session, backend, str(folder), target_revision=target, direction=direction)
        return await execute(session, backend, planned)


async def everything(connection: asyncpg.Connection[Any], schema: str | None = None) -> dict[str, list[str]]:
    """All columns, all rows of the user's tables, and the history without its times."""
    found: dict[str, list[str]] = {}
    columns = await connection.fetch(
        "SELECT table_schema, table_name, column_name, data_type, column_default FROM information_schema.columns"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, ordinal_position"
    )
    found["columns"] = [str(tuple(column)) for column in columns]
    for table in sorted({column["table_name"] for column in columns} - {"migrations"}):
        found[table] = [str(tuple(row)) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY 1")]
    history = f'SELECT id, from_revision, to_revision FROM "{by_schema(schema)}".migrations ORDER BY id'
    found["history"] = [str(tuple(row)) for row in await connection.fetch(history)]
    return found


async def tour_of_the_tool(
    connection: asyncpg.Connection[Any], folder: Path, schema: str | None
) -> list[dict[str, list[str]]]:
    """What the tool alone makes of each step; afterwards the database is as it was."""
    seen = []
    for target, direction in TOUR:
        await by_tool(connection, folder, target, direction, schema)
        seen.append(await everything(connection, schema))
    await connection.execute(f'DROP TABLE "{by_schema(schema)}".migrations')
    return seen


@pytest.mark.parametrize("schema", [None, "custom"])
@pytest.mark.parametrize("turns", [(by_tool, by_trek), (by_trek, by_tool), (by_trek,)], ids=["tool", "trek", "alone"])
async def test_both_tools_take_turns_and_leave_what_the_tool_alone_leaves(
    connection: asyncpg.Connection[Any], folder: Path, schema: str | None, turns: tuple[Any, ...]
) -> None:
    expected = await tour_of_the_tool(connection, folder, schema)
    for (target, direction), turn, wanted in zip(TOUR, cycle(turns), expected, strict=False):
        await turn(connection, folder, target, direction, schema)
        assert await everything(connection, schema) == wanted, (target, turn.__name__)


async def test_the_direction_may_be_left_out(connection: asyncpg.Connection[Any], folder: Path) -> None:
    expected = await tour_of_the_tool(connection, folder, None)
    for (target, _), wanted in zip(TOUR, expected, strict=True):
        await by_trek(connection, folder, target)
        assert await everything(connection) == wanted


async def test_each_tool_finds_nothing_to_do_where_the_other_arrived(
    connection: asyncpg.Connection[Any], folder: Path
) -> None:
    await by_tool(connection, folder, "orders", UP)
    assert not await by_trek(connection, folder, "head")
    await by_trek(connection, folder, "people")
    assert await asyncpg_trek.plan(ToolBackend(connection), folder, "people", asyncpg_trek.Direction.up) == []


async def test_status_and_stamp_speak_of_the_tools_table(connection: asyncpg.Connection[Any], folder: Path) -> None:
    await by_tool(connection, folder, "seed", UP)
    migrator = Migrator(AsyncpgBackend(connection, format="asyncpg-trek"), folder)
    states = {revision.revision: revision.state for revision in (await migrator.status()).revisions}
    assert states == {"people": "applied", "seed": "applied", "email": "pending", "orders": "pending"}
    await migrator.stamp("email")
    assert (await migrator.status()).history == "public.migrations"
    planned = await asyncpg_trek.plan(ToolBackend(connection), folder, "orders", asyncpg_trek.Direction.up)
    assert [(step.from_rev, step.to_rev) for step in planned] == [("email", "orders")]


async def test_a_failing_migration_leaves_neither_work_nor_row(
    connection: asyncpg.Connection[Any], folder: Path
) -> None:
    await by_tool(connection, folder, "seed", UP)
    (folder / "20240103_seed_up_email.sql").write_text("ALTER TABLE people ADD email text;\nSELECT no_such_thing;\n")
    before = await everything(connection)
    with pytest.raises(MigrationFailed, match=r"20240103_seed_up_email\.sql:2"):
        await by_trek(connection, folder, "head")
    assert await everything(connection) == before


async def test_trek_runs_outside_a_transaction_what_the_tool_cannot_and_the_tool_goes_on_from_there(
    connection: asyncpg.Connection[Any], folder: Path
) -> None:
    (folder / "20240103_seed_up_email.sql").write_text("CREATE INDEX CONCURRENTLY by_name ON people (name);\n")
    await by_tool(connection, folder, "seed", UP)
    with pytest.raises(asyncpg.ActiveSQLTransactionError):
        await by_tool(connection, folder, "email", UP)
    await by_trek(connection, folder, "email")
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_name'::regclass")
    await by_tool(connection, folder, "orders", UP)
    assert (await everything(connection))["history"][-1].endswith("'email', 'orders')")


# --------------------------------------------------------------------------- at the same moment
async def test_trek_waits_for_a_tool_that_is_executing_and_does_not_repeat_its_work(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any], folder: Path
) -> None:
    await by_tool(connection, folder, "people", UP)
    backend = ToolBackend(connection)
    async with backend.connect() as tool:
        await tool.record_migration("people", "seed")
        await connection.execute("INSERT INTO people VALUES (1, 'Ada'), (2, 'Zoë')")
        running = asyncio.ensure_future(Migrator(trek_on(other), folder).migrate("seed"))
        await blocked(connection, other)
    assert not await running
    found = await everything(connection)
    assert found["history"] == ["(1, 'initial', 'people')", "(2, 'people', 'seed')"]
    assert len(found["people"]) == 2


async def test_trek_goes_on_when_the_executing_tool_fails(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any], folder: Path
) -> None:
    await by_tool(connection, folder, "people", UP)
    started = asyncio.Event()

    async def fail() -> None:
        async with ToolBackend(connection).connect() as tool:
            await tool.record_migration("people", "seed")
            started.set()
            await blocked(connection, other)
            raise ZeroDivisionError

    failing = asyncio.ensure_future(fail())
    await started.wait()
    running = asyncio.ensure_future(Migrator(trek_on(other), folder).migrate("seed"))
    with pytest.raises(ZeroDivisionError):
        await failing
    assert [ran.revision for ran in (await running).ran] == ["seed"]
    assert len((await everything(connection))["people"]) == 2


async def test_eight_runs_of_trek_at_once_apply_everything_once(database: Database, folder: Path) -> None:
    async def run() -> list[str]:
        connection = await database.connect()
        return [ran.revision for ran in (await Migrator(trek_on(connection), folder).migrate()).ran]

    ran = sorted(revision for report in await asyncio.gather(*(run() for _ in range(8))) for revision in report)
    assert ran == ["email", "orders", "people", "seed"]


async def test_a_plan_of_the_tool_that_is_older_than_treks_commit_fails_on_what_is_there(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any], folder: Path
) -> None:
    """The tool does not look again, so only the body can stop it: one that may run twice would. See the store."""
    await by_tool(connection, folder, "email", UP)
    backend = ToolBackend(connection)
    planned = await asyncpg_trek.plan(backend, folder, "orders", asyncpg_trek.Direction.up)
    await by_trek(other, folder, "orders")
    with pytest.raises(asyncpg.DuplicateTableError):
        await asyncpg_trek.execute(backend, planned)
    assert (await everything(connection))["history"][-1] == "(4, 'email', 'orders')"


def trek_on(connection: asyncpg.Connection[Any]) -> AsyncpgBackend:
    return AsyncpgBackend(connection, format="asyncpg-trek")


async def blocked(watcher: asyncpg.Connection[Any], waiting: asyncpg.Connection[Any]) -> None:
    """Returns when the other connection waits for a lock."""
    pid = waiting.get_server_pid()
    async with asyncio.timeout(20):
        while not await watcher.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
            await asyncio.sleep(0.01)
