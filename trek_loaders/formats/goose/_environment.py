r"""goose's ENVSUB: variables of the environment in a line, as a shell writes them.

`$V`, `${V}`, `${V:-word}`, `${V-word}`, `${V:offset:length}`, `${V?message}`, `${V:?message}`; `\$` and `$$` are a dollar.
A variable that is not set is empty; but for one that `.env` has: goose's command reads that file, and trek does not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from trek_core.plugin import LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOLLAR = re.compile(r"\\\$|\$\$|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)|\$\{(?P<inner>[^{}]*)\}|\$")
_INNER = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>.*)", re.DOTALL)
_CUT = re.compile(r":[ ]?(?P<offset>-?[0-9]+)(?::(?P<length>-?[0-9]+))?")


def expand(line: str, environment: Mapping[str, str], file: str, number: int) -> str:
    """The line with its variables replaced. Raises `LoadError` for what goose refuses, and for a variable within another."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("\\$", "$$"):
            return "$"
        if match["bare"]:
            return _found(match["bare"], environment, file, number) or ""
        inner = _INNER.fullmatch(match["inner"] or "")
        if inner is None or "$" in inner["rest"]:
            problem = f"ENVSUB cannot replace {line[match.start() :].split(maxsplit=1)[0]!r}"
            advice = "Write \\$ for a dollar; `-- +goose ENVSUB OFF` in front of a function's body; no variable within another."
            raise LoadError(file, number, problem, advice)
        return _value(inner["name"], inner["rest"], environment, file, number)

    return _DOLLAR.sub(replaced, line)


def _value(name: str, rest: str, environment: Mapping[str, str], file: str, number: int) -> str:
    found = _found(name, environment, file, number)
    if not rest:
        return found or ""
    if cut := _CUT.fullmatch(rest):
        return _part(found or "", int(cut["offset"]), cut["length"])
    colon, rest = rest.startswith(":"), rest.removeprefix(":")
    there = bool(found) if colon else found is not None
    if rest[:1] == "-":
        return (found or "") if there else rest[1:]
    if rest[:1] == "?":
        if there:
            return found or ""
        message = rest[1:] or "it is not set"
        raise LoadError(file, number, f"ENVSUB: {name}: {message}", f"Set the environment variable {name}.")
    problem = f"ENVSUB has no {rest!r} behind the name {name}"
    raise LoadError(file, number, problem, "Use ${V}, ${V:-default}, ${V-default}, ${V:offset:length} or ${V?message}.")


def _found(name: str, environment: Mapping[str, str], file: str, number: int) -> str | None:
    """Raises `LoadError` for what only `.env` of the current folder sets."""
    found = environment.get(name)
    if found is None and (dotenv := Path(".env")).is_file():
        text = dotenv.read_text(encoding="utf-8", errors="replace")
        if re.search(rf"^\s*(?:export\s+)?{name}\s*[=:]", text, re.MULTILINE):
            problem = f"ENVSUB: {name} is set in .env only, which goose's command reads, and trek does not"
            raise LoadError(file, number, problem, "Set it in the environment: `set -a; . ./.env; set +a`.")
    return found


def _part(text: str, offset: int, length: str | None) -> str:
    begin = max(len(text) + offset, 0) if offset < 0 else min(offset, len(text))
    if length is None:
        return text[begin:]
    end = len(text) + int(length) if int(length) < 0 else begin + int(length)
    return text[begin : max(begin, min(end, len(text)))]
