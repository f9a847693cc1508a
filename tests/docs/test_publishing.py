"""The distribution of the page on publishing builds, and offers its plugin to trek."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import ROOT, block, read
from tests.docs.plugin_pages import SQLX
from trek_core.cli._new_plugin import KINDS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/plugins/publishing.md"
PROJECT = block("toml", PAGE, 1)


@pytest.fixture
def project() -> dict[str, Any]:
    return tomllib.loads(PROJECT)["project"]  # type: ignore[no-any-return]


def test_the_extras_for_the_tests_are_those_that_new_plugin_writes(project: dict[str, Any]) -> None:
    assert project["optional-dependencies"]["test"] == [f"trek-migrate[{KINDS['loader'].extras}]"]
    for kind in KINDS.values():
        assert f"trek-migrate[{kind.extras}]" in read(PAGE)


def test_the_project_builds_and_its_wheel_has_the_module_and_the_entry_point(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "README.md").write_text("# trek-sqlx\n")
    (tmp_path / "trek_sqlx.py").write_text(SQLX.text)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as found:
        assert "trek_sqlx.py" in found.namelist()
        points = configparser.ConfigParser()
        points.read_string(found.read("trek_sqlx-1.0.0.dist-info/entry_points.txt").decode())
    assert dict(points["trek"]) == {"sqlx": "trek_sqlx"}


def test_the_names_of_the_project_are_those_of_the_table(project: dict[str, Any]) -> None:
    shown = [line.split("|")[3].strip().strip("`") for line in read(PAGE).splitlines() if line.startswith("| ")]
    assert shown[1:4] == [project["name"], "trek_sqlx", 'sqlx = "trek_sqlx"']


def test_the_project_asks_for_this_release_of_trek_and_no_later_minor(project: dict[str, Any]) -> None:
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    major, minor, _ = map(int, own["version"].split("."))
    assert project["dependencies"] == [f"trek-migrate>={major}.{minor},<{major}.{minor + 1}"]
    assert project["requires-python"] == own["requires-python"]


def test_the_kits_run_in_ci_on_a_server_that_the_variable_names() -> None:
    workflow = block("yaml", PAGE, 1)
    assert "TREK_TEST_DSN: postgresql://" in workflow
    assert "pip install -e '.[test]'" in workflow
    for name in ("checkout", "setup-python"):
        assert f"- uses: actions/{name}@v" in workflow
