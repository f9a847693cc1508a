r"""What psql reads otherwise than the server does, and what a script must therefore not hand over as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.dba import more
from tests.run.folders import applied
from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator
from trek_core._psql import as_message, comment, written
from trek_core.plugin import Sql

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.dba import Dba
    from tests.run.folders import Connection

VALUES = {
    "a variable that psql always has, in an array": 'SELECT (ARRAY[10,20,30])[1:ENCODING] FROM (VALUES (2)) v("encoding")',
    "a variable by its quoted name": 'SELECT (ARRAY[10,20,30])[1:"ENCODING"] FROM (VALUES (2)) v("ENCODING")',
    "a variable in a string": "SELECT 'x :ENCODING :''USER'' :{?USER} y'",
    "a variable in a dollar quote": "SELECT $f$ :ENCODING :'USER' $f$",
    "a variable in a dollar quote with a tag": "SELECT $a_1$ :ENCODING $$ :USER $a$ $a_1$",
    "a variable in a quoted name": 'SELECT ":ENCODING" FROM (VALUES (7)) v(":ENCODING")',
    "a cast": "SELECT '5'::int::text||1::text",
    "a colon in the middle of strings that continue": "SELECT E'a\\''\n  'b\\' :ENCODING'",
    "a colon between strings that continue over a comment": "SELECT E'a\\'' -- it''s\n  '\\':ENCODING'",
    "backslashes": "SELECT 'C:\\dir\\n', E'a\\\\b', 'ends with \\'",
    "a backslash at the end of a line": "SELECT 'a\\\nb', $$c\\\nd$$",
    "the end of COPY data, in a string": "SELECT 'a\n\\.\nb\n\\q\n\\! echo'",
    "the end of COPY data, in a body": "SELECT $$a\n\\.\n\\echo x\n$$",
    "semicolons": "SELECT 'a;b', \"c;d\" FROM (SELECT 1 AS \"c;d\") x /* ; ' */ -- ; '",
    "comments that nest": "SELECT 1 /* a /* b :ENCODING */ ' ; */ + 1",
    "letters of any language, and no ASCII": "SELECT 'Ünïcode ✓ 表 😀:ENCODING' AS \"größe:ENCODING\"",
    "a slice of numbers": "SELECT (ARRAY[4,5,6])[2:3]",
    "a Unicode escape": 'SELECT U&\'d\\0061t\\+000061 :ENCODING\', U&"\\0061:x" FROM (VALUES (1)) v("a:x")',
    "a parameter that looks like a tag": "SELECT a$b, 'x$b:ENCODING' FROM (VALUES (1)) v(a$b)",
}


@pytest.mark.parametrize("query", VALUES.values(), ids=VALUES)
async def test_psql_gives_the_server_what_trek_would(dba: Dba, connection: Connection, query: str) -> None:
    want = await connection.fetch(query)
    into = dba.run(
        f"SET client_encoding = 'UTF8';\n\\pset format unaligned\n\\pset tuples_only on\n{written(Sql(query))}"
    )
    assert (into.returncode, into.stderr) == (0, "")
    assert into.stdout == "".join("|".join(map(shown, row)) + "\n" for row in want)


def shown(value: object) -> str:
    return "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else str(value)


MESSAGES = {
    "plain": ("CREATE TABLE m (i int); INSERT INTO m VALUES (1); -- the end", "1"),
    "its own transaction": (
        "CREATE TABLE m (i int); BEGIN; INSERT INTO m VALUES (2); COMMIT; INSERT INTO m VALUES (3)",
        "23",
    ),
    "a failure takes back what stands before it": ("INSERT INTO kept VALUES (1); SELECT 1/0;", ""),
    "a body that is SQL": (
        """CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 4 END; END;
        CREATE TABLE m AS SELECT f() AS i;""",
        "4",
    ),
    "a rule": (
        """CREATE TABLE m (i int); CREATE TABLE n (i int);
        CREATE RULE r AS ON INSERT TO n DO ALSO (INSERT INTO m VALUES (5); INSERT INTO m VALUES (6));
        INSERT INTO n VALUES (1)""",
        "56",
    ),
    "strings and comments": ("CREATE TABLE m AS SELECT ';' || $$;$$ AS i /* ; */; -- ;\nSELECT 1;", ";;"),
}


@pytest.mark.parametrize("case", MESSAGES.values(), ids=MESSAGES)
async def test_what_is_sent_as_one_query_is_one_in_psql_as_well(
    dba: Dba, connection: Connection, case: tuple[str, str]
) -> None:
    text, left = case
    await connection.execute("CREATE TABLE kept (i int)")
    ended = dba.run(f"\\set ON_ERROR_STOP on\n{as_message(text)}\nCREATE TABLE after_it (i int);")
    assert (ended.returncode == 0) == ("1/0" not in text), ended.stderr
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    if left:
        assert await connection.fetchval("SELECT string_agg(i::text, '' ORDER BY i) FROM m") == left
        assert await connection.fetchval("SELECT to_regclass('after_it') IS NOT NULL")


def test_a_name_with_a_line_end_stays_in_its_comment() -> None:
    assert comment("apply 1 a\n\\! rm") == "-- apply 1 a\\n\\! rm"


async def test_it_is_utf8_and_strings_are_the_standards_whatever_the_session_says(
    dba: Dba, connection: Connection
) -> None:
    more(
        dba,
        {
            "2_b.sql": "SET client_encoding = 'LATIN1'; CREATE TABLE b AS SELECT '✓ \\n' AS t;",
            "3_c.sql": "INSERT INTO b VALUES ('ü');",
        },
    )
    script = (await dba.migrator.plan()).sql()
    assert (
        dba.run(
            script, environ={"PGCLIENTENCODING": "LATIN1", "PGOPTIONS": "-c standard_conforming_strings=off"}
        ).stderr
        == ""
    )
    assert [row["t"] for row in await connection.fetch("SELECT t FROM b")] == ["✓ \\n", "ü"]


async def test_what_stands_in_psqlrc_changes_nothing(dba: Dba, connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text(
        "\\set AUTOCOMMIT off\n\\set ON_ERROR_ROLLBACK on\n\\set ON_ERROR_STOP off\n"
        "\\set FETCH_COUNT 2\n\\set id 'DROP TABLE a'\n\\timing on\n"
    )
    more(
        dba,
        {
            "2_i.sql": "CREATE INDEX CONCURRENTLY i ON a (id);",
            "3_s.sql": "SELECT (ARRAY[id, 2])[1:id] FROM a;",
            "4_no.sql": "SELECT 1 / 0;",
        },
    )
    script = (await dba.migrator.plan()).sql()
    ended = dba.run(script, environ={"PSQLRC": str(tmp_path / "rc")}, words=())
    assert ended.returncode == 3
    assert "division by zero" in ended.stderr
    assert await applied(connection) == ["1", "2", "3"]


EVERYTHING = {
    "2_timeouts.sql": """
        -- trek: lock-timeout 2s
        -- trek: statement-timeout 5s
        ALTER TABLE a ADD t text;
        -- trek: down
        -- trek: lock-timeout 1s
        ALTER TABLE a DROP t;
    """,
    "3_copy.sql": (
        "COPY a (id, t) FROM stdin -- pg_dump's\n;\n1\tC:\\\\dir :ENCODING\n2\t\\N\n3\t\\\\.\n\\.\n"
        'CREATE TABLE csv (t text);\nCOPY csv FROM STDIN (FORMAT csv);\n"a\n;b"\n\\.\nSELECT 1;\n'
        "-- trek: down\nDELETE FROM a; DROP TABLE csv;"
    ),
    "4_index.sql": "CREATE INDEX CONCURRENTLY a_t ON a (t);\n-- trek: down\nDROP INDEX CONCURRENTLY a_t;",
    "5_body.sql": r"""
        CREATE FUNCTION f(encoding int) RETURNS text LANGUAGE plpgsql AS $f$
        BEGIN
          RETURN $$\. ';' :'USER' $$ || (ARRAY[1,2,3])[1:ENCODING]::text; -- \q
        END $f$;
        -- trek: down
        DROP FUNCTION f;
    """,
    "6_steps.sql": (
        "-- trek: no-transaction\nSET my.thing = ':USER';\nINSERT INTO a VALUES (4);\nVACUUM a;\n"
        "COPY a (id) FROM stdin;\n5\n\\.\nINSERT INTO a VALUES (6) -- no end\n"
        "-- trek: down\n-- trek: no-transaction\nVACUUM a;\nDELETE FROM a WHERE id > 3"
    ),
    "7_path.sql": "SET search_path = pg_temp; SET ROLE pg_monitor; SELECT 1;\n-- trek: down\nSELECT 1",
    "8_squash_one.sql": "CREATE TABLE s1 (i int);\n-- trek: down\nDROP TABLE s1;",
    "9_squash_two.sql": "CREATE TABLE s2 (i int);\n-- trek: down\nDROP TABLE s2;",
    "10_squash.sql": (
        "-- trek: replaces 8..9\nCREATE TABLE s1 (i int); CREATE TABLE s2 (i int);\n-- trek: down\nDROP TABLE s1, s2;"
    ),
    "11_down.sql": 'CREATE TABLE "o:ENCODING" ("a;b" int DEFAULT 1) -- the end',
    "11_down.down.sql": 'DROP TABLE "o:ENCODING" /* ; */ -- the end',
}


async def test_everything_that_trek_knows_goes_up_and_down_by_psql(dba: Dba, connection: Connection) -> None:
    more(dba, {"1_a.down.sql": "DROP TABLE a;", **EVERYTHING})
    ended = await dba.runs()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (await dba.migrator.status()).state == "current"
    assert not await dba.migrator.plan()
    assert [tuple(row) for row in await connection.fetch("SELECT id, t FROM a ORDER BY id")] == [
        (1, "C:\\dir :ENCODING"), (2, None), (3, "\\."), (4, None), (5, None), (6, None),
    ]  # fmt: skip
    assert await connection.fetchval("SELECT t FROM csv") == "a\n;b"
    assert await connection.fetchval("SELECT f(2)") == "\\. ';' :'USER' {1,2}"
    ended = await dba.runs("-1")
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = await dba.runs("base")
    assert (ended.returncode, ended.stderr) == (0, "")
    status = await dba.migrator.status()
    assert (status.state, status.applied) == ("pending", ())
    assert (
        await connection.fetch(
            "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^trek'"
        )
        == []
    )
    assert (await dba.migrator.migrate()).ran


async def test_what_trek_does_and_what_psql_does_are_the_same_rows_in_the_history(
    dba: Dba, connection: Connection
) -> None:
    more(dba, EVERYTHING)
    columns = "seq, revision, verb, title, checksum, state, step, finished_at IS NOT NULL AS ended"
    told = f"SELECT {columns} FROM trek_history ORDER BY seq"
    assert (await dba.runs()).returncode == 0
    by_psql = await connection.fetch(told)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await Migrator(AsyncpgBackend(connection), dba.migrator.directory).migrate()
    assert await connection.fetch(told) == by_psql
    assert len(by_psql) > 10
