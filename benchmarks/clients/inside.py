"""Up to date, in one process on one connection: a tool and the floor in turns.

    python inside.py CLIENT FOLDER DSN FLOOR_FOLDER FLOOR_DSN ROUNDS

Prints the seconds of each pair: the tool, then the floor. The first pair pays what is imported and cached once.
"""

import asyncio
import gc
import importlib
import sys
import time

import asyncpg
import run_floor


async def timed(work, connection, folder):
    gc.collect()
    started = time.perf_counter()
    await work(connection, folder)
    return time.perf_counter() - started


async def main(client, *words):
    folder, dsn, floor_folder, floor_dsn, rounds = words
    work = importlib.import_module(client).work
    own, bare = await asyncpg.connect(dsn), await asyncpg.connect(floor_dsn)
    for _ in range(int(rounds) + 1):
        print(await timed(work, own, folder), await timed(run_floor.check, bare, floor_folder))
    await own.close()
    await bare.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:7]))
