"""Opening a session: a connection that the caller gave, one from a pool, or one of our own for a DSN."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import asyncpg

from trek_asyncpg._executor import AsyncpgExecutor
from trek_asyncpg._settings import RunSettings
from trek_core.plugin import ConfigError, ConnectError, Executor, dataclass, redact_dsn

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection, Database, Pool

_PIECES = (r"""[^'"\\]+""", r"(?<=, )\d+(?=\))")  # what a driver quotes, and its port
SCHEMES = ("postgresql", "postgres")
AGAIN = 0.2  # seconds until a server that is starting is asked again


@dataclass(frozen=True, slots=True)
class ConnectSettings(RunSettings):
    """How trek connects, beside how it runs. connect_timeout: seconds to wait for the server. application_name: None for
    the DSN's own, else `PGAPPNAME`, else "trek".
    """

    connect_timeout: float = 10.0
    application_name: str | None = None


def session(database: Database, settings: ConnectSettings | None = None) -> AbstractAsyncContextManager[Executor]:
    """An executor for whatever the caller has. Raises `ConfigError` for anything else."""
    settings = settings or ConnectSettings()
    if isinstance(database, str):
        scheme = database.partition(":")[0]
        return embedded(database, settings) if scheme == "embedded" else from_dsn(database, settings)
    if isinstance(database, asyncpg.Pool):
        return _from_pool(database, settings)
    if hasattr(database, "copy_from_query") and hasattr(database, "is_in_transaction"):
        return _given(database, settings)
    msg = f"a database is an asyncpg connection, a pool or a DSN; this is {type(database).__name__}: {database!r}"
    raise ConfigError(msg)


@asynccontextmanager
async def _given(connection: Connection, settings: RunSettings) -> AsyncIterator[Executor]:
    try:
        closed = "is closed" if connection.is_closed() else ""
    except asyncpg.InterfaceError:  # a pool's proxy: every call says so
        closed = "was released to its pool"
    if closed:
        msg = f"the connection that was given {closed}. Give trek an open one, a pool or a DSN."
        raise ConnectError(msg)
    yield AsyncpgExecutor(connection, settings)


@asynccontextmanager
async def _from_pool(pool: Pool, settings: RunSettings) -> AsyncIterator[Executor]:
    try:
        connection = await pool.acquire()
    except (asyncpg.InterfaceError, asyncpg.PostgresError, OSError, TimeoutError) as error:
        # closed, never opened, or it connects only now; not chained, as for a DSN
        said = f"{type(error).__name__}: {redact_dsn(str(error))}"
        msg = (
            f"the pool gave no connection: {said}\nGive trek an open pool of a server that runs, a connection or a DSN."
        )
        raise ConnectError(msg) from None
    try:
        yield AsyncpgExecutor(connection, settings, lambda: _spare(pool))
    finally:
        await pool.release(connection)


def _spare(pool: Pool) -> AbstractAsyncContextManager[Connection]:
    from trek_asyncpg._onlooker import spare  # noqa: PLC0415 - for somebody who waits

    return spare(pool)


@asynccontextmanager
async def from_dsn(dsn: str, settings: ConnectSettings | None = None) -> AsyncIterator[Executor]:
    """A connection of our own, closed at the end. No statement cache: a migration makes cached plans stale."""
    settings = settings or ConnectSettings()
    connection = await _open(dsn, settings)

    @asynccontextmanager
    async def another() -> AsyncIterator[Connection]:
        from trek_asyncpg._onlooker import closing  # noqa: PLC0415 - for somebody who waits

        async with closing(await _open(dsn, settings)) as second:
            yield second

    try:
        yield AsyncpgExecutor(connection, settings, another)
    finally:
        await connection.close(timeout=10)


async def _open(dsn: str, settings: ConnectSettings) -> asyncpg.Connection[Any]:
    try:
        return await _patiently(dsn, settings)
    except (asyncpg.PostgresError, socket.gaierror, OSError, TimeoutError) as error:
        # a driver's message may hold the DSN: its text is redacted, and the cause is not chained
        if isinstance(error, asyncpg.PostgresError):
            _check_parameters(dsn, error)
        msg = f"cannot connect to {redact_dsn(dsn)}: {type(error).__name__}: {_reason(error, dsn)}\n{_advice(error)}"
        raise ConnectError(msg) from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        msg = (
            f"the DSN {redact_dsn(dsn)} is not usable: {_reason(error, dsn)}\n"
            "It looks like postgresql://user:password@host:5432/database"
        )
        raise ConfigError(msg) from None


async def _patiently(dsn: str, settings: ConnectSettings) -> asyncpg.Connection[Any]:
    """A server that is starting or recovering is asked again, as long as one may wait for a connection."""
    end = time.monotonic() + settings.connect_timeout
    while True:
        try:
            return await asyncpg.connect(
                dsn,
                timeout=max(end - time.monotonic(), AGAIN),
                statement_cache_size=0,
                server_settings=_named(dsn, settings.application_name),
            )
        except asyncpg.CannotConnectNowError:
            if time.monotonic() + AGAIN > end:
                raise
        await asyncio.sleep(AGAIN)


def _named(dsn: str, configured: str | None) -> dict[str, str]:
    """What the server is told besides the DSN, whose own name the driver tells."""
    if configured is None and "application_name" in parameters(dsn):
        return {}
    return {"application_name": os.environ.get("PGAPPNAME") or "trek" if configured is None else configured}


def parameters(dsn: str) -> dict[str, str]:
    """What stands behind the question mark."""
    return dict(parse_qsl(dsn.partition("?")[2], keep_blank_values=True))


def _check_parameters(dsn: str, error: asyncpg.PostgresError) -> None:
    """Raises `ConfigError` where the server refuses a parameter."""
    from trek_asyncpg._parameters import advice  # noqa: PLC0415 - what an error needs is imported when there is one

    if told := advice(dsn, error):
        msg = f"the DSN {redact_dsn(dsn)} is not usable: {_reason(error, dsn)}\n{told}"
        raise ConfigError(msg) from None


def _reason(error: Exception, dsn: str) -> str:
    """What the driver says, without pieces of a password: a raw / in one makes the driver name a part of it as the port."""
    shown = redact_dsn(dsn)
    said = str(error).replace(dsn, shown)

    def hidden(piece: re.Match[str]) -> str:
        secret = piece[0] in dsn or piece[0] in unquote(dsn)
        return "***" if secret and piece[0] not in shown else piece[0]

    for pattern in _PIECES:
        said = re.sub(pattern, hidden, said)
    return redact_dsn(said)


def _advice(error: Exception) -> str:
    if isinstance(error, asyncpg.CannotConnectNowError):
        return (
            "It was asked again and again. Run again when it takes connections, and look into its log if it never does."
        )
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return "Check user and password."
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return "trek does not make databases: CREATE DATABASE first, or correct the name."
    return "Is the server running there, and is the DSN right? (@, : and / in a password must be written as %40, %3A, %2F.)"


@asynccontextmanager
async def embedded(dsn: str, settings: ConnectSettings | None = None) -> AsyncIterator[Executor]:
    """`embedded:FOLDER`: a server of our own with its data in FOLDER, stopped at the end; without a folder a throw-away one."""
    from trek_asyncpg.embedded import serve  # noqa: PLC0415 - subprocess and friends only when a server is wanted

    async with serve(dsn.partition(":")[2] or None) as server, from_dsn(server.dsn(), settings) as executor:
        yield executor
