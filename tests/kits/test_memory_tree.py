"""The tree in memory is what trek's own tree is for the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from trek_core._tree import FolderTree
from trek_core.plugin import Body, Direction, Facts, File, Loader, LoadError, PluginHost, Script, Source, Sql, hookimpl
from trek_core.testing import MemoryTree

FILES = {
    "b.sql": "SELECT 2",
    "a.sql.j2": b"SELECT 1",
    "deeper/c.sql": "ü",
    "B.sql": b"\xff",
    "notes": "",
    "deeper.sql": "3",
}


def load(source: Source) -> Script:
    body = Body((Sql(source.content.decode(), str(source.file)),))
    return Script(None, body) if source.direction is Direction.down else Script(body)


LOADERS = [Loader("sql", (".sql",), load), Loader("jinja", (".j2", ".sql.j2"), load)]


class Loaders:
    @hookimpl
    def trek_register_loaders(self) -> list[Loader]:
        return LOADERS


@pytest.fixture
def trees(tmp_path: Path) -> tuple[MemoryTree, FolderTree]:
    for path, content in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    host = PluginHost([Loaders()], entry_points=False)
    return MemoryTree(FILES, LOADERS, str(tmp_path)), FolderTree(tmp_path, host.loader_for, suffixes=host.suffixes())


def test_files_contents_and_suffixes_are_the_same(trees: tuple[MemoryTree, FolderTree]):
    memory, folder = trees
    assert memory.files == folder.files
    assert [memory.read(file) for file in memory.files] == [folder.read(file) for file in folder.files]
    assert [memory.suffix(file) for file in memory.files] == [folder.suffix(file) for file in folder.files]
    assert memory.suffix(File("a.sql.j2")) == ".sql.j2"


@pytest.mark.parametrize("direction", [None, *Direction])
def test_it_loads_the_same_with_the_direction(trees: tuple[MemoryTree, FolderTree], direction: Direction | None):
    memory, folder = trees
    (file,) = (file for file in memory.files if file.path == "deeper/c.sql")
    assert memory.load(file, direction) == folder.load(file, direction)


def test_it_refuses_the_same(trees: tuple[MemoryTree, FolderTree]):
    for tree in trees:
        (notes,) = (file for file in tree.files if file.path == "notes")
        with pytest.raises(LoadError, match="no loader takes a file of this kind"):
            tree.load(notes)
        with pytest.raises(LoadError, match="it cannot be read: "):
            tree.read(File("gone.sql", notes.root))


def test_it_remembers_what_was_read_and_loaded_and_has_the_facts_it_was_given():
    tree = MemoryTree(FILES, LOADERS, facts=Facts(database="shop"))
    tree.read(tree.files[0])
    tree.read(tree.files[0])
    tree.load(File("b.sql", "migrations"), Direction.up)
    assert tree.reads == {"B.sql": 2}
    assert tree.loaded == [("b.sql", Direction.up)]
    assert tree.facts.database == "shop"
