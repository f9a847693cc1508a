"""trek from Python, with a connection that is given: `python run_trek.py apply|check FOLDER DSN`."""

import asyncio
import sys
import time

import asyncpg

from trek_asyncpg import migrate


async def work(connection, folder):
    await migrate(connection, folder)


async def main(folder, dsn):
    connection = await asyncpg.connect(dsn)
    started = time.perf_counter()
    await work(connection, folder)
    print(time.perf_counter() - started)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[2:4]))
