"""Directives: comment lines `-- trek: NAME ARGS` at the top of a section, and the same words as constants in Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trek_core.plugin import LoadError
from trek_loaders._psql import GUARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REVISION = re.compile(r"[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*")
"""Single dots only, because `..` is the range of `replaces`."""

_DIRECTIVE = re.compile(r"--\s*trek\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h)|0")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_LONGEST = 2_147_483.647  # seconds: PostgreSQL keeps timeouts as an int of milliseconds
_LINE = re.compile(r"[^\r\n]*")
_SPACE = re.compile(r"[ \t\r\n\f\v]+")
_COMMENT_EDGE = re.compile(r"/\*|\*/")


class Directives(NamedTuple):
    """What a section says about itself. The timeouts are seconds; `replaces` are words as written ("0001..0040").

    requires: None if nothing is said about it, which is not the same as having no parents.
    """

    no_transaction: bool = False
    requires: tuple[str, ...] | None = None
    replaces: tuple[str, ...] = ()
    lock_timeout: float | None = None
    irreversible: bool = False
    statement_timeout: float | None = None


NOTHING = Directives()


def read_directives(text: str, file: str, line: int = 1) -> Directives:
    """The directives above the first statement of a section. `line` is the number of the text's first line.

    Blank lines and comments may stand among them; `-- trek: down` ends them. Raises `LoadError` for an unknown
    directive, an argument that cannot be read, and the same directive twice.
    """
    found = Directives()
    seen: dict[str, int] = {}
    for at, words in _directive_lines(text):
        here = line + text.count("\n", 0, at)
        name = words[0].lower() if words else ""
        if name == "down":
            break
        if name not in _READERS:
            raise _unknown(name, file, here)
        if name in seen:
            problem = f"the directive {name!r} stands here and in line {seen[name]}"
            raise LoadError(file, here, problem, "Keep one of the two lines.")
        seen[name] = here
        found = _READERS[name](found, words[1:], file, here)
    return found


def read_requires(words: list[str], file: str, line: int) -> tuple[str, ...]:
    """The revisions that must come first. Raises `LoadError` for none, for no revision, and for one named twice."""
    _some(words, "requires", "requires 0001 0002", file, line)
    for word in words:
        if not REVISION.fullmatch(word):
            problem = f"requires: {word!r} is not a revision"
            raise LoadError(file, line, problem, "Name revisions with spaces between them: requires 0001 0002")
    _once(words, "requires", file, line)
    return tuple(words)


def read_replaces(words: list[str], file: str, line: int) -> tuple[str, ...]:
    """Revisions and ranges that a squash stands for, as written. Raises `LoadError` as `read_requires` does."""
    _some(words, "replaces", "replaces 0001..0040", file, line)
    for word in words:
        if not all(REVISION.fullmatch(end) for end in word.split("..", 1)):
            problem = f"replaces: {word!r} is neither a revision nor a range of two"
            raise LoadError(file, line, problem, "Name revisions or ranges, with spaces: replaces 0001..0040")
    _once(words, "replaces", file, line)
    return tuple(words)


def read_duration(text: str, what: str, file: str, line: int) -> float:
    """Seconds from `2s`, `500ms`, `1min`, `1h` or `0` (no limit). Raises `LoadError` for anything else.

    what: "lock timeout", for the message.
    """
    match = _DURATION.fullmatch(text.lower())
    if match is None:
        raise _no_duration(text, what, file, line)
    seconds = float(match[1]) * _SECONDS[match[2]] if match[2] else 0.0
    return check_duration(seconds, text, what, file, line)


def check_duration(seconds: float, shown: str, what: str, file: str, line: int) -> float:
    """The seconds, if PostgreSQL can keep them; else raises `LoadError` that names `shown`.

    Below a millisecond PostgreSQL rounds to 0, which would mean no limit at all.
    """
    if seconds == 0 or _SECONDS["ms"] <= seconds <= _LONGEST:
        return seconds
    raise _no_duration(shown, what, file, line)


def _directive_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Offset and words of each directive, up to the first thing that is neither a comment nor white space."""
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
        elif text.startswith("--", at):
            comment = _line_at(text, at)
            if match := _DIRECTIVE.match(comment):
                yield at, match[1].split()
            at += len(comment)
        elif text.startswith("/*", at):
            at = _end_of_comment(text, at)
        elif guard := GUARD.match(text, at):
            at = guard.end()
        else:
            return


def _line_at(text: str, at: int) -> str:
    match = _LINE.match(text, at)
    return match[0] if match else ""


def _end_of_comment(text: str, at: int) -> int:
    """Where a `/* */` comment ends; they nest in PostgreSQL. One that never ends is left to the statement splitter."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _no_transaction(found: Directives, words: list[str], file: str, line: int) -> Directives:
    _none(words, "no-transaction", file, line)
    return found._replace(no_transaction=True)


def _irreversible(found: Directives, words: list[str], file: str, line: int) -> Directives:
    _none(words, "irreversible", file, line)
    return found._replace(irreversible=True)


def _requires(found: Directives, words: list[str], file: str, line: int) -> Directives:
    return found._replace(requires=read_requires(words, file, line))


def _replaces(found: Directives, words: list[str], file: str, line: int) -> Directives:
    return found._replace(replaces=read_replaces(words, file, line))


def _lock_timeout(found: Directives, words: list[str], file: str, line: int) -> Directives:
    _some(words, "lock-timeout", "lock-timeout 2s", file, line)
    return found._replace(lock_timeout=read_duration(" ".join(words), "lock timeout", file, line))


def _statement_timeout(found: Directives, words: list[str], file: str, line: int) -> Directives:
    _some(words, "statement-timeout", "statement-timeout 5s", file, line)
    return found._replace(statement_timeout=read_duration(" ".join(words), "statement timeout", file, line))


_READERS: dict[str, Callable[[Directives, list[str], str, int], Directives]] = {
    "no-transaction": _no_transaction,
    "requires": _requires,
    "replaces": _replaces,
    "lock-timeout": _lock_timeout,
    "statement-timeout": _statement_timeout,
    "irreversible": _irreversible,
}
_KNOWN = (*_READERS, "down")


def _unknown(name: str, file: str, line: int) -> LoadError:
    import difflib  # noqa: PLC0415 - for somebody who mistyped, and for nobody else

    nearest = difflib.get_close_matches(name, _KNOWN, 1)
    hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
    problem = f"unknown directive {name!r}" if name else "a directive without a name"
    return LoadError(file, line, problem, f"{hint}The directives are: {', '.join(_KNOWN)}.")


def _some(words: list[str], name: str, example: str, file: str, line: int) -> None:
    if not words:
        raise LoadError(file, line, f"{name} without an argument", f"Give it one: {example}")


def _none(words: list[str], name: str, file: str, line: int) -> None:
    if words:
        problem = f"{name} takes no argument, found {' '.join(words)!r}"
        raise LoadError(file, line, problem, "Put remarks into a comment line of their own.")


def _once(words: list[str], name: str, file: str, line: int) -> None:
    twice = next((word for at, word in enumerate(words) if word in words[:at]), None)
    if twice is not None:
        raise LoadError(file, line, f"{name} names {twice!r} twice", "Name it once.")


def _no_duration(shown: str, what: str, file: str, line: int) -> LoadError:
    problem = f"{what}: {shown!r} is not a duration from 1ms to 24 days"
    return LoadError(file, line, problem, "Write a number and its unit: 500ms, 2s, 1min; or 0 for no limit.")
