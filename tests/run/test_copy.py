"""COPY … FROM STDIN with its data in the file: what arrives, in every mode, and what is said of a row that is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import applied, clean, history, settings, tables, write
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import MigrationFailed, Migrator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

TABLE = "CREATE TABLE t (id int PRIMARY KEY, word text NOT NULL);\n"
ODD = "1\ta\\\\b\\tc\n2\t\\\\.\n3\tü€🐘\n4\t'; DROP TABLE t; --\n5\t$$\n6\t\n"
ODD_ROWS = [(1, "a\\b\tc"), (2, "\\."), (3, "ü€🐘"), (4, "'; DROP TABLE t; --"), (5, "$$"), (6, "")]


def copy(data: str, columns: str = "") -> str:
    return f"COPY t{columns} FROM stdin;\n{data}\\.\n"


async def rows(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.fetch("SELECT * FROM t ORDER BY id")]


async def refused(connection: Connection, folder: str) -> str:
    with pytest.raises(MigrationFailed) as caught:
        await migrate(connection, folder)
    return str(caught.value)


@pytest.mark.parametrize("head", ["", "-- trek: no-transaction\n"])
async def test_the_data_of_a_copy_arrive_to_the_character(connection: Connection, tmp_path: Path, head: str) -> None:
    text = head + TABLE + copy(ODD) + "INSERT INTO t VALUES (7, 'after');\n" + copy("8\tb\n") + "SELECT 1;\n"
    before = await settings(connection)
    await migrate(connection, write(tmp_path, {"1_t.sql": text}))
    assert await rows(connection) == [*ODD_ROWS, (7, "after"), (8, "b")]
    assert await applied(connection) == ["1"]
    assert await settings(connection) == before
    await clean(connection)


async def test_options_of_the_statement_are_kept_as_they_stand(connection: Connection, tmp_path: Path) -> None:
    text = TABLE + (
        'COPY public."t" (word, id) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER \';\', NULL \'-\') WHERE id > 1 ;\n'
        'word;id\n"a\nb";2\nx;1\n\\.\n'
    )  # fmt: skip
    await migrate(connection, write(tmp_path, {"1_t.sql": text}))
    assert await rows(connection) == [(2, "a\nb")]


async def test_no_rows_and_line_ends_of_windows(connection: Connection, tmp_path: Path) -> None:
    text = (TABLE + copy("") + copy("1\ta\n2\tb\n") + "SELECT 1;\n").replace("\n", "\r\n")
    tmp_path.joinpath("1_t.sql").write_bytes(text.encode())
    await migrate(connection, tmp_path)
    assert await rows(connection) == [(1, "a"), (2, "b")]


async def test_a_pool_works_too(database: Database, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_t.sql": TABLE + copy("1\ta\n")})
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=1) as pool:
        await migrate(pool, folder)
        assert await pool.fetchval("SELECT count(*) FROM t") == 1
    assert await Migrator(AsyncpgBackend(database.dsn), folder).plan() is not None


async def test_in_the_callers_transaction(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_t.sql": TABLE + copy("1\ta\n")})
    async with connection.transaction():
        await migrate(connection, folder)
        assert await rows(connection) == [(1, "a")]
        (tmp_path / "2_u.sql").write_text(copy("1\ttwice\n"))
        assert "duplicate key" in await refused(connection, folder)
        assert await rows(connection) == [(1, "a")]


async def test_a_way_back_may_have_a_copy(connection: Connection, tmp_path: Path) -> None:
    await connection.execute(TABLE)
    text = f"DELETE FROM t;\n-- trek: down\n{copy(ODD)}"
    folder = write(tmp_path, {"1_t.sql": text})
    await migrate(connection, folder)
    await migrate(connection, folder, "base")
    assert await rows(connection) == ODD_ROWS


@pytest.mark.parametrize(
    ("row", "state"),
    [("3\t\\N", "23502"), ("x\tthree", "22P02"), ("2\tagain", "23505"), ("3", "22P04")],
)
async def test_a_wrong_row_is_named_with_its_line_and_shown(
    connection: Connection, tmp_path: Path, row: str, state: str
) -> None:
    text = (
        f"{TABLE}\nCOPY t (id,\n  word) FROM stdin\n  ; -- the data\n1\tone\n2\ttwo\n{row}\n4\tfour\n\\.\nSELECT 1;\n"
    )
    folder = write(tmp_path, {"1_t.sql": text})
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:8: applying 1 t failed: " in message
    assert "  3 | COPY t (id,\n    | ^\n" in message
    assert f"  8 | {row}\n    | ^\n" in message
    assert f"SQLSTATE {state}" in message
    assert "Nothing of 1 remains" in message
    assert await tables(connection) == set()
    await clean(connection)


async def test_the_caret_stands_under_the_value(connection: Connection, tmp_path: Path) -> None:
    text = "CREATE TABLE t (word text, id int);\n" + copy("a\t1\nb\tnone\n")
    message = await refused(connection, write(tmp_path, {"1_t.sql": text}))
    assert "  4 | b\tnone\n    |  \t^\n" in message


async def test_a_failure_outside_a_transaction_names_the_row_too(connection: Connection, tmp_path: Path) -> None:
    await connection.execute(TABLE)
    text = "-- trek: no-transaction\n" + copy("1\ta\n") + copy("2\tb\n2\tc\n")
    folder = write(tmp_path, {"1_t.sql": text})
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:7: " in message
    assert "  7 | 2\tc\n" in message
    assert await rows(connection) == [(1, "a")]
    assert (await history(connection))[0][2] != "done"
    await clean(connection)


async def test_a_copy_that_cannot_begin_fails_at_its_statement(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_t.sql": TABLE + "COPY nowhere FROM stdin;\n1\n\\.\n"})
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:2:1: " in message
    assert 'relation "nowhere" does not exist' in message
    await clean(connection)


@pytest.mark.parametrize(
    ("line", "state"),
    [("INSERT INTO t VALUES (1, 'twice');", "23505"), ("SELECT 1 / (count(*) - count(*)) FROM t;", "22012")],
)
async def test_statements_beside_a_copy_are_named_though_the_server_names_no_place(
    connection: Connection, tmp_path: Path, line: str, state: str
) -> None:
    before = "".join(f"SELECT {n};\n" for n in range(40))
    text = TABLE + copy("1\ta\n") + before + line + "\n" + before + copy("2\tb\n")
    folder = write(tmp_path, {"1_t.sql": text})
    message = await refused(connection, folder)
    assert f"{folder}/1_t.sql:45:1: " in message
    assert f"  45 | {line[:-1]}\n" in message
    assert f"SQLSTATE {state}" in message
    assert await tables(connection) == set()
    await clean(connection)


async def test_another_client_encoding_is_refused_before_a_byte_is_sent(connection: Connection, tmp_path: Path) -> None:
    text = TABLE + "SET client_encoding = 'LATIN1';\n" + copy("1\tü\n")
    message = await refused(connection, write(tmp_path, {"1_t.sql": text}))
    assert "the data are UTF-8, and client_encoding is LATIN1 here" in message
    assert "Leave out the SET client_encoding" in message
    await clean(connection)


async def test_a_cancelled_copy_leaves_nothing(connection: Connection, other: Connection, tmp_path: Path) -> None:
    """The server waits for a lock in the middle of the COPY when the task is cancelled."""
    await connection.execute(TABLE)
    folder = write(tmp_path, {"1_t.sql": copy("".join(f"{n}\t{'x' * 100}\n" for n in range(20_000)))})
    async with other.transaction():
        await other.execute("INSERT INTO t VALUES (19999, 'held')")
        task = asyncio.create_task(migrate(connection, folder))
        while not await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await rows(connection) == [(19999, "held")]
    assert await applied(connection) == []
    await clean(connection)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is left alone")
@pytest.mark.parametrize("row", ["1\ta\n", "x\n"])
async def test_the_room_of_a_unix_socket_is_as_it_was(connection: Connection, tmp_path: Path, row: str) -> None:
    end = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
    assert end.family == socket.AF_UNIX
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 50_000)
    with contextlib.suppress(MigrationFailed):
        await migrate(connection, write(tmp_path, {"1_t.sql": TABLE + copy(row)}))
    assert end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 100_000
    await clean(connection)


async def test_the_script_of_a_plan_has_the_data_as_psql_wants_them(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"1_t.sql": TABLE + copy(ODD) + copy("")})
    plan = await Migrator(AsyncpgBackend(connection), folder).plan()
    assert f"COPY t FROM stdin;\n{ODD}\\.\n" in plan.sql()
    assert "COPY t FROM stdin;\n\\.\n" in plan.sql()
