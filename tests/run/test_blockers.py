"""Who is in the way: told while a migration waits and when it fails, from a second connection that is there only then."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import applied, until, write
from tests.run.test_lock_timeouts import ALTER, heard, prepared
from tests.run.test_observers import Ear
from trek_asyncpg import migrate
from trek_asyncpg.embedded import EmbeddedServer
from trek_core import MigrationFailed
from trek_core.events import Blocked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles

HOLD = "BEGIN; SELECT * FROM a /* who is it */"


def blocked(ear: Ear) -> list[Blocked]:
    return [event for event in ear.events if isinstance(event, Blocked) and event.blockers]


@pytest.mark.parametrize("given", ["dsn", "pool", "connection", "connection of a pool"])
async def test_a_failure_names_who_was_in_the_way_and_the_way_out(
    database: Database, connection: Connection, tmp_path: Path, given: str
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    other = await database.connect(server_settings={"application_name": "the reader"})
    await other.execute(HOLD)
    ear = Ear()
    async with AsyncExitStack() as stack:
        target = database.dsn if given == "dsn" else connection
        if "pool" in given:
            target = pool = await stack.enter_async_context(asyncpg.create_pool(database.dsn, min_size=1, max_size=3))
            if given == "connection of a pool":
                target = await stack.enter_async_context(pool.acquire())
        with pytest.raises(MigrationFailed) as failed:
            await migrate(target, folder, lock_patience=2, observers=[ear.observer])
    found = failed.value.failure.blocked
    assert found is not None
    (who,) = found.blockers
    pid = other.get_server_pid()
    assert (who.pid, who.application, who.state, who.query) == (pid, "the reader", "idle in transaction", HOLD)
    assert who.user
    assert who.age is not None
    assert 0 < who.age < 60
    message = str(failed.value)
    assert f"Tried {found.attempts} times in " in message
    assert f"  server process {pid} of {who.user}, the reader, idle in transaction, " in message
    assert HOLD in message
    assert f"SELECT pg_terminate_backend({pid})" in message
    assert "lock-patience" in message
    assert blocked(ear)[0].blockers[0].pid == pid
    await other.execute("ROLLBACK")


async def test_values_of_parameters_are_not_shown_and_long_queries_are_cut(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    async with other.transaction():
        await other.fetch("SELECT $1::text FROM a /* " + "long " * 200 + "*/", "a secret")
        with pytest.raises(MigrationFailed) as failed:
            await migrate(connection, folder, lock_patience=2)
    assert failed.value.failure.blocked is not None
    (who,) = failed.value.failure.blocked.blockers
    assert who.query.startswith("SELECT $1::text")
    assert len(who.query) < 250
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("name", ["3_b.sql", "3_b.py"])
async def test_a_plan_of_one_transaction_tells_who_is_in_the_way(
    connection: Connection, other: Connection, tmp_path: Path, name: str
) -> None:
    python = f"async def upgrade(connection):\n    await connection.execute({ALTER!r})\n"
    files = {"2_first.sql": "CREATE TABLE first ();", name: ALTER if name.endswith(".sql") else python}
    folder = await prepared(connection, tmp_path, files)
    await other.execute(HOLD)
    ear = Ear()
    run = asyncio.create_task(migrate(connection, folder, transaction="plan", observers=[ear.observer]))
    await until(lambda: heard(ear, 1), "the plan tells who is in the way")
    (who,) = blocked(ear)[0].blockers
    assert (who.pid, who.query) == (other.get_server_pid(), HOLD)
    assert blocked(ear)[0].action.revision == ("2" if name.endswith(".sql") else "3")  # the first of its query
    await other.execute("ROLLBACK")
    assert [ran.revision for ran in (await run).ran] == ["2", "3"]


async def test_a_plan_of_one_transaction_that_waited_too_long_names_who_was_in_the_way(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER, "3_c.sql": "CREATE TABLE c ();"})
    await other.execute(HOLD)
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder, transaction="plan", lock_timeout=4)
    assert failed.value.failure.blocked is not None
    assert failed.value.failure.blocked.blockers[0].pid == other.get_server_pid()
    assert f"server process {other.get_server_pid()} of " in str(failed.value)
    assert "lock-timeout (lock_timeout=… in Python)" in str(failed.value)  # it is not tried again
    await other.execute("ROLLBACK")


# --------------------------------------------------------------------------- no second connection
async def test_a_pool_with_nothing_to_spare_is_left_alone_and_the_run_goes_on(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await other.execute(HOLD)
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=1) as pool:
        with pytest.raises(MigrationFailed, match="all 1 connections of the pool are in use"):
            await migrate(pool, folder, lock_patience=1)
        await other.execute("ROLLBACK")
        assert len((await migrate(pool, folder)).ran) == 1


async def test_a_server_that_gives_no_second_connection_stops_nothing(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, make_role: Roles
) -> None:
    role = await make_role("LOGIN SUPERUSER CONNECTION LIMIT 1")
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await connection.execute(f'ALTER ROLE "{role}" NOSUPERUSER; GRANT ALL ON SCHEMA public TO "{role}"')
    await connection.execute(f'ALTER TABLE a OWNER TO "{role}"; GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')
    await connection.execute(f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    limited = await database.connect(user=role)
    ear = Ear()
    await other.execute(HOLD)
    run = asyncio.create_task(migrate(limited, folder, observers=[ear.observer]))
    await until(lambda: heard(ear, 2), "the migration waits")
    await other.execute("ROLLBACK")
    assert len((await run).ran) == 1
    told = [event for event in ear.events if isinstance(event, Blocked)]
    assert "too many connections for role" in told[-1].unseen
    assert told[-1].blockers == ()


async def test_a_role_that_may_not_see_others_learns_their_process(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, make_role: Roles
) -> None:
    role = await make_role("LOGIN")
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await connection.execute(f'GRANT ALL ON SCHEMA public TO "{role}"; ALTER TABLE a OWNER TO "{role}"')
    await connection.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"')
    await connection.execute(f'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    async with other.transaction():
        await other.execute("SELECT * FROM a")
        with pytest.raises(MigrationFailed, match=f"server process {other.get_server_pid()} of ") as failed:
            await migrate(await database.connect(user=role), folder, lock_patience=2)
    assert "SELECT * FROM a" not in str(failed.value)


# --------------------------------------------------------------------------- only when something waits, and not longer
async def test_a_migration_that_takes_long_and_waits_for_nobody_opens_no_second_connection(
    database: Database, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(1.3);"})
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=3) as pool:
        await migrate(pool, folder)
        assert pool.get_size() == 1


async def test_the_pool_has_all_of_its_own_back(
    database: Database, connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await other.execute(HOLD)
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=3) as pool:
        with pytest.raises(MigrationFailed):
            await migrate(pool, folder, lock_patience=1)
        assert (pool.get_size(), pool.get_idle_size()) == (2, 2)


# --------------------------------------------------------------------------- long waits without a limit
async def test_an_index_build_that_waits_for_an_old_transaction_says_so_and_has_no_limit(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    files = {"2_i.sql": "CREATE INDEX CONCURRENTLY a_id ON a (id);", "3_i.sql": "SELECT 1;"}
    folder = await prepared(connection, tmp_path, files)
    await other.execute("BEGIN; INSERT INTO a VALUES (1)")
    ear = Ear()
    run = asyncio.create_task(migrate(connection, folder, observers=[ear.observer], lock_timeout=0.05))

    async def twice() -> bool:
        return len(blocked(ear)) >= 2

    await until(twice, "it was told twice who is in the way")
    await other.execute("COMMIT")
    await run
    first = blocked(ear)[0]
    assert [who.pid for who in first.blockers] == [other.get_server_pid()]
    assert first.phase.startswith("waiting for ")
    assert first.action.revision == "2"
    assert first.attempts == 1
    assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass")
    assert await applied(connection) == ["1", "2", "3"]


async def test_a_wait_in_the_callers_transaction_is_told(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await prepared(connection, tmp_path, {"2_b.sql": ALTER})
    await other.execute(HOLD)
    ear = Ear()

    async def run() -> None:
        async with connection.transaction():
            await migrate(connection, folder, observers=[ear.observer])

    async def told() -> bool:
        return bool(blocked(ear))

    task = asyncio.create_task(run())
    await until(told, "it was told who is in the way")
    await other.execute("COMMIT")
    await task
    assert blocked(ear)[0].blockers[0].pid == other.get_server_pid()
    assert await applied(connection) == ["1", "2"]


# --------------------------------------------------------------------------- autovacuum
NAP = {"autovacuum_naptime": "1s", "autovacuum": "on"}
GARBAGE = """
CREATE TABLE a (id int, t text) WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
    autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, fillfactor = 10);
INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i;
CREATE SEQUENCE tried;
"""


async def test_an_autovacuum_is_waited_for_until_the_server_ends_it(tmp_path: Path, pg_bindir: Path | None) -> None:
    """A wait that is shorter than deadlock_timeout never gets in."""
    vacuums = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM % public.a%'"
    with EmbeddedServer(bindir=pg_bindir, settings=NAP) as server:
        connection, other = await asyncpg.connect(server.dsn()), await asyncpg.connect(server.dsn())
        await other.execute(GARBAGE)
        await other.execute("DELETE FROM a WHERE id % 2 = 0")
        await until(lambda: other.fetchval(vacuums), "an autovacuum works on the table")
        pid = await other.fetchval(vacuums)
        ear = Ear()
        await migrate(connection, write(tmp_path, {"1_b.sql": ALTER}), observers=[ear.observer])
        told = blocked(ear)
        assert {who.pid for event in told for who in event.blockers} >= {pid}
        assert told[0].blockers[0].state in ("active", "autovacuum worker")
        assert max(event.attempts for event in told) < 10
        await connection.close()
        await other.close()
