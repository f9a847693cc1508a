"""The file names of the native layout: revision, title and direction, and which files belong together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Direction, Duplicate, File, LoadError

if TYPE_CHECKING:
    from collections.abc import Sequence

Key = tuple[tuple[int, int, str], ...]

_RESERVED = ("head", "base", "initial")
_DIRECTIONS = {direction.value: direction for direction in Direction}


class Named:
    """A file and what its name says. `direction` None: the content says what is up and what is down."""

    __slots__ = ("direction", "file", "revision", "title")

    def __init__(self, file: File, revision: str, title: str, direction: Direction | None) -> None:
        self.file, self.revision, self.title, self.direction = file, revision, title, direction


def read_name(file: File, suffix: str) -> Named:
    """What the name says in front of its loader's suffix. Raises `LoadError` if it does not begin with a revision."""
    path = file.path
    stem = (path if "/" not in path else file.name).removesuffix(suffix)
    if "." not in stem and stem.isascii():  # most are called 0001_title
        head, underscore, title = stem.partition("_")
        if underscore and head.isdigit():
            return Named(file, head, title, None)
    from trek_loaders._directives import REVISION  # noqa: PLC0415 - most are

    front, _, end = stem.rpartition(".")
    direction = _DIRECTIONS.get(end.lower()) if front else None
    head, underscore, title = (front if direction else stem).partition("_")
    if not REVISION.fullmatch(head) or not (underscore or head[0].isdigit()):
        problem = "its name does not begin with a revision, and skipping it would be silent"
        advice = "Rename it to something like 0001_title.sql, or move it out of the folder."
        raise LoadError(str(file), None, problem, advice)
    if head.lower() in _RESERVED:
        advice = f"Give it another revision: {', '.join(_RESERVED)} are names of targets."
        raise LoadError(str(file), None, f"{head!r} cannot be a revision", advice)
    return Named(file, head, title, direction)


def pair_up(named: Sequence[Named]) -> tuple[Named, ...]:
    """The file of the way up, or of both, and the file of the way down if there is one.

    A way down may come to a file without a direction: so one that was applied can be given a way back without an edit.
    Raises `Duplicate` and `LoadError`.
    """
    if len(named) == 1 and named[0].direction is not Direction.down:
        return (named[0],)
    up = [one for one in named if one.direction is not Direction.down]
    down = [one for one in named if one.direction is Direction.down]
    if len({(one.revision, one.title, one.file.root) for one in named}) > 1 or len(up) > 1 or len(down) > 1:
        raise _duplicate(named)
    if not up:
        advice = "Add the file of the way up, or rename this one if it is a migration of its own."
        raise LoadError(str(down[0].file), None, "a way down without its way up", advice)
    return (*up, *down)


def _duplicate(named: Sequence[Named]) -> Duplicate:
    revisions = tuple(sorted({one.revision for one in named}))
    files = "".join(f"\n  {one.file}" for one in sorted(named, key=lambda one: one.file.path))
    message = (
        f"more than one migration has the revision {' or '.join(revisions)} (leading zeros do not count):{files}\n"
    )
    advice = "Give all but one of them another revision. The two files of a pair have the same title"
    if len({one.file.root for one in named}) > 1:
        advice += " and the same folder. A library's revisions begin with its name, as in auth.0001_users.sql"
    return Duplicate(f"{message}{advice}.", revisions)


def natural_key(revision: str) -> Key:
    """Sorts revisions: digits by their number whatever their width, all else as text, numbers first."""
    if revision.isascii() and revision.isdigit():
        number = revision.lstrip("0")
        return ((0, len(number), number),)
    found = ((run.isdigit(), run.lstrip("0") if run.isdigit() else run) for run in runs(revision))
    return tuple((0, len(run), run) if digits else (1, 0, run) for digits, run in found)


def runs(revision: str) -> list[str]:
    """Its digits and what is between them: "rc12" is "rc", "12"."""
    return re.findall(r"[0-9]+|[^0-9]+", revision)
