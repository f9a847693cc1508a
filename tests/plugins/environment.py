"""Fresh virtual environments in which trek is installed from a wheel of the working tree: what a stranger has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
EXTRAS = "cli,embedded,testing,jinja,opentelemetry"
OWN = ("TREK_", "DATABASE_URL", "PG", "PYTHON", "PYTEST", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "VIRTUAL_ENV")


def clean_environ() -> dict[str, str]:
    """This process's variables without those that would change what trek, Python or pytest does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: `python` is its interpreter."""

    python: Path

    @property
    def trek(self) -> Path:
        """Its command `trek`."""
        return self.python.with_name("trek")

    def run(
        self, *command: str | Path, cwd: Path, ok: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command with those variables added; unless `ok` is False a failure fails the test with what it said."""
        words = [str(word) for word in command]
        environ = clean_environ() | variables
        done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=300)
        assert not ok or done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done

    def plugins(self, *words: str, cwd: Path, **variables: str) -> dict[str, dict[str, Any]]:
        """What `trek plugins --json` says, by the plugins' names."""
        done = self.run(self.trek, "plugins", "--json", *words, cwd=cwd, **variables)
        return {info["name"]: info for info in json.loads(done.stdout)["plugins"]}

    def install(self, *what: str | Path) -> None:
        """Installs wheels, or names with their extras, with what they need from pip's index."""
        _pip("--python", str(self.python), "install", *map(str, what))


def build_wheel(project: Path, folder: Path) -> Path:
    """The wheel of a project, built in `folder` with this environment's hatchling: nothing is downloaded."""
    _pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(project))
    return max(folder.glob("*.whl"), key=lambda wheel: wheel.stat().st_mtime_ns)


def installed_environment(folder: Path, trek: Path, *wheels: str | Path) -> Environment:
    """A new environment in `folder` with trek and its extras, and those wheels. `trek` is the fixture `trek_wheel`."""
    done = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=False)
    assert done.returncode == 0
    made = Environment(folder / "bin/python")
    made.install(f"{trek}[{EXTRAS}]", *wheels)
    return made


@pytest.fixture(scope="session")
def trek_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the working tree. Skips where pip reaches no package index."""
    folder = tmp_path_factory.mktemp("reach")
    command = [*PIP, "download", "--no-deps", "--no-cache-dir", "-d", str(folder), "pluggy"]
    if subprocess.run(command, capture_output=True, check=False, timeout=300).returncode:
        pytest.skip("pip reaches no package index: not even pluggy could be downloaded")
    return build_wheel(ROOT, tmp_path_factory.mktemp("trek"))


def _pip(*words: str) -> None:
    done = subprocess.run([*PIP, *words], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"pip {' '.join(words)}:\n{done.stdout}{done.stderr}"
