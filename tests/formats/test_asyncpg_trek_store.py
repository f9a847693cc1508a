"""The asyncpg-trek store's SQL on a real server: the table, the guard, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from asyncpg_trek.asyncpg import AsyncpgBackend

from trek_core.errors import ConfigError
from trek_core.model import Action, Entry, Facts, Guard, Script, Sql
from trek_loaders.formats import asyncpg_trek

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.databases import Roles
    from trek_core.contracts import VersionStore
    from trek_core.model import History, Mode, Statement, Verb

SCHEMAS = ["public", "custom", 'a"; drop table x; --', "with $trek$ and \\ and 'quote'", "s" * 70]

pytestmark = pytest.mark.filterwarnings("error")

NO_TABLE = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
"""The second is PostgreSQL 14's word for a table in a missing schema."""


def make_store(schema: str | None = None) -> VersionStore:
    (provider,) = asyncpg_trek.trek_register_version_stores()
    return provider.create(provider.settings(schema=schema))


def action(*after: str, mode: Mode = "transaction", verb: Verb = "apply") -> Action:
    entry = Entry(revision="".join(after) or "x", load=lambda tree: Script(None))
    return Action(entry=entry, verb=verb, mode=mode, body=None, index=0, before=("before",), after=after)


async def read(connection: asyncpg.Connection[Any], store: VersionStore) -> History:
    try:
        rows = [json.loads(row[0]) for row in await connection.fetch(store.query().text)]
    except NO_TABLE:
        rows = None
    return store.history(rows, Facts(user=await connection.fetchval("SELECT current_user")))


async def carry_out(connection: asyncpg.Connection[Any], statements: Iterable[Statement]) -> None:
    for statement in statements:
        assert isinstance(statement, Sql)
        await connection.execute(statement.text)


async def move(connection: asyncpg.Connection[Any], store: VersionStore, act: Action, history: History) -> History:
    """One step as an executor takes it: history read, prepare, begin and finish in one transaction."""
    record = store.record(act, history)
    async with connection.transaction():
        await carry_out(connection, (*store.prepare(history), *record.begin, *record.finish))
    return record.history


async def pairs(connection: asyncpg.Connection[Any], table: str = "public.migrations") -> list[tuple[Any, ...]]:
    rows = await connection.fetch(f"SELECT id, from_revision, to_revision FROM {table} ORDER BY id")
    return [tuple(row) for row in rows]


async def shape(connection: asyncpg.Connection[Any]) -> list[str]:
    """The table in the words of the catalogue: columns, defaults, indexes, and what the sequence belongs to."""
    columns = await connection.fetch(
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = 'migrations' ORDER BY ordinal_position"
    )
    indexes = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'migrations' ORDER BY 1")
    owned = await connection.fetchval("SELECT pg_get_serial_sequence('public.migrations', 'id')")
    return [*(str(tuple(row)) for row in (*columns, *indexes)), owned]


@pytest.mark.parametrize("schema", [*SCHEMAS, None])
async def test_the_history_is_made_written_and_read_in_any_schema(
    connection: asyncpg.Connection[Any], schema: str | None
) -> None:
    store = make_store(schema)
    empty = await read(connection, store)
    assert not empty.exists
    history = await move(connection, store, action("it's"), empty)
    history = await move(connection, store, action("b\\ack"), history)
    await move(connection, store, action(), history)
    again = await read(connection, store)
    assert again.exists
    assert [(row.verb, row.revision) for row in again.rows] == [
        ("apply", "it's"),
        ("apply", "b\\ack"),
        ("revert", "b\\ack"),
    ]
    assert again.next == 4
    assert store.prepare(again) == ()


async def test_the_table_is_the_one_the_tool_makes(connection: asyncpg.Connection[Any]) -> None:
    async with AsyncpgBackend(connection).connect() as tool:
        await tool.create_table_idempotent()
    by_tool = await shape(connection)
    await connection.execute("DROP TABLE public.migrations")
    store = make_store()
    await carry_out(connection, store.prepare(await read(connection, store)))
    assert await shape(connection) == by_tool
    assert len(by_tool) == 7


async def test_the_tool_accepts_our_table_and_stands_where_we_stand(connection: asyncpg.Connection[Any]) -> None:
    store = make_store("custom")
    await move(connection, store, action("one"), await read(connection, store))
    async with AsyncpgBackend(connection, "custom").connect() as tool:
        await tool.create_table_idempotent()
        assert await tool.get_current_revision() == "one"


async def test_an_existing_schema_needs_no_create_on_the_database(
    connection: asyncpg.Connection[Any], make_role: Roles
) -> None:
    role = await make_role()
    await connection.execute(
        f'CREATE SCHEMA custom; GRANT USAGE, CREATE ON SCHEMA custom TO "{role}"; SET ROLE "{role}"'
    )
    store = make_store("custom")
    await move(connection, store, action("one"), await read(connection, store))
    assert await pairs(connection, "custom.migrations") == [(1, "initial", "one")]


async def test_a_runner_that_planned_from_an_older_history_loses_by_the_guard(
    connection: asyncpg.Connection[Any],
) -> None:
    store = make_store()
    stale = await move(connection, store, action("one"), await read(connection, store))
    await move(connection, store, action("two"), stale)
    record = store.record(action("two"), stale)
    with pytest.raises(asyncpg.UniqueViolationError) as raised:
        await carry_out(connection, record.begin)
    error = raised.value
    assert record.guard == Guard(error.schema_name or "", error.table_name or "", error.constraint_name or "")
    assert await pairs(connection) == [(1, "initial", "one"), (2, "one", "two")]


async def test_of_two_runners_at_once_the_second_waits_and_loses(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any]
) -> None:
    store = make_store()
    history = await move(connection, store, action("one"), await read(connection, store))
    transaction = connection.transaction()
    await transaction.start()
    await carry_out(connection, store.record(action("two"), history).begin)
    waiting = asyncio.ensure_future(move(other, store, action("two"), history))
    await blocked(connection, other)
    await transaction.commit()
    with pytest.raises(asyncpg.UniqueViolationError, match="moved on from one"):
        await waiting
    assert await pairs(connection) == [(1, "initial", "one"), (2, "one", "two")]


async def test_a_runner_goes_on_when_the_one_before_it_rolls_back(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any]
) -> None:
    store = make_store()
    history = await move(connection, store, action("one"), await read(connection, store))
    transaction = connection.transaction()
    await transaction.start()
    await carry_out(connection, store.record(action("two"), history).begin)
    waiting = asyncio.ensure_future(move(other, store, action("two"), history))
    await blocked(connection, other)
    await transaction.rollback()
    await waiting
    assert [row[1:] for row in await pairs(connection)] == [("initial", "one"), ("one", "two")]


async def test_a_reader_is_not_kept_waiting(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any]
) -> None:
    store = make_store()
    history = await move(connection, store, action("one"), await read(connection, store))
    async with connection.transaction():
        await carry_out(connection, store.record(action("two"), history).begin)
        await other.execute("SET lock_timeout = '1s'")
        assert len((await read(other, store)).rows) == 1


async def test_a_body_that_changes_the_history_under_its_row_fails(connection: asyncpg.Connection[Any]) -> None:
    store = make_store()
    record = store.record(action("one"), await read(connection, store))
    await carry_out(connection, store.prepare(await read(connection, store)))
    await carry_out(connection, record.begin)
    await carry_out(connection, record.finish)
    await connection.execute("DELETE FROM public.migrations")
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="no longer ends at one"):
        await carry_out(connection, record.finish)


@pytest.mark.parametrize("mode", ["autocommit", "message"])
async def test_outside_a_transaction_the_row_comes_after_the_body(
    connection: asyncpg.Connection[Any], mode: Mode
) -> None:
    store = make_store()
    history = await move(connection, store, action("one"), await read(connection, store))
    record = store.record(action("two", mode=mode), history)
    await carry_out(connection, record.begin)
    assert await pairs(connection) == [(1, "initial", "one")]
    await carry_out(connection, record.finish)
    assert await pairs(connection) == [(1, "initial", "one"), (2, "one", "two")]
    assert record.failed == ()


async def test_outside_a_transaction_a_moved_history_loses_before_the_body_and_fails_after_it(
    connection: asyncpg.Connection[Any],
) -> None:
    store = make_store()
    history = await move(connection, store, action("one"), await read(connection, store))
    record = store.record(action("two", mode="autocommit"), history)
    await carry_out(connection, record.begin)
    await move(connection, store, action("other"), history)
    with pytest.raises(asyncpg.UniqueViolationError):
        await carry_out(connection, record.begin)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match=r"nothing was recorded.*trek stamp"):
        await carry_out(connection, record.finish)
    assert [row[2] for row in await pairs(connection)] == ["one", "other"]


async def test_a_stamp_writes_the_row_alone(connection: asyncpg.Connection[Any]) -> None:
    store = make_store()
    history = await move(connection, store, action("three", verb="mark"), await read(connection, store))
    await move(connection, store, action(verb="unmark"), history)
    assert await pairs(connection) == [(1, "initial", "three"), (2, "three", "initial")]


async def test_a_row_of_the_tool_with_null_is_the_empty_database(connection: asyncpg.Connection[Any]) -> None:
    store = make_store()
    await move(connection, store, action("one"), await read(connection, store))
    await connection.execute("INSERT INTO public.migrations(from_revision, to_revision) VALUES ('one', NULL)")
    await move(connection, store, action("two"), await read(connection, store))
    assert [row[1:] for row in await pairs(connection)][-1] == ("initial", "two")


@pytest.mark.parametrize("schema", ["public", "missing"])
async def test_an_absent_table_is_an_error_that_says_so(connection: asyncpg.Connection[Any], schema: str) -> None:
    with pytest.raises(NO_TABLE):
        await connection.fetch(make_store(schema).query().text)


@pytest.mark.parametrize(
    "columns", ["id serial, migration text, batch int", "id serial, timestamp bigint, name text", ""]
)
async def test_another_programs_empty_table_is_refused(connection: asyncpg.Connection[Any], columns: str) -> None:
    await connection.execute(f"CREATE TABLE public.migrations ({columns})")
    with pytest.raises(ConfigError, match=r"public\.migrations is not asyncpg-trek's"):
        await read(connection, make_store())


async def test_a_table_made_after_the_callers_snapshot_is_refused(
    connection: asyncpg.Connection[Any], other: asyncpg.Connection[Any]
) -> None:
    store = make_store()
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute("SELECT 1")
        await move(other, store, action("one"), await read(other, store))
        with pytest.raises(ConfigError, match="younger than what the open transaction can see"):
            await read(connection, store)


async def test_a_temporary_table_of_that_name_is_not_read(connection: asyncpg.Connection[Any]) -> None:
    store = make_store()
    await move(connection, store, action("one"), await read(connection, store))
    await connection.execute("CREATE TEMPORARY TABLE migrations (x int)")
    assert [row.revision for row in (await read(connection, store)).rows] == ["one"]


async def test_hidden_rows_are_refused_and_the_role_is_named(
    connection: asyncpg.Connection[Any], make_role: Roles
) -> None:
    store, role = make_store(), await make_role()
    await move(connection, store, action("one"), await read(connection, store))
    await connection.execute(
        f'ALTER TABLE public.migrations ENABLE ROW LEVEL SECURITY; GRANT SELECT ON public.migrations TO "{role}"'
    )
    assert len((await read(connection, store)).rows) == 1
    await connection.execute(f'SET ROLE "{role}"')
    with pytest.raises(ConfigError, match=f"from the role '{role}'"):
        await read(connection, store)


async def blocked(watcher: asyncpg.Connection[Any], waiting: asyncpg.Connection[Any]) -> None:
    """Returns when the connection waits for a lock; the caller's timeout is the test run's."""
    pid = waiting.get_server_pid()
    async with asyncio.timeout(20):
        while not await watcher.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", pid):
            await asyncio.sleep(0.01)
