"""Round trips of trek, counted on the wire: `python benchmarks/roundtrips.py` prints a Markdown table.

Uses TREK_TEST_DSN (a superuser's; databases are made and dropped), else the embedded server.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.proxy import Count, counted
from benchmarks.server import database, server
from trek_asyncpg import AsyncpgBackend, migrate
from trek_asyncpg._settings import TOGETHER
from trek_core import Direction, Migrator, execute, plan

Case = tuple[str, int, int, str]


def folder(root: Path, number: int) -> Path:
    """`number` small SQL migrations, each with a way down."""
    target = root / f"m{number}"
    target.mkdir(exist_ok=True)
    for n in range(1, number + 1):
        text = f"CREATE TABLE t{n} (id integer);\nINSERT INTO t{n} VALUES ({n});\n-- trek: down\nDROP TABLE t{n};\n"
        (target / f"{n:05}_t{n}.sql").write_text(text)
    return target


def bound(number: int) -> str:
    """The history read, the lock, the history read again (or what the session is), then up to 100 migrations a query."""
    return str(3 + -(-number // TOGETHER))


async def measure(count: Count, work: Callable[[], Awaitable[object]]) -> int:
    count.reset()
    await work()
    return count.round_trips


async def cases(dsn: str, root: Path, number: int) -> AsyncIterator[Case]:
    files = folder(root, number)
    async with database(dsn) as own, counted(own) as (through, count):
        connection = await asyncpg.connect(through)
        migrator = Migrator(AsyncpgBackend(connection), files)
        yield "plan, database without history", number, await measure(count, migrator.plan), "1"
        yield "migrate, empty database", number, await measure(count, lambda: migrate(connection, files)), bound(number)
        yield "migrate, up to date", number, await measure(count, lambda: migrate(connection, files)), "1"
        yield "plan, up to date", number, await measure(count, migrator.plan), "1"
        yield "status", number, await measure(count, migrator.status), "1"
        downs = max(1, number // 2)
        yield (
            f"migrate down by {downs}",
            number,
            await measure(count, lambda: migrate(connection, files, f"-{downs}")),
            bound(downs),
        )
        yield "plan, half pending", number, await measure(count, migrator.plan), "1"

        async def api() -> None:
            backend = AsyncpgBackend(connection)
            async with backend.connect() as session:
                planned = await plan(session, backend, files, target_revision="head", direction=Direction.up)
                await execute(session, backend, planned)

        yield f"plan() and execute() of {downs}", number, await measure(count, api), bound(downs)
        await connection.close()


async def main(sizes: list[int]) -> None:
    print("| what | files | round trips | at most |\n|---|---:|---:|---|")
    with tempfile.TemporaryDirectory() as root:
        async with server() as dsn:
            for number in sizes:
                async for what, files, trips, bound in cases(dsn, Path(root), number):
                    print(f"| {what} | {files} | {trips} | {bound} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main([int(n) for n in sys.argv[1:]] or [1, 10, 100, 10_000]))
