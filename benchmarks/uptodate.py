"""Being up to date, against its floor: `python benchmarks/uptodate.py [N …]` prints two Markdown tables.

The floor reads the same rows with one `fetch`, lists the folder, and reads and hashes every file: what has to be done at least
to know that nothing is pending and nothing was edited. Each ratio is the median of the ratios of interleaved rounds.
Uses TREK_TEST_DSN (a superuser's; databases are made and dropped), else the embedded server.
"""

# ruff: noqa: PTH123, PTH208 - the floor is as bare as can be

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.roundtrips import database, folder, server
from trek_asyncpg import migrate

ROUNDS = 31
PROCESSES = 31
FILES = 100  # of the whole process

BARE = """
import asyncio, hashlib, os, sys
import asyncpg

async def main(dsn, folder):
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT * FROM trek_history ORDER BY seq")
    written = {row["revision"]: row["checksum"] for row in rows}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            assert written[name[:5]] == hashlib.sha256(file.read()).hexdigest()
    await connection.close()

asyncio.run(main(*sys.argv[1:]))
"""
TREK = """
import asyncio, sys
import asyncpg
from trek_asyncpg import migrate

async def main(dsn, folder):
    connection = await asyncpg.connect(dsn)
    assert not await migrate(connection, folder)
    await connection.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def floor(connection: asyncpg.Connection, files: Path) -> None:
    """Raises `AssertionError` unless the files are those that were applied."""
    rows = await connection.fetch("SELECT * FROM trek_history ORDER BY seq")
    written = {row["revision"]: row["checksum"] for row in rows}
    for name in sorted(os.listdir(files)):
        with open(f"{files}/{name}", "rb") as file:
            assert written[name[:5]] == hashlib.sha256(file.read()).hexdigest()


async def up_to_date(connection: asyncpg.Connection, files: Path) -> None:
    assert not await migrate(connection, files)


async def seconds(work: Callable[[], Awaitable[None]]) -> float:
    gc.collect()
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


def row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def ratio(pairs: list[tuple[float, float]]) -> tuple[str, str, str]:
    """Milliseconds of the floor and of trek, and how many times the floor that is."""
    ours, floors = median(b for _, b in pairs), median(a for a, _ in pairs)
    return f"{floors * 1000:.1f}", f"{ours * 1000:.1f}", f"{median(b / a for a, b in pairs):.2f}"


async def in_process(dsn: str, root: Path, number: int) -> None:
    files = folder(root, number)
    async with database(dsn, f"trek_up_{number}") as own:
        connection = await asyncpg.connect(own)
        await migrate(connection, files)
        await floor(connection, files)
        pairs = [
            (await seconds(lambda: floor(connection, files)), await seconds(lambda: up_to_date(connection, files)))
            for _ in range(ROUNDS)
        ]
        row(number, *ratio(pairs))
        await connection.close()


def process(script: str, dsn: str, files: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", script, dsn, str(files)], check=True)
    return time.perf_counter() - begun


async def whole_process(dsn: str, root: Path) -> None:
    files = folder(root, FILES)
    async with database(dsn, "trek_up_process") as own:
        await migrate(own, files)
        process(TREK, own, files), process(BARE, own, files)
        pairs = [(process(BARE, own, files), process(TREK, own, files)) for _ in range(PROCESSES)]
        row(FILES, *ratio(pairs))


async def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as root:
        async with server() as dsn:
            row("applied, connection given", "floor, ms", "trek, ms", "times the floor")
            row("---:", "---:", "---:", "---:")
            for number in sizes:
                await in_process(dsn, Path(root), number)
            print()
            row("applied, whole process", "bare asyncpg, ms", "trek, ms", "times the floor")
            row("---:", "---:", "---:", "---:")
            await whole_process(dsn, Path(root))


if __name__ == "__main__":
    asyncio.run(main([int(n) for n in sys.argv[1:]] or [1_000, 10_000]))
