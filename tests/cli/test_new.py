"""`trek new` needs no database."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
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


# --------------------------------------------------------------------------- the folder's habit, or another
def created(project: Project, *words: str) -> list[str]:
    ended = project.run("new", *words, "--json")
    assert ended.code == 0, ended.err
    return [path.removeprefix("migrations/") for path in ended.json["created"]]


def test_a_pair_follows_a_pair_and_one_file_a_file(offline: Project) -> None:
    offline.write({"0001_a.sql": USERS})
    assert created(offline, "b") == ["0002_b.sql"]
    offline.write({"0003_c.up.sql": USERS, "0003_c.down.sql": USERS})
    assert created(offline, "d") == ["0004_d.up.sql", "0004_d.down.sql"]
    offline.write({"0005_e.sql": USERS, "0005_e.down.sql": USERS})
    assert created(offline, "f") == ["0006_f.sql", "0006_f.down.sql"]
    assert created(offline, "g", "--py") == ["0007_g.py"]
    assert created(offline, "h") == ["0008_h.sql", "0008_h.down.sql"]


def test_the_way_back_of_a_new_pair_fails_until_it_is_written(project: Project) -> None:
    project.write({"0001_a.up.sql": "SELECT 1;", "0001_a.down.sql": "SELECT 1;"})
    up, _ = created(project, "b")
    project.write({up: "SELECT 2;"})
    assert project.run("migrate").code == 0
    ended = project.run("migrate", "-1", "--yes")
    assert ended.code == 1
    assert "the way back of 0002 is not written" in ended.err


def test_an_empty_folder_begins_with_a_timestamp_if_asked_and_goes_on_with_timestamps(offline: Project) -> None:
    (first,) = created(offline, "a", "--timestamp")
    (second,) = created(offline, "b")
    for name in (first, second):
        assert datetime.strptime(name[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    assert first[:14] < second[:14]


@pytest.mark.parametrize("last", ["20240102", "2024010203", "202401020304", "20240102030405"])
def test_a_timestamp_of_any_width_is_continued_in_its_width(offline: Project, last: str) -> None:
    offline.write({f"{last}_a.sql": USERS})
    (name,) = created(offline, "b")
    assert re.fullmatch(rf"[0-9]{{{len(last)}}}_b\.sql", name)
    assert name[:4] == str(datetime.now(UTC).year)


def test_numbers_can_be_left_for_timestamps_and_not_the_other_way_round(offline: Project) -> None:
    offline.write({"0041_a.sql": USERS})
    assert created(offline, "b", "--number") == ["0042_b.sql"]
    (name,) = created(offline, "c", "--timestamp")
    ended = offline.run("new", "d", "--number")
    assert (ended.code, ended.out) == (2, "")
    assert f"the last revision, {name[:14]}, is a timestamp" in ended.err


def test_a_format_with_its_own_names_refuses_another_numbering(offline: Project) -> None:
    ended = offline.run("new", "a", "--number", "--format", "goose")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "the layout 'goose' names its files in its own way: leave --number out.\n"
    assert not (offline.folder / "migrations").exists()


# --------------------------------------------------------------------------- templates and the editor
def test_a_template_is_what_the_file_begins_with(offline: Project) -> None:
    (offline.folder / "table.sql").write_text("-- {title}\nSELECT '{}';\n")
    (name,) = created(offline, "Users, all", "--template", "table.sql")
    assert (offline.folder / "migrations" / name).read_text() == "-- Users, all\nSELECT '{}';\n"


def test_a_template_of_the_configuration_is_seen_from_its_file_and_holds_for_its_kind(offline: Project) -> None:
    (offline.folder / "trek.toml").write_text('new-template = "db/new.sql"\n')
    (offline.folder / "db").mkdir()
    (offline.folder / "db" / "new.sql").write_text("SET ROLE owner;\n")
    inside = ["--dir", "../migrations"]
    offline.folder /= "db"
    ended = offline.run("new", "a", *inside)
    assert ended.code == 0, ended.err
    assert (offline.folder / ended.out.strip()).read_text() == "SET ROLE owner;\n"
    python = offline.run("new", "b", "--py", *inside).out.strip()
    assert "async def upgrade" in (offline.folder / python).read_text()


def test_a_template_that_ends_in_py_makes_a_python_file(offline: Project) -> None:
    (offline.folder / "t.py").write_text("async def upgrade(connection): ...\n")
    assert created(offline, "a", "--template", "t.py") == ["0001_a.py"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--template", "gone.sql"], "the template gone.sql cannot be read: No such file or directory"),
        (["--template", "latin.sql"], "the template latin.sql cannot be read: it is not UTF-8"),
        (["--template", "latin.sql", "--py"], "--py makes a Python file, and the template latin.sql is none"),
    ],
)
def test_a_template_that_is_not_usable_is_named_and_nothing_is_written(
    offline: Project, words: list[str], found: str
) -> None:
    (offline.folder / "latin.sql").write_bytes(b"-- gr\xfc\xdfe\n")
    ended = offline.run("new", "a", *words)
    assert (ended.code, ended.out) == (2, "")
    assert found in ended.err
    assert not (offline.folder / "migrations").exists()


def test_edit_opens_every_file_in_the_editor(offline: Project) -> None:
    offline.write({"0001_a.up.sql": USERS, "0001_a.down.sql": USERS})
    editor = offline.folder / "editor.py"
    editor.write_text("import sys\nopen(sys.argv[1], 'a').write('-- edited\\n')\n")
    offline.environ["VISUAL"] = f"{sys.executable} {editor}"
    for name in created(offline, "b", "--edit"):
        assert (offline.folder / "migrations" / name).read_text().endswith("-- edited\n")


def test_an_editor_that_fails_is_named_and_the_files_stay(offline: Project) -> None:
    offline.environ["VISUAL"] = "false"
    ended = offline.run("new", "a", "--edit")
    assert (ended.code, ended.out) == (2, "migrations/0001_a.sql\n")
    assert "false: Editing failed" in ended.err
    assert (offline.folder / ended.out.strip()).exists()


# --------------------------------------------------------------------------- several at once
def test_several_at_once_take_a_number_each(offline: Project) -> None:
    running = [offline.start("new", f"n{number}", "--json") for number in range(4)]
    names = [json.loads(one.communicate(timeout=60)[0])["created"][0] for one in running]
    assert sorted(name.split("_")[0] for name in names) == [f"migrations/{number:04}" for number in range(1, 5)]
