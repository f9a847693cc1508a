"""The floor: asyncpg and nothing else. `apply` sends all files as one query, and records nothing; `check` reads
the history that trek wrote, and lists, reads and hashes the files.

    python run_floor.py apply|check FOLDER DSN
"""

# ruff: noqa: PTH118, PTH123, PTH208 - the floor is as bare as can be

import asyncio
import hashlib
import os
import sys
import time

import asyncpg

HISTORY = "SELECT revision, checksum FROM public.trek_history"


def read(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


async def apply(connection, folder):
    await connection.execute("\n;\n".join(text.decode() for text in read(folder).values()))


async def check(connection, folder):
    rows = bytearray()

    async def keep(data):
        rows.extend(data)

    await connection.copy_from_query(HISTORY, output=keep, format="csv")  # one round trip; fetch() would be two
    applied = {row.split(b",")[0].decode() for row in rows.splitlines()}
    files = {name.split("_")[0]: hashlib.sha256(text).hexdigest() for name, text in read(folder).items()}
    assert applied == files.keys(), f"{len(applied)} applied, {len(files)} files"


async def main(verb, folder, dsn):
    connection = await asyncpg.connect(dsn)
    started = time.perf_counter()
    await {"apply": apply, "check": check}[verb](connection, folder)
    print(time.perf_counter() - started)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
