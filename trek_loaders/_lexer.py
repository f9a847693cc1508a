"""The PostgreSQL statement splitter: tokens become statements, with their places and what trek must know of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Copy, Sql, dataclass, field
from trek_loaders._plain import BLANK, next_plain, words_of
from trek_loaders._scanner import NOTE, Note, Scanner, Token
from trek_loaders._statements import TELLING, changes_settings, controls_transaction, reads_stdin, refuses_block

if TYPE_CHECKING:
    from collections.abc import Iterator

REST_OF_LINE = re.compile(r"[^\S\r\n]*(?:--[^\r\n]*)?(?:\r?\n|\Z)")
_COPY_END = re.compile(r"^\\\.\r?$", re.MULTILINE)
_NOTE = rf"(?:{BLANK}++|(?!{NOTE})--[^\r\n]*+)*+({NOTE}[^\r\n]*+)"
_KEPT = 4096
"""So many words of a statement are looked at: more than stand before the FROM of a COPY of 1600 columns, the most
that a table can have."""


def split(text: str, file: str = "", start: int = 0) -> list[Sql | Copy]:
    r"""The statements of a text, from `start` on; empty ones vanish. For each, `text[offset:offset + len]` is its text.

    Raises `LoadError` for a string, name, comment, dollar quote, parenthesis or BEGIN ATOMIC body without its end, for
    psql's backslash commands, and for COPY … FROM STDIN without the line `\.` after its data.
    """
    return list(_statements(Scanner(text, file, start)))


def split_and_notes(text: str, file: str = "") -> tuple[list[Sql | Copy], list[Note]]:
    """The statements, and the trek comments wherever they stand between tokens. Raises `LoadError` as `split` does."""
    scanner = Scanner(text, file)
    return list(_statements(scanner)), scanner.notes


@dataclass(slots=True)
class Reading:
    """A statement in the making. `outer`: its outermost open parenthesis; `body`: the BEGIN of its BEGIN ATOMIC."""

    words: list[str] = field(default_factory=list)
    first: Token | None = None
    last: Token | None = None
    before_last: Token | None = None
    depth: int = 0
    outer: Token | None = None
    body: Token | None = None

    def add(self, token: Token) -> None:
        word = token.word
        if word == "(":
            self.outer = self.outer if self.depth else token
            self.depth += 1
        elif word == ")":
            self.depth = max(0, self.depth - 1)
        elif self.depth == 0 and word in ("atomic", "end"):
            self._turn_body(word)
        self.first = self.first or token
        self.before_last, self.last = self.last, token
        if len(self.words) < _KEPT or word in TELLING:
            self.words.append(word)

    def ends_at(self, token: Token) -> bool:
        return token.word == ";" and self.depth == 0 and self.body is None

    def check(self, scanner: Scanner) -> None:
        """At the end of the text: raises `LoadError` for what is still open."""
        if self.body:
            advice = "End each statement within it with `;`, close its parentheses, and end the body with END."
            raise scanner.error(self.body.start, "a BEGIN ATOMIC body begins here and never ends", advice)
        if self.depth and self.outer:
            advice = "Close it with `)`; until then `;` does not end the statement."
            raise scanner.error(self.outer.start, "a parenthesis opens here and is never closed", advice)

    def _turn_body(self, word: str) -> None:
        if self.body is None:
            if word == "atomic" and self.last and self.last.word == "begin" and _makes_routine(self.words):
                self.body = self.last
        # The grammar puts `;` after each statement of a body, so any other END closes a CASE or is a column's label.
        elif word == "end" and self.last and (self.last.word == ";" or self.before_last is self.body):
            self.body = None


def _makes_routine(words: list[str]) -> bool:
    kind = words[3:4] if words[1:3] == ["or", "replace"] else words[1:2]
    return words[0] == "create" and kind in (["function"], ["procedure"])


def _statements(scanner: Scanner) -> Iterator[Sql | Copy]:
    while not scanner.done:
        found = next_plain(scanner.text, scanner.position)
        if found is None and (note := re.compile(_NOTE).match(scanner.text, scanner.position)):
            scanner.note(*note.span(1))
        elif found is None or (words := _plain(scanner, found)) is None:
            yield from _read(scanner)
        elif words:
            yield _sql(scanner, words, *found.span(1))


def _plain(scanner: Scanner, found: re.Match[str]) -> list[str] | None:
    """The words of a plain statement; none at the end; None where the tokens must tell."""
    words = words_of(found[1]) if found.lastindex else []
    if words is None or (words and reads_stdin(words)):
        return None
    scanner.position, scanner.done = found.end(), not words
    return words if len(words) <= _KEPT else [*words[:_KEPT], *filter(TELLING.__contains__, words[_KEPT:])]


def _read(scanner: Scanner) -> Iterator[Sql | Copy]:
    piece = read(scanner)
    if piece.first and piece.last:
        check_guards(scanner, piece.first.start, piece.last.end)
        make = _copy if reads_stdin(piece.words) else _sql
        yield make(scanner, piece.words, piece.first.start, piece.last.end)


def check_guards(scanner: Scanner, start: int, end: int) -> None:
    """Raises `LoadError` for a line of pg_dump's for psql within a statement, which the server would be sent."""
    for at in scanner.guards if scanner.guards and scanner.guards[-1] > start else ():
        if start < at < end:
            advice = "Put the line before the statement or after it, or leave it out: it means nothing here."
            raise scanner.error(at, "a \\restrict line in the middle of a statement", advice)


def read(scanner: Scanner) -> Reading:
    """The next statement; one without a first token if there is none before the next `;` or the end."""
    piece = Reading()
    for token in scanner:
        if piece.ends_at(token):
            return piece
        piece.add(token)
    piece.check(scanner)
    return piece


def _sql(scanner: Scanner, words: list[str], start: int, end: int) -> Sql:
    line, column = scanner.place(start)
    return Sql(
        text=scanner.text[start:end],
        file=scanner.file,
        line=line,
        column=column,
        offset=start,
        refuses_block=refuses_block(words),
        controls_transaction=controls_transaction(words),
        changes_settings=changes_settings(words),
    )


def _copy(scanner: Scanner, words: list[str], start: int, end: int) -> Copy:  # noqa: ARG001 - as `_sql`
    rest = REST_OF_LINE.match(scanner.text, scanner.position)
    if rest is None:
        advice = "The data begins on the line after the COPY: move what follows its `;` behind the data."
        raise scanner.error(scanner.position, "more text on the line of a COPY … FROM STDIN", advice)
    close = _COPY_END.search(scanner.text, rest.end())
    if close is None:
        advice = "End its data with a line that holds only `\\.`, or write INSERT instead."
        raise scanner.error(start, "COPY … FROM STDIN without the line `\\.` that ends its data", advice)
    scanner.position = close.end()
    line, column = scanner.place(start)
    return Copy(
        text=scanner.text[start:end],
        data=scanner.text[rest.end() : close.start()],
        file=scanner.file,
        line=line,
        column=column,
        offset=start,
        data_line=scanner.place(rest.end())[0],
    )
