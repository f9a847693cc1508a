"""asyncpg-trek: `python run_asyncpg_trek.py apply|check FOLDER DSN`. It wants the target by name: the last file says it."""

import asyncio
import sys
import time
from pathlib import Path

import asyncpg
from asyncpg_trek import Direction, execute, plan
from asyncpg_trek.asyncpg import AsyncpgBackend


async def work(connection, folder):
    head = max(Path(folder).iterdir()).stem.rsplit("_", 1)[1]
    backend = AsyncpgBackend(connection)
    await execute(backend, await plan(backend, folder, head, Direction.up))


async def main(folder, dsn):
    connection = await asyncpg.connect(dsn)
    started = time.perf_counter()
    await work(connection, folder)
    print(time.perf_counter() - started)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[2:4]))
