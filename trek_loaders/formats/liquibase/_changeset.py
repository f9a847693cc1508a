"""A changeset as it stands in a file, and its checksums."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trek_core.plugin import dataclass, field

if TYPE_CHECKING:
    from trek_loaders.formats.liquibase._preconditions import Preconditions

_ATTRIBUTE = re.compile(r'(\w+):("[^"]*"|\S*)')
_SPACE = " \t\r\n"


@dataclass(slots=True)
class Changeset:
    """One changeset. lines: its SQL by line number, from 1, without directives. back: the lines of `--rollback`, the same way.

    attributes: those of its line, names in lower case.
    """

    author: str
    id: str
    path: str
    line: int
    attributes: Mapping[str, str]
    lines: dict[int, str] = field(default_factory=dict)
    back: dict[int, str] = field(default_factory=dict)
    comment: str = ""
    valid: list[str] = field(default_factory=list)
    preconditions: Preconditions | None = None

    @property
    def revision(self) -> str:
        return f"{self.author}:{self.id}:{self.path}"

    @property
    def sql(self) -> str:
        return "\n".join(self.lines.values()).strip()

    def yes(self, name: str, *, otherwise: bool) -> bool:
        """An attribute that is true or false."""
        value = self.attributes.get(name.lower())
        return otherwise if value is None else value.lower() == "true"

    def text(self, *names: str) -> str:
        """The first of the attributes that says anything."""
        return next(filter(None, (self.attributes.get(name.lower()) for name in names)), "")

    def checksums(self) -> tuple[str, ...]:
        """As Liquibase writes it since 4.22, as it did before, and those that `validCheckSum` allows."""
        return (_current(self.sql), self._before(), *self.valid)

    def _before(self) -> str:
        """With the way of cutting in front, and white space as one space."""
        ways = (self.yes("splitStatements", otherwise=True), self.yes("stripComments", otherwise=True))
        head = ":".join((self.attributes.get("enddelimiter", "null"), *(str(way).lower() for way in ways)))
        sql = re.sub(f"[{_SPACE}]+", " ", self.sql.strip(_SPACE))
        return _sum("8:", f"{head}:{sql}")


def attributes_of(text: str) -> dict[str, str]:
    """`name:value name:"a value"`, names in lower case."""
    return {found[1].lower(): found[2].strip('"') for found in _ATTRIBUTE.finditer(text)}


def _current(sql: str) -> str:
    return _sum("9:", sql.translate(dict.fromkeys(map(ord, _SPACE))))


def _sum(version: str, change: str) -> str:
    """Of a changeset with one change: the sum of its sum."""
    return version + _md5(unicodedata.normalize("NFC", f"{version}{_md5(change)}:"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
