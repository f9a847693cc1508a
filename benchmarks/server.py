"""The server of a run, and databases of its own for each measurement."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from trek_asyncpg.embedded import serve

_numbers = itertools.count(1)


@asynccontextmanager
async def server(more: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """A superuser's DSN that all tools understand: TREK_TEST_DSN, else the embedded server's on a free port of loopback.

    more: settings of the embedded server.
    """
    if dsn := os.environ.get("TREK_TEST_DSN"):
        yield dsn
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"listen_addresses": "127.0.0.1", "port": str(port), "max_wal_size": "8GB", **(more or {})}
    async with serve(settings=settings):
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"


@asynccontextmanager
async def database(dsn: str, template: str = "template1") -> AsyncIterator[str]:
    """The DSN of a new database, dropped at the end."""
    name = f"trek_bench_{os.getpid()}_{next(_numbers)}"
    await admin(dsn, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
    finally:
        await admin(dsn, f"DROP DATABASE {name} WITH (FORCE)")


def name_of(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")


async def admin(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def column(dsn: str, query: str) -> list[object]:
    """The first column of a query's rows."""
    connection = await asyncpg.connect(dsn)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def version(dsn: str) -> str:
    return f"PostgreSQL {(await column(dsn, 'SHOW server_version'))[0]}, fsync {(await column(dsn, 'SHOW fsync'))[0]}"
