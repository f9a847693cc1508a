"""From a changeset to what runs, both ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, Script, Sql
from trek_loaders.formats._bodies import in_transaction_of, message, moved, outside, read
from trek_loaders.formats.liquibase._preconditions import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trek_loaders.formats.liquibase._changeset import Changeset

NAME = "liquibase"
_ALSO_ENDS = re.compile(r"\s*(?:go|/)\s*", re.IGNORECASE)
_STRANGE = re.compile(r"[\\^$.|?*+()\[\]{}]")


def script(changeset: Changeset, file: str) -> Script:
    """Both ways; without `--rollback` there is none back. Raises `LoadError`."""
    split, end = changeset.yes("splitStatements", otherwise=True), changeset.text("endDelimiter")
    return Script(_up(changeset, _cut(changeset.lines, end, file, split=split), file), _down(changeset, file))


def _up(changeset: Changeset, pieces: Sequence[tuple[str, int]], file: str) -> Body:
    given = changeset.preconditions
    if given is None or not given.checks:
        return _body(changeset, pieces, file)
    if not changeset.yes("runInTransaction", otherwise=True):
        problem = "preconditions of a changeset with runInTransaction:false"
        raise LoadError(file, given.checks[0][2], problem, "trek does them in a transaction: write one of both.")
    statements = [one for piece in pieces for one in _statements(piece, file)]
    in_transaction_of(NAME, statements)
    return Body(guarded(statements, given, file), "transaction")


def _down(changeset: Changeset, file: str) -> Body | None:
    if not changeset.back:
        return None
    line, text = min(changeset.back), "\n".join(changeset.back.values()).strip()
    if text.lower().startswith(("empty", "not required")):
        return Body((), "transaction")
    if "changesetid:" in text.lower().replace(" ", ""):
        raise LoadError(file, line, "a rollback that is another changeset", "Write its SQL behind --rollback.")
    split = changeset.yes("rollbackSplitStatements", otherwise=True)
    return _body(changeset, _cut(changeset.back, changeset.text("rollbackEndDelimiter"), file, split=split), file)


def _body(changeset: Changeset, pieces: Sequence[tuple[str, int]], file: str) -> Body:
    """In a transaction it does not matter what is sent together."""
    statements = [_statements(piece, file) for piece in pieces]
    if changeset.yes("runInTransaction", otherwise=True):
        return in_transaction_of(NAME, [one for some in statements for one in some])
    if changeset.yes("splitStatements", otherwise=True) and not changeset.text("endDelimiter").strip(";"):
        return outside([(one,) for some in statements for one in some], [one for some in statements for one in some])
    kept = [(text, some) for (text, _), some in zip(pieces, statements, strict=True) if some]
    return outside([some for _, some in kept], [message(text, file, some) for text, some in kept])


def _cut(lines: Mapping[int, str], end: str, file: str, *, split: bool) -> list[tuple[str, int]]:
    """The pieces that an endDelimiter makes, each with the line on which it begins.

    Raises `LoadError` where Liquibase may cut elsewhere: `go` or `/` on a line, a delimiter within one, a pattern.
    """
    if not split or not lines:
        return [_joined(lines)]
    if end in ("", ";"):
        if found := next((at for at, line in lines.items() if not end and _ALSO_ENDS.fullmatch(line)), None):
            raise LoadError(file, found, f"`{lines[found].strip()}` on a line, where Liquibase cuts", "Write `;`.")
        return [_joined(lines)]
    if len(end) > 1 and _STRANGE.search(end):
        first = min(lines) - 1
        raise LoadError(file, first, f"endDelimiter:{end}, a pattern", "Take a word or signs that are no pattern.")
    pieces, held = list[tuple[str, int]](), dict[int, str]()
    for at, line in lines.items():
        text = line.rstrip()
        ends = text.strip() == end if end == "/" else text.lower().endswith(end.lower())
        held[at] = text[: -len(end)] if ends else line
        if _within(held[at], end):
            raise LoadError(file, at, f"the endDelimiter {end} within a line", "End a line with it, and no more.")
        if ends:
            pieces.append(_joined(held))
            held = {}
    return [*pieces, _joined(held)] if held else pieces


def _within(line: str, end: str) -> bool:
    """Whether Liquibase may cut there, too. It does so at a slash in front of a line alone."""
    if end == "/":
        return line.lstrip().startswith("/") and not line.lstrip().startswith("/*")
    return end.lower() in line.lower()


def _joined(lines: Mapping[int, str]) -> tuple[str, int]:
    """One text, with an empty line for each that is missing between."""
    if not lines:
        return "", 1
    first, last = min(lines), max(lines)
    return "\n".join(lines.get(at, "") for at in range(first, last + 1)), first


def _statements(piece: tuple[str, int], file: str) -> tuple[Sql, ...]:
    text, line = piece
    try:
        return moved(read(NAME, text, file), line - 1)
    except LoadError as error:
        at = None if error.line is None else error.line + line - 1
        raise LoadError(error.path, at, error.problem, "Correct the changeset as for Liquibase itself.") from error
