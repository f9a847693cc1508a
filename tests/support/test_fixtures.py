"""The fixtures keep their own promises."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.support import servers, versions
from trek_asyncpg.testing import NoServer

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database, Roles
    from trek_asyncpg.embedded import EmbeddedServer


@pytest.mark.parametrize("_", [1, 2])
async def test_each_test_has_an_empty_database(connection: Connection, other: Connection, _: int) -> None:
    assert await connection.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
    await connection.execute("CREATE TABLE mine ()")
    assert await other.fetchval("SELECT count(*) FROM mine") == 0
    await other.execute("BEGIN; LOCK TABLE mine")  # left open: the end of the test closes it


async def test_the_server_is_of_the_version_that_was_asked_for(connection: Connection, pg_version: int | None) -> None:
    found = await connection.fetchval("SELECT current_setting('server_version_num')::int / 10000")
    assert pg_version in (None, found)


async def test_a_role_may_own_things_and_is_gone_after_the_test(database: Database, make_role: Roles) -> None:
    role = await make_role()
    connection = await database.connect()
    await connection.execute(f'GRANT CREATE ON SCHEMA public TO "{role}"')
    as_role = await database.connect(user=role)
    await as_role.execute("CREATE TABLE owned ()")
    assert await as_role.fetchval("SELECT current_user::text") == role


async def test_the_password_server_refuses_a_wrong_password(password_server: EmbeddedServer) -> None:
    admin = await asyncpg.connect(password_server.dsn())
    await admin.execute("CREATE ROLE fixture_bob LOGIN PASSWORD 'right'")
    try:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(password_server.dsn(), user="fixture_bob", password="wrong")
        await (await asyncpg.connect(password_server.dsn(), user="fixture_bob", password="right")).close()
    finally:
        await admin.execute("DROP ROLE fixture_bob")
        await admin.close()


async def test_the_standby_is_in_recovery_and_refuses_writes(standby: EmbeddedServer) -> None:
    connection = await asyncpg.connect(standby.dsn())
    try:
        assert await connection.fetchval("SELECT pg_is_in_recovery()") is True
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("CREATE TABLE refused ()")
    finally:
        await connection.close()


def test_versions_are_refused_with_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREK_TEST_DSN", "postgresql://somewhere")
    with ExitStack() as stack, pytest.raises(NoServer, match="TREK_TEST_PG brings its own servers"):
        servers.start("auto", 18, stack)


def test_versions_are_read_and_an_unknown_one_is_refused() -> None:
    assert versions.parse("") == []
    assert versions.parse("14, 18,14") == [14, 18]
    with pytest.raises(versions.Unavailable, match="no PostgreSQL '9' to test with, only 14, 15, 16, 17, 18"):
        versions.parse("14,9")
