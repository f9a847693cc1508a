"""A `.sql` file: message, dependencies, and the two ways, cut where pogo-migrate cuts it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, Script, dataclass, replace
from trek_loaders._scanner import Scanner
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction_of, read

if TYPE_CHECKING:
    from trek_core.plugin import Sql

NAME = "pogo-migrate"
_APPLY, _ROLLBACK = "-- migrate: apply", "-- migrate: rollback"
_HEAD = re.compile(r".*--(?P<title>.*)\s-- depends:(?P<depends>.*)")
_COMMENT = re.compile(r"^--[^\n]*\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands in front of `-- migrate: apply`."""

    title: str
    depends: tuple[str, ...]
    transaction: bool


def read_head(text: str, file: str) -> Head:
    """Raises `LoadError` for what pogo-migrate refuses."""
    head = text[: _place(text, _APPLY, file)]
    found = _HEAD.match(head.strip())
    if found is None or head.count("-- depends:") > 1:
        problem = "its first two lines are not `-- MESSAGE` and `-- depends: ID ID`, which may name none, once"
        raise LoadError(file, 1, problem, "pogo-migrate refuses the file, too: write these two lines.")
    return Head(found["title"].strip(), tuple(found["depends"].split()), "-- transaction: false" not in head)


def read_script(text: str, file: str) -> Script:
    """Both ways. Raises `LoadError` for what pogo-migrate refuses, and for what would not be the same."""
    transaction = read_head(text, file).transaction
    up, down = _place(text, _APPLY, file), _place(text, _ROLLBACK, file)
    if down < up:
        advice = f"Write `{_APPLY}` first."
        raise LoadError(file, line_at(text, down), f"`{_ROLLBACK}` in front of `{_APPLY}`", advice)
    return Script(
        _body(text[:down], file, up + len(_APPLY), transaction),
        _body(text, file, down + len(_ROLLBACK), transaction),
    )


def _place(text: str, mark: str, file: str) -> int:
    """Where the mark is, which must be there once, wherever in a line."""
    first, last = text.find(mark), text.rfind(mark)
    if first < 0:
        raise LoadError(
            file, 1, f"no `{mark}`", "pogo-migrate wants `-- migrate: apply` and `-- migrate: rollback`, each once."
        )
    if first != last:
        raise LoadError(file, line_at(text, last), f"`{mark}` a second time", "pogo-migrate takes it once in a file.")
    return first


def _body(text: str, file: str, start: int, transaction: bool) -> Body:
    statements = tuple(map(_as_sent, read(NAME, text, file, start)))
    return in_transaction_of(NAME, statements) if transaction else Body(statements, "autocommit")


def _as_sent(statement: Sql) -> Sql:
    """Without the lines that begin with `--` within a literal or a body: pogo-migrate takes them for comments."""
    text = statement.text
    if "\n--" not in text:
        return statement
    spans = [(token.start, token.end) for token in Scanner(text)]
    kept = _COMMENT.sub(lambda line: "" if any(a < line.start() < b for a, b in spans) else line[0], text)
    return replace(statement, text=kept)
