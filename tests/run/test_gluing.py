"""Files that share a query must not change one another's meaning: what was measured on glued queries, tried on files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import applied, clean, tables, write
from trek_asyncpg import migrate
from trek_core import LoadError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

LAST = "INSERT INTO seen VALUES (3);"
TABLE = "CREATE TABLE seen (id int);"
GOOD = {
    "no semicolon at the end": "INSERT INTO seen VALUES (2)",
    "a comment at the end, and no new line": "INSERT INTO seen VALUES (2) -- the end",
    "a comment of the other kind at the end": "INSERT INTO seen VALUES (2) /* the end */",
    "semicolons without statements": ";; INSERT INTO seen VALUES (2);;",
    "an empty search_path, as pg_dump leaves it": (
        "SELECT pg_catalog.set_config('search_path', '', false); INSERT INTO public.seen VALUES (2);"
    ),
    "another setting": "SET work_mem = '1MB'; INSERT INTO seen VALUES (2);",
    "a value of a new enum": "CREATE TYPE mood AS ENUM ('a'); INSERT INTO seen VALUES (2);",
    "what no transaction block takes": "-- trek: no-transaction\nINSERT INTO seen VALUES (2);\nVACUUM seen;",
    "lines that pg_dump writes for psql": "\\restrict abc\nINSERT INTO seen VALUES (2);\n\\unrestrict abc\n",
    "a COPY with its data": "COPY seen FROM STDIN;\n2\n\\.\n",
}
REFUSED = {
    "a quote that never ends": "INSERT INTO seen VALUES (2); SELECT 'abc",
    "a comment that never ends": "INSERT INTO seen VALUES (2); /* abc",
    "a dollar quote that never ends": "INSERT INTO seen VALUES (2); SELECT $$abc",
    "a name that never ends": 'INSERT INTO seen VALUES (2); SELECT "abc',
    "a parenthesis that never ends": "INSERT INTO seen VALUES (2",
    "a COMMIT": "INSERT INTO seen VALUES (2); COMMIT; SELECT 1;",
    "a ROLLBACK": "INSERT INTO seen VALUES (2); ROLLBACK; SELECT 1;",
    "a NUL": "INSERT INTO seen VALUES (2); SELECT '\0';",
    "a command of psql": "INSERT INTO seen VALUES (2);\n\\connect other\n",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("transaction", ["each", "plan"])
async def test_the_files_around_it_mean_what_they_say(
    connection: Connection, tmp_path: Path, text: str, transaction: str
) -> None:
    folder = write(tmp_path, {"1_a.sql": TABLE, "2_b.sql": text, "3_c.sql": LAST})
    if transaction == "plan" and "VACUUM" in text:
        pytest.skip("refused while planning, see tests/core/test_one_transaction.py")
    await migrate(connection, folder, transaction=transaction)
    assert [row["id"] for row in await connection.fetch("SELECT id FROM seen ORDER BY id")] == [2, 3]
    assert await applied(connection) == ["1", "2", "3"]
    await clean(connection)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
async def test_what_would_swallow_the_next_file_is_refused_before_anything_runs(
    connection: Connection, tmp_path: Path, text: str
) -> None:
    """Two files with a quote each that never ends close one another's, and the first is lost without a word."""
    folder = write(tmp_path, {"1_a.sql": TABLE, "2_b.sql": text, "3_c.sql": text})
    with pytest.raises(LoadError, match=r"2_b\.sql"):
        await migrate(connection, folder)
    assert await tables(connection) == set()
    assert await applied(connection) == []


async def test_events_of_a_deferred_constraint_are_settled_before_the_next_file_alters_its_table(
    connection: Connection, tmp_path: Path
) -> None:
    files = {
        "1_a.sql": "CREATE TABLE p (id int PRIMARY KEY);"
        " CREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
        "2_b.sql": "INSERT INTO c VALUES (1); INSERT INTO p VALUES (1);",
        "3_c.sql": "ALTER TABLE c ADD COLUMN more int;",
    }
    await migrate(connection, write(tmp_path, files))
    assert await applied(connection) == ["1", "2", "3"]


async def test_being_up_to_date_is_one_round_trip_however_many_are_applied(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    from benchmarks.proxy import counted

    folder = write(tmp_path, {f"{n}_t.sql": f"SELECT {n};" for n in range(1, 301)})
    await migrate(connection, folder)
    async with counted(database.dsn) as (dsn, count):
        through = await asyncpg.connect(dsn)
        count.reset()
        assert not await migrate(through, folder)
        assert count.round_trips == 1
        await through.close()


async def test_files_are_utf_8_whatever_the_locale_says(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"1_a.sql": "\ufeffCREATE TABLE t AS SELECT 'é→'::text AS word;"})
    code = f"import asyncio, trek_asyncpg; asyncio.run(trek_asyncpg.migrate({database.dsn!r}, {folder!r}))"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert await connection.fetchval("SELECT word FROM t") == "é→"
