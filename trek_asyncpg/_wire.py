"""Talking to the server: rows in one round trip, and work that a cancellation must not cut short."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from trek_core.plugin import ConfigError

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

T = TypeVar("T")
BUSY = 10.0  # seconds that a task which a migration left may go on using the connection

LOST = (
    "the server sent messages between the rows of an answer, and the driver lost the rows before them: "
    "client_min_messages is at a debug level.\n"
    "SET client_min_messages = notice for the session, or ALTER ROLE … SET it, and run again."
)


async def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    """The rows of a query whose one column is JSON, in one round trip.

    COPY … TO STDOUT returns rows over the simple protocol: no statement to prepare, and no portal that would keep a
    snapshot open inside a transaction. COPY's text format doubles backslashes; JSON has no other character it escapes.
    Raises `ConfigError` where the driver lost some: then what it gave is no answer.
    """
    chunks: list[bytes] = []

    async def keep(chunk: bytes) -> None:
        chunks.append(bytes(chunk))

    told = await connection.copy_from_query(query, output=keep)
    content = b"".join(chunks)
    lines = content.splitlines()
    if told != f"COPY {len(lines)}":
        raise ConfigError(LOST)
    if b"\\" in content:  # a search for one byte takes a tenth of one for two
        lines = content.replace(b"\\\\", b"\\").splitlines()
    return json.loads(b"[" + b",".join(lines) + b"]")  # type: ignore[no-any-return]


async def to_the_end(work: Awaitable[T]) -> T:
    """Awaits the work whatever happens; a cancellation that came meanwhile is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except Exception:  # noqa: BLE001 - task.result() raises it
            break
    if cancelled is not None:
        task.exception()  # seen, so that nobody is warned of it
        raise cancelled
    return task.result()


def is_in_use(error: BaseException) -> bool:
    """Whether another task uses the connection: the driver's own word for it, there is no other way to tell."""
    return isinstance(error, asyncpg.InterfaceError) and "another operation is in progress" in str(error)


async def once_free(connection: Connection, query: str) -> None:
    """Executes it as soon as no task that a migration left uses the connection, and closes that if it takes too long.

    A transaction in which such a task is at work must not stay open behind the run.
    """
    end = time.monotonic() + BUSY
    while True:
        try:
            await connection.execute(query)
        except asyncpg.InterfaceError as error:
            if not is_in_use(error):
                raise
            if time.monotonic() >= end:
                connection.terminate()
                raise
            await asyncio.sleep(0.05)
        else:
            return
