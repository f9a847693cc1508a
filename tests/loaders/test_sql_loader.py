"""What the `sql` loader promises: two ways in one file, directives, modes, and every refusal with its line."""

from __future__ import annotations

import pytest

from trek_core.errors import LoadError
from trek_core.model import Body, Copy, Direction, File, Script, Source, Sql
from trek_core.plugin import Loader
from trek_loaders.sql import load, trek_register_loaders

UP, DOWN = Direction.up, Direction.down


def script(content: str | bytes, direction: Direction | None = None) -> Script:
    raw = content if isinstance(content, bytes) else content.encode()
    return load(Source(File("0001_a.sql", "m"), raw, direction))


def up(content: str | bytes) -> Body:
    loaded = script(content)
    assert loaded.up is not None
    return loaded.up


def texts(body: Body | None) -> list[str]:
    assert body is not None
    return [statement.text for statement in body.statements if isinstance(statement, Sql)]


def refused(content: str | bytes, direction: Direction | None = None) -> LoadError:
    with pytest.raises(LoadError) as caught:
        script(content, direction)
    assert caught.value.path == "m/0001_a.sql"
    assert caught.value.advice
    return caught.value


def test_it_is_registered_for_sql_files():
    assert list(trek_register_loaders()) == [Loader("sql", (".sql",), load)]


# --------------------------------------------------------------------------- both ways
BOTH = "create table t (a int);\ncreate table u (a int)\n-- trek: down\ndrop table u;\ndrop table t;\n"


def test_everything_after_the_down_line_is_the_way_back():
    loaded = script(BOTH)
    assert texts(loaded.up) == ["create table t (a int)", "create table u (a int)"]
    assert texts(loaded.down) == ["drop table u", "drop table t"]


def test_statements_of_either_way_stand_where_they_stand_in_the_file():
    loaded = script("\ufeff" + BOTH.replace("\n", "\r\n"))
    text = BOTH.replace("\n", "\r\n")
    for body, lines in ((loaded.up, [1, 2]), (loaded.down, [4, 5])):
        assert body is not None
        assert [statement.line for statement in body.statements] == lines
        for statement in body.statements:
            assert isinstance(statement, Sql)
            assert statement.file == "m/0001_a.sql"
            assert text[statement.offset : statement.offset + len(statement.text)] == statement.text


def test_a_file_without_a_down_line_has_no_way_back():
    assert script("select 1").down is None


@pytest.mark.parametrize("rest", ["", "\n", "\n-- nothing to do\n;\n"])
def test_an_empty_way_back_means_that_there_is_nothing_to_do_on_it(rest: str):
    assert script(f"select 1;\n-- trek: down{rest}").down == Body((), "transaction")


def test_an_empty_file_for_the_way_back_means_the_same():
    assert script("", DOWN) == Script(None, Body((), "transaction"))


def test_a_file_for_one_direction_is_that_direction_as_a_whole():
    assert script("select 1", UP) == Script(Body((Sql("select 1", "m/0001_a.sql"),), "transaction"))
    assert script("select 1", DOWN) == Script(None, Body((Sql("select 1", "m/0001_a.sql"),), "transaction"))


@pytest.mark.parametrize("line", ["-- trek: down", "  --trek:down  ", "--\ttrek : DOWN\r", "/* c */\n-- trek: down"])
def test_blanks_and_capitals_of_the_down_line_do_not_matter(line: str):
    assert texts(script(f"select 1;\n{line}\nselect 2").down) == ["select 2"]


@pytest.mark.parametrize(
    "statement",
    [
        "select '\n-- trek: down\n'",
        "do $$\n-- trek: down\n$$",
        "select 1 /*\n-- trek: down\n*/ + 1",
        'select 1 as "\n-- trek: down\n"',
    ],
)
def test_a_down_line_within_something_is_no_down_line(statement: str):
    loaded = script(statement)
    assert texts(loaded.up) == [statement]
    assert loaded.down is None


def test_a_down_line_in_copy_data_is_data():
    (copy,) = up("copy t from stdin;\n-- trek: down\n\\.\n").statements
    assert isinstance(copy, Copy)
    assert b"".join(copy.chunks()) == b"-- trek: down\n"


def test_a_second_down_line_is_refused():
    error = refused("select 1;\n-- trek: down\nselect 2;\n-- trek: down\n")
    assert (error.line, error.problem) == (4, "a second `-- trek: down`; the first is in line 2")


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_a_down_line_in_a_file_for_one_direction_is_refused(direction: Direction):
    error = refused("select 1;\n-- trek: down\nselect 2", direction)
    assert error.line == 2
    assert error.problem == f"`-- trek: down` in a file whose name says that it is the way {direction.value}"


def test_a_down_line_behind_a_statement_is_refused():
    error = refused("select 0;\nselect 1; -- trek: down\nselect 2")
    assert (error.line, error.problem) == (2, "`-- trek: down` stands behind select 1;")


def test_a_down_line_with_more_words_is_refused():
    error = refused("select 1;\n-- trek: down the hill\nselect 2")
    assert (error.line, error.problem) == (2, "`-- trek: down` takes no argument, found 'the hill'")


def test_a_down_line_within_parentheses_leaves_them_open():
    error = refused("create table t (\n-- trek: down\na int);")
    assert (error.line, error.problem) == (1, "a parenthesis opens here and is never closed")


def test_a_down_line_within_a_body_leaves_it_open():
    error = refused("create procedure p()\nbegin atomic\n-- trek: down\nselect 1; end;")
    assert (error.line, error.problem) == (2, "a BEGIN ATOMIC body begins here and never ends")


# --------------------------------------------------------------------------- nothing to do
@pytest.mark.parametrize(
    ("content", "found"),
    [("", "nothing"), ("\n \n", "nothing"), ("-- c\n;\n/* d */", "nothing but comments")],
)
def test_a_file_without_a_statement_is_refused(content: str, found: str):
    for direction in (None, UP):
        error = refused(content, direction)
        assert (error.line, error.problem) == (1, f"no statement: the way up holds {found}")


def test_a_file_with_nothing_but_a_way_back_is_refused():
    assert refused("-- trek: down\nselect 1").problem.startswith("no statement: the way up holds nothing")


# --------------------------------------------------------------------------- directives
def test_directives_count_for_their_own_section():
    loaded = script(
        "-- trek: lock-timeout 2s\nselect 1;\n-- trek: down\n-- why\n\n-- trek: no-transaction\n"
        "-- trek: lock-timeout 500ms\nvacuum; select 2;"
    )
    assert loaded.up is not None
    assert loaded.down is not None
    assert (loaded.up.mode, loaded.up.lock_timeout) == ("transaction", 2.0)
    assert (loaded.down.mode, loaded.down.lock_timeout) == ("autocommit", 0.5)


def test_requires_and_replaces_may_stand_above_the_way_up():
    assert texts(up("-- trek: requires 0001 0002\n-- trek: replaces 0001..0040\nselect 1")) == ["select 1"]


def test_irreversible_is_told():
    assert script("-- trek: irreversible\nselect 1").irreversible is True
    assert script("select 1").irreversible is False


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("-- c\n-- trek: irreversible\nselect 1;\n-- trek: down\n", 2),
        ("select 1;\n-- trek: down\n-- trek: irreversible", 3),
    ],
)
def test_irreversible_with_a_way_back_is_refused(content: str, line: int):
    error = refused(content)
    assert (error.line, error.problem) == (line, "'irreversible' says that there is no way back, but here is one")


def test_irreversible_in_a_file_for_the_way_back_is_refused():
    assert refused("-- trek: irreversible\nselect 1", DOWN).line == 1


@pytest.mark.parametrize(("name", "argument"), [("requires", "0001"), ("replaces", "0001..0002")])
def test_what_belongs_to_the_revision_is_refused_in_the_way_back(name: str, argument: str):
    error = refused(f"select 1;\n-- trek: down\n-- c\n-- trek: {name} {argument}\nselect 2")
    assert (error.line, error.problem) == (
        4,
        f"{name!r} in the way back: it belongs to the revision, not to one direction",
    )
    assert refused(f"\n-- trek: {name} {argument}\nselect 2", DOWN).line == 2


def test_an_unknown_directive_is_refused_wherever_it_stands():
    for content, line in (
        ("-- trek: no-transactions\nselect 1", 1),
        ("select 1;\n-- trek: no-transactions\nselect 2", 2),
        ("select 1;\n-- trek: down\n\n-- trek: no-transactions\n", 4),
        ("select 1;\n-- trek: down\nselect 2;\n-- trek: no-transactions", 4),
    ):
        error = refused(content)
        assert (error.line, error.problem) == (line, "unknown directive 'no-transactions'")
        assert error.advice.startswith("Did you mean 'no-transaction'?")


def test_a_misspelled_down_line_is_refused_with_the_right_word():
    assert refused("select 1;\n-- trek: dwon\nselect 2").advice.startswith("Did you mean 'down'?")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("select 1;\n-- trek: no-transaction\n", 2),
        ("select 1; -- trek: no-transaction", 1),
        ("select\n-- trek: no-transaction\n1", 2),
        (";\n-- trek: no-transaction\nselect 1", 2),
        ("select 1;\n-- trek: down\nselect 2;\n-- trek: no-transaction", 4),
    ],
)
def test_a_directive_below_the_first_statement_is_refused(content: str, line: int):
    error = refused(content)
    assert error.line == line
    assert error.problem.startswith("the directive 'no-transaction' stands after the first statement")


# --------------------------------------------------------------------------- modes
def test_a_file_runs_in_a_transaction_unless_something_speaks_against_it():
    assert up("create table t (a int); set local search_path = a; savepoint s; rollback to s").mode == "transaction"
    assert up("create index concurrently i on t (a)").mode == "autocommit"
    assert up("vacuum; vacuum t").mode == "autocommit"
    assert up("-- trek: no-transaction\nselect 1").mode == "autocommit"


def test_a_file_that_mixes_both_kinds_is_refused_with_both_places_and_both_statements():
    error = refused("create table t (\n  a int);\n\ncreate index concurrently i on t (a);\nselect 1;")
    assert error.line == 4
    assert error.problem == (
        "CREATE INDEX CONCURRENTLY cannot run in a transaction block, but the statement in line 1 can, "
        "and a file runs in one way\n  line 4: create index concurrently i on t (a)\n  line 1: create table t ( a int)"
    )
    assert error.advice.startswith("Split the file in two, or mark it with `-- trek: no-transaction`")


def test_a_mixture_is_refused_whichever_comes_first_and_in_the_way_back_as_well():
    assert refused("vacuum;\nselect 1;").line == 1
    assert refused("select 1;\n-- trek: down\nselect 2;\nvacuum;").line == 4
    assert refused("select 2;\nvacuum;", DOWN).line == 2


def test_one_way_may_refuse_a_transaction_and_the_other_not():
    loaded = script("create index concurrently i on t (a);\n-- trek: down\ndrop index i;")
    assert loaded.up is not None
    assert loaded.down is not None
    assert (loaded.up.mode, loaded.down.mode) == ("autocommit", "transaction")


def test_a_mixture_is_taken_when_marked():
    assert texts(up("-- trek: no-transaction\nselect 1; vacuum")) == ["select 1", "vacuum"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("begin", "BEGIN"),
        ("commit and chain", "COMMIT"),
        ("ROLLBACK", "ROLLBACK"),
        ("prepare transaction 'x'", "PREPARE TRANSACTION"),
    ],
)
def test_a_file_that_controls_the_transaction_is_refused_unless_marked(statement: str, words: str):
    error = refused(f"select 1;\n{statement};\nselect 2")
    assert (error.line, error.problem) == (
        2,
        f"{words}: trek itself begins and ends the transaction of this file",
    )
    assert "-- trek: no-transaction" in error.advice
    assert texts(up(f"-- trek: no-transaction\nselect 1; {statement}")) == ["select 1", statement]


def test_control_of_the_transaction_is_refused_also_where_a_transaction_block_would_be():
    assert refused("begin;\nvacuum;\ncommit;").problem.startswith("BEGIN: trek itself")


# --------------------------------------------------------------------------- statements that trek runs nowhere
@pytest.mark.parametrize("mark", ["", "-- trek: no-transaction"])
@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("discard all", "DISCARD ALL would release the lock"),
        ("select pg_advisory_unlock_all()", "pg_advisory_unlock_all() would release the lock"),
        ("select * from t, pg_catalog.PG_advisory_unlock_all ()", "pg_advisory_unlock_all() would release the lock"),
        ('select "pg_advisory_unlock_all"()', "pg_advisory_unlock_all() would release the lock"),
        ("do $$ begin perform pg_advisory_unlock_all(); end $$", "pg_advisory_unlock_all() would release the lock"),
        ("reset all", "RESET ALL would wipe the settings that the caller made"),
        ("RESET /* */\n ALL", "RESET ALL would wipe the settings that the caller made"),
        ("SELECT pg_catalog.lo_create('16403')", "lo_create of a large object: pg_dump writes it under its number"),
        ("SELECT pg_catalog.lo_open('16403', 131072)", "lo_open of a large object"),
        ("SELECT pg_catalog.lowrite(0, '\\x00')", "lowrite of a large object"),
    ],
)
def test_what_would_lose_the_lock_the_settings_or_the_data_is_refused_in_every_mode(
    mark: str, statement: str, problem: str
):
    error = refused(f"{mark}\n\n{statement};")
    assert error.line == 3
    assert error.problem.startswith(problem)


def test_the_advice_for_large_objects_names_the_option_of_pg_dump():
    advice = refused("SELECT pg_catalog.lo_create('16403');\n").advice
    assert "--no-blobs" in advice
    assert "--no-large-objects" in advice


def test_a_copy_in_a_file_that_cannot_run_in_a_transaction_is_a_mixture():
    error = refused("copy t from stdin;\n1\n\\.\nvacuum t;")
    assert error.line == 4
    assert "line 1: copy t from stdin" in error.problem


@pytest.mark.parametrize(
    "statement",
    [
        "discard plans",
        "reset search_path",
        "reset role",
        'reset "all"',
        "alter role r reset all",
        "comment on table t is 'no pg_advisory_unlock_all() here'",
        "select 1 /* pg_advisory_unlock_all */ + 1",
        "select pg_advisory_unlock(1)",
        "select my_pg_advisory_unlock_all()",
        "copy t to '/f'",
        "select lo_create(0)",
        "select 'SELECT pg_catalog.lo_create'",
    ],
)
def test_what_only_looks_like_it_is_taken(statement: str):
    assert texts(up(statement)) == [statement]


# --------------------------------------------------------------------------- bytes
def test_bytes_that_are_no_text_are_refused_with_their_line():
    assert refused(b"select 1;\nselect '\xff'").line == 2
    assert refused(b"select 1;\n\nselect '\0'").line == 3


@pytest.mark.parametrize(
    ("content", "line"),
    [("select 1;\nselect 'a", 2), ("select 1;\n-- trek: down\nselect $$ a", 3), ("-- trek: no-transaction\n\n/* a", 3)],
)
def test_what_the_splitter_refuses_the_loader_refuses_with_the_files_own_line(content: str, line: int):
    error = refused(content)
    assert error.line == line
    assert "never ends" in error.problem


def test_a_message_begins_with_file_and_line_and_ends_with_what_to_do():
    assert str(refused("select 1;\nreset all")) == (
        "m/0001_a.sql:2: RESET ALL would wipe the settings that the caller made on this connection\n"
        "Name the settings: RESET search_path."
    )


@pytest.mark.parametrize("line", ["-- trek down", "--trek  Down", "-- trek no-transaction", "-- TREK irreversible  "])
def test_a_directive_without_its_colon_is_refused_since_it_would_be_a_mere_comment(line: str):
    error = refused(f"create table t (a int);\n{line}\ndrop table t;\n")
    assert error.line == 2
    assert "without its colon" in error.problem


def test_a_comment_that_speaks_of_trek_is_a_comment():
    assert (
        len(up("-- trek requires PostgreSQL 14, and goes down the hill\nselect 1;\n-- trek\nselect 2").statements) == 2
    )
