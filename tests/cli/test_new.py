"""`trek new` needs no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import USERS

if TYPE_CHECKING:
    from tests.cli.project import Project

ACME = """
from trek_core.plugin import Arrangement, Layout, Provider, hookimpl

@hookimpl
def trek_register_layouts():
    yield Provider("acme", lambda settings: Layout(arrange=lambda tree: Arrangement(())))
"""


def test_the_first_file_makes_the_folder_and_its_path_is_printed(offline: Project) -> None:
    ended = offline.run("new", "Users and roles")
    assert (ended.code, ended.out, ended.err) == (0, "migrations/0001_users_and_roles.sql\n", "")
    assert "-- trek: down" in (offline.folder / ended.out.strip()).read_text()


def test_the_next_file_has_the_next_number(offline: Project) -> None:
    offline.write({"0041_users.sql": USERS})
    assert offline.run("new", "email").out == "migrations/0042_email.sql\n"


def test_py_makes_a_python_file(offline: Project) -> None:
    ended = offline.run("new", "backfill", "--py")
    assert ended.out == "migrations/0001_backfill.py\n"
    assert "async def upgrade(connection)" in (offline.folder / ended.out.strip()).read_text()


def test_json_lists_the_files(offline: Project) -> None:
    assert offline.run("new", "users", "--json").json == {"created": ["migrations/0001_users.sql"]}


def test_a_title_without_a_letter_is_refused_and_leaves_nothing(offline: Project) -> None:
    ended = offline.run("new", "???")
    assert (ended.code, ended.out) == (2, "")
    assert "'???'" in ended.err
    assert list(offline.folder.iterdir()) == []


def test_a_folder_of_another_tool_is_refused(offline: Project) -> None:
    offline.write({"0001_users.sql": "-- +goose Up\nSELECT 1;\n"})
    ended = offline.run("new", "email")
    assert ended.code == 2
    assert "goose" in ended.err
    assert [path.name for path in (offline.folder / "migrations").iterdir()] == ["0001_users.sql"]


def test_a_folder_that_does_not_fit_the_format_that_was_given_is_told_so(offline: Project) -> None:
    offline.write({"0001_users.sql": USERS})
    ended = offline.run("new", "two", "--format", "asyncpg-trek")
    assert ended.code == 2
    assert ended.err.startswith("the folder 'migrations' does not fit the format 'asyncpg-trek': 0001_users.sql is ")
    assert [path.name for path in (offline.folder / "migrations").iterdir()] == ["0001_users.sql"]


def test_a_layout_that_writes_no_files_says_so(offline: Project) -> None:
    offline.install("acme", ACME)
    ended = offline.run("new", "users", "--format", "acme")
    assert ended.code == 2
    assert "'acme' writes no new files" in ended.err


def test_a_folder_that_cannot_be_made_is_named(offline: Project) -> None:
    (offline.folder / "db").write_text("a file\n")
    ended = offline.run("new", "users", "--dir", "db/migrations")
    assert ended.code == 2
    assert "db" in ended.err
    assert "cannot be written" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("title", ["-1", "--", "0x"])
def test_the_words_of_a_title_are_never_taken_for_a_path(offline: Project, title: str) -> None:
    offline.run("new", "--", title)
    assert all(path.parent == offline.folder / "migrations" for path in offline.folder.rglob("*.sql"))


@pytest.mark.parametrize(
    ("gives", "problem"),
    [
        ("{'../x.sql': ''}", "gave the name '../x.sql', want a mapping of file names below the folder to texts"),
        ("{'/tmp/x.sql': ''}", "gave the name '/tmp/x.sql', want"),
        ("{'x.sql': b''}", "gave {'x.sql': b''}, want"),
        ("'x.sql'", "gave 'x.sql', want"),
    ],
)
def test_what_a_layout_would_write_elsewhere_or_is_no_text_is_refused(
    offline: Project, gives: str, problem: str
) -> None:
    offline.install(
        "mine",
        "from trek_core.plugin import Arrangement, Layout, Provider, hookimpl\n@hookimpl\ndef trek_register_layouts():\n"
        "    layout = Layout(arrange=lambda tree: Arrangement(()), new=lambda arrangement, title, kind: "
        + gives
        + ")\n"
        "    yield Provider('mine', lambda settings: layout)\n",
    )
    ended = offline.run("new", "t", "--format", "mine")
    assert f"plugin 'mine' (mine 1.2): Layout.new: {problem}" in ended.err
    assert ended.code == 2
    assert not (offline.folder.parent / "x.sql").exists()


def test_where_one_of_the_files_is_there_none_is_written(offline: Project) -> None:
    offline.install(
        "mine",
        "from trek_core.plugin import Arrangement, Layout, Provider, hookimpl\n@hookimpl\ndef trek_register_layouts():\n"
        "    layout = Layout(arrange=lambda tree: Arrangement(()), new=lambda arrangement, title, kind: "
        "{'t.sql': 'SELECT 1;', 'order.txt': 't.sql'})\n"
        "    yield Provider('mine', lambda settings: layout)\n",
    )
    offline.write({"order.txt": "a.sql\n"})
    ended = offline.run("new", "t", "--format", "mine")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("migrations/order.txt is there already: trek writes new files only, and wrote none.")
    assert [path.name for path in (offline.folder / "migrations").iterdir()] == ["order.txt"]
