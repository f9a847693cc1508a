"""What the command shows of a migration outside a transaction that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Connection

STEPS = "-- trek: no-transaction\nCREATE TABLE half (id int);\nINSERT INTO other VALUES (1);\nVACUUM half;\n"


async def test_status_plan_and_migrate_say_where_it_goes_on(project: Project, connection: Connection) -> None:
    project.write({"0001_steps.sql": STEPS})
    failed = project.run("migrate")
    assert failed.code == 1
    assert "run again: trek goes on at statement 2 of 3" in failed.err
    assert "unfinished (1 of 3 statements done)" in project.run("status").out
    (shown,) = project.run("status", "--json").json["revisions"]
    assert (shown["state"], shown["progress"]) == ("unfinished", "1 of 3 statements done")
    assert "resumes 0001 at statement 2 of 3" in project.run("plan").out.splitlines()
    assert project.run("plan", "--json").json["actions"][0]["resumes_at"] == "2 of 3"
    await connection.execute("CREATE TABLE other (id int)")
    ended = project.run("migrate")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == "resuming 0001 steps at statement 2 of 3"
    assert ended.out.splitlines()[1].startswith("applied 0001 steps  (")
    assert await connection.fetchval("SELECT count(*) FROM other") == 1
    assert "failed" in project.run("history").out
    assert project.run("status", "--check").code == 0
