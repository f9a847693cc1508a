"""`trek status --all`: every database that the configuration names, those that cannot be asked too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import USERS

if TYPE_CHECKING:
    from tests.cli.project import Project

GONE = "postgresql://me:open-sesame@127.0.0.1:1/gone"


@pytest.fixture
def several(project: Project) -> Project:
    """shop is current and billing is pending: two histories in one database, with a folder each."""
    for folder in ("migrations", "billing"):
        (project.folder / folder).mkdir()
        (project.folder / folder / "0001_users.sql").write_text(USERS)
    configure(project)
    assert project.run("migrate", "--database", "shop").code == 0
    return project


def configure(project: Project, more: str = "") -> None:
    dsn = json.dumps(project.dsn)
    project.environ["TREK_DSN"] = ""
    (project.folder / "trek.toml").write_text(
        f"[databases.shop]\ndsn = {dsn}\n{more}"
        f"[databases.billing]\ndsn = {dsn}\ndirectory = 'billing'\nstore-settings = {{ table = 'billing_history' }}\n"
    )


def rows(out: str) -> list[list[str]]:
    return [line.split()[:4] for line in out.splitlines() if line]


def test_each_has_a_line_and_verbose_tells_the_revisions_too(several: Project) -> None:
    ended = several.run("status", "--all")
    assert (ended.code, ended.err) == (0, "")
    assert rows(ended.out)[1:] == [["shop", "current", "1", "0"], ["billing", "uninitialised", "0", "1"]]
    more = several.run("status", "--all", "--verbose").out
    assert "\nshop: current  (1 revision applied" in more
    assert rows(more)[-1] == ["0001", "users", "pending"]


def test_the_check_ends_with_the_code_of_the_first_that_is_not_ready(several: Project) -> None:
    assert several.run("status", "--all", "--check").code == 5
    quiet = several.run("status", "--all", "--check", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (5, "", "")
    (several.folder / "billing/0001_users.sql").write_text("CREATE TABLE bills ();")
    assert several.run("migrate", "--database", "billing").code == 0
    assert several.run("status", "--all", "--check").code == 0


def test_one_that_cannot_be_asked_is_told_with_what_the_others_say(several: Project) -> None:
    configure(several, f"[databases.gone]\ndsn = '{GONE}'\n")
    ended = several.run("status", "--all")
    assert ended.code == 2
    assert [row[:2] for row in rows(ended.out)[1:]] == [
        ["shop", "current"],
        ["gone", "unknown"],
        ["billing", "uninitialised"],
    ]
    assert ended.err.startswith("gone: cannot connect to postgresql://me:***@127.0.0.1:1/gone")
    found = several.run("status", "--all", "--json")
    assert (found.code, found.json["ready"]) == (2, False)
    told = found.json["databases"]
    assert (told["shop"]["state"], told["gone"]["error"]["type"]) == ("current", "ConnectError")
    assert "open-sesame" not in ended.out + ended.err + found.out + found.err


def test_waiting_ends_where_somebody_else_migrates(several: Project) -> None:
    (several.folder / "billing/0001_users.sql").write_text("CREATE TABLE bills ();")
    waiting = several.start("status", "--all", "--wait", "60")
    assert waiting.stderr
    assert waiting.stderr.readline() == "waiting: uninitialised, 1 pending\n"
    assert several.run("migrate", "--database", "billing").code == 0
    out, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, [row[1] for row in rows(out)[1:]]) == (0, ["current", "current"])


@pytest.mark.parametrize("words", [("--database", "shop"), ("--dsn", "postgresql:"), ("--embedded", "a/b")])
def test_one_database_and_all_of_them_is_a_contradiction(several: Project, words: tuple[str, str]) -> None:
    ended = several.run("status", "--all", *words)
    assert (ended.code, ended.out) == (2, "")
    assert f"{words[0]} names one database, and --all means every one" in ended.err


def test_without_names_it_says_what_to_write(project: Project) -> None:
    ended = project.run("status", "--all")
    assert ended.code == 2
    assert "write [tool.trek.databases.NAME] for each, or leave --all out" in ended.err
