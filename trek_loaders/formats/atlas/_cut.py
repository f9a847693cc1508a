"""A file as statements, as Atlas cuts, counts and hashes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, Sql, dataclass
from trek_loaders.formats._bodies import end_of, read
from trek_loaders.formats.atlas._directives import delimiter

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "atlas"
_LEAD = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_MYSQL = re.compile(r"delimiter[ ]", re.IGNORECASE)
_PARTS = r"""(?P<open>\() | (?P<close>\))
    | (?P<text>[eE]'(?:[^'\\]|\\.)*' | '[^']*' | "[^"]*" | `[^`]*`)
    | (?P<delimiter>%s)
    | (?P<dollar>\$(?:[A-Za-zÈ-ÿ_][\wÈ-ÿ]*)?\$)
    | (?P<comment>--[^\n]*\n | /\*.*?\*/)"""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is one statement to Atlas: its text, where it ends in the file, and what PostgreSQL finds in it."""

    text: str
    end: int
    statements: tuple[Sql, ...]


def cut(text: str, file: str) -> list[Piece]:
    """Raises `LoadError` for text that the splitter refuses, and for the DELIMITER of MySQL's client."""
    mark, start = delimiter(text, file)
    pieces = list(_by_semicolons(text, file) if mark == ";" else _by(mark, text, file, start))
    for one in (one for piece in pieces for one in piece.statements):
        if _MYSQL.match(one.text):
            advice = "Write `-- atlas:delimiter //` in the first line of the file."
            raise LoadError(file, one.line, "DELIMITER, a command of MySQL's client", advice)
    return pieces


def _by_semicolons(text: str, file: str) -> Iterator[Piece]:
    for one in read(NAME, text, file):
        end = end_of(text, one)
        yield Piece(text[one.offset : end].strip(), end, (one,))


def _by(mark: str, text: str, file: str, start: int) -> Iterator[Piece]:
    """Cut at a delimiter that stands in no text, dollar quote, comment or parenthesis, and is taken off."""
    token = re.compile(_PARTS % re.escape(mark), re.VERBOSE | re.DOTALL)
    while start < len(text):
        start = _skipped(text, start)
        end, following = _end(token, text, start)
        if statements := read(NAME, text[:end], file, start):
            yield Piece(text[start:end].strip(), end, statements)
        start = following


def _skipped(text: str, start: int) -> int:
    lead = _LEAD.match(text, start)
    return lead.end() if lead else start


def _end(token: re.Pattern[str], text: str, at: int) -> tuple[int, int]:
    """Where a statement ends, and where the next one begins."""
    depth = 0
    while found := token.search(text, at):
        kind, at = found.lastgroup, found.end()
        depth += (kind == "open") - (kind == "close" and depth > 0)
        if kind == "delimiter" and not depth:
            return found.start(), at
        if kind == "dollar":
            closing = text.find(found[0], at)
            at = closing + len(found[0]) if closing >= 0 else len(text)
    return len(text), len(text)
