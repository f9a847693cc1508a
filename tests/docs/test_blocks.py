"""Whatever a page shows as code is run by a test, or is of a kind that nobody runs: the table says how, or why not."""

from __future__ import annotations

from tests.docs.pages import blocks, every_block, pages
from tests.docs.sessions import SESSIONS, titles

RUN = {
    "python": "test_python_blocks.py, test_plugin_examples.py",
    "bash": "test_commands.py",
    "toml": "test_reference.py: read as a configuration or as entry points",
    "yaml": "the page's own test: test_publishing.py for what CI runs",
    "mermaid": "test_plugin_picture.py",
    "ini": "a file of a session",
    "console": "a session, or what the page's own test compares",
}
SHOWN = {
    "text": "messages and help, compared where they are made: tests/errors, test_plugin_mistakes.py, test_commands.py",
    "sh": "the words of docs/drift.md, which tests/cli says one by one",
    "": "listings of folders, lines that the page's own test reads, and drawings",
}
SQL = [("README.md", 1), ("docs/jinja.md", 1)]
"""Read by the tests of what stands around them, in test_reference.py and tests/loaders."""


def test_every_block_is_of_a_kind_that_is_run_or_compared() -> None:
    assert {found.language for found in every_block()} <= {*RUN, *SHOWN, "sql"}
    here = [page for page in pages() if page not in SESSIONS]
    assert [found.place for found in blocks("sql", *here)] == SQL


def test_a_session_holds_files_and_commands_and_nothing_else() -> None:
    for page in SESSIONS:
        shown = [found for found in every_block(page) if found.language not in ("console", "text")]
        assert len(shown) == len(titles(page)), page
        assert blocks("text", page) == [], page
