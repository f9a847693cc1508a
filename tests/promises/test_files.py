"""What trek promises to layouts and loaders about files. Each test carries the number of its sentence."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.promises.stage import NATIVE, Stage
from trek_core import Migrator
from trek_core._host import Offer
from trek_core._tree import FolderTree
from trek_core.plugin import Loader, LoadError, Provider, Script, hookimpl
from trek_core.testing import MemoryDatabase, memory_backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO = {"1_a.told": "one;\n-- trek: down\nback one;\n", "2_b.told": "two;\n-- trek: down\nback two;\n"}
_opened: list[Counter[str]] = []


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if event == "open" and _opened and str(given[0]).endswith(".told"):
        _opened[-1][str(given[0]).rpartition("/")[2]] += 1


@pytest.fixture(scope="module", autouse=True)
def _listening() -> None:
    """Once: an audit hook cannot be taken away."""
    sys.addaudithook(_hear)


@pytest.fixture
def opened() -> Iterator[Counter[str]]:
    """How often each migration was opened meanwhile."""
    _opened.append(Counter())
    yield _opened[-1]
    _opened.clear()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path).write(TWO)


# --------------------------------------------------------------------------- the tree
async def test_t1_a_file_is_read_once_a_run_and_what_was_read_is_kept(stage: Stage, opened: Counter[str]) -> None:
    """The native layout reads a file for its directives, for its checksum and to load it, each time under the lock again."""
    await stage.migrate()
    assert opened == {"1_a.told": 1, "2_b.told": 1}


async def test_t1_the_next_run_reads_it_anew(stage: Stage) -> None:
    migrator = stage.migrator()
    await migrator.migrate("1")
    stage.write({"2_b.told": "changed;"})
    await migrator.migrate()
    assert stage.database.ran == ["one", "changed"]


def test_t1_a_file_is_read_when_it_is_first_asked_for(stage: Stage, opened: Counter[str]) -> None:
    tree = FolderTree(stage.folder, lambda name: None)
    assert opened == {}
    assert tree.read(tree.files[1]) == TWO["2_b.told"].encode()
    assert opened == {"2_b.told": 1}
    stage.write({"2_b.told": "changed;"})
    assert tree.read(tree.files[1]) == TWO["2_b.told"].encode()


def test_t3_a_big_file_is_opened_and_refused_when_it_changed_meanwhile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trek_core._big.BIG", 10)
    stage.write({"1_a.told": "x" * (1 << 17)})
    tree = FolderTree(stage.folder, lambda name: None)
    assert [tree.big(file) for file in tree.files] == [True, False]
    for file in tree.files:
        with tree.open(file) as stream:
            assert len(stream.read()) in (1 << 17, len(TWO["2_b.told"]))
    stage.write({"1_a.told": "y" * (1 << 18)})
    with pytest.raises(LoadError, match="it changed while it was read"):
        tree.open(tree.files[0])


def test_t2_files_are_sorted_by_path_and_hidden_ones_and_backups_are_left_out(tmp_path: Path) -> None:
    for path in (
        "b.sql",
        "a/2.sql",
        "a/1.sql",
        "a.sql",
        ".hidden.sql",
        ".git/x.sql",
        "c.sql~",
        ".c.sql.swp",
        "__pycache__/x.pyc",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert [file.path for file in FolderTree(tmp_path, lambda name: None).files] == [
        "a.sql",
        "a/1.sql",
        "a/2.sql",
        "b.sql",
    ]


# --------------------------------------------------------------------------- loaders
async def test_l1_load_is_called_for_files_whose_script_is_wanted_and_for_no_other(stage: Stage) -> None:
    await stage.migrate("1")
    assert {path for path, _ in stage.loaded} == {"1_a.told"}
    stage.loaded.clear()
    await stage.migrator().status()
    assert stage.loaded == []
    await stage.migrate("2")
    assert {path for path, _ in stage.loaded} == {"2_b.told"}


async def test_l1_the_bytes_are_those_that_were_hashed_whatever_lies_there_meanwhile(stage: Stage) -> None:
    hashed: list[bytes] = []
    layout = NATIVE.create(NATIVE.settings())

    def arrange(tree: Any) -> Any:
        hashed.extend(tree.read(file) for file in tree.files)
        found = layout.arrange(tree)
        stage.write({"1_a.told": "somebody saved it;", "2_b.told": "somebody saved it;"})
        return found

    stage.noting = lambda name, function: arrange if name == "arrange" else function  # type: ignore[method-assign]
    await stage.migrate()
    assert {content for _, content in stage.loaded} == set(hashed)
    assert stage.database.ran == ["one", "two"]
    rows = stage.database.tables["public.trek_history"].rows
    assert {row["checksum"] for row in rows} == {hashlib.sha256(content).hexdigest() for content in hashed}


def test_l1_the_longest_suffix_decides_which_loader_is_called(tmp_path: Path) -> None:
    called: list[str] = []

    def loader(name: str, suffix: str) -> Loader:
        def load(source: Any) -> Script:
            called.append(name)
            return Script(None)

        return Loader(name, (suffix,), load)

    offers = {suffix: Offer(loader(suffix, suffix), "mine") for suffix in (".j2", ".sql.j2")}
    (tmp_path / "1_a.sql.j2").touch()
    from trek_core.plugin import PluginHost

    class Both:
        @hookimpl
        def trek_register_loaders(self) -> list[Loader]:
            return [offer.value for offer in offers.values()]

    host = PluginHost([Both()], entry_points=False)
    tree = FolderTree(tmp_path, host.loader_for)
    tree.load(tree.files[0])
    assert called == [".sql.j2"]


# --------------------------------------------------------------------------- layouts
@pytest.mark.parametrize("target", ["1", "head"])
async def test_a1_smells_then_arrange_once_a_run_after_the_history_and_before_a_plan(stage: Stage, target: str) -> None:
    await stage.migrate("1")
    stage.calls.clear()
    await stage.migrate(target)
    assert [call for call in stage.calls if call in ("smells", "arrange")] == ["smells", "arrange"]
    assert stage.calls[:5] == ["query", "history", "smells", "arrange", "state"]


async def test_a1_nothing_is_arranged_to_show_the_history(stage: Stage) -> None:
    await stage.migrator().history()
    assert stage.calls == ["query", "history"]


async def test_a1_a_folder_that_smells_is_not_arranged(tmp_path: Path) -> None:
    arranged: list[object] = []
    layout = replace(
        NATIVE.create(NATIVE.settings()),
        smells=lambda tree: "looks like goose",
        arrange=arranged.append,  # type: ignore[arg-type]
    )

    class Mine:
        @hookimpl
        def trek_register_layouts(self) -> list[Provider[Any]]:
            return [Provider("mine", lambda settings: layout)]

    backend = memory_backend(MemoryDatabase(), layout="mine", plugins=[Mine()])
    with pytest.raises(Exception, match="looks like goose"):
        await Migrator(backend, tmp_path).plan()
    assert arranged == []
