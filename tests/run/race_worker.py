"""One of several processes that start at once on one empty database: `python race_worker.py DSN FOLDER`.

Prints "ready", waits for a line, migrates, prints how many migrations it ran. Exits 0 if nothing failed.
"""

from __future__ import annotations

import asyncio
import sys

from trek_asyncpg import migrate


def main() -> None:
    dsn, folder = sys.argv[1:3]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    report = asyncio.run(migrate(dsn, folder))
    sys.stdout.write(f"{len(report.ran)}\n")


if __name__ == "__main__":
    main()
