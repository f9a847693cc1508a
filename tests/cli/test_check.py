"""`trek check`: lines with file and line, an exit code of its own, JSON, and annotations for GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.project import THREE, USERS

if TYPE_CHECKING:
    from tests.cli.project import Inside

BAD = {"0002_b.sql": "SELECT 1;\nSELECT 'open: 100%\n"}


def test_a_folder_in_order_needs_no_database_and_says_so(inside: Inside) -> None:
    inside.write(THREE)
    ended = inside.run("check")
    assert (ended.code, ended.out, ended.err) == (0, "3 revisions, head 0003: nothing found\n", "")


def test_an_error_is_a_line_with_its_place_and_what_to_do_and_exit_code_9(inside: Inside) -> None:
    inside.write({"0001_users.sql": USERS, **BAD, "notes.txt": ""})
    ended = inside.run("check")
    assert ended.code == 9
    lines = ended.out.splitlines()
    assert lines[0].startswith("migrations/0002_b.sql:2: error: a string begins here and never ends")
    assert lines[0].endswith(" [bad-file]")
    assert lines[1].startswith("    Close it with '")
    assert lines[2].startswith("migrations/notes.txt: note: no loader takes '.txt'")
    assert lines[-1] == "2 revisions, head 0002: 1 error, 1 note"


def test_a_warning_is_an_error_only_with_strict_and_a_missing_way_down_with_reversible(inside: Inside) -> None:
    inside.write({**THREE, "0005_more.sql": "SELECT 1;\n"})
    assert "4 revisions, head 0005: 2 warnings" in inside.run("check").out
    assert [inside.run("check", *words).code for words in ((), ("--strict",), ("--reversible",))] == [0, 9, 9]


def test_the_findings_in_json(inside: Inside) -> None:
    inside.write({"0001_users.sql": USERS, **BAD})
    ended = inside.run("check", "--json")
    (found,) = ended.json["findings"]
    assert ended.code == 9
    assert (ended.json["revisions"], ended.json["heads"]) == (["0001", "0002"], ["0002"])
    assert (found["name"], found["level"], found["path"], found["line"]) == (
        "bad-file",
        "error",
        "migrations/0002_b.sql",
        2,
    )
    assert found["revisions"] == ["0002"]


def test_annotations_are_escaped_as_github_wants_them(inside: Inside) -> None:
    inside.write({"0001_users.sql": USERS, **BAD})
    line = inside.run("check", "--github").out.splitlines()[0]
    assert line.startswith("::error file=migrations/0002_b.sql,line=2,title=trek check bad-file::a string begins here")
    assert "SELECT 'open: 100%25" not in line
    assert "100%25%0AClose it with" in line


def test_what_is_no_finding_is_the_usual_error(inside: Inside) -> None:
    assert inside.run("check").code == 2
    inside.write({"0001_users.sql": USERS})
    ended = inside.run("check", "--against", "main")
    assert ended.code == 2
    assert "no repository of git" in ended.err
