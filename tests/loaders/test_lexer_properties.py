"""The splitter on texts that nobody wrote: made of statements, made of fragments, made of anything."""

from __future__ import annotations

import re
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trek_core.errors import LoadError
from trek_core.model import Copy, Direction, File, Source, Sql
from trek_loaders import _sql, _statements
from trek_loaders._lexer import read, split, split_and_notes
from trek_loaders._quick import load_quickly
from trek_loaders._scanner import Note, Scanner
from trek_loaders._statements import changes_settings, controls_transaction, reads_stdin, refuses_block

PIECES = st.sampled_from(
    [
        "select", "1", "a$b", "'it''s;'", "E'\\';'", "U&'\\'", '"x"";"', "$$;'$$", "$a$ $$;$$ $a$", "(1;2)", "((;))",
        "/* ; /* ' */ */", "-- ;'\n", "+", "-", "/", "@", "é", "$1", "x.end", "'a'\n';'", "begin", "atomic", "case", "end",
        "create function f() begin atomic select 1 end; end",
    ]
)  # fmt: skip
BLANKS = st.sampled_from([" ", "\n", "\r\n", "\t", " -- ;\n", "/* ; */", "\n/*'*/\n", ";", " ; ;\n"])
FRAGMENTS = st.sampled_from(
    [*"'\"$();\\-/*\n\r aeE1&Uu.é\u00a0", "$$", "$a$", "/*", "*/", "--", "E'", "begin atomic", "end"]
)
SCRIPTS = st.one_of(st.text(max_size=80), st.lists(FRAGMENTS, max_size=40).map("".join))
WORDS = """
Create unique INDEX concurrently table temp Temporary select into with alter database tablespace detach subscription refresh
publication reindex (concurrently) cluster vacuum set constraints RESET discard all do declare hold listen prepare transaction
begin atomic end commit rollback to prepared 'two_phase' Set_Config "set_config" "SET_CONFIG" pg_temp pg_advisory_lock copy from
stdin function
"""
PLAIN = st.sampled_from(
    [
        *"();;;;'\"-/*,.=+:&\n\t é$", "--", "/*", "*/", "-- c ; '\n", "\n-- trek: lock-timeout 2s\n", "\n-- trek: down\n",
        "1", "'a;'", "'It''s'", '"Q;"', "N'x'", "E'\\';'", "U&'x'", "&'x'", "(1, (2))", "(a, -- ;\n b)", "((((1))))",
        "(((((1)))))", "create function f() begin atomic select 1; end", *WORDS.split(),
    ]
)  # fmt: skip
USUAL = st.sampled_from(
    [
        "create table t (a int);\n",
        "\nINSERT INTO t VALUES ('é;', ')');",
        ";;drop view v;",
        "select (1",
        "update t set a = 1",
    ]
)
WAYS = [None, Direction.up, Direction.down]
SAYING = [
    *sorted(chain(*_statements._REFUSED.values(), *_statements._CONTROLS.values())),
    *sorted(_statements._CHANGING),
    *(f"select {word}" for word in sorted(_statements.TELLING)),
    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "ALTER DATABASE d SET TABLESPACE t", "CREATE SUBSCRIPTION s",
    "ALTER SUBSCRIPTION s REFRESH PUBLICATION", "CREATE TEMP TABLE t ()", "WITH a AS (SELECT 1) SELECT * INTO TEMP t FROM a",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "REINDEX SCHEMA s", "CLUSTER", "SET ROLE r", "COPY t FROM STDIN;\n\\.\n",
    "SELECT pg_catalog.lo_create('1')", "SELECT pg_advisory_unlock_all()", "RESET ALL", "-- trek: down\nDROP TABLE t",
    "-- trek: lock-timeout 2s\nCREATE TABLE t ()", "\\restrict a\nCREATE TABLE t ()", "SELECT E'\\';'", "",
    "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END",
]  # fmt: skip
COPIED = re.compile(r"\bcopy\b", re.IGNORECASE)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Something that the splitter must keep whole: it begins with a word and holds no `;` of its own at the top."""
    pieces = draw(st.lists(PIECES.filter(lambda piece: not piece.startswith(("create", "begin"))), max_size=6))
    start = draw(
        st.sampled_from(["select", "insert", "x", '"q;"', "$$;$$", "(1;2)", "create function f() begin atomic ;; end"])
    )
    # A comment is part of a statement only between two of its tokens, so a token stands last.
    return " ".join([start, *pieces, draw(st.sampled_from(["t", "';'", ")", "7"]))])


def refusal(script: str) -> LoadError | None:
    try:
        split(script, "a.sql")
    except LoadError as error:
        return error
    return None


@given(st.lists(statements(), max_size=6), st.data())
def test_joined_statements_split_into_exactly_those_at_exactly_their_places(parts: list[str], data: st.DataObject):
    script, places = "", []
    for part in parts:
        script += data.draw(BLANKS)
        places.append((part, len(script), script.count("\n") + 1, len(script) - script.rfind("\n")))
        script += part + data.draw(st.sampled_from(["", " ", "\n", "/* c */", " -- c\n"])) + ";"
    script += data.draw(BLANKS)
    assert [(found.text, found.offset, found.line, found.column) for found in split(script)] == places


@settings(max_examples=500)
@given(SCRIPTS)
def test_any_text_splits_or_raises_a_load_error_that_names_one_of_its_lines(script: str):
    error = refusal(script)
    if error is not None:
        assert error.path == "a.sql"
        assert error.line in range(1, script.count("\n") + 2)


@settings(max_examples=500)
@given(SCRIPTS.filter(lambda script: not COPIED.search(script)))
def test_nothing_but_blanks_semicolons_and_comments_lies_between_the_statements(script: str):
    try:
        found = split(script)
    except LoadError:
        return
    position = 0
    for statement in found:
        assert statement.offset >= position
        assert script[statement.offset :].startswith(statement.text)
        assert {token.word for token in Scanner(script[: statement.offset], start=position)} <= {";"}
        position = statement.offset + len(statement.text)
    assert {token.word for token in Scanner(script, start=position)} <= {";"}


@settings(max_examples=300)
@given(SCRIPTS)
def test_a_statement_split_again_is_itself(script: str):
    try:
        found = split(script)
    except LoadError:
        return
    for statement in found:
        assert [again.text for again in split(statement.text)] == [statement.text]


@given(st.text(alphabet=st.characters(exclude_characters="\\\0", exclude_categories=["Cs"])))
def test_the_data_of_a_copy_is_kept_to_the_character(data: str):
    copy, after = split(f"copy t from stdin;\n{data}\n\\.\nselect 1")
    assert isinstance(copy, Copy)
    assert copy.data == f"{data}\n"
    assert after.text == "select 1"


Told = tuple[str, int, str, str, bool]


def told_token_by_token(script: str) -> tuple[list[Told], list[Note]] | None:
    """What the tokens alone say; None for a script that is refused, and for one with a COPY."""
    scanner, found = Scanner(script), list[Told]()
    try:
        while not scanner.done:
            one = read(scanner)
            if one.first and one.last:
                words = one.words
                if reads_stdin(words):
                    return None
                flags = (refuses_block(words), controls_transaction(words), changes_settings(words))
                found.append((script[one.first.start : one.last.end], one.first.start, *flags))
    except LoadError:
        return None
    return found, scanner.notes


@settings(max_examples=2000)
@given(st.lists(st.one_of(PLAIN, PLAIN.map(" {} ".format)), max_size=25).map("".join))
def test_what_is_told_of_plain_statements_is_what_their_tokens_tell(script: str):
    try:
        statements, notes = split_and_notes(script)
    except LoadError:
        assert told_token_by_token(script) is None
        return
    if any(isinstance(one, Copy) for one in statements):
        return
    found = [one for one in statements if isinstance(one, Sql)]
    told = [(one.text, one.offset, one.refuses_block, one.controls_transaction, one.changes_settings) for one in found]
    assert (told, notes) == told_token_by_token(script)


@settings(max_examples=2000)
@given(st.lists(st.one_of(PLAIN, PLAIN.map(" {} ".format), USUAL), max_size=15).map("".join), st.sampled_from(WAYS))
def test_the_quick_way_to_a_script_leads_to_the_same_one_or_nowhere(script: str, way: Direction | None):
    source = Source(File("1.sql", "folder"), script.encode(), way)
    quick = load_quickly(source)
    if quick is not None:
        assert quick == _sql.load(source)


@pytest.mark.parametrize("statement", SAYING)
def test_what_says_something_is_not_for_the_quick_way(statement: str):
    assert load_quickly(Source(File("1.sql"), b"CREATE TABLE t ()")) is not None
    assert load_quickly(Source(File("1.sql"), statement.encode())) is None


@given(st.integers(1, 9), st.sampled_from(["set_config", '"set_config"', "'set_config'"]))
def test_a_word_that_tells_is_seen_behind_thousands_of_others(thousands: int, word: str):
    (found,) = split(f"insert into t values ({'1, ' * 1000 * thousands} {word}())")
    assert isinstance(found, Sql)
    assert found.changes_settings == (word != "'set_config'")
