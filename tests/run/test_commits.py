"""What waits for the disk and for standbys: the last COMMIT of a query, and no result is told before it.

A standby that is named and never there makes every COMMIT wait that asks for it, for ever: so it is seen which ones do.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import until, write
from tests.run.test_observers import Ear
from trek_asyncpg import AsyncpgBackend, migrate
from trek_asyncpg.embedded import serve
from trek_core import MigrationFailed, Migrator
from trek_core.events import Done

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.run.folders import Connection

N = 5
REPLICATED = {"synchronous_commit": "on", "wal_level": "replica", "max_wal_senders": "1"}
WAITING = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
COMMITTED = "SELECT count(*) FROM trek_history WHERE state = 'done'"


@asynccontextmanager
async def without_its_standby() -> AsyncIterator[tuple[Connection, Connection]]:
    """The caller's connection, whose commits wait, and another one, whose do not. With a history."""
    async with serve(settings=REPLICATED) as server:
        connection, other = await asyncpg.connect(server.dsn()), await asyncpg.connect(server.dsn())
        try:
            await other.execute("SET synchronous_commit = off")
            await other.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            yield connection, other
        finally:
            await connection.close()
            await other.close()


async def expect_the_standby(other: Connection) -> None:
    await other.execute("SELECT pg_reload_conf()")
    named = "SELECT setting = 'nobody' FROM pg_settings WHERE name = 'synchronous_standby_names'"
    await until(lambda: other.fetchval(named), "the standby's name")


async def give_it_up(other: Connection) -> None:
    await other.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await other.execute("SELECT pg_reload_conf()")


async def test_of_a_query_the_last_commit_waits_for_the_standby_and_the_others_do_not(tmp_path: Path) -> None:
    async with without_its_standby() as (connection, other):
        await migrate(connection, write(tmp_path, {"0_first.sql": "SELECT 1"}))
        path = write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} ()" for n in range(1, N + 1)})
        await expect_the_standby(other)
        ear = Ear()
        run = asyncio.create_task(Migrator(AsyncpgBackend(connection), path, observers=[ear.observer]).migrate())
        await until(lambda: other.fetchval(WAITING), "a COMMIT that waits")
        assert await other.fetchval(COMMITTED) == N  # the first run's, and all but the one that waits
        assert not [event for event in ear.events if isinstance(event, Done)]
        await give_it_up(other)
        assert len((await run).ran) == N
        assert await other.fetchval(COMMITTED) == 1 + N
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


@pytest.mark.parametrize("k", range(2, N + 1))
async def test_what_was_done_before_a_failure_is_told_once_the_standby_has_it(tmp_path: Path, k: int) -> None:
    async with without_its_standby() as (connection, other):
        await migrate(connection, write(tmp_path, {"0_first.sql": "SELECT 1"}))
        files = {f"{n}_t.sql": f"CREATE TABLE t{n} ()" for n in range(1, N + 1)}
        path = write(tmp_path, {**files, f"{k}_t.sql": "SELECT 1 / count(*) FROM pg_class WHERE false"})
        await expect_the_standby(other)
        ear = Ear()
        run = asyncio.create_task(Migrator(AsyncpgBackend(connection), path, observers=[ear.observer]).migrate())
        await until(lambda: other.fetchval(WAITING), "a COMMIT that waits")
        assert not [event for event in ear.events if isinstance(event, Done)]
        await give_it_up(other)
        with pytest.raises(MigrationFailed) as caught:
            await run
        assert [ran.revision for ran in caught.value.report.ran] == [str(n) for n in range(1, k)]
