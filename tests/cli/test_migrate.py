"""`trek migrate` as a process, piped: lines, summary, streams and exit codes."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cli.project import THREE, USERS, WAIT, tables

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.cli.project import Project
    from tests.support.databases import Connection, Database, Server

FAILING = "CREATE TABLE good (id int);\nSELECT 1 / 0;\n"


# --------------------------------------------------------------------------- exit code 0
async def test_up_to_the_head_prints_a_line_a_migration_and_a_summary(project: Project, connection: Connection) -> None:
    project.write(THREE)
    ended = project.run("migrate")
    assert (ended.code, ended.err) == (0, "")
    *lines, summary = ended.out.splitlines()
    assert [re.sub(r"\(.*\)", "(…)", line) for line in lines] == [
        "applied 0001 users  (…)",
        "applied 0002 email  (…)",
        "applied 0003 index  (…)",
    ]
    took = [re.sub(r"\d+ ms|\d+\.\d\d s", "…", line.partition("  ")[2]) for line in lines]
    assert took == ["(2 together in …)", "(2 together in …)", "(…)"]  # an index built concurrently goes alone
    assert re.fullmatch(r"3 migrations in (\d+ ms|\d+\.\d\d s)", summary)
    assert await tables(connection) >= {"users", "users_email"}


def test_again_it_is_up_to_date_and_says_where(project: Project) -> None:
    project.write(THREE)
    project.run("migrate")
    ended = project.run("migrate")
    assert (ended.code, ended.out, ended.err) == (0, "up to date at 0003\n", "")


def test_one_migration_is_no_plural(project: Project) -> None:
    project.write({"0001_users.sql": USERS})
    assert "\n1 migration in " in project.run("migrate").out


def test_a_target_stops_the_way_up(project: Project) -> None:
    project.write(THREE)
    assert "0003" not in project.run("migrate", "0002").out
    assert project.run("migrate", "0002").out == "up to date at 0002\n"
    assert project.run("migrate", "+1").out.startswith("applied 0003 index")


@pytest.mark.parametrize(
    ("words", "reverted"),
    [
        (["-1", "--yes"], ["0003"]),
        (["--yes", "-2"], ["0003", "0002"]),
        (["--yes", "--", "-1"], ["0003"]),
        (["base", "-y"], ["0003", "0002", "0001"]),
        (["0001", "--yes"], ["0003", "0002"]),
    ],
)
def test_down_with_yes_runs_without_a_question(project: Project, words: list[str], reverted: list[str]) -> None:
    project.write(THREE)
    project.run("migrate")
    ended = project.run("migrate", *words)
    assert (ended.code, ended.err) == (0, "")
    *lines, summary = ended.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["reverted", revision] for revision in reverted]
    assert summary.startswith(f"{len(reverted)} migration")


def test_json_is_one_document_with_what_ran(project: Project) -> None:
    project.write(THREE)
    ended = project.run("migrate", "--json")
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    assert set(document) == {"target", "ran", "seconds", "warnings"}
    assert [(ran["verb"], ran["revision"], ran["title"]) for ran in document["ran"]] == [
        ("apply", "0001", "users"),
        ("apply", "0002", "email"),
        ("apply", "0003", "index"),
    ]
    assert document["target"] == "head"
    assert [ran["together"] for ran in document["ran"]] == [2, 2, 1]  # those share their seconds
    assert document["seconds"] >= sum(ran["seconds"] / ran["together"] for ran in document["ran"])
    assert document["warnings"] == []


def test_json_before_the_command_and_up_to_date(project: Project) -> None:
    project.write(THREE)
    project.run("migrate")
    assert project.run("--json", "migrate").json["ran"] == []


async def test_a_line_is_there_as_soon_as_the_query_of_its_migration_is_done(
    project: Project, held: Connection
) -> None:
    project.write({"0001_users.sql": USERS, "0002_wait.sql": f"-- trek: no-transaction\n{WAIT}"})
    process = project.start("migrate")
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)  # 0002 cannot end before the lock is free
    assert line.startswith("applied 0001 users")
    await held.execute("SELECT pg_advisory_unlock_all()")
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert out.startswith("applied 0002 wait")
    assert (process.returncode, err) == (0, "")


def test_nobody_reading_does_not_stop_a_migration(project: Project) -> None:
    project.write(THREE)
    process = project.start("migrate")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), err) == (0, "")
    assert project.run("status", "--check").code == 0


def test_a_title_with_a_line_break_stays_one_line(project: Project) -> None:
    project.write({"0001_a\x1b[31m\nb.sql": USERS})
    assert project.run("migrate").out.startswith(r"applied 0001 a\x1b[31m\nb  (")


def test_warnings_are_on_stderr_and_rules_of_the_file_hold(project: Project) -> None:
    project.write({"0001_users.sql": USERS, "0003_more.sql": "SELECT 1;"})
    project.run("migrate")
    project.write({"0002_late.sql": "-- trek: requires 0001\nSELECT 1;", "0003_more.sql": "SELECT 2;"})
    assert project.run("migrate").code == 2
    (project.folder / "trek.toml").write_text('out-of-order = "warn"\nchanged = "allow"\n')
    ended = project.run("migrate")
    assert ended.code == 0
    assert ended.out.startswith("applied 0002 late")
    assert ended.err.startswith("warning: ")
    assert "0002" in ended.err


# --------------------------------------------------------------------------- exit code 1
async def test_a_failing_migration_gives_1_and_what_was_done_before_stays(
    project: Project, connection: Connection
) -> None:
    project.write({"0001_users.sql": USERS, "0002_bad.sql": FAILING, "0003_more.sql": "SELECT 1;"})
    ended = project.run("migrate")
    assert ended.code == 1
    assert len(ended.out.splitlines()) == 1
    assert ended.out.startswith("applied 0001 users")
    assert "0002_bad.sql" in ended.err
    assert "division by zero" in ended.err
    assert "Traceback" not in ended.err
    assert await tables(connection) & {"users", "good"} == {"users"}


def test_a_failing_migration_in_json(project: Project) -> None:
    project.write({"0001_users.sql": USERS, "0002_bad.sql": FAILING})
    ended = project.run("migrate", "--json")
    assert ended.code == 1
    error = ended.json["error"]
    assert error["type"] == "MigrationFailed"
    assert (error["revision"], error["sqlstate"]) == ("0002", "22012")
    assert (error["outcome"], error["together"]) == ("rolled back", 1)
    assert [ran["revision"] for ran in error["ran"]] == ["0001"]
    assert error["message"] in ended.err


def test_trek_traceback_shows_where_it_happened(project: Project) -> None:
    project.write({"0001_bad.sql": FAILING})
    project.environ = {"TREK_TRACEBACK": "1"}
    assert "Traceback" in project.run("migrate").err


# --------------------------------------------------------------------------- exit code 2
async def test_down_without_yes_shows_the_plan_and_does_nothing(project: Project, connection: Connection) -> None:
    project.write(THREE)
    project.run("migrate")
    before = await tables(connection)
    ended = project.run("migrate", "-2")
    assert (ended.code, ended.out) == (2, "")
    assert re.search(r"2 migrations.*\n  revert 0003 index\n  revert 0002 email\n.*--yes", ended.err)
    assert await tables(connection) == before


def test_down_without_yes_in_json(project: Project) -> None:
    project.write({"0001_users.sql": USERS})
    project.run("migrate")
    ended = project.run("migrate", "base", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (2, "NotConfirmed")
    assert "revert 0001 users" in ended.json["error"]["message"]


@pytest.mark.parametrize(
    ("files", "words", "kind"),
    [
        (THREE, ["9999"], "UnknownRevision"),
        (THREE, ["-1"], "PlanError"),
        ({"0001_users.sql": "-- trek: sideways\nSELECT 1;"}, [], "LoadError"),
        ({"README.md": "nothing"}, [], "ConfigError"),
        (THREE, ["--dir", "elsewhere"], "ConfigError"),
        (THREE, ["--format", "nobody"], "ConfigError"),
    ],
)
def test_what_stops_trek_before_anything_runs_gives_2(
    project: Project, files: dict[str, str], words: list[str], kind: str
) -> None:
    project.write(files)
    ended = project.run("migrate", "--json", *words)
    assert ended.code == 2
    assert ended.json["error"]["type"] == kind
    assert ended.json["error"]["message"] == ended.err.rstrip("\n")


@pytest.mark.parametrize(("target", "hint"), [("HEAD", "'head'"), ("Base", "'base'")])
def test_head_and_base_in_capitals_are_told_how_they_are_written(project: Project, target: str, hint: str) -> None:
    project.write(THREE)
    ended = project.run("migrate", target)
    assert ended.code == 2
    assert f"{target} is written {hint}." in ended.err
    assert "is written" not in project.run("migrate", "HAED").err


def test_the_json_of_a_load_error_has_file_and_line(project: Project) -> None:
    project.write({"0001_users.sql": "-- first\n-- trek: sideways\nSELECT 1;"})
    error = project.run("migrate", "--json").json["error"]
    assert (error["path"], error["line"]) == ("migrations/0001_users.sql", 2)


def test_the_json_of_a_plan_error_has_the_revisions(project: Project) -> None:
    project.write({"0001_users.sql": USERS, "0003_more.sql": "SELECT 1;"})
    project.run("migrate")
    project.write({"0002_late.sql": "SELECT 1;"})
    error = project.run("migrate", "--json").json["error"]
    assert error["type"] == "OutOfOrder"
    assert "0002" in error["revisions"]


# --------------------------------------------------------------------------- exit code 4
async def test_a_lock_that_is_not_free_in_time_gives_4_and_says_who_holds_it(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]]
) -> None:
    project.write({"0001_wait.sql": WAIT})
    first = project.start("migrate")
    await somebody_waits()
    ended = await asyncio.to_thread(project.run, "migrate", "--lock-wait", "0.3")
    assert (ended.code, ended.out) == (4, "")
    assert re.match(r"waiting for the migration lock: server process \d+ of .*, trek holds it\n", ended.err)
    in_json = await asyncio.to_thread(project.run, "migrate", "--lock-wait", "0", "--json")
    assert in_json.code == 4
    assert in_json.json["error"]["type"] == "LockTimeout"
    assert in_json.json["error"]["holder"]["application"] == "trek"
    await held.execute("SELECT pg_advisory_unlock_all()")
    await asyncio.to_thread(first.communicate, timeout=60)
    assert first.returncode == 0


async def test_one_that_waited_finds_the_work_done(
    project: Project, held: Connection, somebody_waits: Callable[[], Awaitable[None]]
) -> None:
    project.write({"0001_wait.sql": WAIT})
    first = project.start("migrate")
    await somebody_waits()
    second = project.start("migrate")
    assert second.stderr is not None
    assert (await asyncio.to_thread(second.stderr.readline)).startswith("waiting for the migration lock")
    await held.execute("SELECT pg_advisory_unlock_all()")
    outs = [(await asyncio.to_thread(process.communicate, timeout=60))[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert outs[0].startswith("applied 0001 wait")
    assert outs[1] == "up to date at 0001\n"


# --------------------------------------------------------------------------- all or nothing
async def test_a_plan_in_one_transaction_is_all_or_nothing(project: Project, connection: Connection) -> None:
    project.write({"0001_users.sql": USERS, "0002_bad.sql": FAILING})
    ended = project.run("migrate", "--transaction", "plan")
    assert (ended.code, ended.out) == (1, "")
    assert "Nothing of the plan, 2 migrations in one transaction, remains" in ended.err
    assert await tables(connection) == set()
    project.write({"0002_bad.sql": "CREATE TABLE good (id int);"})
    (project.folder / "trek.toml").write_text('transaction = "plan"\n')
    shown = project.run("plan", "--sql").out
    assert (shown.count("BEGIN ISOLATION"), shown.count("COMMIT;")) == (1, 1)
    assert project.run("plan", "--sql", "--transaction", "each").out.count("COMMIT;") == 2
    ended = project.run("migrate")
    assert (ended.code, ended.out.count("applied ")) == (0, 2)


# --------------------------------------------------------------------------- a server that is starting
async def test_it_waits_for_a_server_that_takes_no_connections_yet_and_then_migrates(
    project: Project, database: Database, server: Server
) -> None:
    project.write(THREE)
    admin = await asyncpg.connect(server.base)
    try:
        await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
        process = project.start("migrate", "--wait", "300")
        assert process.stderr
        line = await asyncio.to_thread(process.stderr.readline)
        assert line.startswith("waiting: cannot connect")
        assert "not currently accepting connections" in line
        await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
    finally:
        await admin.close()
    out, _ = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, out.count("applied ")) == (0, 3)


def test_when_the_time_is_over_the_error_is_that_of_the_connection(offline: Project) -> None:
    offline.write(THREE)
    ended = offline.run("migrate", "--wait", "1", "--dsn", "postgresql://127.0.0.1:1/shop")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("cannot connect to postgresql://127.0.0.1:1/shop") == 2
    assert ended.err.startswith("waiting: ")
