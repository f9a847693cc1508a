"""What stands in a big file, in order, a window at a time: plain runs by one pattern, all else by the splitter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, dataclass
from trek_loaders._lexer import REST_OF_LINE, check_guards, read
from trek_loaders._runs import BLANKS, is_begun, run_end, tells
from trek_loaders._scanner import Scanner
from trek_loaders._statements import reads_stdin

if TYPE_CHECKING:
    from trek_loaders._digest import State
    from trek_loaders._lexer import Reading
    from trek_loaders._scanner import Note
    from trek_loaders._window import Window

LOOK = 1 << 13
"""Bytes that the splitter is given at first; more where a statement is longer."""
SURE = 1 << 16
"""Of so many, an error that is not about an end is one of the file, and not of where the bytes were cut."""
TAIL = 4
"""Bytes at the end of a window in which the line that ends data may have begun."""
_PLAIN = re.compile(r"[ \t\n\r\f\v]*(?:insert|update|delete)\s", re.IGNORECASE)
_DATA_END = re.compile(rb"\\\.\r?(?=\n|\Z)")


@dataclass(frozen=True, slots=True)
class Run:
    """Plain statements, from the first one's beginning to the last one's semicolon. Offsets of bytes, as all here."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class One:
    """A statement that the splitter read, its line, and the words that tell what it does."""

    start: int
    end: int
    text: str
    line: int
    words: list[str]


@dataclass(frozen=True, slots=True)
class Data:
    """The data of a COPY, which was the last `One`. state, digest: as of a `Part`. line: of the first row."""

    start: int
    end: int
    state: State
    digest: bytes
    line: int


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment `-- trek: …`, or, without words, a line of pg_dump's for psql.

    line: its number. text: the line as far as the comment's end, which begins at the character `column` of it (from 0).
    """

    start: int
    end: int
    line: int = 0
    text: str = ""
    column: int = 0
    words: tuple[str, ...] | None = None


Sight = Run | One | Data | Remark


@dataclass(slots=True)
class _View:
    """Text that the splitter is given: the byte and the line where it begins; what of it was told already."""

    text: str
    scanner: Scanner
    base: int
    line: int
    done: int
    notes: int = 0
    guards: int = 0

    def byte(self, offset: int) -> int:
        return self.base + (offset if self.text.isascii() else len(self.text[:offset].encode()))

    def line_of(self, offset: int) -> int:
        return self.line + self.text.count("\n", 0, offset)

    def one(self, found: Reading) -> One | None:
        if not found.first or not found.last:
            return None
        start, end = found.first.start, found.last.end
        return One(self.byte(start), self.byte(end), self.text[start:end], self.line_of(start), found.words)

    def moved(self, error: LoadError) -> LoadError:
        return LoadError(error.path, self.line + (error.line or 1) - 1, error.problem, error.advice)

    def down(self) -> Note | None:
        """The first `-- trek: down` that the splitter met and nobody was told of."""
        return next((note for note in self.scanner.notes[self.notes :] if name_of(note.words) == "down"), None)

    def remarks(self, end: int) -> Iterator[Remark]:
        """Those before that character which nobody was told of yet."""
        notes, guards = self.scanner.notes, self.scanner.guards
        while self.guards < len(guards) and guards[self.guards] < end:
            at = self.byte(guards[self.guards])
            self.guards += 1
            yield Remark(at, at)
        while self.notes < len(notes) and notes[self.notes].start < end:
            note = notes[self.notes]
            self.notes += 1
            line = self.text.rfind("\n", 0, note.start) + 1
            place = (self.line_of(note.start), self.text[line : note.end], note.start - line)
            yield Remark(self.byte(note.start), self.byte(note.end), *place, note.words)


class Sighting:
    """Iterates over what is there. Raises `LoadError` as the splitter does, with the file's lines.

    at: the byte that comes next. keep: who iterates still needs what lies behind this one.
    """

    def __init__(self, window: Window) -> None:
        self.window, self.file = window, str(window.file)
        self.at = self.keep = window.base
        self._slow_until = 0
        self._ended = False

    def __iter__(self) -> Iterator[Sight]:
        window = self.window
        while not self._ended:
            window.forget(min(self.keep, self.at))
            window.need(self.at + window.chunk)
            if self.at < self._slow_until:
                yield from self._split()
            elif run := self._run():
                yield run
            elif not window.last and is_begun(window.content, self.at - window.base):
                window.need(window.end + max(window.chunk, window.end - self.at))
            else:
                yield from self._split()

    def _run(self) -> Run | None:
        content, base = self.window.content, self.window.base
        end = run_end(content, self.at - base)
        if end == self.at - base:
            return None
        blanks = BLANKS.match(content, self.at - base)
        start = blanks.end() if blanks else self.at - base
        if tells(content[start:end]):
            self._slow_until = end + base
            return None
        self.at = end + base
        return Run(start + base, end + base - 1)

    # ----------------------------------------------------------------------- the splitter's part
    def _split(self) -> Iterator[Sight]:
        """What the splitter finds from here on: at least one statement, or the end of the file."""
        look, begun = LOOK, self.at
        while self.at == begun and not self._ended:
            self.window.need(self.at + look)
            last = self.window.last and self.at + look >= self.window.end
            base = self.window.line_start(self.at)
            text = self.window.part(base, self.at + look).decode(errors="ignore")  # either end may be cut
            done = len(self.window.part(base, self.at).decode(errors="ignore"))
            view = _View(text, Scanner(text, self.file, done), base, self.window.line(self.at), done)
            yield from self._statements(view, last=last, look=look)
            look *= 4

    def _statements(self, view: _View, *, last: bool, look: int) -> Iterator[Sight]:
        while (found := self._next(view, last=last, sure=look >= SURE)) is not None:
            end = view.scanner.position
            if down := view.down():
                yield from self._before(view, down)
                self.at = view.byte(down.end)
                yield from view.remarks(down.end)
                return
            yield from view.remarks(found.first.start if found.first else end)
            self.at, view.done, self._ended = view.byte(end), end, view.scanner.done
            if one := view.one(found):
                yield one
                yield from view.remarks(end)
                if reads_stdin(one.words):
                    yield self._data(one)
                    return
            if self._ended or look > LOOK or (_PLAIN.match(view.text, end) and self.at >= self._slow_until):
                return

    def _next(self, view: _View, *, last: bool, sure: bool) -> Reading | None:
        """The next statement; None if its end may lie behind what the splitter was given."""
        try:
            found = read(view.scanner)
            if view.scanner.done and not last:
                return None
            if found.first and found.last:
                check_guards(view.scanner, found.first.start, found.last.end)
        except LoadError as error:
            if not last and (not sure or "never" in error.problem.partition(":")[0]):
                return None
            raise view.moved(error) from None
        return found

    def _before(self, view: _View, down: Note) -> Iterator[Sight]:
        """A statement that `-- trek: down` ends, since its semicolon was left out."""
        try:
            found = read(Scanner(view.text[: down.start], self.file, view.done))
        except LoadError as error:
            raise view.moved(error) from None
        one = view.one(found)
        yield from view.remarks(found.first.start if found.first else down.start)
        if one and reads_stdin(one.words):
            raise _no_end(one.line, self.file)
        if one:
            yield one
        yield from view.remarks(down.start)

    # ----------------------------------------------------------------------- COPY
    def _data(self, one: One) -> Data:
        """Moves on behind the line that ends the data. Raises `LoadError` where there is none."""
        window = self.window
        begin = self._line_end()
        if not REST_OF_LINE.fullmatch(window.part(self.at, begin).decode()):
            advice = "The data begins on the line after the COPY: move what follows its `;` behind the data."
            line = window.line(self.at)
            raise LoadError(self.file, line, "more text on the line of a COPY … FROM STDIN", advice)
        line, state, seen = window.line(begin), window.state(begin), begin
        while (end := self._data_end(seen, first=seen == begin)) < 0:
            if window.last:
                raise _no_end(one.line, self.file)
            seen = max(seen, window.end - TAIL)
            window.line(seen - 1)
            window.forget(seen - 1)
            window.need(window.end + 1)
        digest = window.state(end).digest()
        mark = _DATA_END.match(window.content, end - window.base)
        self.at = self.keep = mark.end() + window.base if mark else end
        return Data(begin, end, state, digest, line)

    def _line_end(self) -> int:
        """Behind the end of the line that comes next, or the end of the file."""
        window, at = self.window, self.at
        while (found := window.content.find(b"\n", at - window.base)) < 0 and not window.last:
            at = window.end
            window.need(window.end + 1)
        return found + window.base + 1 if found >= 0 else window.end

    def _data_end(self, at: int, *, first: bool) -> int:
        r"""The offset of a line `\.` from `at` on; -1 if none is whole within the window."""
        window = self.window
        at -= window.base + (0 if first else 1)
        if first and self._marks(at):
            return at + window.base
        if window.content.find(b"\\", max(at, 0)) < 0:  # twelve times as fast as to look for all three
            return -1
        while (at := window.content.find(b"\n\\.", max(at, 0))) >= 0:
            at += 1
            if self._marks(at):
                return at + window.base
        return -1

    def _marks(self, at: int) -> bool:
        """Whether the end of the data stands there; not while the line may go on behind the window."""
        found = _DATA_END.match(self.window.content, at)
        return found is not None and (self.window.last or found.end() < len(self.window.content))


def name_of(words: tuple[str, ...] | None) -> str:
    """The name of a directive, in lower case."""
    return words[0].lower() if words else ""


def _no_end(line: int, file: str) -> LoadError:
    advice = "End its data with a line that holds only `\\.`, or write INSERT instead."
    return LoadError(file, line, "COPY … FROM STDIN without the line `\\.` that ends its data", advice)
