"""A query of eight migrations that is stopped at random moments: what is done is what the history says, and runs once."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import asyncpg

from tests.run.folders import advisory_locks, clean, until, write
from tests.run.test_observers import Ear
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator, TrekError
from trek_core.events import Done

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

N, MOMENTS = 8, 40
TEXT = """
    CREATE TABLE t{0} (id int);
    INSERT INTO counted VALUES ({0}), (-{0});
    -- trek: down
    DROP TABLE t{0};
    DELETE FROM counted WHERE ctid IN (SELECT ctid FROM counted WHERE abs(revision) = {0} LIMIT 2);
"""


async def stands(connection: Connection, folder: str) -> list[str]:
    """The revisions that are applied, which tables and counts must show, once each."""
    status = await Migrator(AsyncpgBackend(connection), folder).status()
    applied = [int(one.revision) for one in status.applied if one.revision != "0"]
    counted = await connection.fetch("SELECT revision FROM counted ORDER BY revision")
    assert [row["revision"] for row in counted] == sorted([*applied, *(-n for n in applied)])
    found = await connection.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]$'")
    assert {row["relname"] for row in found} == {f"t{n}" for n in applied}
    return [str(n) for n in applied]


async def at_random_moments(
    database: Database,
    other: Connection,
    path: Path,
    stop: Callable[[Connection, asyncio.Task[object]], Awaitable[None]],
) -> None:
    """Up and down again and again; `stop` comes in the middle."""
    folder = write(path, {"0_counted.sql": "CREATE TABLE counted (revision int);"})
    write(path, {f"{n}_t.sql": TEXT.format(n) for n in range(1, N + 1)})
    await migrate(other, folder)
    moments = random.Random(41)
    for number in range(MOMENTS):
        connection, ear = await database.connect(), Ear()
        before = await stands(other, folder)
        run = asyncio.create_task(migrate(connection, folder, "head" if number % 2 else "0", observers=[ear.observer]))
        await asyncio.sleep(moments.uniform(0, 0.05))
        await stop(connection, run)

        async def free() -> object:
            return await advisory_locks(other) == 0

        await until(free, "nothing of that run is left")
        after = await stands(other, folder)
        heard = {event.action.revision for event in ear.events if isinstance(event, Done)}
        assert heard <= set(before) ^ set(after)
        if not connection.is_closed():
            await clean(connection)
            await connection.close()
    await migrate(other, folder)
    assert await stands(other, folder) == [str(n) for n in range(1, N + 1)]


async def test_cancelled_at_random_moments(database: Database, other: Connection, tmp_path: Path) -> None:
    async def cancel(connection: Connection, run: asyncio.Task[object]) -> None:
        run.cancel()
        await asyncio.wait([run])

    await at_random_moments(database, other, tmp_path, cancel)


async def test_its_server_process_ended_at_random_moments(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    async def end(connection: Connection, run: asyncio.Task[object]) -> None:
        await other.execute(f"SELECT pg_terminate_backend({connection.get_server_pid()})")
        await asyncio.wait([run])
        assert run.exception() is None or isinstance(run.exception(), TrekError)

        async def closed() -> object:
            return connection.is_closed()

        await until(closed, "a connection whose run had come to its end hears of it")

    await at_random_moments(database, other, tmp_path, end)


async def test_its_statement_cancelled_by_the_server_at_random_moments(
    database: Database, other: Connection, tmp_path: Path
) -> None:
    async def cancel(connection: Connection, run: asyncio.Task[object]) -> None:
        await other.execute(f"SELECT pg_cancel_backend({connection.get_server_pid()})")
        await asyncio.wait([run])
        error = run.exception()
        assert error is None or isinstance(error, TrekError | asyncpg.QueryCanceledError)
        if isinstance(error, MigrationFailed):
            assert error.failure.outcome == "rolled back"

    await at_random_moments(database, other, tmp_path, cancel)


async def test_its_connection_cut_at_random_moments(database: Database, other: Connection, tmp_path: Path) -> None:
    async def cut(connection: Connection, run: asyncio.Task[object]) -> None:
        connection.terminate()
        await asyncio.wait([run])
        assert run.exception() is None or isinstance(run.exception(), TrekError)

    await at_random_moments(database, other, tmp_path, cut)
