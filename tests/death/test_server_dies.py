"""The server's process gets kill -9, or the whole server goes and comes back: a fresh run goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.death.cutting import finished
from tests.death.ground import Ground, ground, new_server
from tests.death.scenario import stages
from tests.run.folders import applied, tables, until, write
from tests.run.test_observers import Ear
from trek_asyncpg import migrate
from trek_asyncpg._connect import ConnectSettings, session
from trek_asyncpg.embedded import EmbeddedServer
from trek_asyncpg.testing import Server
from trek_core import ConnectError, MigrationFailed, TrekError
from trek_core.events import Done, LockWaiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.death.ground import Start

FILES = {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "SELECT pg_sleep({0});\nCREATE TABLE b (id int);"}
CRASHES = 9
SLEEPS = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
ON_DISK = "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()"
"""Where a query has several migrations only the last COMMIT waits for the disk: the others are there after 0.6 s."""


@pytest.fixture
def kept() -> Iterator[Path]:
    """A folder for a server that is started again."""
    with tempfile.TemporaryDirectory(prefix="trek-death-") as folder:
        Path(folder).chmod(0o755)  # the server may run under another account
        yield Path(folder)


@asynccontextmanager
async def watch(server: EmbeddedServer) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(server.dsn())
    try:
        yield connection
    finally:
        await connection.close()


async def asleep(server: EmbeddedServer, *, on_disk: bool = True) -> int:
    """The pid of the server process that sleeps; by then what was committed before is on the disk, or need not be."""
    async with watch(server) as connection:
        async with asyncio.timeout(20):
            while (pid := await connection.fetchval(SLEEPS)) is None:
                await asyncio.sleep(0.02)
            while on_disk and not await connection.fetchval(ON_DISK):
                await asyncio.sleep(0.02)
    return pid


async def up_again(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    async with asyncio.timeout(30):
        while True:
            try:
                return await asyncpg.connect(dsn)
            except (asyncpg.PostgresError, OSError):
                await asyncio.sleep(0.05)


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


async def test_kill_9_of_the_backend_ends_every_connection_and_a_new_session_tells_what_is_so(tmp_path: Path) -> None:
    """The server recovers; trek asks until it takes connections again."""
    with new_server(synchronous_commit="on") as server:  # else a crash may take back what was committed
        folder = write(tmp_path, {name: text.format(20) for name, text in FILES.items()})
        running = asyncio.create_task(migrate(server.dsn(), folder))
        os.kill(await asleep(server), signal.SIGKILL)
        with pytest.raises(MigrationFailed) as failed:
            await running
        assert (failed.value.action.revision, failed.value.failure.outcome) == ("2", "rolled back")
        assert [one.revision for one in failed.value.report.ran] == ["1"]
        write(tmp_path, {"2_b.sql": FILES["2_b.sql"].format(0)})
        assert [one.revision for one in (await migrate(server.dsn(), folder)).ran] == ["2"]


async def test_what_the_disk_did_not_have_yet_is_gone_with_its_row_and_nobody_was_told_of_it(tmp_path: Path) -> None:
    """The backend dies at once: the migration that was committed before, in the same query, may or may not be there."""
    with new_server(synchronous_commit="on", wal_writer_delay="10s") as server:
        folder = write(tmp_path, {name: text.format(20) for name, text in FILES.items()})
        ear = Ear()
        running = asyncio.create_task(migrate(server.dsn(), folder, observers=[ear.observer]))
        os.kill(await asleep(server, on_disk=False), signal.SIGKILL)
        with pytest.raises(MigrationFailed) as failed:
            await running
        connection = await up_again(server.dsn())
        there = await applied(connection)
        assert await tables(connection) == ({"a"} if there else set())
        assert [ran.revision for ran in failed.value.report.ran] == there
        assert [event.action.revision for event in ear.events if isinstance(event, Done)] == there
        await connection.close()
        write(tmp_path, {"2_b.sql": FILES["2_b.sql"].format(0)})
        assert [one.revision for one in (await migrate(server.dsn(), folder)).ran] == [
            n for n in "12" if n not in there
        ]


async def test_the_whole_server_stops_at_once_and_after_its_start_a_fresh_run_goes_on(
    kept: Path, tmp_path: Path
) -> None:
    """SIGQUIT is what pg_ctl stop -m immediate sends."""
    folder = write(tmp_path, {name: text.format(20) for name, text in FILES.items()})
    with new_server(kept) as server:
        running = asyncio.create_task(migrate(server.dsn(), folder))
        await asleep(server)
        os.kill(postmaster(kept), signal.SIGQUIT)
        with pytest.raises(MigrationFailed) as failed:
            await running
        assert failed.value.failure.outcome == "unknown"
        assert "No new session could tell: cannot connect to" in str(failed.value)
    write(tmp_path, {"2_b.sql": FILES["2_b.sql"].format(0)})
    with new_server(kept) as server:
        assert [one.revision for one in (await migrate(server.dsn(), folder)).ran] == ["2"]
        async with watch(server) as connection:
            assert await tables(connection) == {"a", "b"}
            assert await applied(connection) == ["1", "2"]


async def test_crashes_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """kill -9 of the run's own backend, in each stage of the eight mixed migrations."""
    moments = random.Random(4)
    with new_server(synchronous_commit="on") as server:  # else a crash may take back what was committed
        async with ground(Server("own", server.dsn())) as place:
            starts = await place.undisturbed(stages(tmp_path))
        for number in range(CRASHES):
            async with ground(Server("own", server.dsn())) as place:
                start = starts[number % len(starts)]
                problems = await crashed(place, start, moments.uniform(0.02, 0.15))
            assert problems == []


async def crashed(place: Ground, start: Start, after: float) -> list[str]:
    name = await place.copy(start.template)
    dsn = place.server.dsn(name)
    running = asyncio.create_task(migrate(dsn, start.stage.folder, start.stage.target))
    await asyncio.sleep(after)
    own = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'trek'"
    if (pid := await place.admin.fetchval(own)) is not None:
        os.kill(pid, signal.SIGKILL)
    try:
        ran = tuple(one.revision for one in (await running).ran)
    except MigrationFailed as error:
        ran = None if error.failure.outcome == "unknown" else tuple(one.revision for one in error.report.ran)
    except ConnectError:
        ran = ()
    await (await up_again(dsn)).close()
    return [problem async for problem in finished(place, start, name, ran)]


async def test_a_server_that_takes_no_connections_yet_is_asked_again_and_then_it_is_a_clear_error(kept: Path) -> None:
    """A standby that is not hot says 57P03 for ever, as a server does that is starting."""
    with new_server(kept):
        pass
    (kept / "data" / "standby.signal").touch()
    with new_server(kept, hot_standby="off") as server, pytest.raises(ConnectError) as refused:
        async with session(server.dsn(), ConnectSettings(connect_timeout=0.7)):
            pass
    assert "CannotConnectNowError: the database system is not" in str(refused.value)
    assert "It was asked again and again." in str(refused.value)


CLIENT = "import asyncio, sys\nfrom trek_asyncpg import migrate\nasyncio.run(migrate(*sys.argv[1:3]))\n"
INVALID = "SELECT indexrelid, indisvalid FROM pg_index WHERE indrelid = 't'::regclass"


async def test_kill_9_while_an_index_is_built_concurrently_the_next_run_waits_and_does_not_build_twice(
    place: Ground, tmp_path: Path
) -> None:
    """The server goes on building after its client is gone."""
    name = await place.copy("template0")
    dsn, ear = place.server.dsn(name), Ear()
    folder = write(
        tmp_path, {"1_t.sql": "CREATE TABLE t (id int);", "2_i.sql": "CREATE INDEX CONCURRENTLY t_i ON t (id);"}
    )
    async with place.connected(name) as busy, place.connected(name) as connection:
        await migrate(connection, folder, "1")
        await busy.execute("BEGIN; INSERT INTO t VALUES (1)")
        client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, dsn, folder)

        async def building() -> object:
            return await connection.fetchrow(INVALID)

        await until(building, "the index is being built")
        client.kill()
        await client.wait()
        (before,) = await connection.fetch(INVALID)
        fresh = asyncio.create_task(migrate(dsn, folder, observers=[ear.observer]))

        async def waiting() -> object:
            return any(isinstance(event, LockWaiting) for event in ear.events)

        await until(waiting, "the next run waits")
        await busy.execute("COMMIT")
        await fresh
        (after,) = await connection.fetch(INVALID)
        assert (before["indisvalid"], after["indisvalid"]) == (False, True)
        assert before["indexrelid"] == after["indexrelid"]
        assert (await applied(connection))[-1] == "2"
    await place.drop(name)


async def test_a_run_that_begins_while_the_server_is_down_says_so(kept: Path, tmp_path: Path) -> None:
    with new_server(kept) as server:
        dsn = server.dsn()
    with pytest.raises(TrekError, match="cannot connect to"):
        await migrate(dsn, write(tmp_path, {"1_a.sql": "SELECT 1;"}))
