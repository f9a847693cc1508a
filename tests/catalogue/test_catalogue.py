"""`trek_asyncpg.catalogue`: every kind of object by its name, and each change of one is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.catalogue.changes import CHANGES, T
from trek_asyncpg import AsyncpgBackend, AsyncpgExecutor, catalogue, migrate
from trek_core import ConfigError, ConnectError, compare
from trek_core.plugin import ScratchExecutor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database, Roles


class Changes:
    """What a change does: object -> how, in a transaction that is rolled back."""

    def __init__(self, session: ScratchExecutor, connection: Connection) -> None:
        self.look, self.connection = session.catalogue, connection

    async def __call__(self, before: str, change: str) -> dict[str, str]:
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            await self.connection.execute(before or "SELECT")
            first = await self.look()
            await self.connection.execute(change)
            return {one.object: one.change for one in compare(first, await self.look())}
        finally:
            await transaction.rollback()


@pytest.fixture
async def changed(connection: Connection) -> Changes:
    return Changes(AsyncpgExecutor(connection), connection)


async def test_every_change_is_seen_at_its_object(changed: Changes) -> None:
    user, unseen = await changed.connection.fetchval("SELECT current_user"), {}
    for before, change, wanted in CHANGES:
        found = await changed(before, change)
        if wanted.replace("role postgres", f"role {user}") not in found:
            unseen[change] = (wanted, found)
    assert unseen == {}


async def test_what_is_undone_leaves_nothing(connection: Connection) -> None:
    empty = await catalogue(connection)
    await connection.execute(f"{T}; CREATE INDEX i ON t (b); COMMENT ON TABLE t IS 'x'; DROP TABLE t")
    assert await catalogue(connection) == empty


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (T, "ALTER TABLE t DROP b; ALTER TABLE t ADD b text"),  # now the last column: no down can put it back
        (T, "INSERT INTO t VALUES (1)"),
        (T, "ANALYZE t"),
        (T, "GRANT SELECT ON t TO PUBLIC; REVOKE SELECT ON t FROM PUBLIC"),
        ("CREATE SEQUENCE q", "SELECT nextval('q')"),
        ("", "CREATE TEMP TABLE t (a int)"),
        (T, "SET LOCAL search_path = pg_catalog"),
    ],
)
async def test_what_is_no_change(changed: Changes, before: str, change: str) -> None:
    assert await changed(before, change) == {}


async def test_what_extensions_and_range_types_bring_is_not_listed(connection: Connection, changed: Changes) -> None:
    assert await changed("", "CREATE TYPE r AS RANGE (subtype = float8)") == {"type public.r": "appeared"}
    found = await catalogue(connection)
    assert set(found) == {"extension plpgsql", "schema public"}


async def test_definitions_name_schemas_whatever_the_search_path_and_the_settings_say(connection: Connection) -> None:
    await connection.execute(
        "CREATE SCHEMA app; SET search_path = app, public; SET datestyle = 'German'; SET timezone = 'Asia/Tokyo';"
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT '2020-01-02 00:00Z'); CREATE VIEW v AS SELECT id FROM t"
    )
    found = await catalogue(connection)
    assert found["column app.t.at"] == (
        "timestamp with time zone DEFAULT '2020-01-02 00:00:00+00'::timestamp with time zone"
    )
    assert "FROM app.t" in found["view app.v"]
    assert found["constraint t_pkey on app.t"].startswith("PRIMARY KEY (id)\nCREATE UNIQUE INDEX t_pkey ON app.t")
    assert await connection.fetchval("SHOW search_path") == "app, public"


async def test_in_the_callers_transaction_it_sees_what_is_not_committed_and_leaves_all_as_it_was(
    connection: Connection, other: Connection
) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL search_path = public, app; CREATE TABLE t (a int)")
        assert "table public.t" in await catalogue(connection)
        assert "table public.t" not in await catalogue(other)
        assert await connection.fetchval("SHOW search_path") == "public, app"
        assert connection.is_in_transaction()
    assert "table public.t" in await catalogue(other)


async def test_a_session_looks_again_and_again_whatever_becomes_of_what_it_prepared(connection: Connection) -> None:
    async with AsyncpgBackend(connection).connect() as session:
        assert isinstance(session, ScratchExecutor)
        for number, before in enumerate(("SELECT", "SELECT", "SELECT", "DEALLOCATE ALL", "DISCARD ALL")):
            await connection.execute(before)
            await connection.execute(f"CREATE TABLE t{number} (a int)")
            found = await session.catalogue()
            assert f"table public.t{number}" in found
            assert found == await catalogue(connection)


async def test_the_history_is_left_out_and_other_tables_as_one_says(connection: Connection, tmp_path: Path) -> None:
    empty = await catalogue(connection)
    (tmp_path / "0001_users.sql").write_text("CREATE TABLE users (id serial PRIMARY KEY)")
    await migrate(connection, tmp_path)
    whole = await catalogue(connection)
    assert {one.object for one in compare(empty, whole)} == {
        "table public.users",
        "column public.users.id",
        "constraint users_pkey on public.users",
        "sequence public.users_id_seq",
    }
    assert await catalogue(connection, without=("trek_history", "public.users")) == empty
    assert "table public.trek_history" in await catalogue(connection, without=())
    assert await catalogue(connection, without=("app.users", "trek_history")) == whole


async def test_names_that_need_quotes_have_them(connection: Connection) -> None:
    await connection.execute('CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."c""d" ("é x" int)')
    found = await catalogue(connection)
    assert '''table "a.b"."c""d"''' in found
    assert '''column "a.b"."c""d"."é x"''' in found


async def test_a_password_of_a_user_mapping_is_compared_and_not_shown(connection: Connection) -> None:
    made = (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'geheim')"
    )
    await connection.execute(made)
    first = await catalogue(connection)
    assert not any("geheim" in text for text in first.values())
    await connection.execute("ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password 'anders')")
    assert [one.object for one in compare(first, await catalogue(connection))] == ["user mapping public on server s"]


async def test_a_role_that_may_read_nothing_reads_the_same(
    database: Database, connection: Connection, make_role: Roles
) -> None:
    await connection.execute(
        f"{T}; CREATE PUBLICATION pub; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w"
    )
    role = await make_role()
    assert await catalogue(await database.connect(user=role)) == await catalogue(connection)


async def test_a_connection_that_cannot_say_why_not(connection: Connection, other: Connection) -> None:
    await connection.execute("BEGIN")
    with pytest.raises(Exception, match="nowhere"):
        await connection.execute("SELECT * FROM nowhere")
    with pytest.raises(ConfigError, match="the catalogue of the database could not be read: InFailedSQL"):
        await catalogue(connection)
    await other.close()
    with pytest.raises(ConnectError, match="could not be read: InterfaceError: connection is closed"):
        await catalogue(other)
