"""Reading the history and the facts about the session, as few round trips as there can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._wire import rows
from trek_core.plugin import ConfigError, ConnectError, Facts, Rows, Sql

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

FACTS = (
    "pg_catalog.jsonb_build_object('trek_facts', true, 'database', pg_catalog.current_database(),"
    " 'schema', pg_catalog.current_schema(), 'user', current_user, 'session_user', session_user,"
    " 'server_version', pg_catalog.current_setting('server_version_num')::integer,"
    " 'backend_pid', pg_catalog.pg_backend_pid(), 'standby', pg_catalog.pg_is_in_recovery(),"
    " 'read_only', pg_catalog.current_setting('transaction_read_only') = 'on',"
    " 'isolation', pg_catalog.current_setting('transaction_isolation'),"
    " 'standard_strings', pg_catalog.current_setting('standard_conforming_strings') = 'on',"
    " 'server', pg_catalog.version(), 'path', pg_catalog.current_setting('search_path')"
)
IDENTITY = (
    ", 'identity', (SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() c) || '/' || (SELECT d.oid::text"
    " FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
)
NO_CREATE = (
    ", 'no_create', (SELECT COALESCE(pg_catalog.jsonb_agg(n.nspname), '[]') FROM pg_catalog.pg_namespace n"
    " WHERE n.nspname NOT LIKE 'pg\\_%' AND NOT pg_catalog.has_schema_privilege(n.oid, 'CREATE'))"
)
READ_POINT = "trek_read"
ANY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
NO_TABLE = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
"""The second where a query casts a name in a missing schema to regclass (PostgreSQL 14)."""


async def read(connection: Connection, query: Sql, *, first: bool = False) -> tuple[Facts, Rows | None]:
    """Facts and rows in one round trip. Raises `ConfigError` or `ConnectError` for what the server refuses.

    first: there is no history yet, so that what making one needs is asked, too.
    Inside the caller's transaction two more for a savepoint, since a missing table would abort it.
    """
    try:
        ask = _inside if connection.is_in_transaction() else _outside
        asking = FACTS + (NO_CREATE if first else "")
        try:
            return await ask(connection, query, asking + IDENTITY)
        except asyncpg.InsufficientPrivilegeError as error:  # a hardened server
            if "pg_control_system" not in str(error):
                raise
            return await ask(connection, query, asking)
    except ANY as error:
        if lost := _lost(connection, error, "the history was read"):
            raise lost from error
        from trek_asyncpg import _shadows  # noqa: PLC0415 - what an error needs is imported when there is one

        await _shadows.explain(connection)
        raise _refused(error) from error


async def facts(connection: Connection) -> Facts:
    """The facts alone: one round trip. Raises as `read` does."""
    what = "what the session is"
    try:
        found = await asked(connection, f"SELECT {FACTS}{IDENTITY}{NO_CREATE})", what)
    except ConfigError as error:
        if "pg_control_system" not in str(error) or connection.is_in_transaction():
            raise
        found = await asked(connection, f"SELECT {FACTS}{NO_CREATE})", what)
    return await _facts(connection, found[0])


async def asked(connection: Connection, query: str, what: str) -> list[dict[str, Any]]:
    """The rows of a query of trek's own, before anything was changed. Raises `ConfigError` or `ConnectError`."""
    try:
        return await rows(connection, query)
    except ANY as error:
        refused = ConfigError(f"asking for {what} was refused: {type(error).__name__}: {error}")
        raise _lost(connection, error, f"{what} was asked for") or refused from error


async def _outside(connection: Connection, query: Sql, facts: str) -> tuple[Facts, Rows | None]:
    try:
        return await _both(connection, query, facts)
    except NO_TABLE:
        return _known(connection), None


async def _inside(connection: Connection, query: Sql, asking: str) -> tuple[Facts, Rows | None]:
    await connection.execute(f"SAVEPOINT {READ_POINT}")
    try:
        found = await _both(connection, query, asking)
    except (asyncpg.PostgresError, ConfigError) as error:
        await connection.execute(f"ROLLBACK TO SAVEPOINT {READ_POINT}; RELEASE SAVEPOINT {READ_POINT}")
        if isinstance(error, NO_TABLE):
            from trek_asyncpg import _shadows  # noqa: PLC0415 - as above

            await _shadows.refuse(connection)  # for what follows there is no savepoint
            return await facts(connection), None
        raise
    await connection.execute(f"RELEASE SAVEPOINT {READ_POINT}")
    return found


async def _both(connection: Connection, query: Sql, facts: str) -> tuple[Facts, Rows]:
    both = f"SELECT {facts})::text UNION ALL SELECT trek_row::text FROM ({query.text}) AS history(trek_row)"
    found = await rows(connection, both)
    head = next(row for row in found if "trek_facts" in row)
    return await _facts(connection, head), [row for row in found if row is not head]


async def _facts(connection: Connection, data: dict[str, Any]) -> Facts:
    if "pg_catalog" in data.pop("path").lower():  # else nothing comes before it
        from trek_asyncpg import _shadows  # noqa: PLC0415 - as above

        await _shadows.refuse(connection)
    told = {name: value for name, value in data.items() if name != "trek_facts" and value is not None}
    told["no_create"] = tuple(told.get("no_create", ()))
    pooled = told["backend_pid"] != connection.get_server_pid()
    return Facts(**told, in_transaction=connection.is_in_transaction(), pooled=pooled)


def _known(connection: Connection) -> Facts:
    """What the server reported when the connection was opened or a setting changed: no round trip (PostgreSQL 14+)."""
    told, version = connection.get_settings(), connection.get_server_version()
    return Facts(
        session_user=getattr(told, "session_authorization", ""),
        user=getattr(told, "session_authorization", ""),
        server_version=version.major * 10_000 + version.micro,
        server=_other(told),
        standby=getattr(told, "in_hot_standby", "off") == "on",
        read_only=getattr(told, "default_transaction_read_only", "off") == "on",
        standard_strings=getattr(told, "standard_conforming_strings", "on") == "on",
    )


def _other(told: object) -> str:
    """What such a server reports at connect, if it is no PostgreSQL."""
    kinds = {"crdb_version": "CockroachDB", "padb_version": "Redshift"}
    return next((f"{kind} {getattr(told, name)}" for name, kind in kinds.items() if hasattr(told, name)), "")


def _lost(connection: Connection, error: Exception, when: str) -> ConnectError | None:
    from trek_asyncpg import _failure  # noqa: PLC0415 - what an error needs is imported when there is one

    confused = isinstance(error, asyncpg.InternalClientError)  # the driver, when the server's farewell comes between
    if confused or _failure.is_lost_connection(error) or connection.is_closed():
        advice = "Nothing was changed. Look whether the server is up, and run again on a new connection."
        return ConnectError(f"the connection was lost while {when}: {type(error).__name__}: {error}\n{advice}")
    return None


def _refused(error: Exception) -> ConfigError:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        advice = "Grant USAGE on its schema and SELECT on its table."
        return ConfigError(f"reading the history was refused: {said}\n{advice}")
    if isinstance(error, asyncpg.InterfaceError):
        advice = "A connection does one thing at a time: await the other call first, or give trek a pool or a DSN."
        return ConfigError(f"the history could not be read: {said}\n{advice}")
    return ConfigError(f"the history could not be read: {said}")
