"""Talking to the server: rows in one round trip, and work that a cancellation must not cut short."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

T = TypeVar("T")


async def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    """The rows of a query whose one column is JSON, in one round trip.

    COPY … TO STDOUT returns rows over the simple protocol: no statement to prepare, and no portal that would keep a
    snapshot open inside a transaction. COPY's text format doubles backslashes; JSON has no other character it escapes.
    """
    chunks: list[bytes] = []

    async def keep(chunk: bytes) -> None:
        chunks.append(bytes(chunk))

    await connection.copy_from_query(query, output=keep)
    content = b"".join(chunks)
    if b"\\" in content:  # a search for one byte takes a tenth of one for two
        content = content.replace(b"\\\\", b"\\")
    return json.loads(b"[" + b",".join(content.splitlines()) + b"]")  # type: ignore[no-any-return]


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
