"""`trek dump`: the file, the check, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, USERS

if TYPE_CHECKING:
    from tests.cli.project import Project


@pytest.fixture
def migrated(project: Project) -> Project:
    project.write(THREE)
    assert project.run("migrate").code == 0
    return project


def test_it_writes_a_file_and_says_so_once(migrated: Project) -> None:
    first, second = migrated.run("dump"), migrated.run("dump")
    assert (first.code, first.err, second.code) == (0, "", 0)
    text = (migrated.folder / "schema.sql").read_text()
    assert text.startswith("SET statement_timeout = 0;\n")
    assert text.endswith("COMMIT;\n")
    assert "CREATE TABLE public.users" in text
    lines = len(text.splitlines())
    assert first.out == f"schema.sql is written: 3 migrations, {lines} lines\n"
    assert second.out == f"schema.sql is up to date: 3 migrations, {lines} lines\n"


def test_check_is_1_with_the_diff_and_writes_nothing(migrated: Project) -> None:
    file = migrated.folder / "schema.sql"
    missing = migrated.run("dump", "--check")
    assert (missing.code, missing.err) == (1, "there is no schema.sql: `trek dump schema.sql` writes it\n")
    assert not file.exists()
    migrated.run("dump")
    assert migrated.run("dump", "--check").code == 0
    migrated.write({"0004_more.sql": "ALTER TABLE users ADD more text;"})
    migrated.run("migrate")
    before = file.read_text()
    ended = migrated.run("dump", "--check")
    assert (ended.code, ended.out) == (1, "")
    assert "+    more text" in ended.err
    assert ended.err.endswith("schema.sql is not what the database is: `trek dump schema.sql` writes it anew\n")
    assert file.read_text() == before


def test_another_file_stdout_and_json(migrated: Project) -> None:
    shown = migrated.run("dump", "-").out
    assert migrated.run("dump", "other.sql").code == 0
    assert (migrated.folder / "other.sql").read_text() == shown
    assert not (migrated.folder / "schema.sql").exists()
    document = migrated.run("dump", "other.sql", "--json").json
    assert document == {"file": "other.sql", "same": True, "revisions": ["0001", "0002", "0003"]}
    assert migrated.run("dump", "-", "--json").json["sql"] == shown


def test_a_file_that_cannot_be_written_is_an_error(migrated: Project) -> None:
    ended = migrated.run("dump", "nowhere/schema.sql")
    assert (ended.code, ended.err.partition(": ")[0]) == (2, "nowhere/schema.sql cannot be written")


def test_it_warns_of_a_file_that_was_edited(migrated: Project) -> None:
    migrated.write({"0001_users.sql": f"{USERS}-- more\n"})
    ended = migrated.run("dump")
    assert ended.code == 0
    assert ended.err.startswith("warning: migrations/0001_users.sql was edited since 0001 was applied")
