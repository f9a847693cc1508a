"""What a statement that refuses a transaction block works on, read from its words."""

from __future__ import annotations

import re
from typing import Literal

from trek_core.plugin import dataclass

_TOKEN = re.compile(
    r"""\s+ | --[^\n]* | /\*(?:(?!/\*|\*/).)*\*/
    | (?P<word>"(?:[^"]|"")+" | '(?:[^']|'')*' | [^\W\d][\w$]* | \d+ | /\* | .)""",
    re.DOTALL | re.VERBOSE,
)
_NAME = re.compile(r'"|[^\W\d]')

Kind = Literal["build", "drop", "reindex", "detach", "create", "remove", "again", "unknown"]
"""build and drop: an index; create and remove: a database or tablespace; again: to repeat it does no harm."""


@dataclass(frozen=True, slots=True)
class Target:
    """name: what it makes, drops or changes, as it is written; empty where the server chooses. of: its table or parent.

    what: "index", "table", "schema", "database", "tablespace", …. unique: of an index. rest: the words behind the table.
    """

    kind: Kind
    name: str = ""
    what: str = ""
    of: str = ""
    unique: bool = False
    rest: tuple[str, ...] = ()


def target(text: str) -> Target:
    """The target of a statement; "unknown" for every other statement, and for what is written in a way not known here."""
    reader = _Reader(text)
    for read in (_build, _drop, _reindex, _detach, _whole, _harmless):
        reader.at = 0
        if found := read(reader):
            return found
    return Target("unknown")


class _Reader:
    """Words in lower case, names in quotes as they stand."""

    def __init__(self, text: str) -> None:
        found = (match["word"] for match in _TOKEN.finditer(text))
        self.words = [word if word[0] in "\"'" else word.lower() for word in found if word]
        self.at = 0

    def take(self, *words: str) -> bool:
        """Whether these come next, and then behind them."""
        if matches := self.words[self.at : self.at + len(words)] == list(words):
            self.at += len(words)
        return matches

    def name(self) -> str:
        """A name that may be qualified; empty if there is none."""
        parts: list[str] = []
        while self.at < len(self.words) and _NAME.match(self.words[self.at]):
            parts.append(self.words[self.at])
            self.at += 1
            if not self.take("."):
                break
        return ".".join(parts)

    @property
    def rest(self) -> tuple[str, ...]:
        return tuple(self.words[self.at :])


def _build(reader: _Reader) -> Target | None:
    reader.take("create")
    unique = reader.take("unique")
    if not reader.take("index", "concurrently"):
        return None
    reader.take("if", "not", "exists")
    name = "" if reader.take("on") else reader.name()
    if name and not reader.take("on"):
        return None
    reader.take("only")
    of = reader.name()
    return Target("build", name, "index", of, unique, reader.rest) if of and reader.words[0] == "create" else None


def _drop(reader: _Reader) -> Target | None:
    if not reader.take("drop", "index", "concurrently"):
        return None
    reader.take("if", "exists")
    name = reader.name()
    return Target("drop", name, "index") if name and reader.rest in ((), ("cascade",), ("restrict",)) else None


def _reindex(reader: _Reader) -> Target | None:
    if not reader.take("reindex"):
        return None
    while reader.words[reader.at : reader.at + 1] not in (
        [],
        ["index"],
        ["table"],
        ["schema"],
        ["database"],
        ["system"],
    ):
        reader.at += 1  # the options
    if reader.at == len(reader.words):
        return None
    what = reader.words[reader.at]
    reader.at += 1
    reader.take("concurrently")
    return Target("reindex" if "concurrently" in reader.words else "again", reader.name(), what)


def _detach(reader: _Reader) -> Target | None:
    if not reader.take("alter", "table"):
        return None
    reader.take("if", "exists")
    of = reader.name()
    name = reader.name() if reader.take("detach", "partition") else ""
    return Target("detach", name, "partition", of) if name and reader.rest == ("concurrently",) else None


def _whole(reader: _Reader) -> Target | None:
    for word, kind in _MADE:
        for what in ("database", "tablespace"):
            reader.at = 0
            if reader.take(word, what):
                reader.take("if", "exists")
                name = reader.name()
                return Target(kind, name, what) if name else None
    return None


_MADE: tuple[tuple[str, Kind], ...] = (("create", "create"), ("drop", "remove"))


def _harmless(reader: _Reader) -> Target | None:
    """VACUUM and CLUSTER change no data, ALTER SYSTEM sets the same value, a move to where it is already does nothing.

    A subscription that is refreshed, or set to the same publications, is as it was.
    """
    words = reader.words
    moves = words[:2] == ["alter", "database"] and "tablespace" in words
    refreshes = words[:2] == ["alter", "subscription"] and words[3:4] in (["refresh"], ["set"])
    plain = words[:1] in (["vacuum"], ["cluster"]) or words[:2] == ["alter", "system"]
    return Target("again") if plain or moves or refreshes else None
