"""Layouts that are not of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trek_core.plugin import Arrangement, Entry, File, Ignored, Layout, Provider, Rules, Script, Tree


def arrange(tree: Tree) -> Arrangement:
    return Arrangement(())


def of_a_path(folder: str) -> Arrangement:
    return Arrangement(())


def gives_entries(tree: Tree) -> list[Entry]:
    return []


def load(tree: Tree) -> Script:
    return Script(None)


def load_of_nothing() -> Script:
    return Script(None)


def smells_yes(tree: Tree) -> bool:
    return True


def new_of_two(arrangement: Arrangement, title: str) -> dict[str, str]:
    return {}


Layout(arrange=of_a_path)  # error: mypy pyright
Layout(arrange=gives_entries)  # error: mypy pyright
Layout(arrange=arrange, rules=Rules(missing="ignore"))  # error: mypy pyright
Layout(arrange=arrange, smells=smells_yes)  # error: mypy pyright
Layout(arrange=arrange, new=new_of_two)  # error: mypy pyright
Layout(arrange)  # error: mypy pyright
Entry(revision="1", load=load_of_nothing)  # error: mypy pyright
Entry(revision=1, load=load)  # error: mypy pyright
Entry(revision="1", load=load, checksums=lambda tree: "abc")  # error: mypy pyright
Arrangement((), (Ignored("a.txt", "no migration"),))  # error: mypy pyright


def writes(tree: Tree, file: File) -> None:
    tree.write(file, b"")  # error: mypy pyright


def providers() -> Iterable[Provider[Layout]]:
    yield Provider("layout", lambda settings: Layout(arrange=arrange))
    yield Provider("object", Layout(arrange=arrange))  # error: mypy pyright
    yield Provider("arrangement", lambda settings: Arrangement(()))  # error: mypy pyright
    yield Provider("nothing", lambda: Layout(arrange=arrange))  # error: mypy pyright
    yield Provider("settings", lambda settings: Layout(arrange=arrange), {"up": str})  # error: mypy pyright


@dataclass(frozen=True)
class FolderSettings:
    up: str = "up.sql"


@dataclass(frozen=True)
class OtherSettings:
    up: int = 1


def create(settings: FolderSettings) -> Layout:
    return Layout(arrange=arrange)


Provider("without", create)  # error: mypy pyright
Provider("other", create, OtherSettings)  # error: mypy pyright
Provider("instance", create, FolderSettings())  # error: mypy pyright
Provider("field", lambda settings: Layout(arrange=arrange, rules=settings.rules), FolderSettings)  # error: mypy pyright
