"""docs/reviewing.md: what it shows is what a run says, and its table has every finding that there is."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import OWN, THREE, USERS, Inside
from tests.cli.test_graph import FOUR
from tests.docs.pages import ROOT, read

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/reviewing.md"
NOTHING_SAID = "ALTER TABLE users ADD email text;\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path, read=capsys.readouterr)


def shown(name: str) -> str:
    (text,) = re.findall(rf"<!-- from a run: {name} -->\n```text\n(.*?)```", read(PAGE), re.DOTALL)
    return text


def test_the_check_that_is_shown_is_one(project: Inside) -> None:
    project.write(
        {"0001_users.sql": USERS, "0002_email.sql": NOTHING_SAID, "0004_index.sql": "SELECT 1;\nSELECT 'open\n"}
    )
    assert project.run("check").out == shown("check")


def test_the_squash_that_is_shown_is_one(project: Inside) -> None:
    project.write(THREE)
    ended = project.run("squash", "0001..0003")
    note, _, rest = ended.err.partition("\n")
    assert f"$ trek squash 0001..0003\n{note}\n{ended.out}{rest}" == shown("squash")


def test_the_graph_that_is_shown_is_one(project: Inside) -> None:
    project.write(FOUR)
    assert project.run("graph").out == shown("graph")


def test_the_table_has_every_finding() -> None:
    sources = "".join((ROOT / f"trek_core/{name}.py").read_text() for name in ("_check", "_check_git", "_seen"))
    given = set(re.findall(r'(?:name=|\bwrong\(\s*|_finding\(\s*|: )"([a-z]+(?:-[a-z]+)*)"', sources)) - {
        "error",
        "warning",
        "note",
    }
    listed = re.findall(r"^\| `([a-z-]+)` \| (?:error|warning|note) \|", read(PAGE), re.MULTILINE)
    more = {"bad-graph"}
    assert set(listed) == given | more
    assert len(listed) == len(set(listed))
