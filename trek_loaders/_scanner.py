"""The tokens of an SQL text, as PostgreSQL's scan.l reads them with standard_conforming_strings on.

Nothing is judged here but what never ends and what is psql's: syntax of any version and any extension passes through.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from trek_core.plugin import LoadError
from trek_loaders._plain import BLANK, INLINE
from trek_loaders._psql import GUARD, advice_for

# To PostgreSQL every character beyond ASCII is a letter, even a space. Said by what is none: to compile a class that reaches
# to the last character takes as long as to import half of trek.
_NO_LETTER = r"\x00-#%-/:-@\[-^`{-\x7f"
_LETTER, _LETTER_OR_DIGIT, _IN_WORD = rf"[^{_NO_LETTER}$0-9]", rf"[^{_NO_LETTER}$]", rf"[^{_NO_LETTER}]"
NOTE = rf"--{INLINE}*(?i:trek)(?:{INLINE}*:|{INLINE}+(?i:down|no-transaction|irreversible){INLINE}*(?=[\r\n]|\Z))"
"""A directive, or one that lacks its colon: as a comment it would make the way back a part of the way up."""
_TOKEN = re.compile(
    rf"""(?: {BLANK}+ | (?!{NOTE}) --[^\r\n]* )*
    (?: (?P<escape>[eE]')
      | (?P<string>(?:[bBnNxX]|[uU]&)?')
      | (?P<name>(?:[uU]&)?")
      | (?P<word>{_LETTER}{_IN_WORD}*)
      | (?P<note>{NOTE}[^\r\n]*)
      | (?P<comment>/\*)
      | (?P<dollar>\$(?:{_LETTER}{_LETTER_OR_DIGIT}*)?\$)
      | (?P<psql>\\[^\s;]*)
      | (?P<other>[0-9]+|.)
      | (?P<end>\Z) )""",
    re.VERBOSE | re.DOTALL,
)
_PIECES = {
    "escape": re.compile(r"\\.|''|'", re.DOTALL),
    "string": re.compile(r"''|'"),
    "name": re.compile(r'""|"'),
}
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_GAP = re.compile(rf"[ \t\f\v]*(?:--[^\r\n]*)?[\r\n](?:{BLANK}|--[^\r\n]*[\r\n])*'")
"""Between two parts of one string. It matters to E'' only: there the next part has backslashes as well."""
_TO_LINE_END = re.compile(r"[^\r\n]*")


class Token(NamedTuple):
    """A word in lower case, a literal or a character, and its offsets. A dollar-quoted body is the word "$$"."""

    word: str
    start: int
    end: int


class Note(NamedTuple):
    """A comment `-- trek: …` that stands outside of strings, bodies and other comments."""

    start: int
    end: int
    words: tuple[str, ...]


class Scanner:
    r"""The tokens of a text from `start` on. Whoever knows that something else follows (COPY data) moves `position`.

    notes: the trek comments met on the way; guards: where pg_dump's lines `\restrict` are. Raises `LoadError` for what
    never ends and for commands of psql.
    """

    def __init__(self, text: str, file: str = "", start: int = 0) -> None:
        self.text, self.file, self.position = text, file, start
        self.notes: list[Note] = []
        self.guards: list[int] = []
        self.done = False
        self._seen = 0, 1, -1  # an offset, its line, and the line end before it: places are asked for in order, mostly

    def __iter__(self) -> Scanner:
        return self

    def __next__(self) -> Token:
        while True:
            found = _TOKEN.match(self.text, self.position)
            assert found is not None
            kind = found.lastgroup or ""
            start, end = found.span(kind)
            if kind == "word":
                self.position = end
                return Token(_fold(found[kind]), start, end)
            if kind == "other":
                self.position = end
                return Token(found[kind], start, end)
            if kind == "end":
                self.done = True
                raise StopIteration
            self.position = end = self._end(kind, start, end)
            if kind not in ("note", "comment", "psql"):
                return Token("$$" if kind == "dollar" else self.text[start:end], start, end)

    def note(self, start: int, end: int) -> int:
        """Keeps a trek comment, and goes on behind it. Raises `LoadError` for one that lacks its colon."""
        name, colon, words = self.text[start:end].partition(":")
        if not colon:
            problem = f"a directive without its colon: {name.strip()!r}"
            raise self.error(start, problem, f"Write `-- trek: {name.split()[-1]}`.")
        self.notes.append(Note(start, end, tuple(words.split())))
        self.position = end
        return end

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        at, line, line_end = self._seen if self._seen[0] <= offset else (0, 1, -1)
        if more := self.text.count("\n", at, offset):
            line, line_end = line + more, self.text.rfind("\n", at, offset)
        self._seen = offset, line, line_end
        return line, offset - line_end

    def error(self, offset: int, problem: str, advice: str) -> LoadError:
        """A `LoadError` for the line of that offset."""
        return LoadError(self.file, self.place(offset)[0], problem, advice)

    def _end(self, kind: str, start: int, after: int) -> int:
        if kind == "note":
            return self.note(start, after)
        if kind == "comment":
            return self._comment_end(start)
        if kind == "dollar":
            return self._dollar_end(start, after)
        if kind == "psql":
            return self._guard_end(start, self.text[start:after])
        end = self._quote_end(kind, start, after)
        while kind == "escape" and (gap := _GAP.match(self.text, end)):
            end = self._quote_end(kind, gap.end() - 1, gap.end())
        return end

    def _quote_end(self, kind: str, start: int, after: int) -> int:
        mark = '"' if kind == "name" else "'"
        for piece in _PIECES[kind].finditer(self.text, after):
            if piece[0] == mark:
                return piece.end()
        what = "a quoted name" if kind == "name" else "a string"
        raise self._unclosed(start, what, f"Close it with {mark} (within it, write {mark * 2}).")

    def _comment_end(self, start: int) -> int:
        depth = 0
        for edge in _COMMENT_EDGE.finditer(self.text, start):
            depth += 1 if edge[0] == "/*" else -1
            if depth == 0:
                return edge.end()
        raise self._unclosed(start, "a comment", "Close it with */; comments nest, so each /* within it needs its own.")

    def _dollar_end(self, start: int, after: int) -> int:
        tag = self.text[start:after]
        at = self.text.find(tag, after)
        if at < 0:
            advice = f"Close it with {tag}, spelled exactly so: capitals count."
            raise self._unclosed(start, f"a dollar quote {tag}", advice)
        return at + len(tag)

    def _unclosed(self, start: int, what: str, advice: str) -> LoadError:
        snippet = _TO_LINE_END.match(self.text, start, start + 60)
        return self.error(start, f"{what} begins here and never ends: {snippet[0] if snippet else ''}", advice)

    def _guard_end(self, start: int, command: str) -> int:
        """Where a line ends that pg_dump wrote for psql alone. Raises `LoadError` for anything else of psql's."""
        guard = GUARD.match(self.text, start)
        if guard is None or (start and self.text[start - 1] not in "\r\n"):
            raise self._psql(start, command)
        self.guards.append(start)
        return guard.end()

    def _psql(self, start: int, command: str) -> LoadError:
        if command == "\\.":
            advice = "It ends the data of a COPY … FROM STDIN; remove it, or restore the COPY before it."
            return self.error(start, "\\. without a COPY … FROM STDIN before it", advice)
        return self.error(start, f"{command} is a command of psql, not SQL", advice_for(command))


def _fold(word: str) -> str:
    """In lower case, as PostgreSQL compares keywords: letters beyond ASCII stay (lower() makes k of the Kelvin sign)."""
    return word.lower() if word.isascii() else word
