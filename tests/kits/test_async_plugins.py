"""An author's suites run the same whatever asynchronous plugin the author's pytest has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from trek_core import testing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_asyncpg.testing import Server

SAMPLE = Path(__file__).parent / "sample_suites"
KITS = {
    "TestLoader": testing.LoaderSuite,
    "TestLayout": testing.LayoutSuite,
    "TestStore": testing.VersionStoreSuite,
    "TestExecutor": testing.ExecutorSuite,
    "TestOnPostgres": testing.ExecutorSuite,
}
A_FEW = ("e2_", "e10_", "e27_")
"""Of those on PostgreSQL: each costs a database, and every setup asks the same of them."""
PLAIN = ("-p", "no:asyncio", "-p", "no:anyio")
SCOPE = "asyncio_default_fixture_loop_scope = function"  # unset, pytest-asyncio itself warns
SETUPS = {
    "pytest-asyncio strict": (f"asyncio_mode = strict\n{SCOPE}", ("-p", "no:anyio")),
    "pytest-asyncio auto": (f"asyncio_mode = auto\n{SCOPE}", ("-p", "no:anyio")),
    "anyio auto": ("anyio_mode = auto", ("-p", "no:asyncio")),
    "pytest-xdist": (SCOPE, ("-n", "2")),
}

Outcomes = dict[tuple[str, str], str]


class Author:
    """A project of its own, whose pytest knows nothing of ours."""

    def __init__(self, folder: Path, server: Server, ini: str = "") -> None:
        self.folder = folder
        shutil.copy(SAMPLE / "plugin.py", folder)
        shutil.copy(SAMPLE / "suites.py", folder / "test_suites.py")
        (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
        ours = ("PYTEST_", "TREK_", "COVERAGE_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.environment = {**inherited, "TREK_TEST_DSN": server.base}

    def pytest(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            "pytest.ini",
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            *options,
        ]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def outcomes(self, *options: str) -> Outcomes:
        """Class and name of each test -> "passed" or "skipped". No test failed, and nothing warned."""
        tests = [f"test_suites.py::{name}::{test}" for name in KITS for test in asked_for(name)]
        done = self.pytest("-q", "--junitxml=found.xml", *options, *tests)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        assert "warning" not in done.stdout.casefold()
        cases = ET.parse(self.folder / "found.xml").iter("testcase")
        return {
            (case.attrib["classname"].rpartition(".")[2], case.attrib["name"]): next(
                (child.tag for child in case), "passed"
            )
            for case in cases
        }


@pytest.fixture(scope="module")
def plain(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What happens where pytest has no asynchronous plugin."""
    return Author(tmp_path_factory.mktemp("plain"), server).outcomes(*PLAIN)


def test_without_an_async_plugin_every_test_of_every_kit_runs(plain: Outcomes) -> None:
    assert set(plain) == {(name, test) for name in KITS for test in asked_for(name)}
    assert set(plain.values()) == {"passed", "skipped"}


def test_only_what_was_declared_is_skipped_with_its_reason(server: Server, tmp_path: Path, plain: Outcomes) -> None:
    skipped = {test for test, outcome in plain.items() if outcome == "skipped"}
    assert all(needs(*test) for test in skipped)
    shown = Author(tmp_path, server).pytest("-rs", *PLAIN, "test_suites.py::TestLoader").stdout
    assert "without directions: there is no way back" in shown


def asked_for(name: str) -> list[str]:
    """The tests of that class that run."""
    tests = KITS[name].kit_tests()
    return [test for test in tests if name != "TestOnPostgres" or any(few in test for few in A_FEW)]


def needs(name: str, test: str) -> tuple[str, ...]:
    found: Mapping[str, object] = vars(getattr(KITS[name], test))
    return tuple(found.get("needs", ()))  # type: ignore[arg-type]


@pytest.mark.parametrize("setup", SETUPS)
def test_the_same_tests_have_the_same_outcomes_under(
    setup: str, server: Server, tmp_path: Path, plain: Outcomes
) -> None:
    ini, options = SETUPS[setup]
    assert Author(tmp_path, server, ini).outcomes(*options) == plain


@pytest.mark.parametrize("ini", ["", "python_classes = Test *Suite"])
def test_the_suites_that_are_imported_are_not_collected(ini: str, server: Server, tmp_path: Path) -> None:
    shown = Author(tmp_path, server, ini).pytest("--collect-only", "-q", *PLAIN).stdout
    classes = Counter(line.split("::")[1] for line in shown.splitlines() if "::" in line)
    assert classes == {name: len(kit.kit_tests()) for name, kit in KITS.items()}
