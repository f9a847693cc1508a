"""Migrates in a process of its own; prints the kB by which its memory grew at most, and the private kB of the server's."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import asyncpg

from trek_asyncpg import migrate


def of(pid: int | str, file: str, word: str) -> int:
    found = re.search(rf"^{word}:\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


async def main(dsn: str, folder: str) -> None:
    connection = await asyncpg.connect(dsn)
    pid, before = connection.get_server_pid(), of("self", "status", "VmHWM")
    await migrate(connection, folder)
    server = of(pid, "status", "RssAnon")
    print(of("self", "status", "VmHWM") - before, server)  # noqa: T201 - its answer
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
