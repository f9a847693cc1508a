"""Completion by the shell: its script, and what it offers, without a database."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import THREE, TREK

if TYPE_CHECKING:
    from tests.cli.project import Project


def offered(project: Project, line: str) -> list[str]:
    """What bash would offer for the last word of the line."""
    words = line.split(" ")
    project.environ |= {"_TREK_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    ended = project.run()
    assert (ended.code, ended.err) == (0, "")
    return [one.partition(",")[2] for one in ended.out.split()]


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("trek mig", ["migrate"]),
        ("trek migrate 000", ["0001", "0002", "0003"]),
        ("trek migrate he", ["head"]),
        ("trek plan 0002", ["0002"]),
        ("trek stamp ba", ["base"]),
        ("trek repair h", []),
        ("trek repair 0003", ["0003"]),
        ("trek --dir elsewhere migrate 0", ["007"]),
        ("trek migrate --dir elsewhere 0", ["007"]),
        ("trek migrate --dir nowhere 0", []),
        ("trek migrate --format goo", ["goose"]),
        ("trek convert --from db", ["dbmate"]),
        ("trek status --no-plugin nat", ["native"]),
        ("trek migrate --database bil", ["billing"]),
        ("trek migrate --transaction p", ["plan"]),
        ("trek completion f", ["fish"]),
    ],
)
def test_commands_revisions_formats_and_plugins_are_completed(offline: Project, line: str, want: list[str]) -> None:
    offline.write(THREE)
    (offline.folder / "trek.toml").write_text("[databases.billing]\n[databases.shop]\n")
    (offline.folder / "elsewhere").mkdir()
    (offline.folder / "elsewhere" / "007_bond.sql").write_text("SELECT 1;")
    assert offered(offline, line) == want


def test_a_folder_that_cannot_be_arranged_offers_no_revision_and_says_nothing(offline: Project) -> None:
    offline.write({"0001_a.sql": "SELECT 1;", "0001_b.sql": "SELECT 1;"})
    assert offered(offline, "trek migrate ") == ["head", "base", "+1", "-1"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_command_and_is_one_that_the_shell_reads(offline: Project, shell: str) -> None:
    ended = offline.run("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_TREK_COMPLETE" in ended.out
    assert offline.run("completion", shell, "--json").json["script"] == ended.out.removesuffix("\n")
    if program := shutil.which(shell):
        assert subprocess.run([program, "-n"], input=ended.out, text=True, check=False).returncode == 0


def test_bash_completes_with_the_script(offline: Project) -> None:
    offline.write(THREE)
    (offline.folder / "script").write_text(offline.run("completion", "bash").out)
    asks = 'source ./script; COMP_WORDS=(trek migrate 000); COMP_CWORD=2; _trek_completion trek; echo "${COMPREPLY[@]}"'
    bash = shutil.which("bash") or "/bin/bash"
    env = offline.env() | {"PATH": f"{TREK.parent}:{offline.env()['PATH']}"}
    ended = subprocess.run([bash, "-c", asks], cwd=offline.folder, env=env, capture_output=True, text=True, check=False)
    assert (ended.stdout.split(), ended.stderr) == (["0001", "0002", "0003"], "")
