"""`-- atlas:…`: of a file in the comments at its top, which an empty line follows; some on its first line only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTIVE = re.compile(r"[ -~]*?atlas:(\w+)(?: +([ -~]*))?")
_KNOWN = ("txmode", "checkpoint", "delimiter", "sum", "nolint")
_DELIMITER = re.compile(r"-- atlas:delimiter +([ -~]*)")
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}


def transaction(text: str, file: str) -> bool:
    """Whether the file runs in one. Raises `LoadError` for a directive that cannot be followed."""
    found = True
    for number, name, value, detached in _at_the_top(text):
        _refuse(name, value, file, number)
        found = found and not (name == "txmode" and value == "none" and detached)
    return found


def is_checkpoint(text: str) -> bool:
    """Whether a new database begins with the file, which stands for all before it."""
    return any(name == "checkpoint" and detached for _, name, _, detached in _at_the_top(text))


def _at_the_top(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Line, name and value; detached: an empty line follows the comments, which makes them the file's own."""
    lines = text.split("\n")
    end = next((number for number, line in enumerate(lines) if not line.startswith(("--", "#"))), len(lines))
    detached = end < len(lines) - 1 and not lines[end].strip("\r")
    for number, line in enumerate(lines[:end], 1):
        if found := _DIRECTIVE.match(line):
            yield number, found[1], (found[2] or "").strip(), detached


def _refuse(name: str, value: str, file: str, line: int) -> None:
    if name not in _KNOWN:
        advice = "Apply this file with Atlas itself, then go on with trek; or leave the directive out."
        raise LoadError(file, line, f"atlas:{name}, which trek does not do as Atlas does", advice)
    if name == "txmode" and value not in ("none", "file"):
        problem = f"atlas:txmode {value}: a file says none or file"
        raise LoadError(file, line, problem, 'For all of them in one transaction set `transaction = "plan"`.')


def delimiter(text: str, file: str) -> tuple[str, int]:
    """What ends a statement, and where the first one may begin. Raises `LoadError` for an empty one."""
    found = _DELIMITER.match(text)
    if found is None:
        return ";", 0
    given = re.sub(r"\\[nrt]", lambda escape: _ESCAPES[escape[0]], found[1])
    end = text.find("\n")
    if not given or end < 0:
        raise LoadError(
            file, 1, "atlas:delimiter without one, or with nothing behind it", r"Write `-- atlas:delimiter \n\n`."
        )
    return given, end + 1
