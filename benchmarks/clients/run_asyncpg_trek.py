"""asyncpg-trek: `python run_asyncpg_trek.py apply|check FOLDER DSN`. It wants the target by name: the last file says it."""

from pathlib import Path

from asyncpg_trek import Direction, execute, plan
from asyncpg_trek.asyncpg import AsyncpgBackend
from given import run


async def work(connection, folder):
    head = max(Path(folder).iterdir()).stem.rsplit("_", 1)[1]
    backend = AsyncpgBackend(connection)
    await execute(backend, await plan(backend, folder, head, Direction.up))


if __name__ == "__main__":
    run(work)
