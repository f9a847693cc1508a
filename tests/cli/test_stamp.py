"""`trek stamp` writes only the history, and needs no --yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.project import THREE

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Connection


async def test_stamp_prints_what_it_marks_and_runs_nothing(project: Project, connection: Connection) -> None:
    project.write(THREE)
    ended = project.run("stamp", "0002")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[:2] for line in ended.out.splitlines()[:-1]] == [["marked", "0001"], ["marked", "0002"]]
    assert ended.out.splitlines()[-1].startswith("2 revisions marked in ")
    assert await connection.fetchval("SELECT to_regclass('public.users')") is None
    assert project.run("stamp", "0002").out == "the history says 0002 already\n"


def test_stamping_back_needs_no_yes_and_says_unmarked(project: Project) -> None:
    project.write(THREE)
    project.run("stamp", "head")
    ended = project.run("stamp", "-1")
    assert (ended.code, ended.out.splitlines()[0].split()[:2]) == (0, ["unmarked", "0003"])


def test_stamp_in_json(project: Project) -> None:
    project.write(THREE)
    document = project.run("stamp", "0001", "--json").json
    assert [(ran["verb"], ran["revision"]) for ran in document["ran"]] == [("mark", "0001")]
