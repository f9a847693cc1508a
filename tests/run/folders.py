"""Folders of migrations for one test, and what a test asks the server about them afterwards."""

from __future__ import annotations

import asyncio
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

PATIENCE = 15  # seconds that a test waits for something before it fails


def write(folder: Path, files: Mapping[str, str]) -> str:
    """The files of a folder, dedented; beside those that are there."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(textwrap.dedent(content), encoding="utf-8")
    return str(folder)


def two(folder: Path) -> str:
    """Two plain migrations: table a, then table b."""
    return write(folder, {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "CREATE TABLE b (id int);"})


def shadows(answer: str) -> str:
    """A schema `odd` whose operators answer so, whatever they compare."""
    return "CREATE SCHEMA odd;" + "".join(
        f"CREATE FUNCTION odd.eq({kind}, {kind}) RETURNS bool LANGUAGE sql AS 'SELECT {answer}';"
        f"CREATE OPERATOR odd.= (LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = odd.eq);"
        for kind in ("text", "name", "oid", "int4", "int8")
    )


async def history(connection: Connection) -> list[tuple[str, str, str]]:
    """Revision, verb and state of every row, in order; nothing without a table. Rows that only tell of a failure are none."""
    if await connection.fetchval("SELECT to_regclass('public.trek_history')") is None:
        return []
    rows = "SELECT revision, verb, state FROM public.trek_history WHERE state <> 'rolled back' ORDER BY seq"
    found = await connection.fetch(rows)
    return [tuple(row) for row in found]


async def applied(connection: Connection) -> list[str]:
    """The revisions with a row that says "done", in order."""
    return [revision for revision, _, state in await history(connection) if state == "done"]


async def tables(connection: Connection) -> set[str]:
    """The tables of all schemas that are not the server's own, without the history."""
    found = await connection.fetch(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p')"
        " AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' AND relname <> 'trek_history'"
    )
    return {row["relname"] for row in found}


async def advisory_locks(connection: Connection) -> int:
    """How many advisory locks of any kind are held or waited for in this database."""
    return await connection.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


async def settings(connection: Connection) -> dict[str, str]:
    """Role and every setting of the session, as another statement would see them; a DO adds those of its language."""
    query = "SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%'"
    found = {row["name"]: row["setting"] for row in await connection.fetch(query)}
    row = await connection.fetchrow(
        "SELECT current_user AS who, session_user AS login, current_setting('role') AS role"
    )
    return found | dict(row)


async def clean(connection: Connection) -> None:
    """Fails unless the connection is usable, in no transaction, holds no advisory lock, and keeps nothing of trek's."""
    assert not connection.is_in_transaction()
    # a CREATE INDEX CONCURRENTLY is refused in any transaction block, also in one that the driver does not know of
    await connection.execute("CREATE TABLE IF NOT EXISTS clean_probe (i int)")
    await connection.execute("CREATE INDEX CONCURRENTLY clean_probe_i ON clean_probe (i)")
    await connection.execute("DROP TABLE clean_probe")
    assert await connection.fetchval("SELECT 41 + 1") == 42
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert await connection.fetchval(held) == 0
    kept = "SELECT name FROM pg_cursors UNION ALL SELECT name FROM pg_prepared_statements"
    assert not [row for row in await connection.fetch(kept) if row["name"].startswith("trek")]


async def until(check: Callable[[], Awaitable[object]], what: str) -> None:
    """Asks again and again until the answer is true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await check():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"did not happen within {PATIENCE} s: {what}")


async def sleeping(connection: Connection) -> list[int]:
    """The server processes of this database that are inside pg_sleep()."""
    found = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    return [row["pid"] for row in found]


async def until_sleeping(connection: Connection) -> int:
    """Waits for a server process inside pg_sleep(); gives its pid."""

    async def check() -> object:
        return await sleeping(connection)

    await until(check, "a server process sleeps")
    return (await sleeping(connection))[0]


async def until_awake(connection: Connection) -> None:
    """Waits until no server process is inside pg_sleep()."""

    async def check() -> object:
        return not await sleeping(connection)

    await until(check, "no server process sleeps")
