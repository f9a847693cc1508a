"""`trek test`: what it says, its codes, and that nothing is left."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS, interrupt
from tests.docs.pages import block

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.project import Project
    from tests.support.databases import Connection, Database, Roles

MOOD = {"0002_mood.sql": "CREATE TYPE mood AS ENUM ('sad', 'happy');\n-- trek: down\nSELECT 1;\n"}
SCRATCH = "SELECT count(*) FROM pg_database WHERE datname LIKE 'trek\\_scratch\\_%' AND datdba = current_user::regrole"


def as_role(dsn: str, role: str) -> str:
    return re.sub(r"//[^@/]*@", f"//{role}@", dsn)


@pytest.fixture
async def maker(project: Project, database: Database, make_role: Roles) -> Connection:
    """A role's that may make databases; the project runs as it."""
    role = await make_role("LOGIN CREATEDB")
    project.dsn = as_role(database.dsn, role)
    return await database.connect(user=role)


def timeless(text: str) -> str:
    return re.sub(r"(?<=  )[\d.]+ m?s$|(?<= in )[\d.]+ m?s", "…", text, flags=re.MULTILINE)


def test_a_line_for_each_and_what_differs(project: Project) -> None:
    project.write({"0001_users.sql": USERS, **MOOD, "0003_email.sql": "ALTER TABLE users ADD email text;"})
    ended = project.run("test")
    assert (ended.code, ended.err) == (1, "")
    shown = block("text", "docs/drift.md", 1)
    assert re.sub("OWNER TO .*", "OWNER TO app", timeless(ended.out)) == timeless(shown)


def test_a_missing_way_down_fails_if_one_wants_it_strict_and_only_where_it_is_looked_for(project: Project) -> None:
    files = {"0002_email.sql": "ALTER TABLE users ADD email text;", "0003_bad.sql": "nonsense;"}
    project.write({"0001_users.sql": "-- trek: irreversible\nCREATE TABLE users (id int);", **files})
    assert project.run("test", "--strict", "--only", "1").code == 0
    assert project.run("test", "--strict", "--only", "2").code == 1


def test_quiet_is_about_what_is_wrong_alone(project: Project) -> None:
    project.write({"0001_users.sql": USERS, **MOOD})
    out = project.run("test", "--quiet").out
    assert out.startswith("differs       0002 mood")
    assert "0001" not in out
    assert "migrations in" not in out


def test_json_has_differences_and_errors(project: Project) -> None:
    project.write({"0001_users.sql": USERS, **MOOD, "0003_bad.sql": "SELECT 1/0;", "0004_more.sql": "SELECT 1;"})
    ended = project.run("test", "--json")
    assert (ended.code, ended.err, ended.json["ok"]) == (1, "", False)
    users, mood, bad, more = ended.json["migrations"]
    assert (users["outcome"], users["files"], users["error"]) == ("reversible", ["migrations/0001_users.sql"], None)
    (one,) = mood["differences"]
    assert (one["object"], one["change"], one["before"]) == ("type public.mood", "appeared", None)
    assert (bad["outcome"], bad["way"], bad["error"]["type"]) == ("failed", "up", "MigrationFailed")
    assert (bad["error"]["file"], bad["error"]["line"]) == ("migrations/0003_bad.sql", 1)
    assert more["outcome"] == "not reached"


def test_on_another_server_no_database_of_ones_own_is_needed(offline: Project, pg_bindir: Path | None) -> None:
    if pg_bindir is not None:
        offline.environ["TREK_PG_BIN"] = str(pg_bindir)
    offline.write(THREE)
    ended = offline.run("test", "--scratch", "embedded:")
    assert (ended.code, ended.err) == (0, "")
    assert not (offline.folder / ".trek").exists()


async def test_a_role_that_may_make_no_database_is_told_two_ways_out(
    project: Project, database: Database, make_role: Roles
) -> None:
    project.write(THREE)
    project.dsn = as_role(database.dsn, await make_role())
    ended = await asyncio.to_thread(project.run, "test")
    assert (ended.code, ended.out) == (2, "")
    assert "permission denied to create database" in ended.err
    assert "ALTER ROLE" in ended.err
    assert "--scratch embedded:" in ended.err


async def test_ctrl_c_drops_the_scratch_database(project: Project, maker: Connection) -> None:
    project.write({"0001_users.sql": USERS, "0002_wait.sql": "SELECT pg_sleep(600);"})
    process = project.start("test")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event = 'PgSleep'"
    async with asyncio.timeout(60):
        while not await maker.fetchval(asleep):
            await asyncio.sleep(0.02)
    assert await maker.fetchval(SCRATCH) == 1
    await asyncio.to_thread(interrupt, process, times=2)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 130
    assert out.startswith("reversible    0001 users")
    assert err.startswith("interrupted. The scratch database")
    assert await maker.fetchval(SCRATCH) == 0
