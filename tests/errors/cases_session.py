"""Sessions that cannot be had, cannot write, or are lost; and the lock."""

from __future__ import annotations

import asyncio

import asyncpg

from tests.errors.cases_files import USERS
from tests.errors.stage import Case, Stage, up
from trek_asyncpg import AsyncpgBackend, NativeStore, _dump, migrate
from trek_core import ConfigError, ConnectError, LockTimeout, Migrator, ReadOnly, dump, rehearse
from trek_core.model import Advisory, History, RowLock
from trek_core.plugin import PluginHost
from trek_core.testing import memory_backend
from trek_core.text import redact_dsn
from trek_loaders import formats

CONCURRENTLY = {**USERS, "0002_index.sql": "CREATE INDEX CONCURRENTLY users_id ON users (id);\n"}
NOBODY = "postgresql://app:Tr0ub4dor@127.0.0.1:1/shop"


def dsn(text: str) -> object:
    async def act(stage: Stage) -> object:
        return await migrate(text, "migrations")

    return act


async def wrong_password(stage: Stage) -> object:
    wrong = stage.fixture("password_server").dsn().replace("postgres@", "app:Tr0ub4dor@")
    stage.instead[redact_dsn(wrong)] = "postgresql://app:***@db.example.com/shop"
    return await migrate(wrong, "migrations")


async def other_database(stage: Stage) -> object:
    missing = stage.database.dsn.replace(stage.database.name, "no_such_shop")
    stage.instead[missing] = "postgresql://app@db.example.com/no_such_shop"
    return await migrate(missing, "migrations")


async def parameters(stage: Stage) -> object:
    base = stage.database.dsn
    other = f"{base}{'&' if '?' in base else '?'}schema=shop&connection_limit=5"
    stage.instead[redact_dsn(other)] = "postgresql://app@db.example.com/shop?schema=shop&connection_limit=5"
    return await migrate(other, "migrations")


async def closed_connection(stage: Stage) -> object:
    connection = await stage.database.connect()
    await connection.close()
    return await migrate(connection, "migrations")


async def lost_before(stage: Stage) -> object:
    """The run waits for the history's table when the server ends its process."""
    pid = stage.connection.get_server_pid()
    async with stage.other.transaction(), asyncio.timeout(30):
        await stage.other.execute("LOCK TABLE trek_history")
        run = asyncio.create_task(stage.migrate())
        while not await stage.other.fetchval("SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted", pid):
            await asyncio.sleep(0.01)
        await stage.other.execute("SELECT pg_terminate_backend($1)", pid)
        return await run


async def closed_pool(stage: Stage) -> object:
    pool = await asyncpg.create_pool(stage.database.dsn, min_size=1, max_size=1)
    await pool.close()
    return await migrate(pool, "migrations")


async def unopened_pool(stage: Stage) -> object:
    return await migrate(asyncpg.create_pool(stage.database.dsn), "migrations")


async def no_database(stage: Stage) -> object:
    return await migrate(42, "migrations")  # type: ignore[arg-type]


async def standby(stage: Stage) -> object:
    connection = await asyncpg.connect(stage.fixture("standby").dsn())
    try:
        return await migrate(connection, "migrations")
    finally:
        await connection.close()


async def read_only(stage: Stage) -> object:
    await stage.connection.execute("SET default_transaction_read_only = on")
    return await stage.migrate()


async def read_only_transaction(stage: Stage) -> object:
    async with stage.connection.transaction(readonly=True):
        return await stage.migrate()


async def backslashes(stage: Stage) -> object:
    await stage.connection.execute("SET standard_conforming_strings = off")
    return await stage.migrate()


async def repeatable_read(stage: Stage) -> object:
    async with stage.connection.transaction(isolation="repeatable_read"):
        return await stage.migrate()


async def open_transaction(stage: Stage) -> object:
    async with stage.connection.transaction():
        return await stage.migrate()


async def without_create(stage: Stage) -> None:
    await stage.other.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    stage.keep["as"] = await stage.database.connect(user=await stage.make_role("LOGIN"))


async def without_usage(stage: Stage) -> None:
    await stage.migrate()
    stage.keep["as"] = await stage.database.connect(user=await stage.make_role("LOGIN"))


async def as_role(stage: Stage) -> object:
    return await migrate(stage.keep["as"], "migrations")


async def rehearsed_as_role(stage: Stage) -> object:
    return await rehearse(Migrator(AsyncpgBackend(stage.keep["as"]), "migrations"))


async def rehearsed_in_memory(stage: Stage) -> object:
    return await rehearse(Migrator(memory_backend(), "migrations"))


async def dumped_without_program(stage: Stage) -> object:
    there = [f"  {program}: version {await _dump._version(program)}" for program in dict.fromkeys(_dump._programs())]
    stage.instead |= {"\n".join(there): "  /usr/bin/pg_dump: version 15", "PostgreSQL 99": "PostgreSQL 18"}
    return await _dump.find(99)


async def dumped_from_memory(stage: Stage) -> object:
    return await dump(Migrator(memory_backend(), "migrations"))


async def held(stage: Stage) -> None:
    await stage.other.execute("SET application_name = 'deploy-7f9c'")
    (lock,) = NativeStore().locks(History(exists=False))
    assert isinstance(lock, Advisory)
    await stage.other.execute("SELECT pg_advisory_lock($1)", lock.key)


async def row_held(stage: Stage) -> None:
    store = PluginHost([formats]).store("liquibase").value
    *_, lock = store.locks(History(exists=False, schema="public"))
    assert isinstance(lock, RowLock)
    for statement in (*lock.make, lock.take):
        await stage.other.execute(statement.text)
    held = "locked = true, lockedby = 'build-7 (10.0.0.7)', lockgranted = LOCALTIMESTAMP - interval '95 s'"
    await stage.other.execute(f"UPDATE databasechangeloglock SET {held}")


async def impatient_with_liquibase(stage: Stage) -> object:
    return await stage.migrate(lock_wait=0.2, store="liquibase", plugins=[formats])


async def impatient(stage: Stage) -> object:
    return await stage.migrate(lock_wait=0.2)


OPENING = (
    Case(
        "server-not-there", ConnectError, ("app:***@127.0.0.1:1/shop", "Is the server running"), USERS, act=dsn(NOBODY)
    ),
    Case(
        "wrong-password", ConnectError, ("app:***@", "password authentication failed", "Check user"), act=wrong_password
    ),
    Case(
        "malformed-dsn",
        ConfigError,
        ("postgresql://app:***@", "5o32", "It looks like postgresql://"),
        USERS,
        act=dsn("postgresql://app:Tr0ub4dor@localhost:5o32/shop"),
    ),
    Case("parameter-of-another-tool", ConfigError, ("'schema'", "Prisma", "leave it out"), USERS, act=parameters),
    Case("database-does-not-exist", ConnectError, ("no_such_shop", "CREATE DATABASE"), USERS, act=other_database),
    Case("not-a-database", ConfigError, ("int: 42", "connection, a pool or a DSN"), USERS, act=no_database),
    Case("closed-connection", ConnectError, ("is closed", "Give trek an open one"), USERS, act=closed_connection),
    Case("closed-pool", ConnectError, ("pool is closed", "Give trek"), USERS, act=closed_pool),
    Case("unopened-pool", ConnectError, ("pool is not initialized", "Give trek"), USERS, act=unopened_pool),
    Case(
        "connection-lost-before", ConnectError, ("lost while the history was read", "run again"), USERS, up, lost_before
    ),
)

WRITING = (
    Case("standby", ReadOnly, ("standby", "primary", "Nothing was changed"), USERS, act=standby),
    Case("read-only-session", ReadOnly, ("transaction_read_only", "Nothing was changed"), USERS, act=read_only),
    Case("read-only-transaction", ReadOnly, ("'shop'", "read-only", "outside of it"), USERS, act=read_only_transaction),
    Case("standard-conforming-strings", ReadOnly, ("standard_conforming_strings", "on"), USERS, act=backslashes),
    Case("repeatable-read", ReadOnly, ("REPEATABLE READ", "READ COMMITTED"), USERS, act=repeatable_read),
    Case("open-transaction", ReadOnly, ("0002", "outside of it"), CONCURRENTLY, act=open_transaction),
    Case(
        "role-without-create",
        ReadOnly,
        ("public.trek_history must be made", 'GRANT CREATE ON SCHEMA "public"', "Nothing was changed"),
        USERS,
        without_create,
        as_role,
    ),
    Case(
        "role-without-select",
        ConfigError,
        ("permission denied", "trek_history", "SELECT"),
        USERS,
        without_usage,
        as_role,
    ),
    Case(
        "scratch-without-createdb",
        ConfigError,
        ("permission denied to create database", "CREATEDB", "--scratch"),
        USERS,
        without_create,
        rehearsed_as_role,
    ),
    Case("scratch-without-executor", ConfigError, ("MemoryExecutor", "--scratch"), USERS, act=rehearsed_in_memory),
    Case("dump-without-program", ConfigError, ("version 15", "TREK_PG_BIN"), USERS, act=dumped_without_program),
    Case("dump-without-executor", ConfigError, ("MemoryExecutor", "--dsn"), USERS, act=dumped_from_memory),
    Case(
        "lock-timeout",
        LockTimeout,
        ("server process ", "'deploy-7f9c'", "Nothing was changed", "pg_terminate_backend("),
        USERS,
        held,
        impatient,
    ),
    Case(
        "lock-row-timeout",
        LockTimeout,
        ("'build-7 (10.0.0.7)', taken ", "Nothing was changed", "`liquibase release-locks`"),
        USERS,
        row_held,
        impatient_with_liquibase,
    ),
)

CASES = (*OPENING, *WRITING)
