"""A layout whose settings are typed, and whose provider is a function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from trek_core.plugin import (
    Arrangement,
    Catalog,
    Direction,
    Entry,
    File,
    Hop,
    Ignored,
    Layout,
    Provider,
    Rules,
    Script,
    State,
    Tree,
    TrekHooks,
    hookimpl,
)


@dataclass(frozen=True)
class FolderSettings:
    up: str = "up.sql"


def load(up: File, tree: Tree) -> Script:
    return Script(tree.load(up, Direction.up).up)


def checksums(up: File, tree: Tree) -> tuple[str, ...]:
    return (hashlib.sha256(tree.read(up)).hexdigest(),)


def arrange(settings: FolderSettings, tree: Tree) -> Arrangement:
    ups = [file for file in tree.files if file.name == settings.up]
    return Arrangement(
        tuple(
            Entry(revision=file.path, load=partial(load, file), files=(file,), checksums=partial(checksums, file))
            for file in ups
        ),
        tuple(Ignored(file, "not the file of a revision") for file in tree.files if file not in ups),
    )


def smells(tree: Tree) -> str | None:
    return "looks like goose because of 00001.sql" if any(file.name == "00001.sql" for file in tree.files) else None


def route(catalog: Catalog, state: State, target: str, direction: Direction | None) -> list[Hop]:
    entry = catalog.get(target)
    return [Hop(entry=entry, verb="apply")] if entry and direction is not Direction.down and not state.applied else []


def new(arrangement: Arrangement, title: str, kind: str) -> dict[str, str]:
    return {f"{len(arrangement.entries):03}-{title}/up.{kind}": ""}


def create(settings: FolderSettings) -> Layout:
    rules = Rules(out_of_order="warn")
    return Layout(arrange=partial(arrange, settings), rules=rules, smells=smells, route=route, new=new)


class Folders(TrekHooks):
    @hookimpl
    def trek_register_layouts(self) -> Iterable[Provider[Layout]]:
        yield Provider("folders", create, FolderSettings)
        yield Provider("plain", lambda settings: Layout(arrange=lambda tree: Arrangement(())))


plugin = Folders()
