"""The loader of `.sql` files that are too big to hold: one pass, which keeps where the statements are instead of them.

What it makes of a file is what the loader of small ones makes, with statements that stand together as one `Piece`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.plugin import Body, Copy, Direction, LoadError, Piece, Script, Source, Sql, dataclass
from trek_loaders import _statements as tell
from trek_loaders._big_files import keep_checksum, known_by
from trek_loaders._bodies import check_runnable, make_body
from trek_loaders._pieces import Part, make_piece
from trek_loaders._scanner import Note
from trek_loaders._sighting import Data, One, Remark, Run, Sighting, name_of
from trek_loaders._sql import Section, contradiction, misplaced, no_statement, section_directives, too_late
from trek_loaders._window import CHUNK, Window

if TYPE_CHECKING:
    from trek_loaders._digest import State
    from trek_loaders._directives import Directives

PIECE = 1 << 19
"""Bytes: a query of so much is as fast as any, and costs the server some seven times as much memory."""
_GROUPED = ("insert", "update", "delete")
"""Of what runs outside a transaction, these go together; all else goes alone, as from a small file."""


def load_big(source: Source, chunk: int = CHUNK, piece: int = PIECE) -> Script:
    """The script of an SQL file. Raises `LoadError` as `sql.load` does; where there are two mistakes, perhaps another's."""
    with source.open() as stream:
        known, window = known_by(stream), Window(stream, source.file, chunk)
        ways = _Ways(source, window, piece)
        ways.read()
        keep_checksum(known, window.checksum())
    if source.direction is Direction.down:
        return Script(up=None, down=ways.up.body())
    up = ways.up.body()
    irreversible = ways.up.known().irreversible
    if ways.down is None:
        return Script(up, irreversible=irreversible)
    if irreversible:
        raise contradiction(ways.up.top())
    return Script(up, ways.down.body())


class _Ways:
    """The sections of a file: what comes before `-- trek: down`, and what comes after it."""

    def __init__(self, source: Source, window: Window, piece: int) -> None:
        self.source, self.window, self.piece = source, window, piece
        self.sighting = Sighting(window)
        self.up = self.now = _Way(self, source.direction or Direction.up)
        self.down: _Way | None = None
        self.down_line = 0

    def read(self) -> None:
        for seen in self.sighting:
            if isinstance(seen, Remark) and name_of(seen.words) == "down":
                self.now.end(seen.start)
                self._turn(seen)
            else:
                self.now.take(seen)
            self.sighting.keep = self.now.needed()
        self.now.end(self.window.end)

    def _turn(self, seen: Remark) -> None:
        """Raises `LoadError` for a line that is no such line, or one too many, as the loader of small files does."""
        file = str(self.source.file)
        if problem := misplaced(seen.text, Note(seen.column, len(seen.text), seen.words or ())):
            advice = "Write `-- trek: down` on a line of its own, and nothing else on it."
            raise LoadError(file, seen.line, problem, advice)
        if self.source.direction is not None:
            problem = f"`-- trek: down` in a file whose name says that it is the way {self.source.direction.value}"
            raise LoadError(file, seen.line, problem, "Remove the line, or put both ways into one file.")
        if self.down is not None:
            problem = f"a second `-- trek: down`; the first is in line {self.down_line}"
            raise LoadError(file, seen.line, problem, "Keep one: everything after it is the way back.")
        self.down_line = seen.line
        self.down = self.now = _Way(self, Direction.down, seen.end)


@dataclass(slots=True)
class _Open:
    """A piece in the making."""

    start: int
    end: int
    place: tuple[int, int]
    state: State
    last_line: int = 0
    changes_settings: bool = False


class _Way:
    """One section. `head` is what stands above its first statement, and `line` that of its first line."""

    def __init__(self, ways: _Ways, direction: Direction, start: int | None = None) -> None:
        self._ways, self._window, self._direction = ways, ways.window, direction
        self._start = ways.sighting.at if start is None else start
        self._line = self._window.line(self._start)
        self._head = ""
        self._notes: list[Remark] = []
        self._directives: Directives | None = None
        self._statements: list[Sql | Copy | Piece] = []
        self._open: _Open | None = None

    def needed(self) -> int:
        """The first byte of the file that is still needed."""
        if self._directives is None:
            return self._start
        if self._open and self._ways.sighting.at - self._open.end > self._window.chunk:
            self._cut()
        return self._open.end if self._open else self._ways.sighting.at

    def known(self) -> Directives:
        assert self._directives is not None  # its end was seen
        return self._directives

    def body(self) -> Body:
        if not self._statements and self._direction is Direction.up:
            raise no_statement(self.top())
        return make_body(self._statements, self.known())

    def top(self) -> Section:
        """What stands above the first statement, behind as many empty lines as the file has before it."""
        before = "\n" * (self._line - 1)
        notes = []
        for note in self._notes:
            at = len(before) + len(self._head.encode()[: note.start - self._start].decode())
            notes.append(Note(at, at + note.end - note.start, note.words or ()))
        return Section(before + self._head, str(self._ways.source.file), notes, self._direction, len(before))

    def end(self, at: int) -> None:
        self._cut()
        self._begin(at)

    # ----------------------------------------------------------------------- what is seen
    def take(self, seen: Run | One | Data | Remark) -> None:
        match seen:
            case Run():
                self._begin(seen.start)
                self._add(seen.start, seen.end, changes_settings=False)
            case One():
                self._begin(seen.start)
                self._one(seen)
            case Data():
                self._copy(seen)
            case Remark(words=None):
                self._cut()
            case Remark():
                self._remark(seen)

    def _begin(self, at: int) -> None:
        """The first statement is there: all directives must have been."""
        if self._directives is None:
            self._head = self._window.part(self._start, at).decode()
            self._directives = section_directives(self.top())

    def _remark(self, seen: Remark) -> None:
        if self._directives is None:
            self._notes.append(seen)
            return
        before = "\n" * (seen.line - 1)
        text = before + seen.text
        note = Note(len(before) + seen.column, len(text), seen.words or ())
        raise too_late(Section(text, str(self._ways.source.file), [note], self._direction), note)

    def _one(self, seen: One) -> None:
        line, column = self._window.line(seen.start), self._window.column(seen.start)
        sql = Sql(
            seen.text,
            str(self._ways.source.file),
            line,
            column,
            seen.start,
            tell.refuses_block(seen.words),
            tell.controls_transaction(seen.words),
            tell.changes_settings(seen.words),
        )
        if tell.reads_stdin(seen.words):
            self._cut()
            self._statements.append(Copy(sql.text, "", sql.file, line, column, seen.start))
            return
        check_runnable(sql)
        if self._alone(sql, seen.words[0]):
            self._cut()
            self._statements.append(sql)
        else:
            self._add(seen.start, seen.end, changes_settings=sql.changes_settings)

    def _alone(self, sql: Sql, word: str) -> bool:
        outside = self.known().no_transaction and word not in _GROUPED
        return bool(outside or sql.refuses_block or sql.controls_transaction)

    def _copy(self, seen: Data) -> None:
        begun = self._statements.pop()
        assert isinstance(begun, Copy)  # it comes behind its statement
        part = Part(self._ways.source, seen.start, seen.end, seen.state, seen.digest)
        copy = Copy(begun.text, part, begun.file, begun.line, begun.column, begun.offset, seen.line)
        self._statements.append(copy)

    # ----------------------------------------------------------------------- pieces
    def _add(self, start: int, end: int, *, changes_settings: bool) -> None:
        window, piece = self._window, self._open
        if piece is None:
            place = window.line(start), window.column(start)
            piece = self._open = _Open(start, start, place, window.state(start))
        piece.end, piece.last_line = end, window.line(end)
        piece.changes_settings |= changes_settings
        if end - piece.start >= self._ways.piece:
            self._cut()

    def _cut(self) -> None:
        if (piece := self._open) is None:
            return
        self._open = None
        digest = self._window.state(piece.end).digest()
        part = Part(self._ways.source, piece.start, piece.end, piece.state, digest)
        made = make_piece(part, piece.place, piece.last_line, changes_settings=piece.changes_settings)
        self._statements.append(made)
