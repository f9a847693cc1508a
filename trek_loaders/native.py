"""The `native` layout: one numbered folder, one revision a file or a pair of files.

The revision is the leading token of the name. Without a word in the files the revisions form a chain in their natural
order; `requires` makes it a graph and `replaces` a squash.
"""

from __future__ import annotations

import re
from functools import partial
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING

from trek_core.plugin import (
    Arrangement,
    Direction,
    Entry,
    File,
    Ignored,
    Layout,
    LoadError,
    Provider,
    Script,
    Source,
    decode,
    hookimpl,
    replace,
)
from trek_loaders._chain import Draft, expand, parents
from trek_loaders._names import Key, Named, natural_key, pair_up, read_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trek_core.plugin import Squashed, Tree
    from trek_loaders._directives import Directives
    from trek_loaders._new import Numbering

_RETURN, _COLON, _DASH, _PLUS, _SLASH = b"\r:-+/"
"""As numbers, which are looked for in a fifth of the time of a text: what has none of them needs no closer look."""
# Patterns are texts: a run that finds nothing to do needs none, and to compile them takes as long as to read 20 files.
_MIGRATION = r"[0-9][A-Za-z0-9.]*_"
_MENTIONED = rb"(?i)trek\s*:"

_JOURNAL = "meta/_journal.json"
_SMELLS_BY_NAME = (
    ("flyway", r"(?s)(?:[VUB][0-9][0-9._]*|R)__.*\.(?i:sql)"),
    ("asyncpg-trek", r"[0-9]{8}_initial_up_\w+\.(?:sql|py)"),
    ("postgrator", r"[0-9]+\.(?:do|undo)\..*sql"),
)
_SMELLS_BY_CONTENT = (
    ("goose", b"+goose", rb"(?m)^[ \t]*--[ \t]*\+goose[^\r\n]*"),
    ("dbmate", b"migrate:up", rb"(?m)^--[ \t]*migrate:up[^\r\n]*"),
    ("sql-migrate", b"+migrate", rb"(?m)^--[ \t]*\+migrate[^\r\n]*"),
    ("pogo-migrate", b"migrate:", rb"(?m)^--[ \t]*migrate:[ \t]*(?:apply|rollback)\b[^\r\n]*"),
    ("tern", b"drop below", rb"(?m)^---- create above / drop below ----"),
    (
        "node-pg-migrate",
        b"igration",
        rb"(?im)^[ \t]*--[ \t-]*up[ \t]+migration\b[^\r\n]*(?=(?s:.*)^[ \t]*--[ \t-]*down[ \t]+migration\b)",
    ),
)


@hookimpl
def trek_register_layouts() -> Iterable[Provider[Layout]]:
    """Offers the layout that a folder has unless the user says otherwise."""
    layout = Layout(
        arrange=arrange, smells=smells, new=new, numbered=lambda way: partial(new, numbering=way), squash=_squash
    )
    return (Provider("native", lambda _settings: layout),)


def arrange(tree: Tree) -> Arrangement:
    """The revisions of a tree in natural order, and what is no migration.

    Raises `LoadError` for a file that looks like a migration and cannot be one, `Duplicate` for two files of one
    revision, `UnknownRevision` for a range of `replaces` without its ends.
    """
    ignored: list[Ignored] = []
    groups: dict[Key, tuple[Named, ...]] = {}
    for file in tree.files:
        suffix, path = tree.suffix(file), file.path
        usual = suffix and path[:1].isdigit() and "/" not in path
        if not usual and (reason := _reason_to_ignore(file, suffix)) is not None:
            ignored.append(Ignored(file, reason))
            continue
        named = (read_name(file, suffix),)
        others = groups.setdefault(key := natural_key(named[0].revision), named)
        if others is not named:
            groups[key] = others + named
    drafts = [_draft(tree, key, named) for key, named in sorted(groups.items(), key=itemgetter(0))]
    several = bool(tree.files) and tree.files[0].root != tree.files[-1].root
    return Arrangement(tuple(_each_folder(drafts) if several else _entries(drafts)), tuple(ignored))


def _reason_to_ignore(file: File, taken: str) -> str | None:
    """Why the file is no migration; None if it is one. Raises `LoadError` for one that no loader takes."""
    name = file.name
    if name == "__init__.py":
        return "marks a Python package"
    if "__pycache__/" in file.path:
        return "a file that Python keeps for itself"
    if name[:7].lower() in ("readme", "readme."):
        return "a README"
    if taken:
        return None
    _, dot, suffix = name.rpartition(".")
    kind = f"no loader takes '.{suffix}'" if dot else "no loader takes a name without a suffix"
    if re.match(_MIGRATION, name):
        advice = "It is named like a migration: install or enable a loader for it, rename it, or move it away."
        raise LoadError(str(file), None, kind, advice)
    return f"{kind}, and it is not named like a migration"


def _draft(tree: Tree, key: Key, named: tuple[Named, ...]) -> Draft:
    files = named if len(named) == 1 and named[0].direction is None else pair_up(named)
    up = files[0]
    said = _directives(tree, up.file, up.direction)
    return Draft(key, up.revision, files, said.requires, said.replaces) if said else Draft(key, up.revision, files)


def _directives(tree: Tree, file: File, direction: Direction | None) -> Directives | None:
    """What the file says about its place. A file that cannot say anything is read for this, but not parsed."""
    content = _beginning(tree, file) if tree.big(file) else tree.read(file)
    if file.path.endswith(".py"):
        if b"requires" not in content and b"replaces" not in content:
            return None
        from trek_loaders.python import read_constants  # noqa: PLC0415 - most files say nothing

        return read_constants(Source(file, content, direction))
    if content[:1].isalpha() or _COLON not in content or b"trek" not in content.lower():
        return None
    if not re.search(_MENTIONED, content):
        return None
    from trek_loaders._directives import read_directives  # noqa: PLC0415 - as above

    return read_directives(decode(Source(file, content)), str(file))


def _beginning(tree: Tree, file: File) -> bytes:
    """Of a big file: as far as directives and another tool's marks can stand."""
    from trek_loaders._big_files import beginning  # noqa: PLC0415 - few files are

    return beginning(tree, file)


def _each_folder(drafts: Sequence[Draft]) -> Iterator[Entry]:
    """In one order, and each folder a chain of its own: what is new in a library must not come before what is applied."""
    folders: dict[str, list[Draft]] = {}
    for draft in drafts:
        folders.setdefault(draft.files[0].file.root, []).append(draft)
    found = {entry.revision: replace(entry, series=root) for root, own in folders.items() for entry in _entries(own)}
    return (found[draft.revision] for draft in drafts)


def _entries(drafts: Sequence[Draft]) -> Iterator[Entry]:
    replaced = expand(drafts)
    before = parents(drafts, replaced)
    for draft in drafts:
        revision, files = draft.revision, draft.files
        up = files[0]
        yield Entry(
            revision=revision,
            title=up.title,
            parents=before[revision],
            files=(up.file, files[1].file) if len(files) > 1 else (up.file,),
            load=partial(_load, files),
            checksums=partial(_checksums, up.file),
            replaces=replaced.get(revision, ()),
        )


# --------------------------------------------------------------------------- what an entry does
def _load(files: tuple[Named, ...], tree: Tree) -> Script:
    up = files[0]
    script = tree.load(up.file, up.direction)
    if len(files) == 1:
        return script
    down = files[1].file
    way_back = tree.load(down, Direction.down)
    if way_back.down is not None and (script.irreversible or script.down is not None):
        raise _two_words(down, up.file, script)
    return Script(script.up, way_back.down, script.irreversible or way_back.irreversible)


def _two_words(down: File, up: File, script: Script) -> LoadError:
    """Both files speak about the way back; which of them is right, only the author knows."""
    if script.down is None:
        problem = f"a way back, and {up} says that it is irreversible"
        return LoadError(str(down), None, problem, "Delete this file, or the directive in the other one.")
    line = next((f":{one.line}" for one in script.down.statements if one.line), "")
    problem = f"a second way back: {up}{line} has one too"
    advice = (
        "Delete this file, or the way back in the other one, unless that was applied: an applied file must not change."
    )
    return LoadError(str(down), None, problem, advice)


def _checksums(file: File, tree: Tree) -> tuple[str, ...]:
    """SHA-256 of the content without BOM and with LF ends, so that an editor or git may change those.

    Of a pair only the way up counts: it is what happened to the database. A way down is often mended later, when
    somebody needs it, and that must not look like tampering.
    """
    if tree.big(file):
        from trek_loaders._big_files import big_checksum  # noqa: PLC0415 - few files are

        return (big_checksum(tree, file),)
    content = tree.read(file).removeprefix(b"\xef\xbb\xbf")
    if _RETURN in content:
        content = content.replace(b"\r\n", b"\n")
    return (sha256(content).hexdigest(),)


def smells(tree: Tree) -> str | None:
    """Whose folder this rather is, and why: their comments would mean nothing here, and a way down would run as up.

    Reads only what `arrange` reads as well: nothing of a way down that has a file of its own.
    """
    for file in tree.files:
        path = file.path
        if not (suffix := tree.suffix(file)):
            if path == _JOURNAL:
                return f"looks like drizzle because of its {path}"
            continue
        if ("__" in path or "_initial" in path or "do." in path) and (found := _smell_of_name(file)):
            return found
        if suffix.endswith(".py") or (
            ".down." in (lowered := path.lower()) and lowered.endswith(f".down{suffix.lower()}")
        ):
            continue
        content = _beginning(tree, file) if tree.big(file) else tree.read(file)
        if _may_smell(content) and (found := _smell_of_content(file, content)):
            return found
    return None


def _may_smell(content: bytes) -> bool:
    """A first look that is fast, for what the patterns would find."""
    return _DASH in content and (
        b"igrat" in content
        or (_PLUS in content and b"goose" in content)
        or (_SLASH in content and b"drop below" in content)
    )


def _smell_of_name(file: File) -> str | None:
    tool = next((tool for tool, pattern in _SMELLS_BY_NAME if re.fullmatch(pattern, file.name)), None)
    return tool and f"looks like {tool} because a file is named {file.path}"


def _smell_of_content(file: File, content: bytes) -> str | None:
    for tool, mark, line in _SMELLS_BY_CONTENT:
        if mark in content and (found := re.search(line, content)):
            return f"looks like {tool} because {file.path} holds {found[0].strip().decode(errors='replace')!r}"
    return None


# --------------------------------------------------------------------------- trek squash
def _squash(
    tree: Tree, entries: Sequence[Entry], replaces: Sequence[str], requires: Sequence[str] | None, title: str
) -> Squashed:
    from trek_loaders._squash import squash  # noqa: PLC0415 - no run asks for it

    return squash(tree, entries, replaces, requires, title)


# --------------------------------------------------------------------------- trek new
def new(arrangement: Arrangement, title: str, kind: str, numbering: Numbering | None = None) -> Mapping[str, str]:
    """The files of a new revision, after the last one, as the folder has them. Raises `ConfigError`."""
    from trek_loaders._new import new  # noqa: PLC0415 - `trek new` alone

    return new(arrangement, title, kind, numbering)
