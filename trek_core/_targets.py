"""What a user may write as a target, and what it means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal

from trek_core._catalog import EntryCatalog
from trek_core._dataclass import dataclass
from trek_core.errors import UnknownRevision

WORDS = 'Write a revision, an alias, the beginning of one, "head", "base", +n or -n.'
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Goal:
    """A target, understood. `text` as the user wrote it; `steps` counts for kind "forward" and "back"."""

    text: str
    kind: Literal["head", "base", "revision", "forward", "back"]
    revision: str = ""
    steps: int = 0


def resolve(catalog: EntryCatalog, target: str, applied: Collection[str]) -> Goal:
    """The goal behind a target. `applied` is for the message only. Raises `UnknownRevision`."""
    if target == "head":
        return Goal(target, "head")
    if target in ("base", "initial"):
        return Goal(target, "base")
    exact = catalog.canonical(target)
    if exact in catalog.owners or exact in catalog.rank:
        return Goal(target, "revision", exact)
    if target[:1] in ("+", "-"):
        return _steps(target)
    return Goal(target, "revision", _numeric(catalog, target) or _prefixed(catalog, target, applied))


def listing(names: Iterable[str], separator: str = ", ") -> str:
    """The first ten names, and how many more there are."""
    every = list(names)
    more = [f"and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return separator.join(every[:SHOWN] + more)


def _steps(target: str) -> Goal:
    if not re.fullmatch(r"[+-]0*[1-9][0-9]{0,8}", target):
        msg = f"unknown target {target!r}: + and - take a number of steps from 1 on, as in +2 or -1.\n{WORDS}"
        raise UnknownRevision(msg, (target,))
    return Goal(target, "forward" if target[0] == "+" else "back", steps=int(target[1:]))


def _numeric(catalog: EntryCatalog, target: str) -> str | None:
    """`1` for `0001`, which is as good as exact if only one revision is that number."""
    if not (target.isascii() and target.isdecimal()):
        return None
    number = target.lstrip("0")
    names = [name for name in (*catalog.names, *catalog.owners) if name.isascii() and name.isdecimal()]
    found = _revisions(catalog, (name for name in names if name.lstrip("0") == number))
    return _single(catalog, target, found, "is the number of")


def _prefixed(catalog: EntryCatalog, target: str, applied: Collection[str]) -> str:
    found = _revisions(catalog, (name for name in catalog.names if target and name.startswith(target)))
    if single := _single(catalog, target, found, "is the beginning of"):
        return single
    there = " It is applied in the database, but no file has it." if target in applied else ""
    msg = (
        f"unknown target {target!r}: none of the {len(catalog.entries)} migrations has that revision or alias."
        f"{there}{catalog.nearest(target)}\n{WORDS}"
    )
    raise UnknownRevision(msg, (target,))


def _revisions(catalog: EntryCatalog, names: Iterable[str]) -> list[str]:
    return [*dict.fromkeys(catalog.canonical(name) for name in names)]


def _single(catalog: EntryCatalog, target: str, found: list[str], how: str) -> str | None:
    if len(found) > 1:
        msg = f"ambiguous target {target!r}: it {how} {listing(map(catalog.describe, found))}.\nWrite more of it."
        raise UnknownRevision(msg, tuple(found))
    return found[0] if found else None
