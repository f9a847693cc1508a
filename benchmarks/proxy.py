"""A loopback proxy that counts PostgreSQL round trips, and makes them longer when asked.

A round trip is counted when the server's first bytes after a burst of the client's pass, once the connection is ready:
what belongs to connecting is not counted, nor is the closing Terminate, which nobody answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

CLOSING = 5.0  # seconds
READY = b"Z\x00\x00\x00\x05"  # ReadyForQuery and its length, before the state
Pending = asyncio.Queue[tuple[float, bytes]]


@dataclass
class Count:
    """Round trips since the last `reset()`, over all connections, the queries they carried, the connections opened."""

    round_trips: int = 0
    connections: int = 0
    queries: list[str] = field(default_factory=list)

    def reset(self) -> None:
        self.round_trips = self.connections = 0
        self.queries.clear()


class Link:
    """One proxied connection. delay: seconds by which what the client sends comes later; what follows is not held up more."""

    def __init__(self, count: Count, delay: float = 0.0) -> None:
        self.count, self.delay, self.ready, self.asked = count, delay, False, False

    async def up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late: Pending = asyncio.Queue()
        sender = asyncio.create_task(self._later(late, writer)) if self.delay else None
        while data := await reader.read(1 << 16):
            if self.ready:
                if not self.asked:
                    self.count.queries.append(data[5:85].split(b"\0")[0].decode(errors="replace"))
                self.asked = data[:1] != b"X"
            if sender:
                late.put_nowait((asyncio.get_running_loop().time() + self.delay, data))
            else:
                writer.write(data)
                await writer.drain()
        if sender:
            late.put_nowait((0.0, b""))
            await sender
        writer.close()

    async def _later(self, late: Pending, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while (item := await late.get())[1]:
            await asyncio.sleep(item[0] - loop.time())
            writer.write(item[1])
            await writer.drain()

    async def down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self.asked:
                self.asked = False
                self.count.round_trips += 1
            self.ready = self.ready or READY in data
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def counted(dsn: str, delay: float = 0.0) -> AsyncIterator[tuple[str, Count]]:
    """A DSN through the proxy for the same server and database, and its count. delay: seconds added to each round trip."""
    parts = urlsplit(dsn)
    socket_folder = parse_qs(parts.query).get("host", [""])[0]
    port, count = parts.port or 5432, Count()
    links = set[asyncio.Task[None]]()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        links.add(task := asyncio.create_task(accept(reader, writer)))
        await task

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if socket_folder:
            up = await asyncio.open_unix_connection(f"{socket_folder}/.s.PGSQL.{port}")
        else:
            up = await asyncio.open_connection(parts.hostname or "127.0.0.1", port)
        count.connections += 1
        link = Link(count, delay)
        with contextlib.suppress(OSError):
            await asyncio.gather(link.up(reader, up[1]), link.down(up[0], writer))
        for end in (writer, up[1]):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    own = server.sockets[0].getsockname()[1]
    login = f"{parts.username or 'postgres'}{':' + parts.password if parts.password else ''}"
    try:
        yield f"postgresql://{login}@127.0.0.1:{own}{parts.path}?sslmode=disable", count
    finally:
        server.close()
        if links:  # what a client closed takes a turn of the loop or two to be gone
            await asyncio.wait(links, timeout=CLOSING)
