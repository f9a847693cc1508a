"""pogo-migrate: `python run_pogo.py apply|check FOLDER DSN`."""

import asyncio
import sys
import time
from pathlib import Path

import asyncpg
from pogo_core.util.migrate import apply


async def work(connection, folder):
    await apply(connection, Path(folder), schema_name="public")


async def main(folder, dsn):
    connection = await asyncpg.connect(dsn)
    started = time.perf_counter()
    await work(connection, folder)
    print(time.perf_counter() - started)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[2:4]))
