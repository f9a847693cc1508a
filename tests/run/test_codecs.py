"""What asyncpg remembers of the caller's statements and types, across a migration on the caller's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import write
from trek_asyncpg import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

SETUP = "CREATE TYPE pair AS (x int); CREATE TABLE t (id int, p pair); INSERT INTO t VALUES (1, ROW(1));"
PYTHON = """
async def upgrade(connection):
    await connection.execute("ALTER TABLE t ADD COLUMN n text DEFAULT 'new'")
    await connection.execute("ALTER TYPE pair ADD ATTRIBUTE y int")
"""
CHANGE = {
    "sql": ("1_t.sql", "ALTER TABLE t ADD COLUMN n text DEFAULT 'new'; ALTER TYPE pair ADD ATTRIBUTE y int;"),
    "python": ("1_t.py", PYTHON),
}


@pytest.fixture(params=["connection", "pool"])
async def caller(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Connection]:
    """A connection with its statement cache, alone or of a pool."""
    if request.param == "connection":
        yield await database.connect()
        return
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=1) as pool, pool.acquire() as acquired:
        yield acquired


@pytest.mark.parametrize("inside", [False, True], ids=["", "in a transaction"])
@pytest.mark.parametrize("kind", CHANGE)
async def test_a_select_star_used_before_and_after_goes_on_working(
    caller: Connection, tmp_path: Path, kind: str, inside: bool
) -> None:
    await caller.execute(SETUP)
    for _ in range(3):
        assert dict(await caller.fetchrow("SELECT * FROM t WHERE id = $1", 1)) == {"id": 1, "p": (1,)}
    name, text = CHANGE[kind]
    await migrate(caller, write(tmp_path, {name: text}))
    expected = {"id": 1, "p": (1, None), "n": "new"}
    if inside:
        async with caller.transaction():
            assert dict(await caller.fetchrow("SELECT * FROM t WHERE id = $1", 1)) == expected
    assert dict(await caller.fetchrow("SELECT * FROM t WHERE id = $1", 1)) == expected


async def test_a_codec_that_the_caller_set_survives(caller: Connection, tmp_path: Path) -> None:
    await caller.set_type_codec("text", schema="pg_catalog", encoder=str, decoder=str.upper)
    await migrate(caller, write(tmp_path, {"1_t.sql": "CREATE TABLE t AS SELECT 'a'::text AS n;"}))
    assert await caller.fetchval("SELECT n FROM t") == "A"
