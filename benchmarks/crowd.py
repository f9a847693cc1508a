"""Many processes at once on one database: `python benchmarks/crowd.py [ROUNDS]` prints a Markdown table.

Each process is a fresh Python that connects and migrates; all are started together, and the time is that until the last has
ended. The floor is asyncpg alone: it reads its history, polls an advisory lock, reads again and sends what is missing as one
query, each migration with its own row. trek and floor take turns; the ratio is the median of the rounds' ratios.
Uses TREK_TEST_DSN (a superuser's; databases are made and dropped), else the embedded server.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.roundtrips import database, server

PROCESSES = 30
ROUNDS = 5
SETUP = "CREATE TABLE counted (n integer)"  # no key: a second run of a migration would be seen
POLL = 0.02  # seconds between two questions of the floor

FLOOR = f"""
import asyncio, os, sys
import asyncpg

async def pending(connection, folder):
    done = {{row[0] for row in await connection.fetch("SELECT name FROM history")}}
    return [name for name in sorted(os.listdir(folder)) if name not in done]

async def main(dsn, folder):
    connection = await asyncpg.connect(dsn)
    if await pending(connection, folder):
        while not await connection.fetchval("SELECT pg_try_advisory_lock(1)"):
            await asyncio.sleep({POLL})
        parts = []
        for name in await pending(connection, folder):
            with open(os.path.join(folder, name)) as file:
                parts.append(f"BEGIN;{{file.read()}};INSERT INTO history VALUES ('{{name}}');COMMIT")
        if parts:
            await connection.execute(";".join(parts))
        await connection.fetchval("SELECT pg_advisory_unlock(1)")
    await connection.close()

asyncio.run(main(*sys.argv[1:]))
"""
TREK = """
import asyncio, sys
from trek_asyncpg import migrate

asyncio.run(migrate(*sys.argv[1:]))
"""


def tables(folder: Path) -> Iterator[str]:
    for n in range(1, 51):
        (folder / f"{n:04}_t.sql").write_text(f"CREATE TABLE t{n} (id integer);\nINSERT INTO counted VALUES ({n});\n")
        yield f"{n}"


def data(folder: Path) -> Iterator[str]:
    for n in range(1, 11):
        (folder / f"{n:04}_d.sql").write_text(f"INSERT INTO counted VALUES ({n});\n")
        yield f"{n}"


CASES = {"50 migrations, a table and a row each": tables, "10 migrations, data only": data}


def start(code: str, dsn: str, folder: Path) -> subprocess.Popen[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # with bytecode
    environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", code, dsn, str(folder)], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


async def crowd(dsn: str, code: str, folder: Path, number: int) -> float:
    """Seconds until the last of them has ended. All must exit 0, and each migration must have run once."""
    async with database(dsn, f"trek_crowd_{os.getpid()}") as own:
        connection = await asyncpg.connect(own)
        await connection.execute(f"{SETUP}; CREATE TABLE history (name text PRIMARY KEY)")
        begun = time.perf_counter()
        running = [start(code, own, folder) for _ in range(PROCESSES)]
        ended = [await asyncio.to_thread(process.communicate) for process in running]
        seconds = time.perf_counter() - begun
        wrong = [errors.decode() for process, (_, errors) in zip(running, ended, strict=True) if process.returncode]
        assert not wrong, wrong[0]
        ran = [row["n"] for row in await connection.fetch("SELECT n FROM counted ORDER BY n")]
        assert ran == list(range(1, number + 1)), ran
        await connection.close()
        return seconds


async def main(rounds: int) -> None:
    print(f"| {PROCESSES} processes at once | trek | asyncpg alone, polled lock | ratio |\n|---|---:|---:|---:|")
    async with server() as dsn:
        for what, write in CASES.items():
            with tempfile.TemporaryDirectory() as root:
                number = len(list(write(Path(root))))
                pairs = []
                for _ in range(rounds + 1):  # the first warms the disk's cache
                    floor = await crowd(dsn, FLOOR, Path(root), number)
                    pairs.append((await crowd(dsn, TREK, Path(root), number), floor))
            trek, floor = (median(one) for one in zip(*pairs[1:], strict=True))
            ratio = median(a / b for a, b in pairs[1:])
            print(f"| {what} | {trek:.2f} s | {floor:.2f} s | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS))
