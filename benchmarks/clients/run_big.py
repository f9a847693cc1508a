"""trek from Python, with a connection that is given: `python run_big.py DSN FOLDER`.

Prints the seconds of `migrate()`, and the kB of memory that the process had at most above what it had before.
"""

import asyncio
import re
import sys
import time
from pathlib import Path

import asyncpg

from trek_asyncpg import migrate


def most():
    return int(re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)[1])


async def main(dsn, folder):
    connection = await asyncpg.connect(dsn)
    before, begun = most(), time.perf_counter()
    await migrate(connection, folder)
    print(f"took {time.perf_counter() - begun} s, {most() - before} kB")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
