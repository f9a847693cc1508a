"""Sessions that cannot write, roles that may not, and databases that need nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import advisory_locks, applied, clean, history, shadows, tables, two, write
from trek_asyncpg import AsyncpgBackend, migrate, status
from trek_asyncpg._wire import rows
from trek_core import ConfigError, ConnectError, MigrationFailed, Migrator, ReadOnly

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles
    from trek_asyncpg.embedded import EmbeddedServer


async def test_a_standby_is_refused_before_anything_is_written(standby: EmbeddedServer, tmp_path: Path) -> None:
    with pytest.raises(ReadOnly, match="standby") as refused:
        await migrate(standby.dsn(), two(tmp_path))
    assert "primary" in str(refused.value)
    assert "Nothing was changed" in str(refused.value)
    assert (await status(standby.dsn(), two(tmp_path))).state == "uninitialised"


@pytest.mark.parametrize("state", ["empty", "begun"])
async def test_a_read_only_session_is_refused(connection: Connection, tmp_path: Path, state: str) -> None:
    folder = two(tmp_path)
    if state == "begun":
        await migrate(connection, folder, "1")
    before = await history(connection)
    await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(ReadOnly, match="read-only"):
        await migrate(connection, folder)
    assert await history(connection) == before


async def test_a_read_only_transaction_is_refused_and_stays_usable(connection: Connection, tmp_path: Path) -> None:
    async with connection.transaction(readonly=True):
        with pytest.raises(ReadOnly, match="read-only"):
            await migrate(connection, two(tmp_path))
        assert await connection.fetchval("SELECT 1") == 1


async def test_strings_that_are_read_otherwise_than_by_trek_are_refused(
    connection: Connection, server: object, tmp_path: Path
) -> None:
    try:
        await connection.execute("SET standard_conforming_strings = off")
    except asyncpg.PostgresError as error:
        pytest.skip(f"this server has no such setting any more: {error}")
    with pytest.raises(ReadOnly, match="standard_conforming_strings"):
        await migrate(connection, two(tmp_path))
    assert await tables(connection) == set()


@pytest.mark.parametrize("inside", [False, True], ids=["its own transaction", "the caller's"])
@pytest.mark.parametrize("done", [False, True], ids=["no history yet", "up to date"])
@pytest.mark.parametrize("answer", ["true", "false"])
async def test_a_search_path_that_puts_operators_before_the_servers_own_is_refused_and_they_are_named(
    connection: Connection, tmp_path: Path, answer: str, done: bool, inside: bool
) -> None:
    folder = two(tmp_path)
    if done:
        await migrate(connection, folder)
    await connection.execute(f"{shadows(answer)} SET search_path = odd, pg_catalog")
    if inside:
        await connection.execute("BEGIN")
    with pytest.raises(
        ConfigError, match=r"puts the operator odd\.= \(\w+, \w+\), .* before the server's own.*\n.*SET search_path"
    ):
        await migrate(connection, folder)
    if inside:
        assert await connection.fetchval("SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidSavepointSpecificationError):
            await connection.execute("RELEASE SAVEPOINT trek_read")
        await connection.execute("ROLLBACK")
    await connection.execute("RESET search_path")
    assert await tables(connection) == ({"a", "b"} if done else set())
    assert len((await migrate(connection, folder)).ran) == (0 if done else 2)


async def test_a_search_path_that_hides_nothing_of_the_servers_own_is_as_good_as_any(
    connection: Connection, tmp_path: Path
) -> None:
    await connection.execute(
        "CREATE FUNCTION first_of(bool, text) RETURNS bool LANGUAGE sql AS 'SELECT $1';"
        "CREATE OPERATOR public.= (LEFTARG = bool, RIGHTARG = text, FUNCTION = first_of);"
        "CREATE TABLE public.pg_class (i int); SET search_path = public, pg_catalog"
    )
    assert len((await migrate(connection, two(tmp_path))).ran) == 2
    assert (await status(connection, str(tmp_path))).ready


async def test_a_role_without_create_is_refused_and_nothing_is_written(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    guest = await database.connect(user=await make_role("LOGIN"))
    with pytest.raises(ReadOnly, match='GRANT CREATE ON SCHEMA "public"'):
        await migrate(guest, two(tmp_path))
    assert await tables(connection) == set()
    assert await history(connection) == []
    await clean_for_guest(guest, connection)


async def test_a_role_without_insert_on_the_history_is_refused_and_nothing_is_written(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    role = await make_role("LOGIN")
    await connection.execute(f"GRANT SELECT ON trek_history TO {role}; GRANT CREATE ON SCHEMA public TO {role}")
    guest = await database.connect(user=role)
    with pytest.raises(ReadOnly, match=r'GRANT INSERT, UPDATE ON "public"\."trek_history" TO'):
        await migrate(guest, folder)
    assert await tables(connection) == {"a"}
    assert await applied(connection) == ["1"]
    await clean_for_guest(guest, connection)


async def clean_for_guest(guest: Connection, owner: Connection) -> None:
    assert not guest.is_in_transaction()
    assert await guest.fetchval("SELECT 1") == 1
    assert await advisory_locks(owner) == 0


async def test_up_to_date_needs_only_select_and_writes_nothing(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    role = await make_role("LOGIN")
    await connection.execute(f"REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {role}")
    await connection.execute(f"GRANT SELECT ON trek_history TO {role}")
    guest = await database.connect(user=role, server_settings={"default_transaction_read_only": "on"})
    sent: list[str] = []
    with guest.query_logger(lambda query: sent.append(query.query)):
        assert not await migrate(guest, folder)
    async with guest.transaction():
        assert not await migrate(guest, folder)
        assert (await status(guest, folder)).state == "current"
        assert await guest.fetchval("SELECT pg_current_xact_id_if_assigned()") is None
    assert sent == []  # copy_from_query, the one round trip, is not logged; anything else would be


async def test_a_role_without_select_is_told_what_to_grant(
    connection: Connection, database: Database, make_role: Roles, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder)
    guest = await database.connect(user=await make_role("LOGIN"))
    with pytest.raises(ConfigError, match="Grant USAGE on its schema and SELECT on its table"):
        await migrate(guest, folder)


# --------------------------------------------------------------------------- what may be given
async def test_a_connection_stays_open_and_a_dsn_and_a_pool_work(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    assert len((await migrate(connection, folder, "1")).ran) == 1
    assert not connection.is_closed()
    assert len((await migrate(database.dsn, folder)).ran) == 1
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=1) as pool:
        assert not await migrate(pool, folder)
        write(tmp_path, {"3_c.sql": "SELECT 1/0;"})
        with pytest.raises(MigrationFailed):
            await migrate(pool, folder)
        assert pool.get_idle_size() == 1
        async with pool.acquire(timeout=5) as acquired:
            assert not await migrate(acquired, folder, "2")
            await clean(acquired)
    left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'trek'"
    assert await connection.fetchval(left) == 0


async def test_a_closed_connection_is_an_error_that_says_so(database: Database, tmp_path: Path) -> None:
    closed = await database.connect()
    await closed.close()
    with pytest.raises(ConnectError, match="closed"):
        await migrate(closed, two(tmp_path))


async def test_a_connection_given_back_to_its_pool_is_an_error_that_says_so(database: Database, tmp_path: Path) -> None:
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire() as acquired:
            pass
        with pytest.raises(ConnectError, match="released"):
            await migrate(acquired, two(tmp_path))


async def test_a_closed_pool_is_an_error_that_says_so(database: Database, tmp_path: Path) -> None:
    pool = await asyncpg.create_pool(database.dsn, min_size=1, max_size=1)
    await pool.close()
    with pytest.raises(ConnectError, match="pool is clos"):
        await migrate(pool, two(tmp_path))


async def test_a_busy_connection_is_an_error_that_says_so(connection: Connection, tmp_path: Path) -> None:
    import asyncio

    busy = asyncio.create_task(connection.execute("SELECT pg_sleep(0.5)"))
    await asyncio.sleep(0)
    with pytest.raises(ConfigError, match="another operation is in progress"):
        await migrate(connection, two(tmp_path))
    await busy


@pytest.mark.parametrize("thing", [None, 42, object(), {"host": "x"}], ids=["none", "number", "object", "mapping"])
async def test_something_else_is_refused_and_named(thing: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"connection, a pool or a DSN; this is {type(thing).__name__}"):
        await migrate(thing, two(tmp_path))


# --------------------------------------------------------------------------- sessions
async def test_a_session_entered_twice_by_one_task_is_the_same(database: Database, tmp_path: Path) -> None:
    folder = two(tmp_path)
    migrator = Migrator(AsyncpgBackend(database.dsn), folder)
    async with migrator.backend.connect() as outer:
        async with migrator.backend.connect() as inner:
            assert inner is outer
        assert not outer.connection.is_closed()
        plan = await migrator.plan("1")
        assert len((await migrator.apply(plan)).ran) == 1
        assert len((await migrator.migrate()).ran) == 1
        assert (await migrator.status()).state == "current"
        assert not outer.connection.is_closed()
    assert outer.connection.is_closed()


async def test_two_tasks_on_a_pool_have_a_session_each_and_the_work_is_done_once(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    import asyncio

    folder = two(tmp_path)
    async with asyncpg.create_pool(database.dsn, min_size=2, max_size=2) as pool:
        migrator = Migrator(AsyncpgBackend(pool), folder)
        reports = await asyncio.gather(migrator.migrate(), migrator.migrate())
        assert sorted(len(report.ran) for report in reports) == [0, 2]
        assert pool.get_idle_size() == 2
    assert await applied(connection) == ["1", "2"]


async def test_an_answer_of_which_the_driver_lost_rows_is_refused(connection: Connection) -> None:
    """asyncpg forgets what came before a message of the server in the middle of a COPY. Those of trek's queries are DEBUG."""
    await connection.execute(
        "CREATE FUNCTION telling(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'here'; RETURN i; END $$"
    )
    with pytest.raises(ConfigError, match="client_min_messages"):
        await rows(connection, "SELECT to_jsonb(telling(i)) FROM generate_series(1, 3) i")
    assert await rows(connection, "SELECT to_jsonb(i) FROM generate_series(1, 3) i") == [1, 2, 3]
