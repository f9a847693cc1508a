"""Which changesets count in a run: contexts, labels, and the kind of database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NESTED = re.compile(r"\(([^()]+)\)")
_NOT = re.compile(r"@?\s*(?:!|not )\s*", re.IGNORECASE)


def matches(expression: str, items: Sequence[str]) -> bool:
    """Whether words fulfil an expression of `and`, `or`, `,`, `!`, `not` and parentheses. No words fulfil all but `@word`."""
    while found := _NESTED.search(expression):
        value = ":TRUE" if matches(found[1], items) else ":FALSE"
        expression = f"{expression[: found.start()]} {value} {expression[found.end() :]}"
    either = re.split(r"\s+or\s+|\s*,\s*", expression.strip())
    return any(all(_is(word.strip(), items) for word in re.split(r"\s+and\s+", part)) for part in either)


def _is(word: str, items: Sequence[str]) -> bool:
    negated, required = _NOT.match(word), word.startswith("@")
    name = (word[negated.end() :] if negated else word.removeprefix("@")).strip().lower()
    if not items and not required:
        return True
    there = name == ":true" or name in (item.removeprefix("@").strip().lower() for item in items)
    return there != bool(negated)


def for_postgresql(dbms: str) -> bool:
    """Whether a list of databases (`postgresql,oracle`, `!mysql`, `all`, `none`) has this one."""
    names = [name.strip().lower() for name in dbms.split(",") if name.strip()]
    if not names or "all" in names:
        return True
    if "!postgresql" in names or "none" in names:
        return False
    return "postgresql" in names or all(name.startswith("!") for name in names)
