"""What a tool cut out of a file to send it as one query, and the body that its pieces make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, dataclass, replace
from trek_loaders.formats._bodies import in_transaction_of, message, outside, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Sql

_LONGEST = 70


@dataclass(frozen=True, slots=True)
class Piece:
    """The text, and for each of its lines the one of the file that it is."""

    text: str
    lines: Sequence[int]

    @property
    def short(self) -> str:
        """On one line, for messages."""
        line = " ".join(self.text[: 4 * _LONGEST].split())
        return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def body_of(tool: str, pieces: Sequence[Piece], file: str, *, transaction: bool) -> Body:
    """Each piece is one query: in a transaction that is the same as all the statements of all of them.

    Raises `LoadError` for what the tool, or trek, cannot run.
    """
    statements = [_statements(tool, piece, file) for piece in pieces]
    if transaction:
        return in_transaction_of(tool, [one for some in statements for one in some])
    kept = [(piece, some) for piece, some in zip(pieces, statements, strict=True) if some]
    return outside([some for _, some in kept], [message(piece.text, file, some) for piece, some in kept])


def _statements(tool: str, piece: Piece, file: str) -> tuple[Sql, ...]:
    try:
        found = read(tool, piece.text, file)
    except LoadError as error:
        line = None if error.line is None else piece.lines[error.line - 1]
        raise LoadError(error.path, line, error.problem, f"{tool} sends this as a statement: {piece.short}") from error
    return tuple(replace(one, line=piece.lines[one.line - 1]) for one in found)
