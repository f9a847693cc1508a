"""goose's own reading of a file, line by line: annotations, and where a statement ends.

Outside of StatementBegin and StatementEnd a statement ends with a line whose last word in front of a comment ends in `;`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError, dataclass, field
from trek_loaders.formats._pieces import Piece
from trek_loaders.formats.goose._environment import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANNOTATIONS = ("up", "down", "statementbegin", "statementend", "no transaction", "envsub on", "envsub off")


@dataclass(slots=True)
class Parsed:
    """A file: what goes up, what goes down, and whether each is one transaction."""

    up: list[Piece] = field(default_factory=list)
    down: list[Piece] = field(default_factory=list)
    transaction: bool = True


def parse(text: str, file: str, environment: Mapping[str, str]) -> Parsed:
    """Raises `LoadError` for what goose refuses."""
    reader = _Reader(file, environment)
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(line.removesuffix("\r"), number)
    return reader.end()


@dataclass(slots=True)
class _Reader:
    file: str
    environment: Mapping[str, str]
    parsed: Parsed = field(default_factory=Parsed)
    way: str = ""
    block: int = 0
    """The line of an open StatementBegin."""
    envsub: bool = False
    held: list[str] = field(default_factory=list)
    begun: int = 0

    def read(self, line: str, number: int) -> None:
        if line.strip().startswith("--") and "+goose" in line:
            self._annotation(self._word(line, number), number)
            return
        if not self.held and (not line or line.strip().startswith("--")):
            return
        if not self.way:
            if line.strip():
                raise self._error(number, "text in front of `-- +goose Up`", "Begin the file with `-- +goose Up`.")
            return
        if not self.held:
            self.begun = number
        self.held.append(expand(line, self.environment, self.file, number) if self.envsub else line)
        if not self.block and _ends(self.held[-1]):
            self._keep()

    def end(self) -> Parsed:
        if not self.way:
            raise self._error(1, "no line `-- +goose Up`", "goose wants one in front of everything else.")
        self._refuse_open_block()
        self._refuse_rest()
        return self.parsed

    # ----------------------------------------------------------------------- annotations
    def _word(self, line: str, number: int) -> str:
        rest = line.strip()
        if line[:1] in (" ", "\t"):
            raise self._error(
                number, "an annotation with white space in front", "goose wants it at the beginning of a line."
            )
        rest = rest.removeprefix("--").replace("+goose", "", 1).strip()
        word = rest.lower()
        if word not in _ANNOTATIONS:
            known = "Up, Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON, ENVSUB OFF"
            raise self._error(number, f"`+goose {rest}` is no annotation of goose", f"There are: {known}.")
        return word

    def _annotation(self, word: str, number: int) -> None:
        if word == "no transaction":
            self.parsed.transaction = False
        elif word.startswith("envsub"):
            self.envsub = word.endswith("on")
        elif word in ("up", "down"):
            self._turn(word, number)
        else:
            self._block(word, number)

    def _turn(self, word: str, number: int) -> None:
        self._refuse_open_block()
        if word == "up" and self.way:
            raise self._error(number, "`-- +goose Up` a second time, or behind `Down`", "Write it once, as the first.")
        if word == "down" and self.way != "up":
            raise self._error(
                number, "`-- +goose Down` without `Up` in front, or twice", "Write Up first, then one Down."
            )
        self._refuse_rest()
        self.way = word

    def _block(self, word: str, number: int) -> None:
        opens = word == "statementbegin"
        if opens == bool(self.block) or not self.way:
            problem = f"`-- +goose {'StatementBegin' if opens else 'StatementEnd'}` where none can be"
            raise self._error(number, problem, "Write them in pairs, behind `-- +goose Up` or `Down`.")
        if opens:
            self.block = number
            return
        self.block = 0
        self._keep()

    def _refuse_open_block(self) -> None:
        if self.block:
            raise self._error(
                self.block, "StatementBegin without StatementEnd", "Write `-- +goose StatementEnd` behind it."
            )

    # ----------------------------------------------------------------------- statements
    def _keep(self) -> None:
        text = "\n".join(self.held)
        if text.strip():
            lead = len(text) - len(text.lstrip())
            line = self.begun + text.count("\n", 0, lead)
            piece = Piece(text.strip(), range(line, line + len(self.held)))
            (self.parsed.up if self.way == "up" else self.parsed.down).append(piece)
        self.held = []

    def _refuse_rest(self) -> None:
        if any(line.strip() for line in self.held):
            problem = "a statement that never ends"
            raise self._error(
                self.begun, problem, "End its last line with `;`, or put StatementBegin and StatementEnd around it."
            )
        self.held = []

    def _error(self, line: int, problem: str, advice: str) -> LoadError:
        return LoadError(self.file, line, problem, advice)


def _ends(line: str) -> bool:
    before = re.split(r"(?:^|\s)--", line, maxsplit=1)[0].split()
    return bool(before) and before[-1].endswith(";")
