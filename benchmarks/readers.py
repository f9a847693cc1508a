"""How long readers wait while a migration queues: `python benchmarks/readers.py [ROUNDS]` prints a Markdown table.

A transaction that has read a table stays open for four seconds; a migration wants to alter that table; eight readers, each
on a connection of its own, read it all the time. The floor is the same ALTER by asyncpg without a timeout.
Uses TREK_TEST_DSN (a superuser's; databases are made and dropped), else the embedded server.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.server import database, server
from trek_asyncpg import migrate

ROUNDS = 5
READERS = 8
BLOCKED = 4.0  # seconds
SETUP = "CREATE TABLE orders (id integer); INSERT INTO orders SELECT generate_series(1, 1000)"
ALTER = "ALTER TABLE orders ADD COLUMN note text;\n"
Work = Callable[[asyncpg.Connection], Awaitable[object]]


async def read(dsn: str, waits: list[float], stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(dsn)
    while not stop.is_set():
        begun = time.perf_counter()
        await connection.fetchval("SELECT count(*) FROM orders")
        waits.append(time.perf_counter() - begun)
        await asyncio.sleep(0.005)
    await connection.close()


async def block(dsn: str, held: asyncio.Event) -> None:
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await connection.fetchval("SELECT count(*) FROM orders")
        held.set()
        await asyncio.sleep(BLOCKED)
    await connection.close()


async def measure(dsn: str, work: Work) -> tuple[float, int, float]:
    """The readers' longest wait, how often they read meanwhile, and how long the migration took."""
    async with database(dsn) as own:
        connection = await asyncpg.connect(own)
        await connection.execute(SETUP)
        waits: list[float] = []
        held, stop = asyncio.Event(), asyncio.Event()
        blocker = asyncio.create_task(block(own, held))
        readers = [asyncio.create_task(read(own, waits, stop)) for _ in range(READERS)]
        await held.wait()
        begun = time.perf_counter()
        await work(connection)
        seconds = time.perf_counter() - begun
        stop.set()
        await asyncio.gather(blocker, *readers)
        await connection.close()
        return max(waits), len(waits), seconds


async def main(rounds: int) -> None:
    print("| an ALTER behind a transaction of 4 s | readers' longest wait | reads meanwhile | done after |")
    print("|---|---:|---:|---:|")
    async with server() as dsn:
        with tempfile.TemporaryDirectory() as root:
            (Path(root) / "0001_note.sql").write_text(ALTER)
            ways: dict[str, Work] = {
                "trek": lambda connection: migrate(connection, root),
                "asyncpg, no timeout": lambda connection: connection.execute(ALTER),
            }
            for what, work in ways.items():
                found = [await measure(dsn, work) for _ in range(rounds if what == "trek" else 1)]
                longest, reads, done = max(f[0] for f in found), min(f[1] for f in found), max(f[2] for f in found)
                print(
                    f"| {what}, worst of {len(found)} | {longest * 1000:.0f} ms | {reads} | {done:.1f} s |", flush=True
                )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS))
