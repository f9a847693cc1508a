"""Eight processes at once on one empty database. `TREK_RACE_ROUNDS=50` for more than three rounds."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import advisory_locks, applied, write

if TYPE_CHECKING:
    from tests.run.folders import Connection
    from tests.support.databases import Database

ROUNDS = int(os.environ.get("TREK_RACE_ROUNDS", "3"))
RUNNERS = 8
WORKER = str(Path(__file__).with_name("race_worker.py"))
COUNT = "INSERT INTO counted (revision) VALUES ('{}');"  # no key: a second run of a migration would be seen
PYTHON = """
async def upgrade(connection):
    await connection.execute("CREATE TABLE p (id int)")
    await connection.execute("INSERT INTO counted (revision) VALUES ('4')")
"""
OUTSIDE = """
no_transaction = True

async def upgrade(connection):
    await connection.execute("CREATE INDEX CONCURRENTLY q_python ON q (id)")
    await connection.execute("INSERT INTO counted (revision) VALUES ('7')")
"""
FILES = {
    "1_counted.sql": "CREATE TABLE counted (revision text);" + COUNT.format(1),
    "2_q.sql": "CREATE TABLE q AS SELECT generate_series(1, 2000) AS id;" + COUNT.format(2),
    "3_index.sql": "CREATE INDEX CONCURRENTLY q_id ON q (id);",
    "4_python.py": PYTHON,
    "5_unique.sql": "-- trek: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY q_u ON q (id);\n" + COUNT.format(5),
    "6_type.sql": "CREATE TYPE kind AS ENUM ('a');" + COUNT.format(6),
    "7_outside.py": OUTSIDE,
    "8_value.sql": "ALTER TYPE kind ADD VALUE 'b';" + COUNT.format(8),
}


async def start(database: Database, folder: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, WORKER, database.dsn, folder, stdin=pipe, stdout=pipe, stderr=pipe
    )


async def together(database: Database, folder: str) -> list[tuple[int, bytes, bytes]]:
    """Exit code, output and errors of every runner."""
    runners = [await start(database, folder) for _ in range(RUNNERS)]
    try:
        for runner in runners:
            assert await runner.stdout.readline() == b"ready\n"
        answers = await asyncio.wait_for(asyncio.gather(*(runner.communicate(b"\n") for runner in runners)), 120)
    finally:
        for runner in runners:
            if runner.returncode is None:
                runner.kill()
                await runner.wait()
    return [(runner.returncode, *answer) for runner, answer in zip(runners, answers, strict=True)]


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_each_migration_is_applied_exactly_once(
    database: Database, connection: Connection, tmp_path: Path, number: int
) -> None:
    results = await together(database, write(tmp_path, FILES))
    assert [errors.decode() for code, _, errors in results if code or errors] == []
    assert sum(int(output) for _, output, _ in results) == len(FILES)
    assert await applied(connection) == [str(revision) for revision in range(1, 9)]
    counted = await connection.fetch("SELECT revision FROM counted ORDER BY revision")
    assert [row["revision"] for row in counted] == ["1", "2", "4", "5", "6", "7", "8"]
    indexes = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, indisvalid FROM pg_index WHERE indrelid = 'q'::regclass ORDER BY 1"
    )
    assert [tuple(row) for row in indexes] == [("q_id", True), ("q_python", True), ("q_u", True)]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await connection.fetchval(deadlocks) == 0
    assert await advisory_locks(connection) == 0
