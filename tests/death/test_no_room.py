"""The disk is full, or a statement wants more memory than there is: a clear failure, nothing lost, the next run goes on."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.death.ground import new_server
from tests.run.folders import applied, clean, tables, write
from trek_asyncpg import migrate
from trek_core import MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.run.folders import Connection
    from tests.support.databases import Database

SMALL = "16m"
BIG = "CREATE TABLE big TABLESPACE small AS SELECT repeat('x', 1000) AS x FROM generate_series(1, {0});\n"
KINDS = {"in a transaction": "", "outside a transaction": "-- trek: no-transaction\nCREATE TABLE before (id int);\n"}


@contextmanager
def small_disk(owner: int) -> Iterator[Path]:
    """A file system of its own. Skips where nobody may mount one."""
    with tempfile.TemporaryDirectory(prefix="trek-small-") as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder]
        mounted = subprocess.run(command, check=False, capture_output=True)
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
        try:
            (Path(folder) / "space").mkdir()
            os.chown(folder, owner, -1)
            os.chown(Path(folder) / "space", owner, -1)
            yield Path(folder) / "space"
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_full_disk_is_a_clear_failure_and_with_room_the_next_run_goes_on(tmp_path: Path, kind: str) -> None:
    files = {"1_a.sql": "CREATE TABLE a (id int);", "2_big.sql": KINDS[kind] + BIG.format(9000), "3_c.sql": "SELECT 1;"}
    with new_server() as server:
        connection = await asyncpg.connect(server.dsn())
        data = Path(await connection.fetchval("SHOW data_directory"))
        with small_disk(data.stat().st_uid) as space:
            await connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            await connection.execute(BIG.format(9000).replace("big", "ballast", 1))
            with pytest.raises(MigrationFailed) as failed:
                await migrate(connection, write(tmp_path, files))
            assert failed.value.failure.sqlstate == "53100"
            assert "No space left on device" in str(failed.value)
            assert [one.revision for one in failed.value.report.ran] == ["1"]
            assert failed.value.failure.outcome == ("rolled back" if kind == "in a transaction" else "partial")
            await clean(connection)
            await connection.execute("DROP TABLE ballast")
            assert [one.revision for one in (await migrate(connection, write(tmp_path, files))).ran] == ["2", "3"]
            assert await connection.fetchval("SELECT count(*) FROM big") == 9000
            await connection.execute("DROP TABLE big")
            await connection.execute("DROP TABLESPACE small")
        await connection.close()


SORTS = (
    "SET LOCAL temp_file_limit = '1MB'; SET LOCAL work_mem = '64kB';"
    " SELECT count(*) FROM (SELECT n FROM generate_series(1, 300000) AS n ORDER BY random()) AS s;"
)
WANTS = {
    "a string beyond 1 GB": ("SELECT repeat('x', 1073741823);", "54000 XX000"),  # the second: PostgreSQL 14
    "an array beyond all limits": ("SELECT array_fill(0, ARRAY[134217000, 2]);", "54000"),
    "temporary files beyond the limit": (
        SORTS,
        "53400",
    ),
}


@pytest.mark.parametrize("what", WANTS)
async def test_a_statement_that_wants_too_much_fails_alone_and_the_next_run_goes_on(
    connection: Connection, database: Database, tmp_path: Path, what: str
) -> None:
    await fails_alone(connection, database.dsn, tmp_path, *WANTS[what])


async def test_so_does_one_that_wants_more_locks_than_there_is_room_for(tmp_path: Path) -> None:
    with new_server() as server:  # its locks are not those of other tests
        connection = await asyncpg.connect(server.dsn())
        locks = "SELECT pg_advisory_xact_lock(n) FROM generate_series(1, 1000000) AS n;"
        await fails_alone(connection, server.dsn(), tmp_path, locks, "53200")
        await connection.close()


async def fails_alone(connection: Connection, dsn: str, tmp_path: Path, statement: str, states: str) -> None:
    folder = write(
        tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": f"CREATE TABLE b (id int);\n{statement}"}
    )
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder)
    assert failed.value.failure.sqlstate in states.split()
    assert failed.value.failure.outcome == "rolled back"
    assert [one.revision for one in failed.value.report.ran] == ["1"]
    assert f"{folder}/2_b.sql:2" in str(failed.value)
    assert await tables(connection) == {"a"}
    await clean(connection)
    write(tmp_path, {"2_b.sql": "CREATE TABLE b (id int);"})
    assert [one.revision for one in (await migrate(dsn, folder)).ran] == ["2"]
    assert await applied(connection) == ["1", "2"]
