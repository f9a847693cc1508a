"""Parts of a big file as statements: where they are, and what they were when the file was loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, Piece, Sql, dataclass, field, replace
from trek_loaders._lexer import split

if TYPE_CHECKING:
    from trek_core.plugin import Source
    from trek_loaders._digest import State

CHUNK = 1 << 17
"""Twice as much would be taken from the system and given back each time: half of what sending it costs the client."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file, from `start` to `end`. The SHA-256 of the file up to the one, and, digested, up to the other."""

    source: Source
    start: int
    end: int
    state: State = field(compare=False, repr=False)
    digest: bytes

    def __iter__(self) -> Iterator[bytes]:
        """The bytes, some at a time. Raises `LoadError` at their end if they are others than before."""
        seen, at = self.state.copy(), self.start
        with self.source.open() as stream:
            stream.seek(at)
            while at < self.end and (chunk := stream.read(min(CHUNK, self.end - at))):
                at += len(chunk)
                seen.update(chunk)
                yield chunk
        if seen.digest() != self.digest:
            problem = "the file is no longer what it was when the plan was made"
            raise LoadError(str(self.source.file), None, problem, "Leave it alone while it runs, and run again.")

    def text(self) -> str:
        return b"".join(self).decode()


@dataclass(frozen=True, slots=True)
class Statements:
    """The reading of a `Piece`: equal where it reads the same."""

    part: Part
    line: int
    column: int

    def __call__(self) -> tuple[Sql, ...]:
        """The statements singly, with their places in the file."""
        found = split(self.part.text(), str(self.part.source.file))
        return tuple(self._placed(statement) for statement in found if isinstance(statement, Sql))

    def _placed(self, statement: Sql) -> Sql:
        column = statement.column + (self.column - 1 if statement.line == 1 else 0)
        return replace(statement, line=statement.line + self.line - 1, column=column)


def make_piece(part: Part, place: tuple[int, int], last_line: int, *, changes_settings: bool) -> Piece:
    """The statements of a part, of which the first has that line and column."""
    line, column = place
    file = str(part.source.file)
    return Piece(part.text, Statements(part, line, column), file, line, column, last_line, changes_settings)
