"""Scratch databases: made beside the one that is given, empty, and gone afterwards, whatever happened."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import asyncpg
import pytest

from trek_asyncpg import AsyncpgBackend
from trek_asyncpg.embedded import EmbeddedServer
from trek_core import ConfigError, Migrator, scratch
from trek_core.plugin import Executor, ScratchExecutor
from trek_core.testing import MemoryExecutor, memory_backend

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database, Roles

ALL = "SELECT datname FROM pg_database WHERE datname LIKE 'trek\\_scratch\\_%' AND datdba = current_user::regrole"


async def names(connection: Connection) -> list[str]:
    """Scratch databases of the connection's role."""
    return [row["datname"] for row in await connection.fetch(ALL)]


@pytest.fixture
async def maker(database: Database, make_role: Roles) -> Connection:
    """A role's that may make databases, so that its scratch databases are told from those of other tests."""
    return await database.connect(user=await make_role("LOGIN CREATEDB"))


@pytest.mark.parametrize("given", ["connection", "dsn", "pool"])
async def test_it_is_empty_and_beside_ones_own_whatever_one_gives(
    database: Database, connection: Connection, given: str, tmp_path: Path
) -> None:
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (a int)")
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=1) as pool:
        backend = AsyncpgBackend({"connection": connection, "dsn": database.dsn, "pool": pool}[given])
        async with scratch(backend) as made:
            assert set(await made.catalogue()) == {"extension plpgsql", "schema public"}
            await Migrator(made.backend, tmp_path).migrate()
            assert set(await made.catalogue()) >= {"table public.t", "column public.t.a"}
            assert not [name for name in await made.catalogue() if "history" in name]
            assert made.session.connection.get_settings().server_version
            found = await made.session.connection.fetchval("SELECT current_database()")
            assert found.startswith("trek_scratch_")
    assert await connection.fetchval("SELECT to_regclass('public.t')") is None
    assert await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", found) == 0


async def test_the_table_of_another_store_is_no_part_of_it(database: Database) -> None:
    for name in ("goose", "flyway", "liquibase"):
        async with scratch(AsyncpgBackend(database.dsn, format=name)) as made:
            assert set(await made.catalogue()) == {"extension plpgsql", "schema public"}, name
            assert made.furniture, name


async def test_it_is_gone_after_an_error_with_whoever_is_connected(maker: Connection) -> None:
    async def fail() -> None:
        async with scratch(AsyncpgBackend(maker)) as made, made.backend.another():
            assert len(await names(maker)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await names(maker) == []


async def test_it_is_gone_after_a_cancellation(maker: Connection) -> None:
    ready = asyncio.Event()

    async def stay() -> None:
        async with scratch(AsyncpgBackend(maker)):
            ready.set()
            await asyncio.sleep(600)

    task = asyncio.create_task(stay())
    async with asyncio.timeout(60):
        await ready.wait()
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await names(maker) == []


async def test_the_callers_transaction_stays_as_it_is(maker: Connection) -> None:
    async with maker.transaction():
        await maker.execute("CREATE TEMP TABLE mine (a int)")
        async with scratch(AsyncpgBackend(maker)):
            pass
        assert maker.is_in_transaction()
        assert await maker.fetchval("SELECT count(*) FROM mine") == 0


async def test_what_a_killed_run_left_is_dropped_and_what_is_young_in_use_or_of_others_stays(
    pg_bindir: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    """On a server of its own: on a shared one a test beside it would drop what this one looks at."""
    now = int(time.time())
    old, used, foreign = (f"trek_scratch_{now - 100_000}_0000000{number}" for number in range(3))
    young = f"trek_scratch_{now}_00000000"
    with EmbeddedServer(bindir=pg_bindir) as server:
        admin = await asyncpg.connect(server.dsn())
        await admin.execute("CREATE ROLE maker LOGIN CREATEDB")
        await admin.execute(f"CREATE DATABASE {foreign}")
        maker = await asyncpg.connect(server.dsn(), user="maker")
        for name in (old, young, used):
            await maker.execute(f"CREATE DATABASE {name}")
        inside = await asyncpg.connect(server.dsn(), user="maker", database=used)
        with caplog.at_level(logging.INFO, "trek"):
            async with scratch(AsyncpgBackend(maker)):
                pass
        assert sorted(await names(maker)) == sorted([young, used])
        assert await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", foreign) == 1
        assert f"dropped {old}, the scratch database of a run that was killed" in caplog.text
        for connection in (inside, maker, admin):
            await connection.close()


async def test_it_has_the_encoding_and_the_locale_of_ones_own(connection: Connection, database: Database) -> None:
    latin = f"{database.name}_latin"
    await connection.execute(f"CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    asked = "SELECT pg_encoding_to_char(encoding) || datcollate || datctype FROM pg_database WHERE datname = current_database()"
    try:
        async with scratch(AsyncpgBackend(database.dsn.replace(database.name, latin))) as made:
            assert await made.session.connection.fetchval(asked) == "LATIN1CC"
    finally:
        await connection.execute(f"DROP DATABASE {latin} WITH (FORCE)")


async def test_an_executor_without_it_is_refused_by_name(database: Database) -> None:
    assert not isinstance(MemoryExecutor, ScratchExecutor)
    with pytest.raises(ConfigError, match=r"the executor MemoryExecutor of .* makes none.*\n.*--scratch"):
        async with scratch(memory_backend()):
            pass


async def test_the_executor_of_asyncpg_is_one(connection: Connection) -> None:
    async with AsyncpgBackend(connection).connect() as session:
        assert isinstance(session, ScratchExecutor)
        assert isinstance(session, Executor)
