"""Files of some megabytes: read piece by piece, run in bounded memory, and as exact about a failure as a small one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, clean, history, tables, write
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator
from trek_core.model import Copy, Piece

if TYPE_CHECKING:
    from tests.run.folders import Connection
    from tests.support.databases import Database

TABLE = "CREATE TABLE t (id int PRIMARY KEY, word text NOT NULL);\n"
LONG = "it''s " + "ä" * 40
BIG = 500_000
ROWS = 12_000
DATA = "".join(f"{n}\t{'ö' * 50}\n" for n in range(1, ROWS + 1))
WORKER = Path(__file__).with_name("big_worker.py")


@pytest.fixture(autouse=True)
def _soon_big(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of three pieces shows what one of eight would; the tests of memory have real ones."""
    monkeypatch.setattr("trek_core._big.BIG", BIG)


def insert(number: int) -> str:
    return f"INSERT INTO t VALUES ({number}, '{LONG}');\n"


def inserts(first: int = 1, last: int = ROWS) -> str:
    return "".join(map(insert, range(first, last + 1)))


def with_line(number: int, line: str) -> str:
    """A big file that has that line in place of one of its own."""
    lines = (TABLE + inserts()).splitlines()
    lines[number - 1] = line
    return "\n".join(lines)


def big(folder: Path, text: str, name: str = "1_t.sql") -> str:
    assert len(text.encode()) > BIG
    (folder / name).write_text(text)
    return str(folder)


async def refused(connection: Connection, folder: str) -> str:
    with pytest.raises(MigrationFailed) as caught:
        await migrate(connection, folder)
    return str(caught.value)


async def count(connection: Connection) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM t"))


async def test_a_big_file_is_applied_and_reverted_and_is_no_edit_of_itself(
    connection: Connection, tmp_path: Path
) -> None:
    folder = big(tmp_path, f"{TABLE}{inserts()}-- trek: down\nDROP TABLE t;\n")
    await migrate(connection, folder)
    assert await count(connection) == ROWS
    assert await connection.fetchval("SELECT count(DISTINCT word) FROM t") == 1
    assert not await migrate(connection, folder)
    await migrate(connection, folder, "base")
    assert await tables(connection) == set()
    await clean(connection)


async def test_a_small_file_and_a_big_one_of_the_same_content_have_the_same_checksum(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = big(tmp_path, TABLE + inserts())
    await migrate(connection, folder)
    monkeypatch.setattr("trek_core._big.BIG", 1 << 30)
    assert not await migrate(connection, folder)


@pytest.mark.parametrize("head", ["", "-- trek: no-transaction\n"])
async def test_copy_data_and_statements_of_a_big_file(connection: Connection, tmp_path: Path, head: str) -> None:
    text = f"{head}{TABLE}COPY t FROM stdin;\n{DATA}\\.\n{inserts(ROWS + 1, ROWS + 10)}CREATE INDEX ON t (word);\n"
    folder = big(tmp_path, text)
    plan = await Migrator(AsyncpgBackend(connection), folder).plan()
    body = plan.actions[0].body
    assert body is not None
    assert {type(one) for one in body.statements} >= {Piece, Copy}
    await migrate(connection, folder)
    assert await count(connection) == ROWS + 10
    assert await connection.fetchval("SELECT word FROM t WHERE id = 7") == "ö" * 50
    assert await applied(connection) == ["1"]
    await clean(connection)


async def test_in_the_callers_transaction(connection: Connection, tmp_path: Path) -> None:
    folder = big(tmp_path, TABLE + inserts())
    async with connection.transaction():
        await migrate(connection, folder)
        assert await count(connection) == ROWS
    assert await count(connection) == ROWS


# --------------------------------------------------------------------------- failures
@pytest.mark.parametrize("number", [2, 9_999, ROWS + 1])
@pytest.mark.parametrize(
    ("line", "state", "column"),
    [
        ("INSERT INTO t VALUES (0, NULL);", "23502", 1),
        ("INSERT INTO t VALUES (0, 'a'), (0, 'b');", "23505", 1),
        ("  SELECT 1 / (id - id) FROM t LIMIT 1; SELECT 1;", "22012", 3),
        ("  SELECT 'ä', nothing FROM t;", "42703", 15),
        ("INSERT INTO t (id) VALEUS (1);", "42601", 20),
    ],
)
async def test_a_failing_statement_is_named_wherever_it_stands(  # noqa: PLR0917 - what varies
    connection: Connection, tmp_path: Path, line: str, state: str, column: int, number: int
) -> None:
    if number == 2:
        line = line.replace("FROM t", "FROM (SELECT 1 AS id) AS t")
    folder = big(tmp_path, with_line(number, line))
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:{number}:{column}: applying 1 t failed: " in message
    assert f"  {number} | {line.strip().partition(';')[0]}\n" in message
    assert f"SQLSTATE {state}" in message
    assert "Nothing of 1 remains" in message
    assert await tables(connection) == set()
    await clean(connection)


async def test_a_failing_statement_outside_a_transaction_is_named_too(connection: Connection, tmp_path: Path) -> None:
    await connection.execute(TABLE)
    text = (
        "-- trek: no-transaction\n" + inserts() + "INSERT INTO t VALUES (1, 'twice');\n" + inserts(ROWS + 1, ROWS + 9)
    )
    folder = big(tmp_path, text)
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:{ROWS + 2}:1: " in message
    assert "INSERT INTO t VALUES (1, 'twice')\n" in message
    assert 0 < await count(connection) < ROWS
    assert (await history(connection))[0][2] != "done"
    await clean(connection)


async def test_a_row_of_a_big_copy_is_named_with_its_line(connection: Connection, tmp_path: Path) -> None:
    text = f"{TABLE}{insert(0)}COPY t FROM stdin;\n{DATA}1\ttwice\n\\.\nSELECT 1;\n"
    folder = big(tmp_path, text)
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:{ROWS + 4}: " in message
    assert f"  {ROWS + 4} | 1\ttwice\n" in message
    assert await tables(connection) == set()


async def test_what_does_not_fail_again_is_named_by_its_lines(connection: Connection, tmp_path: Path) -> None:
    """A sequence is not rolled back: the second time it is past the value that fails."""
    await connection.execute("CREATE SEQUENCE s")
    folder = big(tmp_path, with_line(200, "SELECT 1 / (nextval('s') - 1);"))
    message = await refused(connection, folder)
    assert "division by zero" in message
    assert f"{folder}/1_t.sql:1: " in message
    assert "It is in the lines 1 to " in message
    assert "which statement of these is not known" in message
    assert await tables(connection) == set()
    await clean(connection)


async def test_a_wrong_line_is_refused_before_anything_runs(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"1_t.sql:10001: \\i is a command of psql"):
        await migrate(connection, big(tmp_path, with_line(10_001, "\\i other.sql")))
    assert await history(connection) == []


# --------------------------------------------------------------------------- a file that changes
@pytest.mark.parametrize("copied", [False, True])
async def test_a_file_that_changed_since_it_was_planned_fails_and_is_rolled_back(
    connection: Connection, tmp_path: Path, copied: bool
) -> None:
    """The same length, and the same time: only the content tells."""
    folder = big(tmp_path, f"{TABLE}COPY t FROM stdin;\n{DATA}\\.\n" if copied else TABLE + inserts())
    path = tmp_path / "1_t.sql"
    plan = await Migrator(AsyncpgBackend(connection), folder).plan()
    state = path.stat()
    before, after = (("ö" * 50).encode(), b"changed!!!" * 10) if copied else (b"it''s", b"that?")
    path.write_bytes(path.read_bytes().replace(before, after))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(MigrationFailed) as caught:
        await Migrator(AsyncpgBackend(connection), folder).apply(plan)
    assert "the file is no longer what it was when the plan was made" in str(caught.value)
    assert "Leave it alone while it runs" in str(caught.value)
    assert await tables(connection) == set()
    assert await applied(connection) == []
    await clean(connection)


async def test_a_file_that_is_gone_when_it_runs_is_named(connection: Connection, tmp_path: Path) -> None:
    folder = big(tmp_path, TABLE + inserts())
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    (tmp_path / "1_t.sql").unlink()
    with pytest.raises(MigrationFailed, match="it cannot be read"):
        await migrator.apply(plan)
    await clean(connection)


# --------------------------------------------------------------------------- memory
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of its memory in /proc")
@pytest.mark.parametrize("kind", ["inserts", "copy"])
async def test_40_mb_take_no_more_than_24_mb_of_the_client_and_little_of_the_server(
    database: Database, tmp_path: Path, kind: str
) -> None:
    with (tmp_path / "1_t.sql").open("w") as file:
        file.write("CREATE TABLE t (id int, word text);\n" + ("COPY t FROM stdin;\n" if kind == "copy" else ""))
        for n in range(40):
            rows = (
                f"{n}\t{'x' * 1000}\n" if kind == "copy" else f"INSERT INTO t VALUES ({n}, '{'x' * 970}');\n",
            ) * 1000
            file.write("".join(rows))
        file.write("\\.\n" if kind == "copy" else "")
    command = [sys.executable, str(WORKER), database.dsn, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    client, server = map(int, done.stdout.split())
    assert client <= 24_000, f"{client} kB above its start"
    assert server <= 150_000, f"{server} kB of its own"


async def test_what_stands_beside_a_big_file_runs_in_order(connection: Connection, tmp_path: Path) -> None:
    big(tmp_path, TABLE + inserts())
    write(tmp_path, {"0_a.sql": "CREATE TABLE a ();", "2_b.sql": "INSERT INTO t VALUES (0, 'b');"})
    await migrate(connection, tmp_path)
    assert await applied(connection) == ["0", "1", "2"]
    assert await count(connection) == ROWS + 1
