"""The splitter on texts that nobody wrote: made of statements, made of fragments, made of anything."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from trek_core.errors import LoadError
from trek_core.model import Copy
from trek_loaders._lexer import split
from trek_loaders._scanner import Scanner

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
