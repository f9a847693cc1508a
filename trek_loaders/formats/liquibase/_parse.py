"""Liquibase's own reading of a formatted SQL file, line by line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import LoadError
from trek_loaders.formats.liquibase import _preconditions
from trek_loaders.formats.liquibase._changeset import Changeset, attributes_of
from trek_loaders.formats.liquibase._match import for_postgresql

if TYPE_CHECKING:
    from trek_loaders.formats.liquibase._preconditions import Preconditions

_FIRST = re.compile(r"\s*--\s*liquibase\s*formatted.*", re.IGNORECASE)
_PARAMETER = re.compile(r"\$\{([^{}]*)\}")
_MISSPELT = re.compile(
    r"(?:\s*-\s*(?:changeset|property|comment|rollback|preconditions?|validCheckSum|ignoreLines)\b"
    r"|--\s*(?:comments:? |ignore:)|\s*--\s*changeset\b|\s*--\s*property\s|\s*--\s*precondition-).*",
    re.IGNORECASE,
)
_GLOBAL, _WORD = "global", r'("[^"]+"|[^:]+):("[^"]+"|\S+)'
_REFUSED = {"runwith": "runWith", "runwithspoolfile": "runWithSpoolFile"}


def is_formatted(text: str) -> bool:
    """Whether the first line that is not empty says so."""
    return bool(_FIRST.fullmatch(next((line for line in _lines(text) if line.strip()), "").removeprefix("\ufeff")))


def parse(text: str, file: str, path: str, parameters: dict[str, str]) -> list[Changeset]:
    """The changesets in their order. path: what the history calls the file. parameters: of all files, and more after it.

    Raises `LoadError` for what Liquibase refuses, and for what trek does not do.
    """
    if not is_formatted(text):
        raw = Changeset("includeAll", "raw", path, 1, {"splitstatements": "false", "stripcomments": "false"})
        raw.lines.update(enumerate(_lines(text.removeprefix("\ufeff")), 1))
        return [raw]
    reader = _Reader(file, path, parameters)
    reader.read(iter(enumerate(_lines(text), 1)))
    return reader.found


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


@dataclass(slots=True)
class _Reader:
    file: str
    path: str
    parameters: dict[str, str]
    own: dict[str, str] = field(default_factory=dict)
    """Parameters of this file alone."""
    found: list[Changeset] = field(default_factory=list)

    def read(self, lines: Iterator[tuple[int, str]]) -> None:
        for number, line in lines:
            if _FIRST.fullmatch(line.removeprefix("\ufeff")):
                self.path = attributes_of(line).get("logicalfilepath") or self.path
                continue
            for pattern, method in self.DIRECTIVES:
                if match := pattern.fullmatch(line):
                    method(self, match, number, lines)
                    break
            else:
                self._text(line, number)
        for changeset in self.found:
            if not changeset.sql:
                raise self._error(changeset.line, "a changeset without SQL", "Write some behind it, or delete it.")

    # ----------------------------------------------------------------------- directives
    def _property(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        told = dict(re.findall(r"(\w+):\s*(\S*)", match[1]))
        if strange := next((name for name in told if name.lower() in ("context", "contextfilter", "labels")), ""):
            raise self._error(number, f"a property with {strange}", "trek knows those of all runs: write it without.")
        if for_postgresql(told.get("dbms", "")) and "name" in told:
            known = self.parameters if told.get(_GLOBAL, "true").lower() == "true" else self.own
            known.setdefault(told["name"], self._expand(told.get("value", ""), number))

    def _ignore_lines(self, match: re.Match[str], number: int, lines: Iterator[tuple[int, str]]) -> None:
        word = match[1].lower()
        if word.isdecimal():
            for _, _ in zip(range(int(word)), lines, strict=False):
                pass
        elif word == "start":
            end = re.compile(r"--\s*ignoreLines:end", re.IGNORECASE)
            next((None for _, line in lines if end.fullmatch(line)), None)
        else:
            raise self._error(number, f"ignoreLines:{match[1]}", "There are start, end and a number of lines.")

    def _changeset(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        author, name = (self._expand(part.strip('"'), number) for part in match.group(1, 2))
        told = {key: self._expand(value, number) for key, value in attributes_of(match[3]).items()}
        for key, word in _REFUSED.items():
            if key in told:
                raise self._error(
                    number, f"{word}, which needs a program of its own", "Go on with Liquibase for this file."
                )
        if told.get("failonerror", "").lower() == "false":
            raise self._error(number, "failOnError:false: trek does not go on after a failure", "Write it without.")
        path = (told.get("logicalfilepath") or self.path).replace("\\", "/").removeprefix("classpath:")
        self.found.append(Changeset(author, name, path, number, told))

    def _comment(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        self._current(number).comment = match[1].strip()

    def _valid(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        word = match[1].strip()
        self._current(number).valid.append(
            "any" if word.lower() in ("any", "all", "*", "1:any", "1:all", "1:*") else word
        )

    def _rollback(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        self._current(number).back[number] = self._expand(match[1], number)

    def _rollback_block(self, _: re.Match[str], number: int, lines: Iterator[tuple[int, str]]) -> None:
        back = self._current(number).back
        for at, line in lines:
            back[at] = self._expand(line.partition("*/")[0], at)
            if "*/" in line:
                return
        raise self._error(number, "a rollback comment that is not closed", "Close it with `*/`.")

    def _preconditions(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        if self.found:
            self._current(number).preconditions = _preconditions.begin(match[1], self.file, number)

    def _precondition(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        if self.found:
            text = self._expand(match[2], number)
            given = self._given()
            sql = _preconditions.condition(match[1].lower(), text, self.file, number)
            given.checks.append((sql, text.strip(), number))

    def _misspelt(self, match: re.Match[str], number: int, _: Iterator[tuple[int, str]]) -> None:
        problem = f"`{match[0].strip()}` is no line of Liquibase's"
        raise self._error(number, problem, "Write two dashes, and for a changeset author:id without a space.")

    DIRECTIVES: ClassVar[tuple[tuple[re.Pattern[str], Callable[..., None]], ...]] = tuple(
        (re.compile(pattern, re.IGNORECASE), method)
        for pattern, method in (
            (r"\s*--\s*property\s+(.*:.*\s+.*:.*)", _property),
            (r"--\s*ignoreLines:(\w+)", _ignore_lines),
            (rf"\s*--\s*changeset\s+{_WORD}(.*)", _changeset),
            (r"--\s*comment:? (.*)", _comment),
            (r"--\s*validCheckSum:? (.*)", _valid),
            (r"\s*--\s*rollback (.*)", _rollback),
            (r"\s*/\*\s*liquibase\s*rollback\s*", _rollback_block),
            (r"\s*--\s*preconditions(.*)", _preconditions),
            (r"\s*--\s*precondition-([a-z0-9-]+) (.*)", _precondition),
            (_MISSPELT.pattern, _misspelt),
        )
    )

    # ----------------------------------------------------------------------- text
    def _text(self, line: str, number: int) -> None:
        if self.found:
            self.found[-1].lines[number] = self._expand(line, number)
        elif line.strip() and not line.lstrip().startswith("--"):
            raise self._error(number, "text in front of the first changeset", "Begin with `--changeset author:id`.")

    def _expand(self, text: str, number: int) -> str:
        """With the values of parameters. Raises `LoadError` for one that nobody gave: Liquibase may get it from elsewhere."""

        def value(found: re.Match[str]) -> str:
            name = found[1].strip()
            for known in (self.own, self.parameters):
                if name in known:
                    return known[name]
            advice = 'Write `--property name:… value:…`, or give it: layout setting parameters = {"name": "value"}.'
            raise self._error(number, f"the parameter ${{{name}}}, which nothing defines", advice)

        return _PARAMETER.sub(value, text) if "${" in text else text

    def _given(self) -> Preconditions:
        changeset = self.found[-1]
        changeset.preconditions = changeset.preconditions or _preconditions.Preconditions()
        return changeset.preconditions

    def _current(self, number: int) -> Changeset:
        if not self.found:
            raise self._error(
                number, "a line of a changeset in front of the first one", "Write `--changeset author:id` first."
            )
        return self.found[-1]

    def _error(self, line: int, problem: str, advice: str) -> LoadError:
        return LoadError(self.file, line, problem, advice)
