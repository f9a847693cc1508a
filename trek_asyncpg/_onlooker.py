"""A second connection, which sees who blocks the first: once the wait is over it is too late to ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._wire import rows, to_the_end
from trek_core.plugin import Blocker, dataclass, redact_dsn

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection, Pool

Second = Callable[[], "AbstractAsyncContextManager[Connection]"]
OPEN, CLOSE = 5.0, 1.0  # seconds that opening and closing may take
QUERY = 200  # characters of a blocker's query
AUTOVACUUM, WRAPAROUND = "autovacuum: ", "(to prevent wraparound)"


def who_blocks(pid: int) -> str:
    """The query for those who block that server process, and for what it is doing if it builds an index."""
    return (
        "SELECT pg_catalog.jsonb_build_object('pid', b.pid, 'user', a.usename, 'application', a.application_name,"
        " 'state', COALESCE(a.state, a.backend_type), 'query', pg_catalog.left(a.query, 1000),"
        " 'age', pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - COALESCE(a.xact_start, a.query_start)),"
        " 'system', a.pid IS NOT NULL AND a.usesysid IS NULL)"
        f" FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids({pid})) AS pid) b"
        " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid"
        " UNION ALL SELECT pg_catalog.jsonb_build_object('phase', p.phase)"
        f" FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = {pid}"
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """Who was in the way. vacuums: the autovacuums among them, if there is nobody else and the server would end them."""

    blockers: tuple[Blocker, ...]
    vacuums: frozenset[int] = frozenset()
    phase: str = ""

    @classmethod
    def of(cls, found: Iterable[Mapping[str, Any]]) -> Seen | None:
        """None: nobody is in the way."""
        sessions = [row for row in found if "pid" in row]
        if not sessions:
            return None
        phase = next((row["phase"] for row in found if "phase" in row), None)
        vacuums = frozenset(row["pid"] for row in sessions if _yields(row))
        blockers = tuple(map(_blocker, sessions))
        return cls(blockers, vacuums if len(vacuums) == len(blockers) else frozenset(), phase or "")


def _yields(row: Mapping[str, Any]) -> bool:
    """Whether it is an autovacuum that the server ends for others. A role may not see its query, only that nobody runs it."""
    query = row["query"] or ""
    return bool(row["system"]) and WRAPAROUND not in query and (query.startswith(AUTOVACUUM) or query[:1] == "<")


def _blocker(row: Mapping[str, Any]) -> Blocker:
    state = (row["state"] or "") if row["pid"] else "prepared transaction"
    query = " ".join((row["query"] or "").split())
    shown = query if len(query) <= QUERY else f"{query[:QUERY]} …"
    return Blocker(row["pid"], row["user"] or "", row["application"] or "", state, row["age"], shown)


class Onlooker:
    """Opens its connection when it is first wanted, and never raises: who cannot look says why in `unseen`."""

    def __init__(self, second: Second, pid: int) -> None:
        self._second, self._pid = second, pid
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Connection | None] | None = None
        self.unseen = "no second connection was open yet"

    def open(self) -> None:
        """Begins to open the connection; nobody waits for it but `look`."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())

    async def _open(self) -> Connection | None:
        try:
            async with asyncio.timeout(OPEN):
                return await self._stack.enter_async_context(self._second())
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on without
            self._could_not(error)
            return None

    def _could_not(self, error: Exception) -> None:
        said = redact_dsn(str(error)).partition("\n")[0]
        self.unseen = f"no second connection could be had: {type(error).__name__}: {said}"

    async def look(self) -> Seen | None:
        """Who is in the way now; None: nobody, or it cannot be seen."""
        self.open()
        connection = await asyncio.shield(self._opening) if self._opening else None
        if connection is None:
            return None
        try:
            return Seen.of(await rows(connection, who_blocks(self._pid)))
        except Exception as error:  # noqa: BLE001 - as above
            self._could_not(error)
            return None

    async def close(self) -> None:
        """Gives the connection up, if there is one."""
        if self._opening is not None:
            await to_the_end(self._end(self._opening))

    async def _end(self, opening: asyncio.Task[Connection | None]) -> None:
        opening.cancel()
        await asyncio.wait({opening})
        with contextlib.suppress(Exception):
            await self._stack.aclose()


# --------------------------------------------------------------------------- where it comes from
class NoSecond(Exception):
    """There is no second connection to be had."""


@asynccontextmanager
async def closing(connection: asyncpg.Connection[Any]) -> AsyncIterator[Connection]:
    """A connection of our own."""
    try:
        yield connection
    finally:
        await connection.close(timeout=CLOSE)


@asynccontextmanager
async def spare(pool: Pool) -> AsyncIterator[Connection]:
    """One of the pool that nobody waits for. Raises `NoSecond`."""
    if not pool.get_idle_size() and pool.get_size() >= pool.get_max_size():
        msg = f"all {pool.get_max_size()} connections of the pool are in use"
        raise NoSecond(msg)
    async with pool.acquire(timeout=OPEN) as connection:
        yield connection


@asynccontextmanager
async def beside(connection: Connection) -> AsyncIterator[Connection]:
    """One like the caller's, by what the driver keeps of it. Raises `NoSecond` where that is of another shape."""
    opened = await asyncpg.connect(**like(connection), timeout=OPEN, statement_cache_size=0)
    async with closing(opened) as second:
        yield second


def like(connection: Any) -> dict[str, Any]:
    """What opens another one: arguments of `asyncpg.connect`. Raises `NoSecond`."""
    try:
        return _like(connection)
    except (AttributeError, TypeError, ValueError) as error:
        msg = "this driver does not tell how the connection was opened; give trek a pool or a DSN"
        raise NoSecond(msg) from error


def _like(connection: Any) -> dict[str, Any]:
    address, given = connection._addr, connection._params  # noqa: SLF001 - asyncpg tells nobody otherwise
    if isinstance(address, str):  # a socket's file: …/.s.PGSQL.5432
        file = PurePosixPath(address)
        host, port = str(file.parent), int(file.suffix[1:])
    else:
        host, port = address[:2]
    secure = connection._transport.get_extra_info("ssl_object") is not None  # noqa: SLF001
    return {
        "host": host,
        "port": port,
        "user": given.user,
        "password": given.password,
        "database": given.database,
        "ssl": given.ssl if secure else False,
        "server_settings": dict(given.server_settings or {}),
    }
