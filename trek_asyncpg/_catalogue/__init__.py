"""Everything that a database's schema is, as a value: object -> definition."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._wire import rows, to_the_end
from trek_core.plugin import ConfigError, ConnectError

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

    from trek_asyncpg._types import Connection

HISTORY = ("trek_history",)
POINT = "trek_catalogue"
SETTINGS = {
    "search_path": "pg_catalog, pg_temp",  # so that every definition is written with the schemas of what it names
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "jit": "off",  # it would take longer than the query
}


async def catalogue(connection: Connection, without: Collection[str] = HISTORY) -> Mapping[str, str]:
    """What the schemas of a database consist of: "table public.users" -> its definition, in the order of the names.

    without: names of tables, "schema.name" or "name" in any schema, that are left out with all that belongs to them.
    Left out are, too: what the system and its extensions brought, temporary tables, and everything that is not of this
    database alone (roles, tablespaces). Data is no part of it, nor is the order of a table's columns. Three round trips; in
    the caller's transaction it is read there, and the transaction stays as it was.

    Raises `ConfigError` for what the server refuses, `ConnectError` if the connection is lost.
    """
    return await Looker(connection, without).look()


class Looker:
    """Looks at one connection's database again and again: from the second time on the server has planned the query."""

    def __init__(self, connection: Connection, without: Collection[str] = HISTORY) -> None:
        from trek_asyncpg._catalogue.query import query  # noqa: PLC0415 - long, and for nobody else

        self._connection, self._looked = connection, False
        self._statement: PreparedStatement[Any] | None = None
        self._query = query(tuple(without), connection.get_server_version().major)

    async def look(self) -> Mapping[str, str]:
        """The catalogue as it is now. Raises as `catalogue` does."""
        try:
            found = await self._found()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            kind = ConnectError if self._connection.is_closed() else ConfigError
            msg = f"the catalogue of the database could not be read: {type(error).__name__}: {error}"
            raise kind(msg) from error
        return {row["object"]: row["definition"] for row in sorted(found, key=lambda row: str(row["object"]))}

    async def _found(self) -> list[dict[str, str]]:
        if self._looked:
            with contextlib.suppress(asyncpg.InvalidSQLStatementNameError):  # a migration said DISCARD or DEALLOCATE
                return await self._prepared()
            self._statement = None
        async with _reading(self._connection):
            found = await rows(self._connection, self._query)
        self._looked = True
        return found

    async def _prepared(self) -> list[dict[str, str]]:
        async with _reading(self._connection):
            self._statement = self._statement or await self._connection.prepare(self._query)
            return [json.loads(row[0]) for row in await self._statement.fetch()]


@asynccontextmanager
async def _reading(connection: Connection) -> AsyncIterator[None]:
    """A transaction, or a savepoint of the caller's, with settings of its own."""
    nested = connection.is_in_transaction()
    begin = f"SAVEPOINT {POINT}" if nested else "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    end = f"ROLLBACK TO SAVEPOINT {POINT}; RELEASE SAVEPOINT {POINT}" if nested else "ROLLBACK"
    await connection.execute("; ".join((begin, *(f"SET LOCAL {name} = {_value(name)}" for name in SETTINGS))))
    try:
        yield
    finally:
        if not connection.is_closed():
            await to_the_end(connection.execute(end))


def _value(name: str) -> str:
    value = SETTINGS[name]
    return value if "," in value else f"'{value}'"
