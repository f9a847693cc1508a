"""What a plugin's author is told by mypy --strict and pyright: nothing where he is right, the line where he is not.

The files of `right` and `wrong` are an author's: checked in a folder of their own, and what `trek new-plugin` writes with
them. A line of `wrong` that a checker must flag ends with a comment that names it; each checker runs once, over all files.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.typing import checkers
from trek_core.cli import main
from trek_core.cli._new_plugin import KINDS as TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable

    Checker = Callable[..., checkers.Found]

CHECKERS: dict[str, Checker] = {"mypy": checkers.mypy, "pyright": checkers.pyright}
KINDS = ("executors", "hooks", "layouts", "loaders", "observers", "stores", "suites")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("author")
    for path in (*checkers.HERE.glob("right/*.py"), *checkers.HERE.glob("wrong/*.py")):
        shutil.copy(path, made)
    for kind in TEMPLATES:
        assert main(["new-plugin", kind, f"my-{kind}", "--directory", str(made)]) == 0
    return made


@pytest.mark.parametrize("checker", CHECKERS)
def test_exactly_the_marked_lines_are_flagged(folder: Path, checker: str) -> None:
    sources = [path.relative_to(folder).as_posix() for path in folder.glob("trek-*/src")]
    assert len(sources) == len(TEMPLATES)
    found = CHECKERS[checker](folder, Path(sys.executable), *sources)
    expected = checkers.expected(folder, checker)
    assert {place: text for place, text in found.items() if place not in expected} == {}, "flagged, but right"
    assert expected - set(found) == set(), "wrong, but not flagged"


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_plugins_of_each_kind_are_marked_for_both_checkers(kind: str) -> None:
    text = (checkers.HERE / f"wrong/wrong_{kind}.py").read_text()
    assert "# error: mypy pyright" in text


def test_right_plugins_have_no_mark() -> None:
    assert [path.name for path in checkers.HERE.glob("right/*.py") if checkers.EXPECTED.search(path.read_text())] == []


@pytest.mark.parametrize("checker", CHECKERS)
def test_an_author_without_asyncpg_stubs_hears_nothing_of_our_types(tmp_path: Path, checker: str) -> None:
    python = checkers.environment_without("asyncpg-stubs", tmp_path / "environment")
    shutil.copytree(checkers.HERE / "right", tmp_path / "author")
    found = CHECKERS[checker](tmp_path / "author", python)
    assert {file for file, _ in found} == {"drives_asyncpg.py"}, "only who names asyncpg's own types needs its stubs"
