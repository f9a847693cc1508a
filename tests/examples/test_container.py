"""The container example: its manifests and its Dockerfile are checked, and its entry point is run. No engine builds it here."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner

from tests.examples.programs import EXAMPLES, environ
from tests.run.folders import applied
from trek_core.cli._app import cli

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database

HERE = EXAMPLES / "container"
MANIFESTS = sorted((HERE / "kubernetes").glob("*.yaml"))
BIN = Path(sys.executable).parent
VERSIONS = ("1.29", "1.37")


def manifest(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands() -> list[list[str]]:
    """Every command of the manifests that is trek's, those in comments too."""
    text = "".join(path.read_text(encoding="utf-8") for path in MANIFESTS)
    return [yaml.safe_load(found) for found in re.findall(r"command: (\[.*?\])", text)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_what_kubernetes_takes(path: Path, version: str) -> None:
    kubernetes_validate.validate(manifest(path), version, strict=True)


def test_the_check_of_manifests_can_fail() -> None:
    wrong = manifest(HERE / "kubernetes/job.yaml")
    wrong["spec"]["template"]["spec"]["restartPolice"] = "Never"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_the_commands_of_the_manifests_are_those_of_trek() -> None:
    assert len(commands()) == 3
    for program, *words in commands():
        assert program == "trek"
        found = CliRunner().invoke(cli, [*words, "--help"])
        assert found.exit_code == 0, found.output


def test_no_secret_stands_in_a_manifest() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in MANIFESTS)
    assert "postgresql://" not in text
    assert text.count("secretKeyRef") == 4


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run([BIN / "hadolint", HERE / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_dockerfile_copies_is_there() -> None:
    copied = re.findall(r"^COPY (\S+) ", (HERE / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(copied) == 4
    assert [name for name in copied if not (EXAMPLES / name).exists()] == []


async def test_the_entry_point_migrates_and_becomes_the_application(database: Database, connection: Connection) -> None:
    folder = str(EXAMPLES / "starlette_app/migrations")
    env = environ(database.dsn, TREK_DIR=folder, PATH=f"{BIN}:/usr/bin:/bin")

    def enter(**more: str) -> list[str]:
        command = ["sh", "-c", f"sh {shlex.quote(str(HERE / 'entrypoint.sh'))} sh -c 'echo the application'"]
        done = subprocess.run(command, env={**env, **more}, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert enter(MIGRATE="no") == ["the application"]
    assert await applied(connection) == []
    first = enter()
    assert (first[0].split()[:3], first[-1]) == (["applied", "0001", "guests"], "the application")
    assert await applied(connection) == ["0001", "0002"]


def test_the_entry_point_starts_no_application_where_the_migration_failed(tmp_path: Path) -> None:
    env = environ("postgresql://nobody@127.0.0.1:1/none", TREK_DIR=str(tmp_path), PATH=f"{BIN}:/usr/bin:/bin")
    command = ["sh", str(HERE / "entrypoint.sh"), "echo", "the application"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert done.stdout == ""
