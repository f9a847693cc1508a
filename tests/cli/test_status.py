"""`trek status`: what it shows of many revisions, and whether an application may begin: a code for each state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.cli.project import THREE, USERS, Ended

if TYPE_CHECKING:
    from tests.cli.project import Project
    from tests.support.databases import Database, Server

FAILS = "-- trek: no-transaction\nCREATE TABLE a ();\nSELECT 1 / 0;\n"


@pytest.fixture
def migrated(project: Project) -> Project:
    project.write(THREE)
    assert project.run("migrate").code == 0
    return project


def remove(project: Project, name: str) -> None:
    (project.folder / "migrations" / name).unlink()


def checked(project: Project) -> tuple[int, str, bool]:
    """The exit code of the check, the state, and whether that is ready."""
    ended = project.run("status", "--check", "--json")
    return ended.code, ended.json["state"], ended.json["ready"]


# --------------------------------------------------------------------------- a code for each state
def test_a_database_without_a_history_is_5(project: Project) -> None:
    project.write(THREE)
    assert checked(project) == (5, "uninitialised", False)


def test_a_pending_migration_is_3_and_none_is_0(project: Project) -> None:
    project.write(THREE)
    project.run("migrate", "0002")
    assert checked(project) == (3, "pending", False)
    project.run("migrate")
    assert checked(project) == (0, "current", True)


def test_the_database_of_a_newer_release_is_ready_for_the_older_one_that_still_runs(migrated: Project) -> None:
    remove(migrated, "0003_index.sql")
    assert checked(migrated) == (0, "ahead", True)


def test_ahead_is_6_where_a_migration_of_the_folder_is_not_applied(migrated: Project) -> None:
    remove(migrated, "0003_index.sql")
    migrated.write({"0004_more.sql": "SELECT 1;"})
    assert checked(migrated) == (6, "ahead", False)


def test_an_empty_folder_is_2_since_an_image_without_its_migrations_is_not_ready(migrated: Project) -> None:
    for name in THREE:
        remove(migrated, name)
    ended = migrated.run("status", "--check")
    assert (ended.code, ended.out) == (2, "")


def test_an_applied_file_that_was_edited_is_7(migrated: Project) -> None:
    migrated.write({"0001_users.sql": USERS + "-- edited\n"})
    assert checked(migrated) == (7, "changed", False)


def test_a_migration_that_was_begun_and_not_completed_is_8(project: Project) -> None:
    project.write({"0001_fails.sql": FAILS})
    assert project.run("migrate").code == 1
    assert checked(project) == (8, "unfinished", False)


def test_no_database_to_ask_is_2(offline: Project) -> None:
    offline.dsn = "postgresql://postgres@127.0.0.1:1/shop"
    offline.write(THREE)
    ended = offline.run("status", "--check")
    assert (ended.code, ended.out) == (2, "")


# --------------------------------------------------------------------------- how much is said
def test_a_check_says_one_line_with_quiet_none_and_with_verbose_all(migrated: Project) -> None:
    (line,) = migrated.run("status", "--check").out.splitlines()
    assert line.startswith("current  (3 revisions applied, 0 pending; ")
    assert migrated.run("status", "--check", "--quiet").out == ""
    assert len(migrated.run("-v", "status", "--check").out.splitlines()) == 2 + len(THREE)


def test_of_many_the_last_ten_applied_are_shown_and_whatever_is_in_another_state(project: Project) -> None:
    project.write({f"{number:04}_t.sql": f"SELECT {number};" for number in range(1, 15)})
    assert project.run("migrate", "0013").code == 0
    project.write({"0002_t.sql": "SELECT 'edited';"})
    _, hidden, _, *rows = project.run("status").out.splitlines()
    assert hidden == "2 earlier revisions applied too: -v shows them"
    assert [row.split()[0] for row in rows] == ["0002", *(f"{number:04}" for number in range(4, 15))]
    assert len(project.run("status", "-v").out.splitlines()) == 2 + 14


# --------------------------------------------------------------------------- waiting
async def test_wait_ends_with_0_as_soon_as_somebody_has_migrated(project: Project) -> None:
    project.write(THREE)
    process = project.start("status", "--wait", "300")
    assert process.stderr is not None
    assert await asyncio.to_thread(process.stderr.readline) == "waiting: uninitialised, 3 pending\n"
    assert (await asyncio.to_thread(project.run, "migrate")).code == 0
    out, _ = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, out.partition(" ")[0]) == (0, "current")


async def test_wait_also_waits_for_the_server(project: Project, database: Database, server: Server) -> None:
    project.write(THREE)
    assert (await asyncio.to_thread(project.run, "migrate")).code == 0
    admin = await asyncpg.connect(server.base)
    try:
        await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
        process = project.start("status", "--wait", "300")
        assert process.stderr is not None
        assert "not currently accepting connections" in await asyncio.to_thread(process.stderr.readline)
        await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
    finally:
        await admin.close()
    out, _ = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, out.partition(" ")[0]) == (0, "current")


def test_when_the_time_is_over_the_state_is_told_with_its_code(project: Project) -> None:
    project.write(THREE)
    ended = project.run("status", "--wait", "0")
    assert (ended.code, ended.out.partition(":")[0], ended.err) == (5, "uninitialised", "")
    assert project.run("status", "--wait", "1", "--quiet") == Ended(5, "", "")


def test_wait_ends_at_once_where_waiting_cannot_help(migrated: Project) -> None:
    migrated.write({"0001_users.sql": USERS + "-- edited\n"})
    ended = migrated.run("status", "--wait", "300")
    assert (ended.code, ended.err) == (7, "")


def test_no_server_within_the_time_is_the_error_of_the_last_try(offline: Project) -> None:
    offline.dsn = "postgresql://postgres@127.0.0.1:1/shop"
    offline.write(THREE)
    ended = offline.run("status", "--wait", "0", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (2, "ConnectError")
