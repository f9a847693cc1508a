"""docs/peer-defects.md: every defect has a test that exists, or the reason why it is out of reach."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.pages import ROOT, read

PAGE = "docs/peer-defects.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROW = re.compile(r"^\| (?!whose|#|what \||-)(.+) \|$", re.MULTILINE)


def functions(file: str) -> set[str]:
    """The names of the test functions of a file below `tests`."""
    module = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED.findall(read(PAGE))}))
def test_every_test_that_is_named_exists(file: str) -> None:
    named = {name for other, name in NAMED.findall(read(PAGE)) if other == file}
    assert named - functions(file) == set()
    assert all(name.startswith("test_") for name in named)


def test_every_defect_has_a_test_or_a_reason() -> None:
    rows = [row for row in ROW.findall(read(PAGE)) if not row.startswith("--")]
    assert len(rows) > 80
    bare = [row for row in rows if not NAMED.search(row) and "not in trek's reach, because" not in row]
    assert bare == []


@pytest.mark.parametrize(("heading", "count"), [("asyncpg-trek", 27), ("What was found in drafts of trek", 15)])
def test_the_numbered_lists_are_whole(heading: str, count: int) -> None:
    part = read(PAGE).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", part, re.MULTILINE)] == list(range(1, count + 1))
