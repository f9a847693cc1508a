"""`-- atlas:…`: of a file in the comments at its top, which an empty line follows; some on its first line only."""

from __future__ import annotations

import re

from trek_core.plugin import LoadError

_DIRECTIVE = re.compile(r"[ -~]*?atlas:(\w+)(?: +([ -~]*))?")
_KNOWN = ("txmode", "delimiter", "sum", "nolint")
_DELIMITER = re.compile(r"-- atlas:delimiter +([ -~]*)")
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}


def transaction(text: str, file: str) -> bool:
    """Whether the file runs in one. Raises `LoadError` for a directive that cannot be followed."""
    lines = text.split("\n")
    end = next((number for number, line in enumerate(lines) if not line.startswith(("--", "#"))), len(lines))
    found = True
    for number, line in enumerate(lines[:end], 1):
        if directive := _DIRECTIVE.match(line):
            name, value = directive[1], (directive[2] or "").strip()
            _refuse(name, value, file, number)
            detached = end < len(lines) - 1 and not lines[end].strip("\r")
            found = found and not (name == "txmode" and value == "none" and detached)
    return found


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
