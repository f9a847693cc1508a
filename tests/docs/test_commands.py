"""The commands of the pages are run as a reader would, in processes of their own; `pip install` is left to CI."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.commands import PAGE, contexts, rewritten
from tests.docs.pages import ROOT, blocks, prose, read
from tests.docs.plugin_pages import plugin_pages
from trek_core.cli import _exit
from trek_core.cli._app import cli
from trek_core.cli._new_plugin import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.databases import Database

BIN = Path(sys.executable).parent
FIRST = "trek migrate --dir examples/shop/migrations --embedded"
EDGE = {"20240101_initial_up_people.sql": "CREATE TABLE people (id int);"}
USERS = {"0001_users.sql": "CREATE TABLE users (id int);"}
OURS = ("TREK_DSN", "TREK_DIR", "TREK_DISABLE_PLUGINS", "DATABASE_URL", "PYTEST")

NOT_RUN = {
    "python3 -m venv .venv": "makes an environment; .ci/run does",
    ". .venv/bin/activate": "of the shell",
}
PROJECTS: dict[tuple[str, int], dict[str, str]] = {
    ("docs/embedded.md", 1): USERS,
    ("docs/asyncpg-trek.md", 1): EDGE,
}
"""The migrations that somebody has who types the commands of a block."""


def commands(*pages: str) -> list[tuple[str, int, str]]:
    """Page, block and command: each line, and what `&&` joins, without `pip install`."""
    found = []
    for block in blocks("bash", *pages):
        for line in block.text.splitlines():
            parts = [part.strip() for part in line.split("&&")]
            found += [(*block.place, part) for part in parts if part and not part.startswith("pip install ")]
    return found


@pytest.fixture
def run(tmp_path: Path, pg_bindir: Path | None) -> Callable[..., str]:
    """Runs a command in a folder of its own and gives what it said; a failure fails the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    found = {} if pg_bindir is None else {"TREK_PG_BIN": str(pg_bindir)}
    environ = {**kept, **found, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def run(command: str, cwd: Path = tmp_path) -> str:
        words = shlex.split(command)
        program = shutil.which(words[0], path=environ["PATH"])
        assert program, command
        done = subprocess.run(
            [program, *words[1:]], capture_output=True, text=True, check=False, cwd=cwd, env=environ, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The examples as a clone has them."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return tmp_path


def test_the_first_command_of_the_readme_migrates_the_shop_and_says_up_to_date_when_run_again(
    clone: Path, run: Callable[..., str]
) -> None:
    assert commands("README.md")[0] == ("README.md", 1, FIRST)
    lines = run(FIRST).splitlines()
    assert re.fullmatch(r"applied 0005\.1 first_release +\(2 together in \d+ ms\)", lines[0])
    assert len(lines) == 22
    assert lines[-1].startswith("21 migrations in ")
    assert run(FIRST) == "up to date at 0025\n"
    assert (clone / ".trek/postgres/data").is_dir()
    status = run(FIRST.replace("migrate ", "status ", 1))
    assert "21 revisions applied, 0 pending" in status
    history = run(FIRST.replace("migrate ", "history ", 1))
    assert [line.split()[3] for line in history.splitlines() if "forget_old_addresses" in line] == ["0025"]


def test_the_second_command_of_the_readme_finds_the_tests(run: Callable[..., str]) -> None:
    """They are collected: running them from here would run this one again."""
    assert ("README.md", 2, "python -m pytest -n 2") in commands("README.md")
    found = run("python -m pytest -n 2 --collect-only -q -p no:cacheprovider tests/docs", cwd=ROOT)
    assert "test_the_second_command_of_the_readme_finds_the_tests" in found


@pytest.mark.parametrize("place", PROJECTS, ids=lambda place: place[0])
def test_the_commands_of_a_page_run_one_after_the_other(
    place: tuple[str, int], database: object, tmp_path: Path, run: Callable[..., str]
) -> None:
    (tmp_path / "migrations").mkdir()
    for name, content in PROJECTS[place].items():
        (tmp_path / "migrations" / name).write_text(content)
    if place[0] == "docs/asyncpg-trek.md":
        (tmp_path / "trek.toml").write_text(f'dsn = "{database.dsn}"\n')  # type: ignore[attr-defined]
    said = [run(command) for page, number, command in commands(place[0]) if (page, number) == place]
    assert sorted("1 migration in" in text for text in said) == [False, True]


def test_no_command_is_left_unchecked() -> None:
    pages = ["README.md", "CONTRIBUTING.md", *(page for page, _ in PROJECTS)]
    assert {page for page, _, _ in commands()} | {"CONTRIBUTING.md"} == set(pages)
    checked = {FIRST, "python -m pytest -n 2", *NOT_RUN}
    left = {command for page, number, command in commands(*pages) if (page, number) not in PROJECTS} - checked
    assert left == set()


def test_what_contributing_and_running_name_as_programs_is_there() -> None:
    named = re.findall(
        r"`(?:[A-Z_]+=\S+ )*(?:python )?((?:\.ci|tests|benchmarks|examples)/?[\w./-]*)", read("CONTRIBUTING.md")
    )
    assert ".ci/run" in named
    assert "benchmarks/roundtrips.py" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.skipif(shutil.which("psql") is None, reason="no psql on the path")
def test_the_script_of_a_plan_is_run_by_psql_as_the_page_says(
    database: Database, tmp_path: Path, run: Callable[..., str]
) -> None:
    (script,) = [block.text for block in blocks("", "docs/running.md") if block.text.startswith("trek plan")]
    (tmp_path / "migrations").mkdir()
    for name, content in USERS.items():
        (tmp_path / "migrations" / name).write_text(content)
    (tmp_path / "trek.toml").write_text(f'dsn = "{database.dsn}"\n')
    run(f"sh -ec {shlex.quote(script.replace('$DATABASE_URL', database.dsn))}")
    assert (tmp_path / "plan.sql").read_text().splitlines()[1] == "\\set ON_ERROR_STOP on"
    assert run("trek migrate") == "up to date at 0001\n"
    (tmp_path / "migrations/0002_more.sql").write_text("SELECT 1;")
    run("sh -ec 'trek plan --sql > plan.sql; trek migrate'")
    again = run("sh -c " + shlex.quote(f'! psql -X -f plan.sql "{database.dsn}" 2>&1'))
    assert "made for another history" in again
    assert len(run("trek history").splitlines()) == 1 + 2


# --------------------------------------------------------------------------- the command's own words
def test_the_page_shows_every_commands_help_as_it_is() -> None:
    """`TREK_WRITE_COMMANDS=1 python -m pytest tests/docs/test_commands.py` writes it anew."""
    wanted = rewritten(read(PAGE))
    if os.environ.get("TREK_WRITE_COMMANDS"):
        (ROOT / PAGE).write_text(wanted, encoding="utf-8")
    assert read(PAGE) == wanted, "TREK_WRITE_COMMANDS=1 python -m pytest tests/docs/test_commands.py writes it anew"


def test_every_command_has_an_example_in_its_help() -> None:
    assert [one.command_path for one in contexts() if "Examples:" not in one.get_help()] == []


def test_the_table_of_tools_names_commands_that_there_are() -> None:
    (table,) = re.findall(r"^\| need \|.*\n((?:\|.*\n)+)", read(PAGE), re.MULTILINE)
    named = {command for row in table.splitlines() for command in re.findall(r"`trek ([a-z-]+)", row.split("|")[2])}
    assert named - set(cli.commands) == set()


def test_the_readme_lists_the_commands_that_there_are() -> None:
    (listed,) = [block.text for block in blocks("", "README.md") if block.text.startswith("trek ")]
    assert set(re.findall(r"trek ([\w-]+)", listed)) == set(cli.commands)


def test_the_readme_names_options_that_there_are() -> None:
    known = {option for command in (cli, *cli.commands.values()) for p in command.params for option in p.opts}
    named = {
        option
        for page in ("README.md", "docs/embedded.md", "docs/running.md", *plugin_pages())
        for option in re.findall(
            r"(?<![\w-])(--[a-z][a-z-]+)", " ".join(re.findall(r"`(?!pg_dump)[^`]+`", prose(page)))
        )
    }
    assert named - known == set()


def test_the_readme_gives_the_exit_codes_that_there_are() -> None:
    codes = {value for name, value in vars(_exit).items() if name.isupper() and isinstance(value, int)}
    codes |= set(_exit.STATES.values())
    (line,) = re.findall(r"Exit codes: (.*?)\.\s", read("README.md"), re.DOTALL)
    assert {int(number) for number in re.findall(r"(?:^|, |--check` )(\d+) ", line.replace("\n", " "))} == codes
    assert {int(number) for number in re.findall(r"^ +(\d+) ", _exit.TABLE, re.MULTILINE)} == codes


def test_the_page_on_publishing_names_the_kinds_of_plugins_that_the_command_writes() -> None:
    (sentence,) = re.findall(r"KIND is (.*?)\.\n", read("docs/plugins/publishing.md"), re.DOTALL)
    assert re.findall(r"`([\w-]+)`", sentence) == list(KINDS)
