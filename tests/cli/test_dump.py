"""`trek dump`: the file, the check, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS
from trek_asyncpg import migrate

if TYPE_CHECKING:
    from tests.cli.project import Project


@pytest.fixture
async def migrated(project: Project) -> Project:
    project.write(THREE)
    await migrate(project.dsn, project.folder / "migrations")
    return project


def test_it_writes_a_file_and_check_tells_when_it_is_not_what_the_database_is(migrated: Project) -> None:
    file = migrated.folder / "schema.sql"
    missing = migrated.run("dump", "--check")
    assert (missing.code, missing.err) == (1, "there is no schema.sql: `trek dump schema.sql` writes it\n")
    assert not file.exists()
    first = migrated.run("dump")
    text = file.read_text()
    assert (first.code, first.err) == (0, "")
    assert first.out == f"schema.sql is written: 3 migrations, {len(text.splitlines())} lines\n"
    assert text.startswith("SET statement_timeout = 0;\n")
    assert "CREATE TABLE public.users" in text
    assert text.endswith("COMMIT;\n")
    assert migrated.run("dump", "--check").code == 0
    file.write_text(text.replace("    email text", "    email citext"))
    migrated.write({"0001_users.sql": f"{USERS}-- more\n"})
    ended = migrated.run("dump", "--check")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("warning: migrations/0001_users.sql was edited since 0001 was applied")
    assert "-    email citext\n+    email text\n" in ended.err
    assert ended.err.endswith("schema.sql is not what the database is: `trek dump schema.sql` writes it anew\n")
    assert "citext" in file.read_text()


def test_another_file_stdout_and_json(migrated: Project) -> None:
    shown = migrated.run("dump", "-").out
    document = migrated.run("dump", "other.sql", "--json").json
    assert document == {"file": "other.sql", "same": False, "revisions": ["0001", "0002", "0003"]}
    assert (migrated.folder / "other.sql").read_text() == shown
    assert not (migrated.folder / "schema.sql").exists()
    assert migrated.run("dump", "other.sql").out.startswith("other.sql is up to date: 3 migrations, ")


def test_a_file_that_cannot_be_written_is_an_error(migrated: Project) -> None:
    ended = migrated.run("dump", "nowhere/schema.sql")
    assert (ended.code, ended.err.partition(": ")[0]) == (2, "nowhere/schema.sql cannot be written")
