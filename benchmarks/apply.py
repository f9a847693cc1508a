"""Applying N small migrations on a given connection: `python benchmarks/apply.py [N …]` prints a Markdown table.

The floor is asyncpg with the same statements as one query: one transaction and no history. trek commits each migration with its
own row. Beside it the client's CPU a migration, of trek and of asyncpg-trek, which plan and apply in this process. Each ratio
is the median of the ratios of interleaved rounds. Uses TREK_TEST_DSN, else the embedded server.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import asyncpg
import asyncpg_trek
from asyncpg_trek.asyncpg import AsyncpgBackend

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.roundtrips import database, folder, server
from trek_asyncpg import migrate

ROUNDS = 7
Work = Callable[[asyncpg.Connection], Awaitable[object]]


def bodies(files: Path) -> list[str]:
    return [file.read_text().partition("-- trek: down")[0] for file in sorted(files.iterdir())]


def peers(root: Path, files: Path) -> Path:
    """The same migrations as asyncpg-trek wants them."""
    target = root / f"peer_{files.name}"
    target.mkdir()
    for number, text in enumerate(bodies(files)):
        before = f"r{number}" if number else "initial"
        (target / f"20200101_{before}_up_r{number + 1}.sql").write_text(text)
    return target


def works(root: Path, number: int) -> dict[str, Work]:
    files = folder(root, number)
    together, peer = "\n;\n".join(bodies(files)), peers(root, files)

    async def theirs(connection: asyncpg.Connection) -> None:
        backend = AsyncpgBackend(connection)
        planned = await asyncpg_trek.plan(backend, peer, f"r{number}", asyncpg_trek.Direction.up)
        await asyncpg_trek.execute(backend, planned)

    return {
        "floor": lambda connection: connection.execute(together),
        "trek": lambda connection: migrate(connection, files),
        "asyncpg-trek": theirs,
    }


async def measure(dsn: str, work: Work) -> tuple[float, float]:
    """Seconds, and the client's seconds of CPU."""
    async with database(dsn, "trek_apply") as own:
        connection = await asyncpg.connect(own)
        gc.collect()
        begun, used = time.perf_counter(), sum(os.times()[:2])
        await work(connection)
        found = time.perf_counter() - begun, sum(os.times()[:2]) - used
        await connection.close()
        return found


async def main(sizes: list[int]) -> None:
    print("| migrations | floor, ms | trek, ms | times the floor | CPU each, trek, ms | CPU each, asyncpg-trek, ms |")
    print("|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as root:
        async with server() as dsn:
            for number in sizes:
                kinds = works(Path(root), number)
                rounds = [{name: await measure(dsn, work) for name, work in kinds.items()} for _ in range(ROUNDS)]
                floor, trek = (median(one[name][0] for one in rounds) * 1000 for name in ("floor", "trek"))
                ratio = median(one["trek"][0] / one["floor"][0] for one in rounds)
                ours, theirs = (
                    median(one[name][1] for one in rounds) / number * 1000 for name in ("trek", "asyncpg-trek")
                )
                print(f"| {number} | {floor:.0f} | {trek:.0f} | {ratio:.2f} | {ours:.3f} | {theirs:.3f} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main([int(n) for n in sys.argv[1:]] or [100, 1_000, 5_000]))
