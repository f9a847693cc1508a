"""The floor for several processes: asyncpg, a polled lock, the history read again, what is pending in one query.

python run_locked.py apply FOLDER DSN
"""

import asyncio
import sys

import asyncpg
from run_floor import read

LOCK = "SELECT pg_try_advisory_lock(1)"
TABLE = "CREATE TABLE IF NOT EXISTS floor_history (name text PRIMARY KEY)"
WAIT = 0.05  # seconds


async def pending(connection, files):
    try:
        rows = await connection.fetch("SELECT name FROM floor_history")
    except asyncpg.UndefinedTableError:
        rows = []
    return sorted(files.keys() - {row[0] for row in rows})


async def main(folder, dsn):
    connection = await asyncpg.connect(dsn)
    files = read(folder)
    if await pending(connection, files):
        while not await connection.fetchval(LOCK):
            await asyncio.sleep(WAIT)
        names = await pending(connection, files)
        parts = [f"{files[name].decode()}\n;\nINSERT INTO floor_history VALUES ('{name}')" for name in names]
        if parts:
            await connection.execute("\n;\n".join([TABLE, *parts]))
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[2:4]))
