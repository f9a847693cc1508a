"""Settings and roles: neither the next migration nor the caller sees what one left; the caller's own survive."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import clean, history, settings, shadows, write
from trek_asyncpg import migrate
from trek_core import MigrationFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database, Roles

DEEDS = {
    "SET": "SET work_mem = '9MB';",
    "SET of several": "SET search_path = pg_catalog; SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German';",
    "set_config": "SELECT set_config('statement_timeout', '12345', false);",
    "an empty search_path": "SELECT pg_catalog.set_config('search_path', '', false);",
    "session_replication_role": "SET session_replication_role = replica;",
    "default_transaction_read_only": "SET default_transaction_read_only = on;",
    "default_transaction_isolation": "SET default_transaction_isolation = serializable;",
    "RESET of one": "RESET application_name;",
    "SET TO DEFAULT": "SET application_name TO DEFAULT;",
    "in a DO": "DO $$ BEGIN SET work_mem = '9MB'; PERFORM set_config('lock_timeout', '99', false); END $$;",
    "SET ROLE": 'SET ROLE "{role}";',
    "SET SESSION AUTHORIZATION": 'SET SESSION AUTHORIZATION "{role}";',
    "RESET ROLE": "RESET ROLE;",
    "a lesser role and a setting only a superuser may change": (
        'SET session_replication_role = replica; SET ROLE "{role}";'
    ),
}
LOOK = "CREATE TABLE public.seen AS SELECT name, setting FROM pg_catalog.pg_settings;"


@pytest.fixture
async def caller(connection: Connection, make_role: Roles) -> Connection:
    """A caller with settings and a role of its own."""
    await connection.execute(
        "SET application_name = 'mine'; SET work_mem = '5MB'; SET my.own = 'thing'; SET search_path = public, pg_temp"
    )
    return connection


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("python", [False, True], ids=["sql", "python"])
@pytest.mark.parametrize("answer", ["true", "false"])
async def test_a_search_path_in_which_the_operators_are_others_ends_with_its_migration(
    caller: Connection, tmp_path: Path, answer: str, python: bool, transaction: str
) -> None:
    """What puts settings back runs with that search_path."""
    await caller.execute(shadows(answer))
    deed = "SET search_path = odd, pg_catalog; SET work_mem = '9MB'; SET my.own = 'other';"
    text = f"async def upgrade(connection):\n    await connection.execute({deed!r})\n"
    folder = write(tmp_path, {"1_deed.py": text} if python else {"1_deed.sql": deed})
    write(tmp_path, {"2_look.sql": LOOK})
    before = await settings(caller)
    assert len((await migrate(caller, folder, transaction=transaction)).ran) == 2
    assert await settings(caller) == before
    seen = await caller.fetchval("SELECT setting FROM seen WHERE name = 'search_path'")
    assert seen == before["search_path"]
    if not python:  # what a function sets is in no text
        assert await caller.fetchval("SHOW my.own") == "thing"


@pytest.mark.parametrize("python", [False, True], ids=["sql", "python"])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_neither_the_next_migration_nor_the_caller_sees_it(
    caller: Connection, make_role: Roles, tmp_path: Path, deed: str, python: bool
) -> None:
    deed = deed.format(role=await make_role("LOGIN"))
    if python:
        text = f"async def upgrade(connection):\n    await connection.execute({deed!r})\n"
        folder = write(tmp_path, {"1_deed.py": text, "2_look.sql": LOOK})
    else:
        folder = write(tmp_path, {"1_deed.sql": deed, "2_look.sql": LOOK})
    before = await settings(caller)
    await migrate(caller, folder)
    after = await settings(caller)
    assert after == before
    assert await caller.fetchval("SHOW my.own") == "thing"
    seen = {row["name"]: row["setting"] for row in await caller.fetch("SELECT * FROM public.seen")}
    moving = {"transaction_isolation", "transaction_read_only", "lock_timeout"}  # each transaction has its own
    assert {
        name: value for name, value in seen.items() if before.get(name, value) != value and name not in moving
    } == {}


@pytest.mark.parametrize("deed", ["SET work_mem = '9MB';", "RESET ROLE;"])
async def test_the_callers_set_role_survives(
    database: Database, connection: Connection, make_role: Roles, tmp_path: Path, deed: str
) -> None:
    role = await make_role("NOLOGIN")
    await connection.execute(f"GRANT ALL ON SCHEMA public TO {role}; SET ROLE {role}")
    await migrate(connection, write(tmp_path, {"1_deed.sql": deed, "2_t.sql": "CREATE TABLE t (id int);"}))
    assert await connection.fetchval("SELECT current_user") == role
    assert await connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 't'") == role
    await connection.execute("RESET ROLE")


@pytest.mark.parametrize(
    "deed",
    [
        "SET work_mem = '9MB'; SET search_path = pg_catalog;",
        "SET default_transaction_isolation = serializable;",
        "SET lock_timeout = '1234'; SELECT set_config('DateStyle', 'German', false);",
    ],
)
async def test_settings_made_outside_a_transaction_are_put_back_too(
    caller: Connection, tmp_path: Path, deed: str
) -> None:
    folder = write(tmp_path, {"1_deed.sql": "-- trek: no-transaction\n" + deed, "2_look.sql": LOOK})
    before = await settings(caller)
    await migrate(caller, folder)
    assert await settings(caller) == before
    assert await history(caller)


@pytest.mark.parametrize("kind", ["1_deed.sql", "1_deed.py"])
async def test_settings_are_as_before_after_a_failure(caller: Connection, tmp_path: Path, kind: str) -> None:
    sql = "SET work_mem = '9MB'; SET search_path = ''; SELECT 1/0;"
    text = sql if kind.endswith("sql") else f"async def upgrade(connection):\n    await connection.execute({sql!r})\n"
    before = await settings(caller)
    with pytest.raises(MigrationFailed):
        await migrate(caller, write(tmp_path, {kind: text}))
    assert await settings(caller) == before


@pytest.mark.parametrize("words", ['SET ROLE "{role}"', 'SET SESSION AUTHORIZATION "{role}"'])
async def test_another_role_outside_a_transaction_does_the_work_and_the_caller_writes_the_history(
    connection: Connection, make_role: Roles, tmp_path: Path, words: str
) -> None:
    role = await make_role("LOGIN")
    await connection.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    deed = f"-- trek: no-transaction\n{words.format(role=role)};\nCREATE TABLE t (id int);"
    files = {"1_deed.sql": f"{deed}\nCREATE INDEX CONCURRENTLY i ON t (id);\nCREATE TABLE u (id int);"}
    await migrate(connection, write(tmp_path, files))
    owners = await connection.fetch("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename IN ('t', 'u')")
    assert [row[0] for row in owners] == [role]
    assert {state for _, _, state in await history(connection)} == {"done", "step"}
    assert await connection.fetchval("SELECT current_user = session_user AND current_user <> $1", role)


HIDDEN = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "session_replication_role": "replica",
    "search_path": "",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "lock_timeout": "1",
}


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("last", ["SELECT 1;", "SELECT 1 / 0;", "python"])
async def test_the_caller_does_not_see_what_a_function_set(
    caller: Connection, tmp_path: Path, last: str, transaction: str
) -> None:
    """Called by a SELECT: nothing in the text says that it changes settings."""
    await caller.execute(
        "CREATE FUNCTION deed(name text, value text) RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM set_config(name, value, false); RETURN 1; END $$"
    )
    deeds = "\n".join(f"SELECT public.deed('{name}', '{value}');" for name, value in HIDDEN.items())
    name, text = (
        ("2_last.py", "async def upgrade(connection):\n    pass\n") if last == "python" else ("2_last.sql", last)
    )
    before = await settings(caller)
    with contextlib.suppress(MigrationFailed):
        await migrate(caller, write(tmp_path, {"1_deed.sql": deeds, name: text}), transaction=transaction)
    assert await settings(caller) == before
    await clean(caller)
