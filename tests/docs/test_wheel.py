"""What `pip install trek-migrate` brings, and what `import trek_core` brings with it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
LIST = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
STRANGERS = ("asyncpg", "pluggy", "click", "rich", "trek_asyncpg", "trek_loaders")
IMPORTED = f"import sys, {{}}; print(*(name for name in {STRANGERS} if name in sys.modules))"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where pip reaches no package index."""
    folder = str(tmp_path_factory.mktemp("reach"))
    command = [*PIP, "download", "--no-deps", "--no-cache-dir", "-d", folder, "pluggy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip("pip reaches no package index: not even pluggy could be downloaded")


@pytest.mark.usefixtures("registry")
def test_the_wheel_brings_asyncpg_and_pluggy_and_nothing_else(tmp_path: Path) -> None:
    run(*PIP, "wheel", "--no-deps", "-w", str(tmp_path / "dist"), str(ROOT))
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty"))
    python = str(tmp_path / "empty/bin/python")
    run(*PIP, "--python", python, "install", str(wheel))
    assert run(python, "-I", "-c", LIST) == "asyncpg pluggy trek-migrate"
    assert run(python, "-I", "-c", IMPORTED.format("trek_core")) == ""
    assert run(python, "-I", "-c", "import trek_asyncpg, trek_loaders.sql, trek_asyncpg.embedded; print('ok')") == "ok"
    told = subprocess.run([str(tmp_path / "empty/bin/trek")], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert "pip install 'trek-migrate[cli]'" in told.stderr


@pytest.mark.parametrize("package", ["trek_core", "trek_core.cli", "trek_core.model"])
def test_importing_core_imports_no_driver_no_pluggy_and_no_click(package: str) -> None:
    assert run(sys.executable, "-I", "-c", IMPORTED.format(package)) == ""
