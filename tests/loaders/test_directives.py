"""Directives: what is read, where reading stops, and what is refused."""

import pytest

from trek_core.errors import LoadError
from trek_loaders._directives import Directives, read_directives


def refused(text: str, line: int = 1) -> LoadError:
    with pytest.raises(LoadError) as caught:
        read_directives(text, "migrations/0001_a.sql", line)
    return caught.value


def test_a_section_that_says_nothing_says_nothing():
    assert read_directives("CREATE TABLE a();", "f") == Directives(False, None, (), None, False)
    assert read_directives("", "f") == Directives()


def test_every_directive_is_read():
    text = (
        "-- trek: no-transaction\n-- trek: requires 0001 2.b\n-- trek: replaces 0001..0040 7\n"
        "-- trek: lock-timeout 2s\n-- trek: irreversible\n-- trek: statement-timeout 5s\nSELECT 1;"
    )
    assert read_directives(text, "f") == Directives(True, ("0001", "2.b"), ("0001..0040", "7"), 2.0, True, 5.0)


@pytest.mark.parametrize(
    "line",
    [
        "--trek:no-transaction",
        "-- TREK: No-Transaction",
        "  \t--   Trek :   no-transaction  \t",
        "-- trek: no-transaction\r",
        "\f-- trek: no-transaction",
    ],
)
def test_case_and_white_space_do_not_matter(line):
    assert read_directives(f"{line}\nSELECT 1;", "f").no_transaction


def test_blank_lines_and_comments_may_stand_among_directives():
    text = "/* a /* nested\n */ licence */ -- a word\n\n--\n-- trek: irreversible\n/* b */\n-- trek: no-transaction\n"
    assert read_directives(text, "f") == Directives(no_transaction=True, irreversible=True)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;\n-- trek: irreversible",
        "SELECT 1; -- trek: irreversible",
        "/* never closed\n-- trek: irreversible",
        "/* -- trek: irreversible\n*/",
        "; -- trek: irreversible",
        "-- trek: down\n-- trek: irreversible",
        "-- TREK : Down\n-- trek: irreversible",
        "-- a trek: irreversible",
        "-- trekking: irreversible",
        "- - trek: irreversible",
    ],
)
def test_what_is_below_the_top_of_the_section_or_no_directive_is_not_read(text):
    assert read_directives(text, "f") == Directives()


def test_lone_carriage_returns_end_a_line_as_they_do_for_postgresql():
    assert read_directives("-- trek: no-transaction\r-- trek: irreversible\r", "f") == Directives(
        True, irreversible=True
    )


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        ("2s", 2.0),
        ("500ms", 0.5),
        ("1min", 60.0),
        ("1.5 s", 1.5),
        ("1h", 3600.0),
        ("0", 0.0),
        ("0s", 0.0),
        ("1MS", 0.001),
    ],
)
def test_a_lock_timeout_is_read_as_seconds(word, seconds):
    assert read_directives(f"-- trek: lock-timeout {word}", "f").lock_timeout == pytest.approx(seconds)


def test_a_statement_timeout_is_read_alike_and_refused_by_its_own_name():
    assert read_directives("-- trek: statement-timeout 1.5min", "f").statement_timeout == pytest.approx(90)
    assert refused("-- trek: statement-timeout soon").problem.startswith("statement timeout: 'soon'")


@pytest.mark.parametrize("word", ["2", "s", "-1s", "2 seconds", "0.1ms", "600h", "1s 2s", "٣s"])
def test_a_lock_timeout_that_postgresql_could_not_keep_is_refused_with_its_value(word):
    error = refused(f"-- trek: lock-timeout {word}")
    assert repr(word) in error.problem
    assert "500ms" in error.advice


def test_an_unknown_directive_is_refused_with_the_nearest_name_and_all_names():
    error = refused("-- a comment\n\n-- trek: no_transaction\n", line=10)
    assert (error.path, error.line) == ("migrations/0001_a.sql", 12)
    assert "'no_transaction'" in error.problem
    assert "Did you mean 'no-transaction'?" in error.advice
    for name in ("no-transaction", "requires", "replaces", "lock-timeout", "statement-timeout", "irreversible", "down"):
        assert name in error.advice


def test_a_misspelled_down_is_told_from_the_others():
    assert "Did you mean 'down'?" in refused("-- trek: dwon").advice


def test_a_directive_without_a_name_is_refused():
    assert "without a name" in refused("-- trek:\n").problem


@pytest.mark.parametrize("name", ["requires", "replaces", "lock-timeout"])
def test_a_missing_argument_is_refused(name):
    assert f"{name} without an argument" in refused(f"-- trek: {name}").problem


@pytest.mark.parametrize("name", ["no-transaction", "irreversible"])
def test_an_argument_where_none_is_taken_is_refused(name):
    assert "'because I say so'" in refused(f"-- trek: {name} because I say so").problem


@pytest.mark.parametrize("name", ["no-transaction", "irreversible", "requires 1", "replaces 1", "lock-timeout 1s"])
def test_the_same_directive_twice_is_refused_with_both_lines(name):
    error = refused(f"-- trek: {name}\n\n-- trek: {name}\n", line=5)
    assert error.line == 7
    assert "line 5" in error.problem


@pytest.mark.parametrize("word", ["0001,", "a_b", "..", "1..", "..2", "1...2", "1..2..3", "'1'", "ä"])
def test_a_word_that_is_no_revision_is_refused(word):
    assert repr(word) in refused(f"-- trek: requires {word}").problem
    assert repr(word) in refused(f"-- trek: replaces {word}").problem


def test_a_range_is_refused_as_a_requirement():
    assert "'1..2'" in refused("-- trek: requires 1..2").problem


@pytest.mark.parametrize("name", ["requires", "replaces"])
def test_a_revision_named_twice_in_one_directive_is_refused(name):
    assert "'0001' twice" in refused(f"-- trek: {name} 0001 2 0001").problem
