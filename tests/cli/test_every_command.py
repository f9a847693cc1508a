"""What holds for every command that there is: a new one is asked as well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.project import THREE
from trek_core.cli import main
from trek_core.cli._app import cli

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.project import Project

COMMANDS = sorted(cli.commands)
WORDS = {
    "completion": ["bash"],
    "convert": ["--from", "goose", "--dry-run"],
    "new": ["more"],
    "new-plugin": ["loader", "mine"],
    "squash": ["0001..0002"],
    "repair": ["0001", "--applied"],
    "stamp": ["0002"],
}
"""What a command needs to do its work, in a folder of three migrations and an empty database. The others need nothing."""


def document(out: str) -> dict[str, Any]:
    """The one document on stdout."""
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which nothing is; and what needs no database runs in this process."""
    monkeypatch.chdir(tmp_path)
    for name in ("TREK_DSN", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_says_what_it_does_shows_examples_and_fits_a_terminal(
    nowhere: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr()
    assert f"\n    trek {name}" in shown.out.partition("Examples:")[2]
    assert cli.commands[name].short_help
    assert [line for line in shown.out.splitlines() if len(line) > 80] == []
    assert shown.err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_with_json_its_stdout_is_one_document_and_an_error_is_one_too(project: Project, name: str) -> None:
    project.write(THREE)
    ended = project.run(name, *WORDS.get(name, []), "--json")
    found = document(ended.out)
    assert ("error" in found) == (ended.code in (1, 2)), ended.err
    if "error" in found:
        assert found["error"]["message"].strip() in ended.err
    assert "\x1b" not in ended.out + ended.err


@pytest.mark.parametrize("name", COMMANDS)
def test_with_json_a_mistake_in_its_words_is_a_document_with_code_2(
    nowhere: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--no-such-option", "--json"]) == 2
    shown = capsys.readouterr()
    error = document(shown.out)["error"]
    assert error["type"] == "UsageError"
    assert error["message"].startswith("No such option '--no-such-option'.")
    assert error["message"] in shown.err


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"completion", "new-plugin"}))
def test_with_json_a_broken_configuration_is_a_document_with_code_2(
    nowhere: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (nowhere / "trek.toml").write_text("nonsense = 1\n")
    assert main([name, *WORDS.get(name, []), "--json"]) == 2
    shown = capsys.readouterr()
    assert document(shown.out)["error"]["type"] == "ConfigError"
    assert "unknown key 'nonsense'" in shown.err
