"""Flyway's versions, and how trek calls what has none.

A revision is the version as the table has it ("002.010"), "B" and the version for a baseline migration, and for a
repeatable one, whose identity is its description, "R__" and that: no description has an underscore.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_DESCRIPTION = 200
REPEATABLE = "R__"
BASELINE = "B"
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")

Key = tuple[int, ...]


def is_version(text: str) -> bool:
    """Whether it is digits, or several groups of them with dots between."""
    return _VERSION.fullmatch(text) is not None


@lru_cache(1 << 14)
def key(version: str) -> Key:
    """What versions are ordered and compared by: 1, 1.0 and 01 are one version."""
    groups = list(map(int, version.split(".")))
    while len(groups) > 1 and not groups[-1]:
        groups.pop()
    return tuple(groups)


def plain(version: str) -> str:
    """The version without what makes no difference: "2.10" for "002.010.0"."""
    return ".".join(map(str, key(version)))


def repeatable(description: str) -> str:
    """The revision of a repeatable migration."""
    return REPEATABLE + description.replace(" ", "_")


def version_of(revision: str) -> str | None:
    """The version in a revision; None of a repeatable migration, and of what is no revision of Flyway's."""
    version = revision.removeprefix(BASELINE)
    return version if is_version(version) else None


def same(revision: str) -> object:
    """Equal for two names of one revision."""
    version = version_of(revision)
    return revision if version is None else (revision.startswith(BASELINE), key(version))


def abbreviated(description: str) -> str:
    """As far as the table's column holds it."""
    longer = len(description) > LONGEST_DESCRIPTION
    return description[: LONGEST_DESCRIPTION - 3] + "..." if longer else description
