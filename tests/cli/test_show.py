"""`trek status`, `trek plan` and `trek history`: they only read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Connection


@pytest.fixture
def half(project: Project) -> Project:
    """Two of three are applied."""
    project.write(THREE)
    assert project.run("migrate", "0002").code == 0
    return project


# --------------------------------------------------------------------------- status
def test_status_shows_the_state_and_every_revision(half: Project) -> None:
    ended = half.run("status")
    assert (ended.code, ended.err) == (0, "")
    headline, headings, *rows = ended.out.splitlines()
    assert headline.startswith("pending  (2 revisions applied, 1 pending; database ")
    assert "trek_history" in headline
    assert headings.split() == ["REVISION", "TITLE", "STATE", "WHEN", "TOOK", "WHO"]
    assert [row.split()[:3] for row in rows] == [
        ["0001", "users", "applied"],
        ["0002", "email", "applied"],
        ["0003", "index", "pending"],
    ]
    assert re.search(r"applied  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*  \d+ ms +\S+$", rows[0])
    assert rows[2].endswith("pending")


def test_status_without_check_is_0_whatever_it_finds(project: Project) -> None:
    project.write(THREE)
    assert project.run("status").code == 0


def test_status_in_json(half: Project) -> None:
    document = half.run("status", "--json").json
    assert (document["state"], document["history"]) == ("pending", "public.trek_history")
    states = [(one["revision"], one["title"], one["state"]) for one in document["revisions"]]
    assert states == [("0001", "users", "applied"), ("0002", "email", "applied"), ("0003", "index", "pending")]
    assert document["revisions"][0]["row"]["duration"] > 0
    assert document["revisions"][2]["row"] is None


# --------------------------------------------------------------------------- plan
def test_plan_shows_verb_revision_title_file_and_mode(project: Project) -> None:
    project.write(THREE)
    ended = project.run("plan")
    assert (ended.code, ended.err) == (0, "")
    headings, *rows = ended.out.splitlines()
    assert headings.split() == ["VERB", "REVISION", "TITLE", "FILE", "MODE"]
    assert [row.split() for row in rows] == [
        ["apply", "0001", "users", "migrations/0001_users.sql", "transaction"],
        ["apply", "0002", "email", "migrations/0002_email.sql", "transaction"],
        ["apply", "0003", "index", "migrations/0003_index.sql", "autocommit"],
    ]


async def test_plan_writes_nothing(project: Project, connection: Connection) -> None:
    project.write(THREE)
    project.run("plan")
    project.run("plan", "--sql")
    assert await connection.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 2200") == 0


def test_plan_says_that_it_goes_down(half: Project) -> None:
    ended = half.run("plan", "-1")
    assert ended.code == 0
    assert ended.out.splitlines()[1].split()[:2] == ["revert", "0002"]
    assert "goes down" in ended.err


def test_plan_of_nothing_says_where_the_database_is(half: Project) -> None:
    half.run("migrate")
    assert half.run("plan").out == "nothing to do: the database is at 0003\n"


async def test_the_sql_of_a_plan_is_a_script_that_does_it(project: Project, connection: Connection) -> None:
    project.write({"0001_users.sql": USERS, "0002_name.sql": "COMMENT ON TABLE users IS 'Ünïcode ✓';"})
    project.environ = {"PYTHONIOENCODING": "ascii"}
    ended = project.run("plan", "--sql")
    assert (ended.code, ended.err) == (0, "")
    await connection.execute(re.sub(r"(?m)^\\set .*\n", "", ended.out))  # lines for psql
    assert await connection.fetchval("SELECT obj_description('users'::regclass)") == "Ünïcode ✓"
    assert project.run("status", "--check").code == 0


def test_plan_in_json_with_and_without_sql(project: Project) -> None:
    project.write(THREE)
    document = project.run("plan", "0001", "--json").json
    assert document["target"] == "0001"
    (action,) = document["actions"]
    assert (action["verb"], action["revision"], action["mode"]) == ("apply", "0001", "transaction")
    assert action["files"] == ["migrations/0001_users.sql"]
    assert "sql" not in document
    assert "CREATE TABLE users" in project.run("plan", "0001", "--json", "--sql").json["sql"]


# --------------------------------------------------------------------------- history
def test_history_is_oldest_first_and_keeps_what_was_reverted(half: Project) -> None:
    half.run("migrate", "-1", "--yes")
    headings, *rows = half.run("history").out.splitlines()
    assert headings.split() == ["WHEN", "VERB", "REVISION", "TITLE", "STATE", "TOOK", "WHO", "APPLICATION"]
    moved = [(one["verb"], one["revision"], one["state"]) for one in half.run("history", "--json").json["rows"]]
    assert moved == [("apply", "0001", "done"), ("apply", "0002", "done"), ("revert", "0002", "done")]
    assert len(rows) == len(moved)


def test_history_shows_when_each_row_was_begun_so_that_times_rise(project: Project) -> None:
    project.write({"0001_steps.sql": "-- trek: no-transaction\nSELECT 1;\nSELECT pg_sleep(1.1);\n"})
    assert project.run("migrate").code == 0
    shown = [line[:19] for line in project.run("history").out.splitlines()[1:]]
    begun = [row["started_at"][:19].replace("T", " ") for row in project.run("history", "--json").json["rows"]]
    assert shown == begun == sorted(begun)
    assert len(shown) == 3


def test_history_shows_what_failed_and_was_rolled_back(half: Project) -> None:
    half.write({"0004_wrong.sql": "INSERT INTO nobody VALUES (1);\n"})
    for _ in range(2):  # the container is started again and again
        assert half.run("migrate").code == 1
    *rows, problem = half.run("history").out.splitlines()
    assert re.search(r" apply +0004 +wrong +rolled back ", rows[-1])
    assert sum("0004" in row for row in rows) == 1
    assert problem == '0004 rolled back: relation "nobody" does not exist (SQLSTATE 42P01)'
    status = half.run("status").out
    assert status.startswith("pending"), status


def test_the_json_of_the_history_has_the_raw_row(project: Project) -> None:
    project.write({"0001_steps.sql": "-- trek: no-transaction\nSELECT 1;\nSELECT 2;\n"})
    project.run("migrate")
    raw = [row["data"] for row in project.run("history", "--json").json["rows"]]
    assert [(row["seq"], row["step"], row["revision"]) for row in raw] == [
        (1, 0, "0001"),
        (2, 1, "0001"),
        (3, 2, "0001"),
    ]


def test_no_history_is_no_error(project: Project) -> None:
    project.write(THREE)
    assert project.run("history").out == "there is no history yet: `trek migrate` begins it\n"
    assert project.run("history", "--json").json == {"exists": False, "rows": []}


def test_a_character_that_the_encoding_lacks_is_escaped(project: Project) -> None:
    project.write({"0001_größe.sql": USERS})
    project.environ = {"PYTHONIOENCODING": "ascii"}
    assert r"gr\xf6\xdfe" in project.run("plan").out
