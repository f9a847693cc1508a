"""The databases of a server: made, dropped and listed through one connection, one at a time."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg.testing._database import FILE_COPY, admin, may_not
from trek_asyncpg.testing._pytest import _names
from trek_core.plugin import advisory_key, quote_ident

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trek_asyncpg.testing._database import Connection
    from trek_asyncpg.testing._server import Server

AGAIN = 0.05  # seconds until a lock is asked for again
MINE = "SELECT datname FROM pg_database WHERE starts_with(datname, $1) AND pg_has_role(datdba, 'USAGE')"
LEFT = f"""
{MINE} AND NOT EXISTS (
    SELECT FROM pg_stat_activity WHERE application_name = $2 || split_part(pg_database.datname, '_', 3)
)
"""


class Cluster:
    """Whoever holds the connection owns the databases that bear its session's name: without it they may be dropped."""

    def __init__(self, provider: str, connection: Connection, session: str, fsync: str, user: str) -> None:
        self._provider, self._connection, self.session = provider, connection, session
        self.facts = (connection.get_settings().server_version, user)
        # without fsync copying files is three times as fast as logging pages; with it, it is the other way round
        both = connection.get_server_version().major >= FILE_COPY
        self._strategy = f"STRATEGY {'file_copy' if fsync == 'off' else 'wal_log'}" if both else ""
        self._turn = asyncio.Lock()

    async def create(self, name: str, template: str) -> None:
        """A copy of a database that nobody is connected to. Raises `NoServer` where the role may not."""
        source = f"TEMPLATE {quote_ident(template)} {self._strategy}"
        try:
            await self._execute(f"CREATE DATABASE {quote_ident(name)} {source}")
        except asyncpg.InsufficientPrivilegeError as error:
            raise may_not(self._provider, error) from error

    async def drop(self, name: str) -> None:
        """With whoever is connected to it."""
        await self._execute(f"DROP DATABASE IF EXISTS {quote_ident(name)} WITH (FORCE)")

    async def drop_unused(self, names: list[str]) -> None:
        """But those that somebody copies from, or has dropped."""
        for name in names:
            with suppress(asyncpg.ObjectInUseError, asyncpg.InvalidCatalogNameError):
                await self._execute(f"DROP DATABASE {quote_ident(name)}")

    async def seal(self, name: str, to: str) -> bool:
        """Renames it, and nobody can connect to it from now on. False: there is one of that name."""
        await self._execute(f"ALTER DATABASE {quote_ident(name)} ALLOW_CONNECTIONS false")
        try:
            await self._execute(f"ALTER DATABASE {quote_ident(name)} RENAME TO {quote_ident(to)}")
        except asyncpg.DuplicateDatabaseError:
            return False
        return True

    async def names(self, beginning: str) -> list[str]:
        """Those of this role whose names begin so."""
        async with self._turn:
            return [row[0] for row in await self._connection.fetch(MINE, beginning)]

    async def sweep(self) -> None:
        """Drops what sessions left behind that were killed."""
        async with self._turn:
            left = [row[0] for row in await self._connection.fetch(LEFT, _names.CLONE, _names.SESSION)]
        for name in left:
            await self.drop(name)

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Among all who connect to the same database of the server."""
        key = advisory_key(name)
        while not await self._ask("SELECT pg_try_advisory_lock($1)", key):  # noqa: ASYNC110 - others' processes
            await asyncio.sleep(AGAIN)
        try:
            yield
        finally:
            await self._ask("SELECT pg_advisory_unlock($1)", key)

    async def _ask(self, query: str, key: int) -> bool:
        async with self._turn:
            return bool(await self._connection.fetchval(query, key))

    async def _execute(self, sql: str) -> None:
        async with self._turn:
            await self._connection.execute(sql)


@asynccontextmanager
async def cluster(server: Server) -> AsyncIterator[Cluster]:
    """Raises `NoServer` where it cannot be used."""
    session = secrets.token_hex(6)
    async with admin(server, _names.SESSION + session) as connection:
        fsync = await connection.fetchval("SHOW fsync")
        user = await connection.fetchval("SELECT current_user::text")
        yield Cluster(server.provider, connection, session, fsync, user)
