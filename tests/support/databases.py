"""A database for one test, and the roles that it made."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from tests.support.servers import Address

    Connection = asyncpg.Connection[asyncpg.Record]

FILE_COPY = 15  # the first version that has it; three times as fast as its default where fsync is off
_numbers = itertools.count(1)


def unique(kind: str) -> str:
    return f"trek_{kind}_{os.getpid()}_{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Server:
    """The server of the run: `version` is its major version, `admin` a connection of its superuser."""

    address: Address
    version: int
    admin: Connection

    def dsn(self, database: str) -> str:
        return self.address.dsn(database)


@dataclass(slots=True)
class Database:
    """An empty database of one test. Its connections are closed, and it is dropped, when the test ends."""

    name: str
    dsn: str
    _opened: list[Connection] = field(default_factory=list)

    async def connect(self, **options: Any) -> Connection:
        """Another connection; `options` go to asyncpg.connect, for example user=."""
        connection: Connection = await asyncpg.connect(self.dsn, **options)
        self._opened.append(connection)
        return connection

    async def close(self) -> None:
        for connection in self._opened:
            try:
                await connection.close(timeout=5)
            except (asyncpg.InterfaceError, asyncpg.PostgresError, OSError, TimeoutError):
                connection.terminate()


async def create(server: Server) -> Database:
    name = unique("test")
    strategy = "STRATEGY file_copy" if server.version >= FILE_COPY else ""
    await server.admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 {strategy}')
    return Database(name, server.dsn(name))


async def drop(server: Server, database: Database) -> None:
    await database.close()
    await server.admin.execute(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')


@dataclass(slots=True)
class Roles:
    """Makes roles with names of their own, and drops them."""

    server: Server
    names: list[str] = field(default_factory=list)

    async def __call__(self, options: str = "LOGIN") -> str:
        """CREATE ROLE with those options; gives the name."""
        name = unique("role")
        await self.server.admin.execute(f'CREATE ROLE "{name}" {options}')
        self.names.append(name)
        return name

    async def drop(self) -> None:
        for name in reversed(self.names):
            with suppress(asyncpg.UndefinedObjectError):  # the test dropped it
                await self.server.admin.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')
