"""The folder: `.sql` files by name, all of them as `atlas.sum` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import (
    Arrangement,
    Body,
    File,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Script,
    dataclass,
    replace,
)
from trek_loaders.formats._bodies import in_transaction_of, message, outside
from trek_loaders.formats._files import below, chain, refuse_two, text_of
from trek_loaders.formats.atlas._cut import cut
from trek_loaders.formats.atlas._directives import is_checkpoint, transaction
from trek_loaders.formats.atlas._sum import SUM_FILE, sums, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trek_core.plugin import Entry, Tree

NAME = "atlas"
_NO_BOM = "Atlas sends it to the server, which refuses it"


def make_layout(_: NoSettings) -> Layout:
    """As `atlas migrate apply` with its order "linear": nothing older than what is applied."""
    return Layout(arrange=arrange)


def arrange(tree: Tree) -> Arrangement:
    """By name. Raises `LoadError` where `atlas.sum` is missing or tells otherwise, `Duplicate` for a version twice."""
    files = sorted((file for file in tree.files if _is_migration(file)), key=lambda file: file.name)
    others = (Ignored(file, _reason(file), file.path == SUM_FILE) for file in tree.files if not _is_migration(file))
    found = sums(files, tree)
    _check(files, tree, found)
    versions = dict[str, File]()
    for file in files:
        if (other := versions.setdefault(_version(file), file)) is not file:
            refuse_two("have the version", _version(file), other, file)
    revisions = ((version, _description(file), (file,)) for version, file in versions.items())
    entries = chain(revisions, lambda _, own, tree: load(own[0], tree), lambda own, tree: _of(own[0], found))
    return Arrangement(tuple(_with_checkpoints(entries, tree)), tuple(others))


def _with_checkpoints(entries: Iterable[Entry], tree: Tree) -> Iterator[Entry]:
    """A checkpoint replaces all before it: a new database begins with it, one that has begun passes it by."""
    seen, before = list[str](), tuple[str, ...]()
    for entry in entries:
        if b"atlas:checkpoint" in tree.read(entry.files[0]) and seen and is_checkpoint(text_of(tree, entry.files[0])):
            yield replace(entry, parents=(), replaces=tuple(seen))
        else:
            yield replace(entry, parents=before)
            before = (entry.revision,)
        seen.append(entry.revision)


def _check(files: list[File], tree: Tree, found: Mapping[str, str]) -> None:
    kept = next((file for file in tree.files if file.path == SUM_FILE), None)
    if kept is not None:
        verify(text_of(tree, kept), str(kept), found)
    elif files:
        problem = f"a folder of Atlas without {SUM_FILE}"
        raise LoadError(str(files[0]), None, problem, "Write it with `atlas migrate hash`, after a look at the files.")
    for file in files:
        if not _version(file).isprintable() or not _version(file) or _version(file) in ("head", "base", "initial"):
            problem = f"{_version(file)!r} in front of the first `_` cannot be a revision"
            raise LoadError(str(file), None, problem, "Name the file as Atlas does: 20240101000000_title.sql.")


def _is_migration(file: File) -> bool:
    return "/" not in file.path and file.name.endswith(".sql")


def _reason(file: File) -> str:
    if "/" in file.path:
        return below(NAME)
    return "the hashes of the others" if file.name == SUM_FILE else "Atlas takes .sql"


def _of(file: File, found: Mapping[str, str]) -> tuple[str, ...]:
    return (found[file.name],) if file.name in found else ()


def _version(file: File) -> str:
    return file.name.removesuffix(".sql").partition("_")[0]


def _description(file: File) -> str:
    return file.name.removesuffix(".sql").partition("_")[2]


# --------------------------------------------------------------------------- a file
@dataclass(frozen=True, slots=True)
class AtlasBody(Body):
    """texts: the statements as Atlas counts and hashes them."""

    texts: tuple[str, ...] = ()


def load(file: File, tree: Tree) -> Script:
    """One way only. Raises `LoadError` for what Atlas refuses, and for its directives that trek does not follow."""
    text, name = text_of(tree, file, bom=_NO_BOM), str(file)
    together = transaction(text, name)
    pieces = cut(text, name)
    found = [piece.statements for piece in pieces]
    if together:
        body = in_transaction_of(NAME, [one for some in found for one in some])
    else:
        body = outside(found, [message(text[: piece.end], name, piece.statements) for piece in pieces])
    return Script(AtlasBody(body.statements, body.mode, texts=tuple(piece.text for piece in pieces)))
