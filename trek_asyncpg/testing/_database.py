"""An empty database for one test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._connect import ConnectSettings, from_dsn
from trek_asyncpg.testing._server import NoServer, Server, server
from trek_core.plugin import TrekError

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

FILE_COPY = 15  # the first version that has it; three times as fast as its default where fsync is off


@dataclass(slots=True)
class Database:
    """An empty database of one test, with a name that no other test has, in this process or another."""

    name: str
    dsn: str = field(repr=False)
    _opened: list[Connection] = field(default_factory=list, init=False, repr=False)

    async def connect(self, **options: Any) -> Connection:
        """One more connection, independent of all others; `options` go to asyncpg.connect, for example user=.

        It is closed with the database at the latest.
        """
        connection: Connection = await asyncpg.connect(self.dsn, **options)
        self._opened.append(connection)
        return connection

    async def close(self) -> None:
        """Closes every connection that `connect` gave."""
        while self._opened:
            connection = self._opened.pop()
            try:
                await connection.close(timeout=5)
            except (asyncpg.InterfaceError, asyncpg.PostgresError, OSError, TimeoutError):
                connection.terminate()


@asynccontextmanager
async def database(at: Server | None = None) -> AsyncIterator[Database]:
    """An empty database, dropped at the end with whatever is still connected to it.

    at: a server; None: the one of this process. Its role must be allowed to make databases. Raises `NoServer`.
    A run that is killed leaves its database behind on a server that is not its own: trek_test_ and sixteen digits.
    """
    at = at or server()
    name = f"trek_test_{secrets.token_hex(8)}"
    async with admin(at) as connection:
        strategy = "STRATEGY file_copy" if connection.get_server_version().major >= FILE_COPY else ""
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 {strategy}')
        except asyncpg.InsufficientPrivilegeError as error:
            raise may_not(at.provider, error) from error
    made = Database(name, at.dsn(name))
    try:
        yield made
    finally:
        await made.close()
        async with admin(at) as connection:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def may_not(provider: str, error: Exception) -> NoServer:
    """What to say of a role that may not make databases."""
    return NoServer(f"the server to test with ({provider}): {error}. Name a role that may: ALTER ROLE … CREATEDB.")


@asynccontextmanager
async def admin(at: Server, application: str = "trek") -> AsyncIterator[Connection]:
    """A connection to the server's own database. Raises `NoServer`."""
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(from_dsn(at.base, ConnectSettings(application_name=application)))
        except TrekError as error:
            msg = f"the server to test with ({at.provider}) cannot be used: {error}"
            raise NoServer(msg) from None
        yield session.connection
