"""What the splitter promises: where statements end, where they stand, what they are, and what is wrong with a text."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from trek_core.errors import LoadError
from trek_core.model import Copy, Sql
from trek_loaders._lexer import split


def texts(script: str) -> list[str]:
    return [statement.text for statement in split(script)]


def only(script: str) -> Sql:
    (statement,) = split(script)
    assert isinstance(statement, Sql)
    return statement


def refused(script: str) -> LoadError:
    with pytest.raises(LoadError) as caught:
        split(script, "m/0001.sql")
    assert caught.value.path == "m/0001.sql"
    assert caught.value.advice
    return caught.value


# --------------------------------------------------------------------------- where statements end
INSIDE = {
    "a dollar-quoted body": "create function f() returns int language plpgsql as $body$ begin perform 1; end; $body$",
    "a dollar quote within another": "do $a$ begin execute $b$ select ';' ; $b$; end $a$",
    "a quote within a dollar quote": "select $$ ' ; $$",
    "an empty dollar quote within a tagged one": "select $q$ $$ ; $q$",
    "a dollar quote with a letter beyond ASCII": "do $täg$ begin null; end $täg$",
    "a dollar quote after a parameter": "select $1$$a;b$$",
    "a dollar quote after a string": "select 'a'$$;$$",
    "a dollar quote whose end differs in case only": "select $a$ ; $A$ ; $a$",
    "dollars within a name": "create table a$b$c(x int)",
    "nested comments": "select /* a /* b; */ c; */ 1",
    "a line comment": "select 1 -- x; y\n + 1",
    "a comment that holds a dollar quote": "select /* $x$ ; */ 2",
    "a comment that holds a quote": "select -- it's; \n 2",
    "a comment of stars": "select /***;***/ 1",
    "a comment opened by an operator's end": "select 5 */* c; */ 3",
    "a line comment behind an operator": "select 1 @-- comment; x\n + 2",
    "a string with a doubled quote": "select 'it''s; ok'",
    "an escape string": r"select E'it\'s; ok'",
    "an escape string with a backslash at its end": r"select E'\\'",
    "an escape string with backslash, quote and backslash": r"select e'a\\\'b;c'",
    "a plain string that ends in a backslash": r"select 'c:\'",
    "a string in parts on two lines": "select 'a'\n'b;c'",
    "an escape string in parts": "select E'a'\n  '\\';'",
    # libpg_query is wrong here; PostgreSQL 18.6 was asked
    "an escape string in parts with comments between": "select E'a' -- c\n -- d\n'\\';'",
    "a plain string after an escape string on one line": r"select E'\'', '\'",
    "a Unicode string": r"select U&'d\0061t;a\'",
    "a Unicode string with another escape": r"select U&'!00e9;' uescape '!'",
    "bit and national strings": "select B'01', X'1F', N'a;b'",
    "a quoted name": 'select 1 as "a;b""c;"',
    "a Unicode name": r'select u&"x;y\" from t',
    "a name that ends like an escape string begins": r"select date'1\', 2",
    "the parentheses of a rule": "create rule r as on insert to t do also (insert into l values (1); delete from l;)",
    "a body in SQL": "create function g(a int) returns int begin atomic select a; select 1; end",
    "a body with CASE": "create function g() returns int begin atomic select case when true then 2 else 3 end; end",
    "a procedure's body": "create or replace procedure p() language sql BEGIN ATOMIC delete from t; delete from u; END",
    "an empty body": "create procedure p() begin atomic end",
    "a body with END in comment and string": "create procedure p() begin atomic /* end; */ select 'end;'; end",
    "a body with nested CASE": "create procedure p() begin atomic select case a when 1 then case when b then 1 end end; end",
    "a body with a column labelled END": "create procedure p() begin atomic select 1 end; select 2 as end; end",
    "a body with a column called BEGIN": "create procedure p() begin atomic select begin from t; select atomic; end",
    "a body with a qualified END": "create procedure p() begin atomic select t.end; select 1; end",
    "the elements of a schema": "create schema s create table t1(a int) create view v1 as select 1",
    "columns called BEGIN and ATOMIC": "create table tt(begin int, atomic int)",
    "a column called BEGIN with the label ATOMIC": "select begin atomic from t",
    "JSON operators": "select '{}'::jsonb #>> '{a;b}', a @? '$.x ? (@ > 1);' from t",
    "a MERGE": "merge into t using s on a = b when matched then update set a = 1 when not matched then insert values (1)",
    "a space that is none": "select 1 as a\u00a0b",
}


@pytest.mark.parametrize("statement", INSIDE.values(), ids=INSIDE.keys())
def test_a_semicolon_does_not_end_a_statement_inside_of(statement: str):
    assert texts(f"{statement};select 2") == [statement, "select 2"]
    assert texts(f"select 0;\n{statement}\n;") == ["select 0", statement]


def test_empty_statements_vanish():
    assert texts(";;select 1;;; ;/* c */; select 2;;") == ["select 1", "select 2"]


@pytest.mark.parametrize("nothing", ["", " \n\t", ";", "-- c", "/* ; */", "-- a\n;\n/* b */;\n"])
def test_a_text_without_a_statement_has_none(nothing: str):
    assert split(nothing) == []


def test_comments_around_a_statement_are_no_part_of_it_and_comments_within_are():
    assert texts("-- a\n/* b */ select /* c */ 1 -- d\n; /* e */") == ["select /* c */ 1"]


def test_the_last_statement_needs_no_semicolon():
    assert texts("select 1; select 2 -- end") == ["select 1", "select 2"]


def test_begin_and_end_are_statements_outside_of_a_routine():
    assert texts("begin; select case when true then 1 end; end; select begin, atomic from t") == [
        "begin",
        "select case when true then 1 end",
        "end",
        "select begin, atomic from t",
    ]


def test_a_routine_with_a_dollar_body_swallows_no_begin_that_follows_it():
    assert texts("create function f() returns int language sql as $$ select 1 $$; begin; end") == [
        "create function f() returns int language sql as $$ select 1 $$",
        "begin",
        "end",
    ]


def test_a_closing_parenthesis_too_many_does_not_swallow_what_follows():
    assert texts("select 1); select 2") == ["select 1)", "select 2"]


# --------------------------------------------------------------------------- where they stand
def test_line_column_and_offset_count_from_the_beginning_of_the_text():
    script = "-- é\r\nselect 1;  select\n 2;\n\n  select 'ü' ; select 4"
    places = [(statement.line, statement.column) for statement in split(script, "a.sql")]
    assert places == [(2, 1), (2, 12), (5, 3), (5, 16)]
    for statement in split(script, "a.sql"):
        assert script[statement.offset : statement.offset + len(statement.text)] == statement.text
        assert statement.file == "a.sql"


def test_a_start_leaves_out_what_stands_before_it_and_changes_no_place():
    script = "select 1;\nselect 2"
    assert split(script, "", 9) == split(script)[1:]


# --------------------------------------------------------------------------- what is wrong with a text
@pytest.mark.parametrize(
    ("script", "line", "problem"),
    [
        ("select 1;\nselect 'abc;\n\nselect 2;", 2, "a string begins here and never ends: 'abc;"),
        ("select\n E'a\\';", 2, "a string begins here and never ends: E'a\\';"),
        ("select E'a'\n'b\\'", 2, "a string begins here and never ends: 'b\\'"),
        ("select U&'a", 1, "a string begins here and never ends: U&'a"),
        ('select 1;\n\nselect "abc;\n', 3, 'a quoted name begins here and never ends: "abc;'),
        ("select $$ a;\n$b$", 1, "a dollar quote $$ begins here and never ends: $$ a;"),
        ("select\n$body$ a; $Body$", 2, "a dollar quote $body$ begins here and never ends: $body$ a; $Body$"),
        ("select 1;\n/* a /* b */\n", 2, "a comment begins here and never ends: /* a /* b */"),
        (
            "create function f() returns int\nbegin atomic\nselect 1;",
            2,
            "a BEGIN ATOMIC body begins here and never ends",
        ),
        ("create function f() returns int\nbegin atomic select 1 end;", 2, "a BEGIN ATOMIC body begins here"),
        ("select 1;\ncreate table t (\na int;\nselect 2;", 2, "a parenthesis opens here and is never closed"),
        ("select f((1), (2);", 1, "a parenthesis opens here and is never closed"),
        ("select 1;\n\\i other.sql\n", 2, "\\i is a command of psql, not SQL"),
        ("select 1;\n \\restrict abc\n", 2, "\\restrict is a command of psql"),
        ("\\restrict abc def\nselect 1", 1, "\\restrict is a command of psql"),
        ("\\restrict\nselect 1", 1, "\\restrict is a command of psql"),
        ("select 1,\n\\restrict abc\n2", 2, "a \\restrict line in the middle of a statement"),
        ("\\restricted abc\nselect 1", 1, "\\restricted is a command of psql"),
        ("select 1 \\gexec", 1, "\\gexec is a command of psql"),
        ("select 1;\n\\.\n", 2, "\\. without a COPY … FROM STDIN before it"),
        ("select 1;\ncopy t from stdin;\n1\n2\n", 2, "COPY … FROM STDIN without the line `\\.` that ends its data"),
        ("copy t from stdin", 1, "COPY … FROM STDIN without the line `\\.`"),
        ("copy t from stdin;\n1\n \\.\n\\.x\n", 1, "COPY … FROM STDIN without the line `\\.`"),
        ("select 1;\ncopy t from stdin; select 2;\n1\n\\.\n", 2, "more text on the line of a COPY … FROM STDIN"),
    ],
)
def test_what_never_ends_is_refused_with_the_line_where_it_began(script: str, line: int, problem: str):
    error = refused(script)
    assert error.line == line
    assert error.problem.startswith(problem)


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("\\i x.sql", "One file is one migration"),
        ("\\ir x.sql", "One file is one migration"),
        ("\\copy t from 'x'", "COPY … FROM STDIN with the data below it"),
        ("\\c shop", "on the connection it was given"),
        ("\\connect shop", "on the connection it was given"),
        ("\\set x 1", "write the value"),
        ("\\if :x", "DO block with IF"),
        ("\\echo hello", "leave it out"),
        ("\\dt", "leave it out"),
        ("select 1 \\g", "End the statement with `;`"),
        ("\\crosstabview", "psql carries such commands out itself, the server does not know them"),
    ],
)
def test_the_advice_for_a_psql_command_says_what_to_write_instead(command: str, advice: str):
    assert advice in refused(command).advice


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_lines_that_pg_dump_writes_for_psql_are_skipped(end: str):
    lines = ["--", "\\restrict hCl2Yq", "", "select 1;", "\\restrict x  ", "select 2;", "\\unrestrict hCl2Yq", ""]
    assert texts(end.join(lines)) == ["select 1", "select 2"]
    assert [found.line for found in split(end.join(lines))] == [4, 6]
    assert texts("select 1;\n\\unrestrict hCl2Yq") == ["select 1"]


def test_a_message_shows_no_more_than_60_characters_of_what_never_ends():
    assert refused("select '" + "x" * 1000).problem.endswith(": '" + "x" * 59)


def test_a_backslash_in_strings_comments_and_bodies_is_no_psql_command():
    assert len(split("select '\n\\i x'; /*\n\\i y */ select $$\n\\i z\n$$; -- \\i\n")) == 2


# --------------------------------------------------------------------------- COPY
@pytest.mark.parametrize(
    "copy",
    [
        "copy x from stdin",
        "COPY s.x (a, b) FROM STDIN WITH (FORMAT csv)",
        "copy x from stdout",
        "copy\nx from/**/stdin",
    ],
)
def test_a_copy_from_stdin_takes_its_data_from_the_lines_behind_it(copy: str):
    data = "a;b\n'quote\n$$\n/*\n\\\\.\n\\N\n"
    before, found, after = split(f"select 1;\n {copy} ; -- the data:\n{data}\\.\nselect 2;", "c.sql")
    line = 2 + len(copy.splitlines()) - 1 + 1 + 6 + 1
    assert found == Copy(copy, data, "c.sql", 2, 2, 11, data_line=2 + len(copy.splitlines()))
    assert (before.text, after.text, after.line) == ("select 1", "select 2", line)


def test_a_copy_takes_windows_line_ends_and_no_data_at_all():
    assert [s.data for s in split("copy x from stdin;\r\n1\r\n\\.\r\nselect 1") if isinstance(s, Copy)] == ["1\r\n"]
    assert [s.data for s in split("copy x from stdin;\n\\.") if isinstance(s, Copy)] == [""]


@pytest.mark.parametrize(
    "copy",
    ["copy x to stdout", "copy x from '/f'", "copy (select 1 from stdin) to stdout", "copy x from program 'stdin'"],
)
def test_a_copy_that_reads_no_stdin_is_a_plain_statement(copy: str):
    assert texts(f"{copy}; select 2") == [copy, "select 2"]
    assert isinstance(split(copy)[0], Sql)


def test_a_copy_of_1600_columns_is_recognised():
    columns = ", ".join(f"c{n}" for n in range(1600))
    assert isinstance(split(f"copy t ({columns}) from stdin;\n\\.\n")[0], Copy)


# --------------------------------------------------------------------------- what a transaction block refuses
REFUSED = {
    "CREATE DATABASE d": "CREATE DATABASE",
    "drop database if exists d with (force)": "DROP DATABASE",
    "alter database d set tablespace fast": "ALTER DATABASE … SET TABLESPACE",
    "alter database d with tablespace = fast": "ALTER DATABASE … SET TABLESPACE",
    "alter database d tablespace fast": "ALTER DATABASE … SET TABLESPACE",
    "create tablespace t location '/x'": "CREATE TABLESPACE",
    "drop tablespace if exists t": "DROP TABLESPACE",
    "alter system set work_mem = '4MB'": "ALTER SYSTEM",
    "alter system reset all": "ALTER SYSTEM",
    "vacuum": "VACUUM",
    "vacuum t": "VACUUM",
    "VACUUM (ANALYZE, VERBOSE) t": "VACUUM",
    "vacuum full t": "VACUUM",
    "cluster": "CLUSTER without a table",
    "cluster verbose": "CLUSTER without a table",
    "cluster (verbose on)": "CLUSTER without a table",
    "reindex schema s": "REINDEX SCHEMA",
    "reindex (verbose) database d": "REINDEX DATABASE",
    "reindex system d": "REINDEX SYSTEM",
    "reindex system": "REINDEX SYSTEM",
    "reindex table concurrently t": "REINDEX CONCURRENTLY",
    "reindex index concurrently i": "REINDEX CONCURRENTLY",
    "reindex (concurrently) table t": "REINDEX CONCURRENTLY",
    "reindex (verbose, concurrently on) index i": "REINDEX CONCURRENTLY",
    "reindex (concurrently true, tablespace x) index i": "REINDEX CONCURRENTLY",
    "reindex (verbose) table concurrently t": "REINDEX CONCURRENTLY",
    "create index concurrently on t (a)": "CREATE INDEX CONCURRENTLY",
    "create index concurrently if not exists i on t (a)": "CREATE INDEX CONCURRENTLY",
    "CREATE /* ; */ UNIQUE\nINDEX\n-- hm;\nCONCURRENTLY i ON t(a)": "CREATE UNIQUE INDEX CONCURRENTLY",
    "drop index concurrently if exists s.i": "DROP INDEX CONCURRENTLY",
    "alter table t detach partition p concurrently": "ALTER TABLE … DETACH PARTITION … CONCURRENTLY",
    "alter table if exists only s.t detach partition s.p concurrently -- now": "ALTER TABLE … DETACH PARTITION … CONCURRENTLY",
    "create subscription s connection 'x' publication p": "CREATE SUBSCRIPTION",
    "create subscription s connection 'x' publication p with (copy_data = false)": "CREATE SUBSCRIPTION",
    "create subscription s connection 'x' publication p with (connect, create_slot = true)": "CREATE SUBSCRIPTION",
    "alter subscription s refresh publication": "ALTER SUBSCRIPTION … REFRESH PUBLICATION",
    "alter subscription s set publication p": "ALTER SUBSCRIPTION … SET PUBLICATION",
    "alter subscription s add publication p with (refresh = true)": "ALTER SUBSCRIPTION … ADD PUBLICATION",
    "alter subscription s drop publication p, q": "ALTER SUBSCRIPTION … DROP PUBLICATION",
    "alter subscription s set (two_phase = false)": "ALTER SUBSCRIPTION … SET (two_phase = false)",
    "commit prepared 'x'": "COMMIT PREPARED",
    "rollback prepared 'x'": "ROLLBACK PREPARED",
    "discard all": "DISCARD ALL",
    "repack (concurrently) t": "REPACK CONCURRENTLY",
    "repack": "REPACK without a table",
    "repack using index": "REPACK without a table",
}


@pytest.mark.parametrize(("statement", "words"), REFUSED.items(), ids=REFUSED.keys())
def test_a_statement_that_a_transaction_block_refuses_says_why(statement: str, words: str):
    assert only(f"-- c\n{statement};").refuses_block == words
    assert only(statement.upper()).refuses_block == words


@pytest.mark.parametrize(
    "statement",
    [
        "alter database d set work_mem = '4MB'",
        "alter database d owner to tablespace",
        "alter database d refresh collation version",
        "analyze t",
        "cluster t",
        "cluster verbose t using i",
        "cluster (verbose) t",
        "reindex table t",
        "reindex (verbose) index i",
        "reindex (concurrently false) table t",
        "reindex (concurrently off, verbose) table t",
        "reindex table schema",
        "create index i on t (a)",
        "create index on t (concurrently(a))",
        'create index i on t ("concurrently")',
        'create index "concurrently" on t (a)',
        "create index i on t (a) -- concurrently",
        "create index /* concurrently */ i on t (a)",
        "create index i on t (a) where b = 'concurrently'",
        "select a as concurrently from t",
        "select t.concurrently",
        "comment on table t is 'CREATE INDEX CONCURRENTLY'",
        "select $$ create index concurrently $$",
        "drop index i",
        "alter table t detach partition p",
        "alter table t detach partition p finalize",
        'alter table t detach partition "concurrently"',
        'alter table t rename to "concurrently"',
        "refresh materialized view concurrently v",
        "create subscription s connection 'x' publication p with (connect = false)",
        "create subscription s connection 'x' publication p with (slot_name = none, create_slot = off)",
        "create subscription s connection 'x' publication p with (connect = 'FALSE')",
        "create subscription s connection 'x' publication p with (connect=0)",
        "create subscription s connection 'x' publication p with (\"connect\" = false)",
        "alter subscription s disable",
        "alter subscription s set (two_phase = true)",
        "alter subscription s set publication p with (refresh = false)",
        "alter subscription s add publication p with (refresh = off)",
        "drop subscription s",
        "discard plans",
        "discard temp",
        "alter type e add value 'c'",
        "create table vacuum (a int)",
        'select "vacuum"',
        "checkpoint",
        "repack t",
        "commit",
        "explain analyze select 1",
        "call p()",
    ],
)
def test_a_transaction_block_takes(statement: str):
    assert only(statement).refuses_block == ""


# --------------------------------------------------------------------------- transaction control, settings
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("begin", "BEGIN"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN"),
        ("start  transaction read only", "START TRANSACTION"),
        ("commit", "COMMIT"),
        ("commit and chain", "COMMIT"),
        ("COMMIT WORK", "COMMIT"),
        ("end", "END"),
        ("end transaction", "END"),
        ("rollback", "ROLLBACK"),
        ("rollback work and no chain", "ROLLBACK"),
        ("/* */ abort", "ABORT"),
        ("prepare transaction 'x'", "PREPARE TRANSACTION"),
        ("rollback to savepoint s", ""),
        ("rollback work to s", ""),
        ("savepoint s", ""),
        ("release savepoint s", ""),
        ("prepare p as select 1", ""),
        ("prepare transaction as select 1", ""),
        ("prepare transaction (int) as select $1", ""),
        ("commit prepared 'x'", ""),
        ("rollback prepared 'x'", ""),
        ("select 'commit'", ""),
        ("do $$ begin commit; end $$", ""),
        ("create procedure p() begin atomic select 1; end", ""),
        ('"commit"', ""),
        ("rollbac\u212a", ""),  # the sign for Kelvin, whose small letter is k, but not to PostgreSQL
    ],
)
def test_what_begins_or_ends_a_transaction_is_seen(statement: str, words: str):
    assert only(statement).controls_transaction == words


@pytest.mark.parametrize(
    ("statement", "changes"),
    [
        ("set search_path = a", True),
        ("SET SESSION work_mem TO 1", True),
        ("set role r", True),
        ("set session authorization u", True),
        ("set session characteristics as transaction read only", True),
        ("set time zone 'UTC'", True),
        ("reset search_path", True),
        ("reset role", True),
        ("select set_config('a.b', 'c', false)", True),
        ("select 1 from pg_catalog . SET_CONFIG ('a.b', 'c', false)", True),
        ("select \"set_config\"('a.b', 'c', false)", True),
        ("update pg_settings set setting = 'x' where name = 'work_mem'", True),
        ("discard all", True),
        ("discard plans", True),
        ("do $$ begin end $$", True),
        ("call p()", True),
        ("set local search_path = a", True),
        ("listen jobs", True),
        ("unlisten *", True),
        ("prepare q as select 1", True),
        ("deallocate all", True),
        ("close all", True),
        ("create temp table t (i int)", True),
        ("create or replace temporary view v as select 1", True),
        ("create local temp table t (i int)", True),
        ("create table pg_temp.t (i int)", True),
        ("select 1 as i into temporary table t", True),
        ("with x as (select 1) select * into temp t from x", True),
        ("declare c cursor with hold for select 1", True),
        ("select pg_advisory_lock(1)", True),
        ('select pg_catalog."pg_try_advisory_lock_shared"(1)', True),
        ("declare c cursor for select 1", False),
        ("create table weather (temp int, temporary bool)", False),
        ("insert into weather (temp) values (1)", False),
        ("select temp from weather", False),
        ("select pg_advisory_xact_lock(1)", False),
        ("set constraints all immediate", False),
        ("set transaction isolation level serializable", False),
        ("update t set a = 1", False),
        ("select 'set_config('", False),
        ("select 1 -- set_config(", False),
        ("alter role r set search_path = a", False),
        (
            "create function f() returns void language sql set search_path = a as $$ select set_config('a', 'b', true) $$",
            False,
        ),
        ("insert into t values (1)", False),
    ],
)
def test_what_changes_the_sessions_settings_is_seen(statement: str, changes: bool):
    assert only(statement).changes_settings is changes


def test_a_change_of_settings_is_seen_at_the_end_of_a_statement_of_any_length():
    values = ", ".join(["(1, 'a')"] * 10_000)
    assert only(f"insert into t values {values} returning set_config('a.b', 'c', false)").changes_settings


# --------------------------------------------------------------------------- work
PIECES = {
    "statements on one line": "select 1;",
    "statements on many lines": "insert into t values (1, 'it''s', E'\\n', $$a$$); -- c\n",
    "spaces": " ",
    "empty lines": "\r\n",
    "comments": "-- c\n",
    "nested comments": "/* /* a */ */ ",
    "semicolons": ";",
    "escape strings in parts": "select E'a'\n'b'\n -- c\n'd';",
    "escape strings that spaces follow": "select E'a'          \n   \n   ;",
    "dollars that quote nothing": "select a$ $1 $ ; ",
    "operators": "+-*/ ",
    "closing parentheses": ")",
    "pairs of parentheses": "()",
    "routines": "create function f() returns int begin atomic select case when a then 1 end; end;\n",
    "copies": "copy t from stdin;\n1\n\\.\n",
    "reindexes": "reindex (verbose) table t; alter database d set a = 1;",
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
def test_200_kb_of_one_thing_are_split(piece: str):
    script = piece * (200_000 // len(piece))
    assert sum(len(statement.text) for statement in split(script)) <= len(script)


def test_a_megabyte_of_everything_is_split():
    script = ";\n".join(INSIDE.values()) + ";\n"
    times = 1_000_000 // len(script)
    assert len(split(script * times)) == len(INSIDE) * times


@pytest.mark.parametrize("opening", ["'", "E'", '"', "$a$", "/* ", "(", "E'a'\n'", "create function f() begin atomic "])
def test_a_megabyte_that_never_ends_is_refused(opening: str):
    with pytest.raises(LoadError, match=r"never (ends|closed)"):
        split("select 1;\n" + opening + "-- \\\\ $ab '' \"\" \n" * 60_000 + ("/*" if opening.startswith("/") else "("))


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
def test_twice_the_text_is_twice_the_work(piece: str):
    once, twice = _calls(lambda: split(piece * 500)), _calls(lambda: split(piece * 1000))
    assert twice <= 2 * once


def _calls(work: Callable[[], object]) -> int:
    """How many functions, Python's and C's, the work calls."""
    count = 0

    def count_call(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
