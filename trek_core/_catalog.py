"""All entries of a tree as a graph: names, parents, and which squash replaces what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import filterfalse
from typing import TYPE_CHECKING, Any

from trek_core._blame import Offer, blame, breach, call, called, expect, expect_all, shown
from trek_core._dataclass import dataclass, field, replace
from trek_core._door import later
from trek_core.errors import Duplicate, UnknownRevision
from trek_core.model import Arrangement, Entry, File, Ignored, State

if TYPE_CHECKING:
    from trek_core import _replacing
    from trek_core._graph import Edges
    from trek_core.contracts import Layout, Tree
else:
    (_replacing,) = later("_replacing")


@dataclass(frozen=True, slots=True)
class EntryCatalog:
    """The entries in the layout's order. Every name in its mappings is a revision, aliases are resolved."""

    entries: tuple[Entry, ...] = ()
    names: Mapping[str, Entry] = field(default_factory=dict)
    """Revision or alias -> entry."""
    rank: Mapping[str, int] = field(default_factory=dict)
    """Revision -> its place in the layout's order."""
    parents: Edges = field(default_factory=dict)
    """Revision -> parents. A replaced revision without a file stays: which entry stands for it, the history decides."""
    replaced: Edges = field(default_factory=dict)
    """Squash -> what it replaces. A squash comes after those that replace it."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Replaced revision, with or without a file -> the squash that replaces it; the innermost where they nest."""
    follows: bool = False
    """Whether nothing is replaced, and each revision comes after its parents in the layout's order already."""

    def get(self, revision: str) -> Entry | None:
        """The entry of that revision or alias."""
        return self.names.get(revision)

    def canonical(self, name: str) -> str:
        """The revision behind an alias; a name that no entry has stays as it is."""
        entry = self.names.get(name)
        return entry.revision if entry else name

    def nearest(self, name: str, but: str = "") -> str:
        """A sentence with the names that look like this one, or nothing. `but` is not worth saying."""
        from difflib import get_close_matches  # noqa: PLC0415 - for somebody who mistyped, and for nobody else

        close = get_close_matches(name, [other for other in self.names if other != but], n=3, cutoff=0.5)
        return f" Nearest: {', '.join(close)}." if close else ""

    def describe(self, revision: str) -> str:
        """Revision and files, for messages: "0003 (migrations/0003_users.sql)"."""
        entry = self.names.get(revision)
        return f"{revision} ({files_of(entry)})" if entry and entry.files else revision


def is_at_head(catalog: EntryCatalog, state: State) -> bool:
    """Whether the planner would find no way to "head", unless a file was edited: who is up to date need not import it."""
    if state.unfinished or not catalog.follows or catalog.rank.keys() != set(state.applied):
        return False
    return all(entry.skip is None and entry.recorded and entry.rerun == "never" for entry in catalog.entries)


def files_of(entry: Entry) -> str:
    """The entry's files, for messages; its revision where it has none."""
    return ", ".join(map(str, entry.files)) or entry.revision


def smell(layout: Offer[Layout], tree: Tree) -> str | None:
    """Why the folder is rather another tool's, or nothing. Raises `PluginError`."""
    with blame(layout, "Layout.smells"):
        found = layout.value.smells(tree)
    expect(layout, "Layout.smells", found, str | None)
    return found


def checksums(entries: Sequence[Entry], tree: Tree, layout: Offer[Layout]) -> list[tuple[str, ...]]:
    """Each entry's checksums, the one that is written first. Raises `PluginError`."""
    found = called(layout, _checksums, lambda entry: entry.checksums(tree), entries)
    return [
        texts if type(texts) is tuple and len(texts) == 1 and type(texts[0]) is str else _texts(layout, entry, texts)
        for entry, texts in zip(entries, found, strict=True)
    ]


def checksum(entry: Entry, tree: Tree, layout: Offer[Layout]) -> str | None:
    """The one that is written; None where the format keeps none. Raises `PluginError`."""
    texts = _texts(layout, entry, call(layout, lambda: _checksums(entry), entry.checksums, tree))
    return texts[0] if texts else None


def _texts(layout: Offer[Layout], entry: Entry, found: object) -> tuple[str, ...]:
    if type(found) is tuple and len(found) == 1 and type(found[0]) is str:  # nearly always
        return found
    return expect_all(layout, _checksums(entry), found, str)


def _checksums(entry: Entry) -> str:
    return f"Entry.checksums({entry.revision})"


def arrange(layout: Offer[Layout], tree: Tree) -> Arrangement:
    """What a layout makes of a tree, checked. Raises `PluginError`, and what the layout finds wrong with the files."""
    where = "Layout.arrange"
    with blame(layout, where):
        arrangement = layout.value.arrange(tree)
    expect(layout, where, arrangement, Arrangement)
    entries = _listed(layout, where, arrangement.entries, Entry)
    for entry in filterfalse(_plain, entries):
        _refuse_entry(layout, entry)
    if not _are_names([entry.revision for entry in entries]):
        for entry in entries:
            _refuse_entry(layout, entry)
    _listed(layout, where, arrangement.ignored, Ignored)
    return arrangement


_SINGLE: dict[str, type] = {"revision": str, "title": str, "series": str}
_SEVERAL: dict[str, type] = {"parents": str, "aliases": str, "replaces": str, "conflicts": str, "files": File}
_FUNCTIONS = ("load", "checksums")
_NAME = r"[^\x00-\x1f\x7f]+"
_WORDS = {"head", "base", "initial"}
"""What a revision may be: text that a row, a message and a target can hold, and no word that a target means otherwise."""


def _plain(entry: Entry) -> bool:
    """Whether it is as nearly all are, and only its name is still to be looked at: there may be ten thousand."""
    parents, files = entry.parents, entry.files
    return (
        type(entry.revision) is str
        and type(entry.title) is str
        and type(entry.series) is str
        and type(parents) is tuple
        and (not parents or (len(parents) == 1 and type(parents[0]) is str))
        and type(files) is tuple
        and (len(files) == 1 and type(files[0]) is File)
        and entry.aliases == entry.replaces == entry.conflicts == ()
        and callable(entry.load)
        and callable(entry.checksums)
    )


def _are_names(revisions: list[str]) -> bool:
    text = "".join(revisions)
    plain = (
        text.isprintable() or re.fullmatch(_NAME, text) is not None
    )  # to compile it takes as long as to read ten files
    return plain and all(revisions) and _WORDS.isdisjoint(revisions)


def _refuse_entry(layout: Offer[Layout], entry: Entry) -> None:
    """Raises `PluginContractError` for the first field that is wrong."""
    where = f"Layout.arrange: revision {shown(entry.revision)}"
    for name, kind in _SINGLE.items():
        expect(layout, f"{where}: {name}", getattr(entry, name), kind)
    if not _are_names([entry.revision]):
        want = "want text without control characters, and none of the words head, base and initial: a target means them"
        breach(layout, where, f"gave the revision {shown(entry.revision)} for {files_of(entry)}, {want}")
    for name, kind in _SEVERAL.items():
        _listed(layout, f"{where}: {name}", getattr(entry, name), kind)
    for name in _FUNCTIONS:
        if not callable(function := getattr(entry, name)):
            breach(layout, f"{where}: {name}", f"gave {shown(function)}, want a function of the tree")


def _listed(layout: Offer[Layout], where: str, values: object, wanted: type) -> tuple[Any, ...]:
    """Read more than once, so that nothing which is used up by reading will do."""
    if not isinstance(values, tuple | list):
        breach(layout, where, f"gave {shown(values)}, want a tuple of {wanted.__name__}")
    return expect_all(layout, where, values, wanted)


def build(arrangement: Arrangement) -> EntryCatalog:
    """The catalog of what a layout arranged; an empty one of nothing.

    Raises `Duplicate`, `UnknownRevision` for a parent that nobody has, and `Cycle`.
    """
    entries = tuple(arrangement.entries)
    revisions = [entry.revision for entry in entries]
    bare = EntryCatalog(entries, _names(entries), dict(zip(revisions, range(len(entries)), strict=True)))
    replaced = {e.revision: tuple(dict.fromkeys(map(bare.canonical, e.replaces))) for e in entries if e.replaces}
    owners = _replacing.owners(bare, replaced) if replaced else {}
    outer_first = _replacing.outer_first(bare, replaced, owners) if replaced else []
    parents = dict(zip(revisions, _each_parents(bare, owners), strict=True))
    squashes = {name: replaced[name] for name in outer_first}
    catalog = EntryCatalog(entries, bare.names, bare.rank, parents, squashes, owners)
    if _follows(catalog):
        return replace(catalog, follows=True)
    _replacing.check_order(catalog)
    return catalog


def _names(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    names = {entry.revision: entry for entry in entries}
    if len(names) == len(entries) and not any(entry.aliases for entry in entries):
        return names
    names.clear()
    for entry in entries:
        for name in (entry.revision, *entry.aliases):
            other = names.setdefault(name, entry)
            if other is not entry:
                msg = (
                    f"two migrations are called {name}: {files_of(other)} and {files_of(entry)}.\n"
                    "Give one of them a revision of its own, or delete it."
                )
                raise Duplicate(msg, (name,))
    return names


def _each_parents(catalog: EntryCatalog, owners: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Of each entry, most of which have one and call it by its revision."""
    rank, found = catalog.rank, []
    for entry in catalog.entries:
        parents = entry.parents
        usual = not parents or (len(parents) == 1 and parents[0] in rank)
        found.append(tuple(parents) if usual else _parents(catalog, entry, owners))
    return found


def _parents(catalog: EntryCatalog, entry: Entry, owners: Mapping[str, str]) -> tuple[str, ...]:
    found = dict.fromkeys(map(catalog.canonical, entry.parents))
    for name in found:
        if name not in catalog.names and name not in owners:
            msg = (
                f"{files_of(entry)}: {entry.revision} requires {name}, but none of the {len(catalog.entries)} "
                f"migrations has that revision.{catalog.nearest(name, entry.revision)}\nCorrect the name, or add the file."
            )
            raise UnknownRevision(msg, (entry.revision, name))
    return tuple(found)


def _follows(catalog: EntryCatalog) -> bool:
    """A folder is nearly always in order already; only where it is not is there something to search."""
    if catalog.replaced:
        return False
    seen: set[str] = set()
    for name, parents in catalog.parents.items():
        if parents and not seen.issuperset(parents):
            return False
        seen.add(name)
    return True
