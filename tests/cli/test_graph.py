"""`trek graph`: the folder as a picture, without a database; with one in its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Inside, Project

UP = "SELECT 1;\n"
FOUR = {
    "0001_users.sql": UP,
    "0002_email.sql": f"-- trek: requires 0001\n{UP}",
    "0003_orders.sql": f"-- trek: requires 0001\n{UP}",
    "0004_report.sql": f"-- trek: requires 0002 0003\n{UP}",
}
SHOWN = """\
● 0004 report  (head)
├─╮
│ ● 0003 orders
● │ 0002 email
├─╯
● 0001 users
"""


def test_the_folder_as_a_graph_on_a_terminal_needs_no_database(inside: Inside) -> None:
    inside.write(FOUR)
    ended = inside.run("graph")
    assert (ended.code, ended.out, ended.err) == (0, SHOWN, "")


def test_where_the_encoding_has_no_lines_there_are_others(offline: Project) -> None:
    offline.write(FOUR)
    offline.environ = {"PYTHONIOENCODING": "ascii"}
    assert offline.run("graph").out.splitlines()[:3] == ["* 0004 report  (head)", "|-\\", "| * 0003 orders"]


def test_mermaid_svg_and_json(inside: Inside) -> None:
    inside.write(FOUR)
    assert inside.run("graph", "--mermaid").out.startswith('flowchart TD\n    n3["0001 users"]\n')
    assert inside.run("graph", "--svg").out.startswith("<svg ")
    revisions = inside.run("graph", "--json").json["revisions"]
    assert [(one["revision"], one["parents"], one["head"]) for one in revisions] == [
        ("0001", [], False),
        ("0002", ["0001"], False),
        ("0003", ["0001"], False),
        ("0004", ["0002", "0003"], True),
    ]


def test_with_a_database_the_states_are_told_and_coloured(project: Project) -> None:
    project.write(FOUR)
    assert project.run("migrate", "0002").code == 0
    project.environ = {"FORCE_COLOR": "1"}
    out = project.run("graph", "--status").out
    assert "\x1b[32m0001 users\x1b[0m\x1b[90m  (applied)\x1b[0m" in out
    assert "\x1b[33m0004 report\x1b[0m\x1b[90m  (head, pending)\x1b[0m" in out
    assert 'class="node pending"' in project.run("graph", "--status", "--svg").out


def test_an_empty_folder_is_told(inside: Inside) -> None:
    inside.write({"README.md": ""})
    ended = inside.run("graph")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no migration in 'migrations'" in ended.err


def test_another_tools_folder_is_told(inside: Inside) -> None:
    inside.write({"00001_a.sql": "-- +goose Up\nSELECT 1;\n"})
    ended = inside.run("graph")
    assert ended.code == 2
    assert "looks like goose" in ended.err
    assert inside.run("graph", "--format", "goose").out == "● 1 a  (head)\n"
