"""A folder as a layout arranges it, without a database: what is refused is found, not raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from trek_core._catalog import EntryCatalog, arrange, build, smell
from trek_core._dataclass import dataclass, field, replace
from trek_core.errors import Cycle, Duplicate, LoadError, PlanError, UnknownRevision
from trek_core.model import Direction, Entry, Facts, File, Ignored, Script

if TYPE_CHECKING:
    from typing import BinaryIO

    from trek_core._blame import Offer
    from trek_core.contracts import Layout, Tree

Level = Literal["error", "warning", "note"]
MOST = 100
"""Files that are refused one after the other: each time all of the others are arranged again."""
_GRAPH: dict[type[PlanError], str] = {Cycle: "cycle", Duplicate: "duplicate", UnknownRevision: "unknown-revision"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found. `line` counts from 1; None is the whole file. `name` is one of those in docs/reviewing.md."""

    name: str
    level: Level
    path: str
    message: str
    advice: str
    line: int | None = None
    revisions: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.level}: {self.message} [{self.name}]"


@dataclass(frozen=True, slots=True)
class Seen:
    """A tree as a layout arranges it. Without a catalog the findings say why there is none."""

    tree: Tree
    layout: Offer[Layout]
    catalog: EntryCatalog | None = None
    ignored: Sequence[Ignored] = ()
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(cls, tree: Tree, layout: Offer[Layout], place: str) -> Seen:
        """All files that the layout refuses, one after the other; then what it says of the others together."""
        if reason := smell(layout, tree):
            advice = "Name its format: --format, or format in [tool.trek]; `trek adopt` says which it is."
            return cls(tree, layout, findings=[wrong("wrong-format", place, f"the folder {reason}", advice)])
        refused: list[Finding] = []
        while True:
            try:
                arrangement = arrange(layout, tree)
                catalog = build(arrangement)
            except LoadError as error:
                refused.append(bad_file(error))
                tree = (shorter := _Without(tree, error.path))
                if not shorter.left_out or len(refused) == MOST:
                    return cls(tree, layout, findings=refused)
            except PlanError as error:
                return cls(tree, layout, findings=refused or [_bad_graph(error, place)])
            else:
                break
        if refused:
            return cls(tree, layout, findings=refused)
        if not catalog.entries:
            advice = "Is it the right folder? `trek new TITLE` writes a first migration."
            nothing = Finding(name="empty", level="warning", path=place, message="there is no migration", advice=advice)
            return cls(tree, layout, catalog, arrangement.ignored, [nothing])
        return cls(tree, layout, catalog, arrangement.ignored)


class _Without:
    """A tree without one file."""

    def __init__(self, tree: Tree, path: str) -> None:
        self._tree = tree
        self.files = tuple(file for file in tree.files if str(file) != path)
        self.left_out = len(self.files) < len(tree.files)

    @property
    def facts(self) -> Facts:
        return self._tree.facts

    def read(self, file: File) -> bytes:
        return self._tree.read(file)

    def big(self, file: File) -> bool:
        return self._tree.big(file)

    def open(self, file: File) -> BinaryIO:
        return self._tree.open(file)

    def load(self, file: File, direction: Direction | None = None) -> Script:
        return self._tree.load(file, direction)

    def suffix(self, file: File) -> str:
        return self._tree.suffix(file)


def file_of(entry: Entry) -> str:
    """Its file, or the first of them; its revision where it has none."""
    return str(entry.files[0]) if entry.files else entry.revision


def wrong(name: str, path: str, message: str, advice: str, revisions: tuple[str, ...] = ()) -> Finding:
    return Finding(name=name, level="error", path=path, message=message, advice=advice, revisions=revisions)


def bad_file(error: LoadError) -> Finding:
    advice = error.advice or "Correct the file."
    return replace(wrong("bad-file", error.path, error.problem, advice), line=error.line)


def _bad_graph(error: PlanError, place: str) -> Finding:
    name = next((name for kind, name in _GRAPH.items() if isinstance(error, kind)), "bad-graph")
    message, _, advice = str(error).rpartition("\n")
    return wrong(name, place, message or str(error), advice if message else "", error.revisions)
