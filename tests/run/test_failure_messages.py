"""Which statement failed: every kind of failure is laid at the right one, with file, line, column and caret."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, clean, history, write
from trek_asyncpg import migrate
from trek_core import MigrationFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection

SETUP = "CREATE TABLE t (id int PRIMARY KEY, n text NOT NULL, c int CHECK (c > 0)); INSERT INTO t VALUES (1, 'x', 1);\n"
BEFORE = "-- Größe, 漢字 und 🐘 davor\nSELECT 'ä🐘'; SELECT 1;\n"
KINDS = {  # the statement, its SQLSTATE, and where in it the caret stands
    "syntax error": ("SELECT * FORM t", "42601", 9),
    "undefined table": ("SELECT 'ß🐘', * FROM nowhere", "42P01", 20),
    "undefined column in a query": ("SELECT nothing FROM t", "42703", 7),
    "bad literal": ("SELECT 'ü'::int", "22P02", 7),
    "unknown function": ("SELECT no_such(1)", "42883", 7),
    "undefined column in DDL": ("ALTER TABLE t DROP COLUMN nothing", "42703", 0),
    "unique violation": ("INSERT INTO t VALUES (1, 'y', 1)", "23505", 0),
    "not-null violation": ("INSERT INTO t VALUES (2, NULL, 1)", "23502", 0),
    "check violation": ("INSERT INTO t VALUES (3, 'y', 0)", "23514", 0),
    "division by zero": ("SELECT 1 / (id - 1) FROM t", "22012", 0),
    "cast at run time": ("SELECT n::int FROM t", "22P02", 0),
    "table exists": ("CREATE TABLE t (id int)", "42P07", 0),
    "ALTER finds NULLs": ("ALTER TABLE t ADD COLUMN z int NOT NULL", "23502", 0),
    "syntax error late": ("CREATE UNIQUE INDEX ON t ((id * 0)), t", "42601", 35),
    "unique index on duplicates": (
        "CREATE TABLE d AS SELECT 1 AS i UNION ALL SELECT 1; CREATE UNIQUE INDEX ON d (i)",
        "23505",
        0,
    ),
    "DO block raises": ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", "P0001", 0),
    "DO block, bad SQL inside": ("DO $$ BEGIN PERFORM * FROM nowhere; END $$", "42P01", 0),
    "statement timeout": ("SET statement_timeout = 20; SELECT pg_sleep(20)", "57014", 0),
    "lock timeout": ("SET lock_timeout = 20; ALTER TABLE locked ADD y int", "55P03", 0),
}


@pytest.mark.parametrize("inside", [False, True], ids=["", "inside the caller's transaction"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_failure_is_laid_at_its_statement(
    connection: Connection, other: Connection, tmp_path: Path, kind: str, inside: bool
) -> None:
    text, sqlstate, caret = KINDS[kind]
    *first, last = text.split("; ") if not text.startswith("DO") else [text]
    await connection.execute(SETUP + "CREATE TABLE locked (id int)")
    body = BEFORE + "".join(f"{part};\n" for part in first) + f"  /* hier */  {last};\nSELECT 'danach';\n"
    folder = write(tmp_path, {"1_t.sql": body})
    async with other.transaction():
        await other.execute("LOCK TABLE locked IN ACCESS SHARE MODE")
        if inside:
            async with connection.transaction():
                with pytest.raises(MigrationFailed) as failed:
                    await migrate(connection, folder, lock_patience=0)
        else:
            with pytest.raises(MigrationFailed) as failed:
                await migrate(connection, folder, lock_patience=0)
    line, column = 3 + len(first), 15 + caret
    message = str(failed.value)
    assert failed.value.failure.sqlstate == sqlstate
    assert f"1_t.sql:{line}:{column}: " in message
    shown = next(row for row in message.splitlines() if row.startswith(f"  {line} | "))
    pointer = message.splitlines()[message.splitlines().index(shown) + 1]
    assert shown.partition(" | ")[2].startswith(last)
    assert pointer.index("^") - shown.index(last) == caret
    assert await history(connection) == []
    await clean(connection)


async def test_a_deferred_constraint_is_laid_at_its_migration_and_named(connection: Connection, tmp_path: Path) -> None:
    files = {
        "1_t.sql": "CREATE TABLE u (id int CONSTRAINT one_of_a_kind UNIQUE DEFERRABLE INITIALLY DEFERRED);",
        "2_u.sql": "INSERT INTO u VALUES (1);\nINSERT INTO u VALUES (1);\nSELECT 1;\n",
        "3_v.sql": "SELECT 1;",
    }
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, write(tmp_path, files))
    assert failed.value.action.revision == "2"
    assert "2_u.sql:2:1: applying 2 u failed" in str(failed.value)
    assert "one_of_a_kind" in str(failed.value)
    assert "the first that fails so" in str(failed.value)
    assert "Key (id)=(1) already exists" in str(failed.value)
    assert await history(connection) == [("1", "apply", "done")]


KEYS = """
    CREATE TABLE p (id int PRIMARY KEY);
    CREATE TABLE c (id int PRIMARY KEY, p int CONSTRAINT has_one REFERENCES p DEFERRABLE INITIALLY DEFERRED);
    CREATE SEQUENCE s;
"""
VIOLATIONS = {  # a body, and the line of the statement that is named; none where none can be
    "one that is mended later in the body is none": (
        "INSERT INTO c VALUES (1, 1);\nINSERT INTO p VALUES (1);\nINSERT INTO c VALUES (2, 9);\n",
        3,
    ),
    "the first of two": ("SELECT 1;\nINSERT INTO c VALUES (1, 8);\nINSERT INTO c VALUES (2, 9);\n", 2),
    "one that another run does not repeat": ("INSERT INTO c SELECT 1, 9 WHERE nextval('s') = 1;\nSELECT 1;\n", None),
    "before what another run refuses": ("INSERT INTO c VALUES (1, 9);\nSELECT 1 / (nextval('s') - 2);\n", 1),
}


@pytest.mark.parametrize("alone", [False, True], ids=["shared", "alone"])
@pytest.mark.parametrize(("body", "line"), VIOLATIONS.values(), ids=VIOLATIONS)
async def test_the_statement_that_a_deferred_constraint_refuses_is_looked_for_and_nothing_of_it_stays(
    connection: Connection, tmp_path: Path, body: str, line: int | None, *, alone: bool
) -> None:
    text = body + ("SET work_mem = '4MB';\n" if alone else "")
    folder = write(tmp_path, {"1_keys.sql": KEYS, "2_t.sql": text, "3_later.sql": "SELECT 1;"})
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder)
    place = f"2_t.sql:{line}:1: applying 2 t" if line else "2_t.sql: applying 2 t"
    assert place in str(failed.value)
    assert (failed.value.failure.sqlstate, failed.value.failure.outcome) == ("23503", "rolled back")
    assert not await connection.fetchval("SELECT EXISTS (SELECT FROM c) OR EXISTS (SELECT FROM p)")
    assert await applied(connection) == ["1"]
    assert await connection.fetchval("SHOW lock_timeout") == "0"
    await clean(connection)


async def test_the_message_of_a_statement_in_the_middle_of_300_lines(connection: Connection, tmp_path: Path) -> None:
    lines = [f"INSERT INTO t VALUES ({number}, 'row {number}', 1);" for number in range(2, 302)]
    lines[149] = "INSERT INTO t VALUES (7, 'twice', 1);"
    files = {"1_t.sql": SETUP, "2_rows.sql": "\n".join(lines), "3_later.sql": "SELECT 1;"}
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, write(tmp_path, files))
    rows = str(failed.value).splitlines()
    assert rows[0].endswith(
        '2_rows.sql:150:1: applying 2 rows failed: duplicate key value violates unique constraint "t_pkey"'
    )
    assert rows[1] == "  150 | INSERT INTO t VALUES (7, 'twice', 1)"
    assert rows[2] == "      | ^"
    assert "detail: Key (id)=(7) already exists." in rows
    assert "Nothing of 2 remains: its transaction was rolled back." in rows
    assert "Done before it in this run, and committed: 1." in rows
    assert "Not begun: 3." in rows
    assert rows[-1] == "Correct the cause and run again: trek goes on with 2."
    assert [ran.revision for ran in failed.value.report.ran] == ["1"]
    assert failed.value.__cause__ is failed.value.failure.cause


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("state", ["08001", "08006", "57P01", "57P03"])
async def test_a_connection_that_the_server_itself_lost_is_not_this_one(
    connection: Connection, tmp_path: Path, state: str, transaction: str
) -> None:
    """What postgres_fdw and dblink say when the other server is away."""
    raising = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'the other server'; END $$;"
    files = {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": f"SELECT 1;\n{raising}", "3_c.sql": "SELECT 1;"}
    folder = write(tmp_path, files)
    for within in (contextlib.nullcontext, connection.transaction):
        with pytest.raises(MigrationFailed, match=r"2_b\.sql:.*applying 2 b failed: the other server") as failed:
            async with within():
                await migrate(connection, folder, transaction=transaction)
        assert failed.value.failure.outcome == "rolled back"
    await clean(connection)


@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["", "BOM"])
async def test_line_and_column_count_as_an_editor_does(
    connection: Connection, tmp_path: Path, ends: str, bom: str
) -> None:
    text = bom + ends.join(["SELECT 1;", "", "SELECT", "\t'🐘',", "\tnothing;", ""])
    (tmp_path / "1_t.sql").write_bytes(text.encode())
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, str(tmp_path))
    assert "1_t.sql:5:2: " in str(failed.value)
    assert "  5 | \tnothing" in str(failed.value)
    assert "    | \t^" in str(failed.value)


async def test_a_failure_of_the_way_down_names_its_line_and_says_reverting(
    connection: Connection, tmp_path: Path
) -> None:
    body = "CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;\nDROP TABLE nowhere;\n"
    folder = write(tmp_path, {"1_a.sql": body})
    await migrate(connection, folder)
    with pytest.raises(MigrationFailed, match=r"1_a\.sql:4:1: reverting 1 a failed"):
        await migrate(connection, folder, "base")
    assert await history(connection) == [("1", "apply", "done")]
