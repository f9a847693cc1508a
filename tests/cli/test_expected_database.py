"""`--expect-database same`, and the way out that its error names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.cli.project import THREE

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Connection

ELSEWHERE = "UPDATE trek_history SET database = '1/1'"


async def test_a_history_from_elsewhere_is_refused_until_a_run_names_the_identity_that_the_error_shows(
    project: Project, connection: Connection
) -> None:
    project.write(THREE)
    same = ("--expect-database", "same")
    assert project.run("migrate", "0001", *same).code == 0
    await connection.execute(ELSEWHERE)
    refused = project.run("migrate", "0002", *same)
    assert refused.code == 2
    assert "has the identity 1/1" in refused.err
    (identity,) = re.findall(r"run once with --expect-database (\d+/\d+) ", refused.err)
    assert project.run("migrate", "0002", "--expect-database", identity).code == 0
    assert project.run("migrate", "0003", *same).code == 0


async def test_where_nothing_is_left_to_run_a_repair_of_the_newest_accepts_the_new_home(
    project: Project, connection: Connection
) -> None:
    project.write(THREE)
    (project.folder / "trek.toml").write_text('expect-database = "same"\n')
    assert project.run("migrate").code == 0
    await connection.execute(ELSEWHERE)
    assert project.run("migrate").code == 2
    assert project.run("repair", "0003", "--applied").code == 2
    (identity,) = re.findall(r"identity (\d+/\d+)\.\n", project.run("migrate").err)
    assert project.run("repair", "0003", "--applied", "--expect-database", identity).code == 0
    assert project.run("migrate").out.startswith("up to date")
