"""Placeholders, `${name}`, replaced as Flyway's reader does: everywhere, comments and strings included, and only once."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from trek_core.plugin import Copy, LoadError, dataclass, field, replace
from trek_loaders._sql import line_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Sql
    from trek_loaders.formats._settings import FlywaySettings


@dataclass(frozen=True, slots=True)
class Replaced:
    """A text with its placeholders replaced, and the way back from its places to those of the file.

    ends: of each value, where it ends in `text` and where its placeholder ends in `source`.
    """

    source: str
    text: str
    ends: list[tuple[int, int]] = field(default_factory=list)

    def moved(self, statement: Sql | Copy) -> Sql | Copy:
        """The statement at its place in the file."""
        if not self.ends:
            return statement
        at = self._back(statement.offset)
        column = at - (self.source.rfind("\n", 0, at) + 1) + 1
        found = replace(statement, line=line_at(self.source, at), column=column, offset=at)
        if isinstance(found, Copy):
            found = replace(found, data_line=self.line(found.data_line))
        return found

    def line(self, number: int) -> int:
        """The file's line for a line of the text: only a value of several lines makes a difference."""
        lines = self.text.split("\n")[: number - 1]
        return line_at(self.source, self._back(sum(map(len, lines)) + len(lines)))

    def _back(self, offset: int) -> int:
        found = bisect_right(self.ends, offset, key=lambda one: one[0])
        text, source = self.ends[found - 1] if found else (0, 0)
        following = self.ends[found][1] if found < len(self.ends) else len(self.source)
        return min(source + offset - text, following)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Values by name in lower case, and the marks around a name."""

    values: Mapping[str, str]
    settings: FlywaySettings

    def replaced(self, text: str, file: str) -> Replaced:
        """The text with every placeholder replaced. Raises `LoadError` for one without a value, or without its end."""
        prefix, parts, ends, at, length = self.settings.placeholder_prefix, list[str](), list[tuple[int, int]](), 0, 0
        while (found := _next(text, prefix, at)) >= 0:
            begin = found + len(prefix)
            end = text.find(self.settings.placeholder_suffix, begin)
            value = self._value(text[begin:end] if end >= 0 else None, file, line_at(text, found))
            parts += [text[at:found], value]
            at, length = end + len(self.settings.placeholder_suffix), length + found - at + len(value)
            ends.append((length, at))
        return Replaced(text, "".join((*parts, text[at:])), ends)

    def _value(self, name: str | None, file: str, line: int) -> str:
        prefix, suffix = self.settings.placeholder_prefix, self.settings.placeholder_suffix
        if name is None:
            advice = f"End it with {suffix}, or turn placeholder_replacement off."
            raise LoadError(file, line, f"{prefix} without {suffix} behind it", advice)
        if (value := self.values.get(name.lower())) is not None:
            return value
        problem = f"no value for the placeholder {prefix}{name}{suffix}"
        known = ", ".join(sorted(self.values))
        raise LoadError(file, line, problem, _how(name, known))


def _how(name: str, known: str) -> str:
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return (
        f'Give it in the configuration, [tool.trek.layout-settings]: placeholders = {{ {key} = "..." }}. '
        f"Flyway's own files are not read. There are: {known}."
    )


def _next(text: str, prefix: str, at: int) -> int:
    """Where the next placeholder begins, or -1. What looked like one as far as it went is passed over: `$${a}` is none."""
    while (at := text.find(prefix[0], at)) >= 0:
        if text.startswith(prefix, at):
            return at
        at += 1
        at += next((n for n, letter in enumerate(prefix[1:]) if text[at + n : at + n + 1] != letter), 0) + 1
    return -1
