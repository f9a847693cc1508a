"""The table of docs/adopt is what the cases of tests/formats say, and each tool has its page and its case."""

from __future__ import annotations

import os
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, read
from tests.formats.foreign import ForeignCase
from trek_loaders.formats import TOOLS

PAGE = "docs/adopt/README.md"
ASYNCPG_TREK = (  # has tests of its own, and came first
    "| [asyncpg-trek](../asyncpg-trek.md) | edges, `<date>_<from>_up_<to>.sql` and `_down_`, `.py` | yes | yes "
    "| trek's own: the tool has none | yes | real tool run | 4 |\n"
)
_TABLE = re.compile(r"(\| tool \|.*\|\n\|[-|]+\|\n)((?:\|.*\n)*)")


def case_of(tool: str) -> ForeignCase:
    found = import_module(f"tests.formats.test_{tool.replace('-', '_')}").CASE
    assert isinstance(found, ForeignCase)
    return found


def line(tool: str) -> str:
    case = case_of(tool)
    cells = (
        f"[{tool}]({tool}.md)",
        case.files,
        case.read,
        case.written,
        case.lock or "trek's own: the tool has none",
        "yes" if case.down else "no",
        case.proof,
        str(len(case.applied) + bool(case.more)),
    )
    return f"| {' | '.join(cells)} |\n"


def test_the_table_is_what_the_tests_prove() -> None:
    wanted = "".join(sorted((ASYNCPG_TREK, *map(line, TOOLS))))
    page = ROOT / PAGE
    if os.environ.get("TREK_WRITE_ADOPT"):
        page.write_text(_TABLE.sub(lambda found: found[1] + wanted, page.read_text(encoding="utf-8")), encoding="utf-8")
    found = _TABLE.search(read(PAGE))
    assert found is not None
    assert found[2] == wanted


@pytest.mark.parametrize("tool", TOOLS)
def test_the_heading_which_the_sites_navigation_shows_writes_the_tool_as_the_text_does(tool: str) -> None:
    heading, _, text = read(f"docs/adopt/{tool}.md").partition("\n")
    assert re.search(
        rf"\b{re.escape(heading.removeprefix('# '))}\b", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_has_its_page_which_says_what_is_read_and_written_what_differs_and_how_to_go_back(tool: str) -> None:
    text = read(f"docs/adopt/{tool}.md")
    for part in ("**Read.**", "**Written.**", "**Lock.**", "## What differs", "## Going back", f"--format {tool}"):
        assert part in text, part


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_has_the_tests_of_all_and_both_kits(tool: str) -> None:
    text = Path(ROOT, f"tests/formats/test_{tool.replace('-', '_')}.py").read_text(encoding="utf-8")
    for base in ("ForeignSuite", "LayoutSuite", "VersionStoreSuite"):
        assert re.search(rf"^class Test\w+\(.*\b{base}\)", text, re.MULTILINE), base
    assert case_of(tool).format == tool


@pytest.mark.parametrize("tool", TOOLS)
def test_the_table_says_of_proof_and_lock_what_there_is_a_test_of(tool: str) -> None:
    case, module = case_of(tool), tool.replace("-", "_")
    assert (case.proof == "real tool run") == (ROOT / f"tests/formats/test_{module}_interop.py").exists()
    own = Path(ROOT, f"tests/formats/test_{module}.py").read_text(encoding="utf-8")
    assert bool(case.lock) == (case.keys is not None or "LockWaiting" in own)


def test_the_formats_are_one_plugin_of_the_distribution() -> None:
    points = tomllib.loads(read("pyproject.toml"))["project"]["entry-points"]["trek"]
    assert points["formats"] == "trek_loaders.formats"
