"""What a tool does on an asyncpg connection that is given, timed: `python run_TOOL.py apply|check FOLDER DSN`."""

import asyncio
import sys
import time

import asyncpg


async def main(work, folder, dsn):
    connection = await asyncpg.connect(dsn)
    started = time.perf_counter()
    await work(connection, folder)
    print(time.perf_counter() - started)
    await connection.close()


def run(work):
    asyncio.run(main(work, *sys.argv[2:4]))
