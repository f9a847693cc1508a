"""What the command does before there is any database."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

COMMANDS = ("migrate", "status", "plan", "history", "new", "stamp", "plugins")
HEAVY = {"rich", "asyncio", "asyncpg", "pluggy", "trek_asyncpg", "trek_loaders"}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_version_is_the_distribution_s(offline: Project) -> None:
    assert offline.run("--version").out == f"trek {version('trek-migrate')}\n"


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_help_and_version_load_neither_rich_nor_asyncio_nor_a_driver_nor_a_plugin(word: str) -> None:
    loaded = f"print('loaded', *sorted(set(sys.modules) & {HEAVY}))"
    ended = python(f"import sys; from trek_core.cli import main; main([{word!r}]); {loaded}")
    assert ended.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install_and_the_exit_code_is_2(missing: str) -> None:
    ended = python(f"import sys; sys.modules[{missing!r}] = None; from trek_core.cli import main; sys.exit(main([]))")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "pip install 'trek-migrate[cli]'" in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_an_example_of_it(offline: Project, command: str) -> None:
    ended = offline.run(command, "--help")
    assert ended.code == 0
    assert f"\n    trek {command}" in ended.out.partition("Examples:")[2]


def test_the_help_lists_every_command_and_every_exit_code(offline: Project) -> None:
    shown = offline.run("--help").out
    commands = shown.partition("Commands:")[2]
    assert [name for name in COMMANDS if f"\n  {name} " not in commands] == []
    codes = shown.partition("Exit codes:")[2]
    assert [code for code in (0, 1, 2, 3, 4, 130) if f"\n    {code} " not in codes] == []


# --------------------------------------------------------------------------- exit code 2: usage
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["upgrade"], "No such command 'upgrade'"),
        (["migrate", "--jsn"], "--jsn"),
        (["migrate", "one", "two"], "two"),
        (["migrate", "--lock-wait", "soon"], "'soon' is not a valid float"),
        (["migrate", "--lock-wait", "-1", "--dsn", "postgresql://h/d"], "lock-wait is -1.0"),
        (["migrate", "--dsn", "postgresql://h/d", "--embedded"], "--dsn and --embedded both name a database"),
        (["migrate", "--dsn", ""], "it is empty"),
        (["migrate", "--embedded="], "it is empty"),
        (["migrate", "--dir", ""], "it is empty"),
        (["new"], "TITLE"),
        (["stamp"], "REVISION"),
    ],
)
def test_wrong_usage_is_said_on_stderr_and_gives_2(offline: Project, words: list[str], found: str) -> None:
    ended = offline.run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert found in ended.err
    assert "Traceback" not in ended.err


def test_no_command_shows_the_help(offline: Project) -> None:
    ended = offline.run()
    assert "Commands:" in ended.out + ended.err


@pytest.mark.parametrize("command", ["migrate", "status", "plan", "history"])
def test_no_database_is_told_with_every_way_to_name_one(offline: Project, command: str) -> None:
    ended = offline.run(command)
    assert (ended.code, ended.out) == (2, "")
    for way in ("--dsn", "TREK_DSN", "DATABASE_URL", "[tool.trek]", "--embedded"):
        assert way in ended.err


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("mysql://h/d", "no executor serves the scheme 'mysql'"),
        ("localhost/shop", "has no scheme"),
        ("host=localhost password=swordfish", "has no scheme"),
    ],
)
def test_a_dsn_that_nothing_serves_gives_2(offline: Project, dsn: str, found: str) -> None:
    offline.write({"0001_users.sql": "SELECT 1;"})
    ended = offline.run("migrate", "--dsn", dsn)
    assert (ended.code, ended.out) == (2, "")
    assert found in ended.err
    assert "swordfish" not in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["migrate", "one", "postgresql://ada:swordfish@h/d"],
        ["migrate", "--dns=postgresql://ada:swordfish@h/d"],
        ["postgresql://ada:swordfish@h/d"],
        ["postgresql://ada:swordfish@h/d", "--json"],
        ["migrate", "--lock-wait", "postgresql://ada:swordfish@h/d", "--json"],
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(offline: Project, words: list[str]) -> None:
    ended = offline.run(*words)
    assert ended.code == 2
    assert "swordfish" not in ended.out + ended.err


def test_a_usage_error_with_json_is_a_document_on_stdout(offline: Project) -> None:
    ended = offline.run("upgrade", "--json")
    assert ended.code == 2
    assert ended.json == {"error": {"type": "UsageError", "message": "No such command 'upgrade'."}}


def test_a_configuration_error_names_its_file_and_gives_2(offline: Project) -> None:
    (offline.folder / "trek.toml").write_text("lockwait = 3\n")
    ended = offline.run("status", "--json")
    assert ended.code == 2
    assert ended.json["error"]["type"] == "ConfigError"
    assert "trek.toml" in ended.err
    assert "lockwait" in ended.err
