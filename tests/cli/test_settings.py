"""Where the settings come from, and which of them wins. Nothing listens on port 1, and the message names the DSN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import USERS

if TYPE_CHECKING:
    from tests.cli.project import Project


def nowhere(name: str) -> str:
    return f"postgresql://ada:swordfish@127.0.0.1:1/{name}"


@pytest.fixture
def configured(offline: Project) -> Project:
    offline.write({"0001_users.sql": USERS})
    (offline.folder / "pyproject.toml").write_text(f'[tool.trek]\ndsn = "{nowhere("file")}"\n')
    return offline


def used(project: Project, *words: str) -> str:
    """The database's name in the message of a connection that was refused."""
    ended = project.run(*words)
    assert ended.code == 2
    assert "swordfish" not in ended.err
    return ended.err.partition(":1/")[2].partition(":")[0]


def test_the_dsn_of_the_file_is_used_where_nothing_else_is_said(configured: Project) -> None:
    assert used(configured, "status") == "file"


def test_database_url_beats_the_file(configured: Project) -> None:
    configured.environ = {"DATABASE_URL": nowhere("url")}
    assert used(configured, "status") == "url"


def test_trek_dsn_beats_database_url(configured: Project) -> None:
    configured.environ = {"DATABASE_URL": nowhere("url"), "TREK_DSN": nowhere("environment")}
    assert used(configured, "status") == "environment"


def test_the_option_beats_the_environment(configured: Project) -> None:
    configured.environ = {"TREK_DSN": nowhere("environment")}
    assert used(configured, "status", "--dsn", nowhere("option")) == "option"


def test_options_may_stand_before_the_command(configured: Project) -> None:
    assert used(configured, "--dsn", nowhere("before"), "status") == "before"


def test_the_option_behind_the_command_wins(configured: Project) -> None:
    assert used(configured, "--dsn", nowhere("before"), "status", "--dsn", nowhere("after")) == "after"


def test_dir_names_the_folder(offline: Project) -> None:
    ended = offline.run("new", "users", "--dir", "db/changes")
    assert (ended.code, ended.out) == (0, "db/changes/0001_users.sql\n")


def test_plugins_of_the_file_and_of_every_option_are_left_out(offline: Project) -> None:
    (offline.folder / "trek.toml").write_text('disable-plugins = ["python"]\n')
    words = ("--no-plugin", "sql", "plugins", "--no-plugin", "native", "--no-plugin", "asyncpg-trek", "--json")
    listed = offline.run(*words).json["plugins"]
    assert [plugin["name"] for plugin in listed if plugin["state"] == "blocked"] == [
        "asyncpg-trek",
        "native",
        "python",
        "sql",
    ]


def test_a_format_that_nobody_offers_gives_2_and_lists_those_on_offer(offline: Project) -> None:
    ended = offline.run("new", "users", "--format", "natvie")
    assert ended.code == 2
    assert "'natvie'" in ended.err
    assert "native" in ended.err.partition("On offer")[2]


def test_format_on_the_command_line_means_layout_and_store_whatever_the_file_says(offline: Project) -> None:
    (offline.folder / "trek.toml").write_text('layout = "nobody"\nstore = "nobody"\n')
    assert "'nobody'" in offline.run("new", "users").err
    assert offline.run("new", "users", "--format", "native").code == 0


def test_the_history_says_from_where_if_the_application_is_called_after_the_machine(project: Project) -> None:
    project.write({"0001_users.sql": USERS})
    project.environ["HOSTNAME"] = "shop-7d9f-1"
    (project.folder / "trek.toml").write_text('[executor-settings]\napplication-name = "trek on ${HOSTNAME}"\n')
    assert project.run("migrate").code == 0
    assert project.run("history").out.rstrip().endswith("  trek on shop-7d9f-1")


@pytest.mark.parametrize(("name", "head"), [("trek.toml", ""), ("pyproject.toml", "[tool.trek]\n")])
def test_adopt_gives_the_lines_for_the_file_that_is_there(project: Project, name: str, head: str) -> None:
    project.write({"00001_users.sql": "-- +goose Up\nCREATE TABLE users (id int);\n"})
    (project.folder / name).write_text(f"{head}lock-wait = 5\n")
    told = project.run("adopt").out
    _, found, lines = told.partition(f"\nwrite into {name}:\n\n")
    assert found, told
    assert lines.startswith(f'{head}directory = "migrations"\nformat = "goose"\n')


@pytest.mark.parametrize(("name", "head"), [("trek.toml", ""), ("pyproject.toml", "[tool.trek]\n")])
def test_convert_gives_the_lines_for_the_file_that_is_there(project: Project, name: str, head: str) -> None:
    project.write({"00001_users.sql": "-- +goose Up\nCREATE TABLE users (id int);\n"})
    store = f"[{'tool.trek.' if head else ''}store-settings]"
    (project.folder / name).write_text(f'{head}format = "goose"\n{store}\ntable = "done"\n')
    assert project.run("migrate").code == 0
    told = project.run("convert", "--from", "goose").out
    _, found, lines = told.partition(f"\nto go on there, write into {name}:\n\n")
    assert found, told
    assert lines.startswith(f'{head}directory = "migrations"\nlayout = "goose"\nstore = "native"\n')
    assert f"# {store} goes: it was for the store goose\n" in lines
