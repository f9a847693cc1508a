"""The names of the files: each is an edge between two revisions.

asyncpg-trek reads `YYYYMMDD_<from>_(up|down)_<to>.(sql|py)` greedily: of several `_up_` or `_down_` in a name the
last one counts, so `20240103_rev1_up_clean_up_users.sql` leads from `rev1_up_clean` to `users`. trek reads it in the
same way: both tools must see the same edges. The date is decoration and may be any eight digits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Direction, Duplicate, File, Ignored, LoadError, dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Tree

INITIAL = "initial"
PATTERN = "YYYYMMDD_<from>_(up|down)_<to>.(sql|py)"

_EDGE = re.compile(r"[0-9]{8}_(?P<source>\w+)_(?P<direction>up|down)_(?P<target>\w+)\.(?:sql|py)")
# By slips in its own pattern asyncpg-trek takes these too: `:up` (as down!), any character for the dot, foreign digits.
_SLIPS = re.compile(r"\d{8}_\w+_:?(?:up|down)_\w+.:?(?:sql|py)\n?", re.DOTALL)
_RENAME = f"Rename it to {PATTERN}, or move it out of the folder."


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one revision to another, and the file that goes it."""

    source: str
    target: str
    direction: Direction
    file: File

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} ({self.file.name})"


def parse(file: File) -> Edge | None:
    """The edge that the file's name says, or None if it says none."""
    if (match := _EDGE.fullmatch(file.name)) is None:
        return None
    return Edge(match["source"], match["target"], Direction[match["direction"]], file)


def nearest(name: str, known: Iterable[str]) -> str:
    """The most similar of the known names as ` (nearest: "x")`, or nothing."""
    import difflib  # noqa: PLC0415 - for somebody who mistyped, and for nobody else

    close = difflib.get_close_matches(name, sorted(known), 1)
    return f" (nearest: {close[0]!r})" if close else ""


def read_edges(tree: Tree) -> tuple[tuple[Edge, ...], tuple[Ignored, ...]]:
    """All edges by file name, and what is no migration.

    Raises `LoadError` for a file that looks like a migration and is no edge, or an edge that nobody could ever go, and
    `Duplicate` for a second file of one edge.
    """
    files = sorted(tree.files, key=lambda file: (file.name, str(file)))
    found = [_classify(tree, file) for file in files]
    edges = tuple(item for item in found if isinstance(item, Edge))
    _refuse_duplicates(edges)
    _refuse_lost_ways_down(edges)
    return edges, tuple(item for item in found if isinstance(item, Ignored))


def _classify(tree: Tree, file: File) -> Edge | Ignored:
    edge = parse(file)
    if "/" in file.path:
        return _in_a_folder(file, edge)
    if edge is not None:
        _refuse_useless(edge)
        return edge
    if file.name == "__init__.py":
        return Ignored(file, "marks a package")
    if file.name.startswith("."):
        return Ignored(file, "a hidden file")
    if file.name.lower().endswith((".sql", ".py")) or tree.suffix(file) or _SLIPS.fullmatch(file.name):
        raise LoadError(str(file), None, f"the name is no edge of the form {PATTERN}", _RENAME)
    return Ignored(file, "neither .sql nor .py")


def _in_a_folder(file: File, edge: Edge | None) -> Ignored:
    if edge is None:
        return Ignored(file, "in a sub-folder, where asyncpg-trek does not look")
    problem = f"an edge {edge.source} -> {edge.target} in a sub-folder, where asyncpg-trek does not look"
    raise LoadError(str(file), None, problem, "Move it up beside the others, or rename it if it is no migration.")


def _refuse_useless(edge: Edge) -> None:
    where = str(edge.file)
    if edge.source == edge.target:
        raise LoadError(where, None, f"leads from {edge.source!r} to itself: nothing would ever run it", _RENAME)
    if (edge.target if edge.direction is Direction.up else edge.source) == INITIAL:
        problem = f"{INITIAL!r} is the empty database: no edge leads up to it, and none down from it"
        raise LoadError(where, None, problem, _RENAME)


def _refuse_duplicates(edges: Sequence[Edge]) -> None:
    seen: dict[tuple[str, str, Direction], Edge] = {}
    for edge in edges:
        first = seen.setdefault((edge.source, edge.target, edge.direction), edge)
        if first is not edge:
            message = (
                f"Two files lead {edge.direction.value} from {edge.source!r} to {edge.target!r}: "
                f"{first.file} and {edge.file}. Remove or rename one of them."
            )
            raise Duplicate(message, (edge.source, edge.target))


def _refuse_lost_ways_down(edges: Sequence[Edge]) -> None:
    known = {INITIAL} | {end for edge in edges if edge.direction is Direction.up for end in (edge.source, edge.target)}
    for edge in edges:
        if edge.source in known or edge.target in known:
            continue
        problem = (
            f"leads down from {edge.source!r}{nearest(edge.source, known)} "
            f"to {edge.target!r}{nearest(edge.target, known)}, and no up edge knows either of them"
        )
        raise LoadError(str(edge.file), None, problem, "Correct the names, or remove the file.")
