"""The native layout and several folders: one order, a chain for each, and names that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.folders import write
from trek_core._host import PluginHost
from trek_core._tree import FolderTree
from trek_core.errors import Duplicate
from trek_loaders.native import arrange

if TYPE_CHECKING:
    from pathlib import Path

    from trek_core.model import Entry


def entries(*roots: str) -> list[Entry]:
    return list(arrange(FolderTree(roots, PluginHost().loader_for)).entries)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_revisions_are_in_one_order_and_each_folder_is_a_chain(here: Path) -> None:
    write(
        here / "shop",
        {"20240101_a.sql": "SELECT 1;", "20240301_c.sql": "-- trek: requires 20240101 20240201\nSELECT 1;"},
    )
    write(here / "auth", {"20240201_b.sql": "SELECT 1;", "20240401_d.sql": "SELECT 1;", "x.1_e.sql": "SELECT 1;"})
    for roots in (("shop", "auth"), ("auth", "shop")):
        found = entries(*roots)
        assert [(e.revision, e.parents, e.series) for e in found] == [
            ("20240101", (), "shop"),
            ("20240201", (), "auth"),
            ("20240301", ("20240101", "20240201"), "shop"),
            ("20240401", ("20240201",), "auth"),
            ("x.1", ("20240401",), "auth"),
        ]


def test_a_squash_replaces_what_lies_in_its_own_folder(here: Path) -> None:
    write(
        here / "a", {"1_a.sql": "SELECT 1;", "5_b.sql": "SELECT 1;", "6_all.sql": "-- trek: replaces 1..5\nSELECT 1;"}
    )
    write(here / "b", {"3_c.sql": "SELECT 1;"})
    assert {e.revision: e.replaces for e in entries("a", "b") if e.replaces} == {"6": ("1", "5")}


def test_one_folder_of_several_is_read_as_it_is_alone(here: Path) -> None:
    write(here / "a", {"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 1;"})
    write(here / "b", {"readme.txt": ""})
    alone = entries("a")
    assert [(e.revision, e.parents) for e in entries("a", "b")] == [(e.revision, e.parents) for e in alone]
    assert [e.series for e in alone] == ["", ""]


@pytest.mark.parametrize(
    ("one", "other"), [("1_a.sql", "0001_a.sql"), ("1_a.up.sql", "1_a.down.sql"), ("1_a.sql", "1_a.down.sql")]
)
def test_a_revision_of_two_folders_is_refused_with_both_files_and_the_way_out(here: Path, one: str, other: str) -> None:
    write(here / "shop", {one: "SELECT 1;"})
    write(here / "auth", {other: "SELECT 1;"})
    with pytest.raises(Duplicate) as error:
        entries("shop", "auth")
    assert f"\n  shop/{one}" in str(error.value)
    assert f"\n  auth/{other}" in str(error.value)
    assert str(error.value).endswith(
        "Give all but one of them another revision. The two files of a pair have the same title and the same folder. "
        "A library's revisions begin with its name, as in auth.0001_users.sql."
    )
