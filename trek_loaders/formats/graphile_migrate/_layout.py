"""The folder: committed files, whose hashes are a chain."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from trek_core.plugin import Arrangement, ConfigError, Ignored, Layout, LoadError, Rules
from trek_loaders.formats._files import chain, refuse_two
from trek_loaders.formats.graphile_migrate._file import FILE, NAME, Migration, load, parse
from trek_loaders.formats.graphile_migrate._store import filename_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trek_core.plugin import File, Tree
    from trek_loaders.formats._settings import Placeholders

COMMITTED = "committed/"
_CURRENT = re.compile(r"current(?:\.sql$|/)")
_KEY = re.compile(":[A-Z][0-9A-Z_]+")


def make_layout(settings: Placeholders) -> Layout:
    """graphile-migrate passes by rows without a file. Raises `ConfigError` for placeholders that it has not."""
    if bad := next((key for key in settings.placeholders if not _KEY.fullmatch(key)), None):
        message = (
            f"layout setting placeholders: {bad!r} is none of {NAME}'s: write a colon and capitals, as in :APP_ROLE."
        )
        raise ConfigError(message)
    return Layout(arrange=partial(arrange, settings.placeholders), rules=Rules(missing="warn"))


def arrange(placeholders: Mapping[str, str], tree: Tree) -> Arrangement:
    """By number, as text. Raises `LoadError` for a file whose headers are wrong, or whose chain is broken."""
    above = COMMITTED if any(file.path.startswith(COMMITTED) for file in tree.files) else ""
    found, others = dict[str, Migration](), list[Ignored]()
    for file in tree.files:
        match = FILE.fullmatch(file.path.removeprefix(above)) if file.path.startswith(above) else None
        if match is None:
            others.append(Ignored(file, _reason(file, above), _CURRENT.match(file.path) is not None))
            continue
        if match[1] in found:
            refuse_two("have the number", match[1], found[match[1]].file, file)
        found[match[1]] = parse(file, tree)
    order = sorted(found, key=filename_of)
    _check_chain([found[number] for number in order])
    revisions = ((number, found[number].title, (found[number].file,)) for number in order)
    entries = chain(
        revisions,
        lambda _, own, tree: load(parse(own[0], tree), placeholders, tree.facts),
        lambda own, tree: parse(own[0], tree).checksum,
    )
    return Arrangement(entries, tuple(others))


def _reason(file: File, above: str) -> str:
    if _CURRENT.match(file.path):
        return f"the migration that is being written: it runs anywhere else once `{NAME} commit` has made a file of it"
    return f"not named {above}<digits>-<title>.sql, and {NAME} migrate takes no other"


def _check_chain(migrations: Sequence[Migration]) -> None:
    before = ""
    for one in migrations:
        if one.previous != before:
            there = f"the file before it has the hash {before}" if before else "no file is before it"
            found = f"`Previous` is {one.previous or '-'}, and {there}"
            advice = (
                "Bring the files into the order in which they were committed: graphile-migrate uncommit, then commit."
            )
            raise LoadError(str(one.file), one.lines["Previous"], found, advice)
        before = one.hash
