"""Root changelogs in XML, YAML and JSON that only include other files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from trek_core.plugin import LoadError, dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUFFIXES = (".xml", ".yaml", ".yml", ".json")
ROOT = "databaseChangeLog"
_ADVICE = (
    "trek reads formatted SQL, and elsewhere include and includeAll. Move it to a .sql file, or go on with Liquibase."
)
_MAY = {"include": ("file", "relativeToChangelogFile"), "includeAll": ("path", "relativeToChangelogFile")}
_ITEM = re.compile(r"\s*-\s*(?P<tag>\w+):\s*")
_PAIR = re.compile(r"""\s+(?P<name>\w+):\s*(?P<quote>["']?)(?P<value>.*?)(?P=quote)\s*""")


@dataclass(frozen=True, slots=True)
class Include:
    """A file, or every file below a folder, by a path of the changelog's own folder or of the root's."""

    path: str
    all: bool
    relative: bool
    line: int


def is_master(text: str) -> bool:
    return ROOT in text


def includes(text: str, file: str) -> list[Include]:
    """In their order. Raises `LoadError` for anything else that stands there."""
    read = {"xml": _xml, "json": _json}.get(file.rpartition(".")[2].lower(), _yaml)
    return [_include(tag, told, file, line) for tag, told, line in read(text, file)]


def _include(tag: str, told: Mapping[str, Any], file: str, line: int) -> Include:
    if tag not in _MAY:
        raise LoadError(file, line, f"{tag} in a changelog that is not SQL", _ADVICE)
    if strange := next((name for name in told if name not in _MAY[tag]), ""):
        raise LoadError(file, line, f"{strange} of an {tag}", _ADVICE)
    path = told.get(_MAY[tag][0])
    if not path:
        raise LoadError(file, line, f"an {tag} without {_MAY[tag][0]}", "Name it.")
    relative = str(told.get("relativeToChangelogFile", "false")).lower() == "true"
    return Include(str(path), tag == "includeAll", relative, line)


def _xml(text: str, file: str) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    found = list[tuple[str, dict[str, str], int]]()
    parser = expat.ParserCreate()

    def start(tag: str, told: dict[str, str]) -> None:
        if tag != ROOT:
            found.append((tag, told, parser.CurrentLineNumber))

    def entity(*_: object) -> None:
        raise LoadError(file, parser.CurrentLineNumber, "an entity in a changelog", _ADVICE)

    parser.StartElementHandler, parser.EntityDeclHandler = start, entity
    try:
        parser.Parse(text.removeprefix("\ufeff"), True)
    except expat.ExpatError as error:
        raise LoadError(file, error.lineno, f"no XML: {error}", "Correct it.") from error
    return iter(found)


def _json(text: str, file: str) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    try:
        items = json.loads(text.removeprefix("\ufeff"))[ROOT]
        found = [(tag, told, 1) for item in items for tag, told in item.items()]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoadError(file, None, f"no changelog in JSON: {error}", "Correct it.") from error
    return iter([(tag, told if isinstance(told, dict) else {}, line) for tag, told, line in found])


def _yaml(text: str, file: str) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    """The little of YAML that includes are written with."""
    items = list[tuple[str, dict[str, str], int]]()
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if bare in ("", "---", f"{ROOT}:"):
            continue
        if item := _ITEM.fullmatch(bare):
            items.append((item["tag"], {}, number))
        elif (pair := _PAIR.fullmatch(bare)) and items:
            items[-1][1][pair["name"]] = pair["value"]
        else:
            raise LoadError(file, number, f"{bare.strip()!r} in a changelog that is not SQL", _ADVICE)
    return iter(items)
