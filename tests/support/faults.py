"""A proxy that sees single messages of the PostgreSQL protocol, both directions, and cuts the connection at one of them.

It counts the messages of all connections that go through it, from the first byte of a connection on. A cut is abrupt for
the client (a reset); the server sees the end of what it was sent, as it does when a client's process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Direction = Literal["up", "down"]
"""up: from the client to the server."""
When = Literal["before", "half", "after"]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER, no seconds: close() sends RST


@dataclass(frozen=True, slots=True)
class Cut:
    """Message `number` (from 0) of a direction: not passed on, passed on in part, or passed on and nothing after it."""

    direction: Direction
    number: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} message {self.number} {self.direction}"


@dataclass(slots=True)
class Link:
    """What passes through one proxy. `seen`: the types of all messages, by direction. `was_cut`: a point was reached."""

    cut: Cut | None = None
    seen: dict[Direction, list[bytes]] = field(default_factory=lambda: {"up": [], "down": []})
    times: int = 0
    """How often a point was reached."""
    more: list[Cut] = field(default_factory=list)
    """The cuts after the first."""
    refuses: bool = False
    """New connections, from now on."""
    then: Callable[[], object] | None = None
    """What happens at the point instead of the cut."""

    @property
    def was_cut(self) -> bool:
        return self.times > 0

    def passed(self, direction: Direction, kind: bytes, message: bytes) -> bytes:
        """What is passed on of a message."""
        number = len(self.seen[direction])
        self.seen[direction].append(kind)
        cut = self.cut
        if cut is None or (direction, number) != (cut.direction, cut.number):
            return message
        self.times += 1
        self.cut = self.more.pop(0) if self.more else cut
        if self.then is not None:
            self.then()
            return message
        return {"before": b"", "half": message[: len(message) // 2], "after": message}[cut.when]


class Connection:
    """One connection through the proxy."""

    def __init__(self, link: Link) -> None:
        self.link, self.is_cut = link, False

    async def pump(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, startup: bool
    ) -> None:
        """Message by message. Only the first of a client has no type."""
        while True:
            kind = b"" if startup else await reader.readexactly(1)
            startup = False
            length = await reader.readexactly(4)
            message = kind + length + await reader.readexactly(int.from_bytes(length, "big") - 4)
            if self.is_cut:
                return
            before = self.link.times
            writer.write(self.link.passed(direction, kind, message))
            self.is_cut = self.link.times > before and self.link.then is None
            await writer.drain()
            if self.is_cut:
                return


@contextlib.asynccontextmanager
async def faulty(dsn: str, cut: Cut | None = None) -> AsyncIterator[tuple[str, Link]]:
    """A DSN through the proxy for the same server and database, and what passes. It cuts once, and at each of `link.more`."""
    parts, link, tasks = urlsplit(dsn), Link(cut), set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        if link.refuses:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError, asyncio.CancelledError):  # cancelled at the end of the proxy, below
            await _joined(link, (reader, writer), await _server(dsn))
        tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    login = f"{parts.username or 'postgres'}{':' + parts.password if parts.password else ''}"
    try:
        yield f"postgresql://{login}@127.0.0.1:{port}{parts.path}?sslmode=disable", link
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _server(dsn: str) -> Streams:
    parts = urlsplit(dsn)
    if folder := parse_qs(parts.query).get("host", [""])[0]:
        return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{parts.port or 5432}")
    return await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 5432)


async def _joined(link: Link, client: Streams, server: Streams) -> None:
    """Until one side ends, or the cut."""
    connection = Connection(link)
    up = asyncio.create_task(connection.pump("up", client[0], server[1], startup=True))
    down = asyncio.create_task(connection.pump("down", server[0], client[1], startup=False))
    try:
        await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        await _close(client[1], abrupt=connection.is_cut)
        server[1].close()


async def _close(writer: asyncio.StreamWriter, *, abrupt: bool) -> None:
    """With a reset where it is abrupt, once the driver has what was passed on."""
    if abrupt:
        await asyncio.sleep(0)
        end = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
    else:
        writer.close()
