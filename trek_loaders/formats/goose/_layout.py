"""The folder: `.sql` files by the number in front of the first `_`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from trek_core.plugin import Arrangement, File, Ignored, Layout, LoadError, NoSettings, Rules, Script
from trek_loaders.formats._files import below, chain, only_sql, refuse_two, slug, stamp, text_of
from trek_loaders.formats._pieces import body_of
from trek_loaders.formats.goose._parse import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Tree

NAME = "goose"
_NO_BOM = "goose does not find its `-- +goose Up` then"
_NUMBER = re.compile(r"\+?[0-9]+")


def make_layout(_: NoSettings) -> Layout:
    """Versions without a file goose passes by; missing ones below the newest it refuses unless it is `-allow-missing`."""
    return Layout(arrange=arrange, rules=Rules(missing="warn"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By number. Raises `LoadError` for a file that goose refuses, and for one in Go; `Duplicate` for a number twice."""
    found, others = dict[int, File](), list[Ignored]()
    for file in tree.files:
        if reason := _reason_to_ignore(file):
            others.append(Ignored(file, reason))
            continue
        version = _version(file)
        if version in found:
            refuse_two("have the version", str(version), found[version], file)
        found[version] = file
    revisions = ((str(key), _title(found[key]), (found[key],)) for key in sorted(found))
    return Arrangement(chain(revisions, lambda _, own, tree: load(own[0], tree)), tuple(others))


def _reason_to_ignore(file: File) -> str:
    if "/" in file.path:
        return below(NAME)
    if file.name.endswith(".go"):
        if file.name[:1].isdigit() and "_" in file.name and not file.name.endswith("_test.go"):
            advice = "Rewrite it in SQL under the same number, or go on with goose for this folder."
            raise LoadError(str(file), None, "a migration in Go, which only a program of its author can run", advice)
        return "Go, and no migration"
    return "" if file.name.endswith(".sql") else "goose takes .sql and .go"


def _version(file: File) -> int:
    digits, under, _ = file.name.partition("_")
    version = int(digits) if under and _NUMBER.fullmatch(digits) and len(digits) < 20 else 0  # noqa: PLR2004 - bigint's
    if not 1 <= version < 1 << 63:
        problem = "goose wants a number from 1 on, and `_` behind it, at the beginning of a name"
        raise LoadError(str(file), None, problem, "Rename the file, or move it out of the folder.")
    return version


def _title(file: File) -> str:
    return file.name.partition("_")[2].removesuffix(".sql").replace("_", " ")


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file, named by the time as goose names it. Raises `ConfigError`."""
    only_sql(NAME, kind)
    return {f"{stamp(arrangement)}_{slug(title)}.sql": "-- +goose Up\n\n-- +goose Down\n"}


# --------------------------------------------------------------------------- a file
def load(file: File, tree: Tree) -> Script:
    """Both ways; a file without a way down does nothing on it, as in goose. Raises `LoadError`."""
    parsed = parse(text_of(tree, file, bom=_NO_BOM), str(file), os.environ)
    up, down = (body_of(NAME, way, str(file), transaction=parsed.transaction) for way in (parsed.up, parsed.down))
    return Script(up, down)
