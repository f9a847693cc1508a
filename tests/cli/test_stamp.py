"""`trek stamp` and `trek repair` write only the history; unmarking what is applied wants a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Connection


STEPS = "-- trek: no-transaction\nCREATE TABLE half (id int);\nSELECT 1 / 0;\n"


def states(project: Project) -> dict[str, str]:
    return {one["revision"]: one["state"] for one in project.run("status", "--json").json["revisions"]}


@pytest.fixture
def unfinished(project: Project) -> Project:
    """0002 failed outside a transaction."""
    project.write({"0001_users.sql": USERS, "0002_steps.sql": STEPS})
    assert project.run("migrate").code == 1
    assert states(project) == {"0001": "applied", "0002": "unfinished"}
    return project


async def test_stamp_prints_what_it_marks_and_runs_nothing(project: Project, connection: Connection) -> None:
    project.write(THREE)
    ended = project.run("stamp", "0002")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[:2] for line in ended.out.splitlines()[:-1]] == [["marked", "0001"], ["marked", "0002"]]
    assert ended.out.splitlines()[-1].startswith("2 revisions marked in ")
    assert await connection.fetchval("SELECT to_regclass('public.users')") is None
    assert project.run("stamp", "0002").out == "the history says 0002 already\n"


def test_stamping_back_without_yes_shows_the_list_and_does_nothing(project: Project) -> None:
    project.write(THREE)
    project.run("stamp", "head")
    ended = project.run("stamp", "0001")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[:3] == [
        "This goes back: 2 revisions would not count as applied any more.",
        "  unmark 0003 index",
        "  unmark 0002 email",
    ]
    assert "--yes" in ended.err
    assert project.run("status", "--check").code == 0
    assert project.run("stamp", "0001", "--json").json["error"]["type"] == "NotConfirmed"


def test_stamping_back_with_yes_says_unmarked(project: Project) -> None:
    project.write(THREE)
    project.run("stamp", "head")
    ended = project.run("stamp", "-1", "--yes")
    assert (ended.code, ended.out.splitlines()[0].split()[:2]) == (0, ["unmarked", "0003"])


def test_a_revision_without_a_file_is_unmarked_only_with_yes(project: Project) -> None:
    project.write(THREE)
    project.run("stamp", "head")
    (project.folder / "migrations" / "0003_index.sql").unlink()
    ended = project.run("stamp", "head")
    assert ended.code == 2
    assert "  unmark 0003" in ended.err
    assert project.run("stamp", "head", "--yes").code == 0
    assert project.run("status", "--check").code == 0


def test_unmarking_what_was_begun_and_never_completed_asks_nothing(unfinished: Project) -> None:
    ended = unfinished.run("stamp", "0001")
    assert (ended.code, ended.out.splitlines()[0].split()[:2]) == (0, ["unmarked", "0002"])
    assert states(unfinished) == {"0001": "applied", "0002": "pending"}


def test_stamp_in_json(project: Project) -> None:
    project.write(THREE)
    document = project.run("stamp", "0001", "--json").json
    assert [(ran["verb"], ran["revision"]) for ran in document["ran"]] == [("mark", "0001")]


def test_stamping_back_in_another_format_wants_a_yes_too(project: Project) -> None:
    project.write({"20240101_initial_up_a.sql": "SELECT 1;", "20240101_a_down_initial.sql": "SELECT 1;"})
    words = ("--format", "asyncpg-trek")
    assert project.run("stamp", "a", *words).code == 0
    ended = project.run("stamp", "base", *words)
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert project.run("status", "--check", *words).code == 0
    assert project.run("stamp", "base", "--yes", *words).code == 0
    assert project.run("status", "--check", *words).code == 3


# --------------------------------------------------------------------------- repair
@pytest.mark.parametrize(
    ("option", "line", "summary", "state"),
    [
        ("--applied", ["marked", "0002"], "0002 counts as applied now, nothing was run", "applied"),
        ("--not-applied", ["unmarked", "0002"], "0002 counts as not applied now, nothing was run", "pending"),
    ],
)
def test_repair_says_of_one_revision_whether_it_is_applied(
    unfinished: Project, option: str, line: list[str], summary: str, state: str
) -> None:
    ended = unfinished.run("repair", "0002", option)
    assert (ended.code, ended.err) == (0, "")
    assert [ended.out.splitlines()[0].split()[:2], ended.out.splitlines()[1:]] == [line, [summary]]
    assert states(unfinished) == {"0001": "applied", "0002": state}


def test_repair_leaves_other_revisions_as_they_are(project: Project) -> None:
    project.write(THREE)
    project.run("stamp", "head")
    assert project.run("repair", "0002", "--not-applied").code == 0
    assert states(project) == {"0001": "applied", "0002": "pending", "0003": "applied"}


def test_repair_accepts_an_edited_file(project: Project) -> None:
    project.write({"0001_users.sql": USERS})
    project.run("migrate")
    project.write({"0001_users.sql": f"{USERS}-- edited\n"})
    assert states(project) == {"0001": "changed"}
    assert project.run("repair", "0001", "--applied").code == 0
    assert states(project) == {"0001": "applied"}


def test_repair_in_json(unfinished: Project) -> None:
    document = unfinished.run("repair", "0002", "--applied", "--json").json
    assert [(ran["verb"], ran["revision"]) for ran in document["ran"]] == [("mark", "0002")]


@pytest.mark.parametrize("options", [[], ["--applied", "--not-applied"]])
def test_repair_wants_one_of_its_two_options(unfinished: Project, options: list[str]) -> None:
    ended = unfinished.run("repair", "0002", *options)
    assert (ended.code, ended.out) == (2, "")
    assert "say one of --applied and --not-applied" in ended.err
    assert states(unfinished)["0002"] == "unfinished"


def test_repair_of_an_unknown_revision_gives_2(unfinished: Project) -> None:
    ended = unfinished.run("repair", "0009", "--applied", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (2, "UnknownRevision")
