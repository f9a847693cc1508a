"""What a `LayoutSuite` works with, and how it looks at it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from trek_core._blame import raised
from trek_core._catalog import build
from trek_core._host import PluginHost
from trek_core.contracts import Layout, Loader
from trek_core.errors import LoadError, PlanError, TrekError
from trek_core.model import Arrangement, Entry, Squashed
from trek_core.testing._given import WrongValueError, check, check_all, check_files, told
from trek_core.testing._loader_case import outline
from trek_core.testing._nasty import BOM
from trek_core.testing._origin import origin
from trek_core.testing._tree import MemoryTree, as_bytes

Files = Mapping[str, str | bytes]
STRAY = ("notes.txt", "README.md", "zzz.sql", "0001.sql.bak", "deeper/0001_deeper.sql", "no suffix", "x.unknown")
"""Files that turn up in folders of migrations."""
TITLES = ("Kit adds one", 'it\'s / "ünïcödé": 100%?')
_NAMES = (
    "é.sql",
    "☃",
    "a\nb.sql",
    "_.sql",
    "..sql",
    "0.sql",
    "%s{}.sql",
    f"{'9' * 60}_{'x' * 150}.sql",
    "up.sql",
    "٣_x.sql",
)
_CONTENTS = (b"", b"\0", b"\xff\xfe", BOM, b"'", b"/*", b"$$", b"\r\r", b"-- " + b"x" * 50_000)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the format: path -> content, text or bytes; and its revisions, in the order that is right."""

    files: Files
    revisions: tuple[str, ...]

    def __post_init__(self) -> None:
        check_files("Folder(files=…)", self.files)
        check_all("Folder(revisions=…)", self.revisions, str, '"1", "2"')


def installed_loaders() -> tuple[Loader, ...]:
    """Those that the installed plugins offer. Raises `PluginError` if one of them is broken."""
    return _loaders_on(tuple(sys.path))


@lru_cache(1)
def _loaders_on(path: tuple[str, ...]) -> tuple[Loader, ...]:  # noqa: ARG001 - what is installed follows from it
    host = PluginHost()
    offers = [offer.value for suffix in host.suffixes() if (offer := host.loader_for(f"x{suffix}"))]
    return tuple({loader.name: loader for loader in offers}.values())


@dataclass(frozen=True, slots=True)
class LayoutCase:
    """What a `LayoutSuite` works with.

    folders: what the layout arranges. bad: folders that it must refuse, one for each mistake that can be made.
    foreign: folders of other tools, that `smells` must recognise. loaders: for the files; those of the installed plugins.
    edit: path and content -> the content with another way up; None lets the suite add a statement of SQL to it.
    """

    layout: Layout
    folders: Sequence[Folder]
    bad: Sequence[Files] = ()
    foreign: Sequence[Files] = ()
    loaders: Sequence[Loader] = field(default_factory=installed_loaders)
    edit: Callable[[str, bytes], bytes] | None = None

    def __post_init__(self) -> None:
        check(
            "LayoutCase(layout=…)", self.layout, Layout, "a Layout: give what the provider's create(settings) returns"
        )
        check_all("LayoutCase(folders=…)", self.folders, Folder, "Folder({path: content}, revisions=(…))")
        check_all("LayoutCase(loaders=…)", self.loaders, Loader, "loader")
        for word in ("bad", "foreign"):
            check_all(f"LayoutCase({word}=…)", getattr(self, word), Mapping, "{path: content}")
            for files in getattr(self, word):
                check_files(f"LayoutCase({word}=…)", files)
        if not any(folder.revisions for folder in self.folders):
            msg = "LayoutCase(folders=…): give at least one Folder with a revision"
            raise WrongValueError(msg)

    def tree(self, files: Files, root: str = "migrations") -> MemoryTree:
        """The files as the layout sees them."""
        return MemoryTree(files, self.loaders, root)


def who(case: LayoutCase) -> str:
    return f"the layout of {origin(case.layout)}"


def listed(files: Files) -> str:
    return f"Folder: {', '.join(map(repr, sorted(files))) or 'empty'}"


def arranged(case: LayoutCase, tree: MemoryTree) -> Arrangement:
    """What the layout makes of it. What it raises by mistake, or gives instead, is an `AssertionError`."""
    folder = listed({file.path: b"" for file in tree.files})
    try:
        found: object = case.layout.arrange(tree)
    except TrekError:
        raise
    except Exception as error:
        msg = f"{who(case)}: arrange {raised(error)}; it may raise a LoadError or a PlanError, and nothing else.\n{folder}"
        raise AssertionError(msg) from error
    if isinstance(found, Arrangement):
        return found
    advice = ": make it a plain def" if inspect.iscoroutine(found) else ""
    msg = f"{who(case)}: arrange gave {told(found)}, want an Arrangement{advice}.\n{folder}"
    raise AssertionError(msg)


def trees(case: LayoutCase) -> Iterator[tuple[Folder, MemoryTree]]:
    """The good folders."""
    for folder in case.folders:
        yield folder, case.tree(folder.files)


def entries(case: LayoutCase) -> Iterator[tuple[Folder, MemoryTree, Entry]]:
    """What the layout makes of the good folders, apart from what it has skipped itself."""
    for folder, tree in trees(case):
        for entry in arranged(case, tree).entries:
            if entry.skip is None:
                yield folder, tree, entry


def refusal(case: LayoutCase, files: Files) -> LoadError | PlanError | None:
    """What the user of such a folder would hear, from the layout or from trek about what it arranged."""
    try:
        build(arranged(case, case.tree(files)))
    except (LoadError, PlanError) as error:
        return error
    return None


def any_folder(case: LayoutCase) -> Iterator[Files]:
    """Folders that nobody would make: one file more, one less, two of one name, and contents that are no text."""
    for folder in case.folders:
        for name in (*_NAMES, *STRAY):
            yield {**folder.files, name: "SELECT 1;"}
        for path in folder.files:
            yield {other: content for other, content in folder.files.items() if other != path}
            yield {**folder.files, f"deeper/{path}": folder.files[path]}
            yield from ({**folder.files, path: content} for content in _CONTENTS)


def sketch(case: LayoutCase, root: str) -> Iterator[tuple[object, ...]]:
    """Of each folder below that root what trek keeps of the arrangement."""
    for folder in case.folders:
        tree = case.tree(folder.files, root)
        for entry in arranged(case, tree).entries:
            names = (entry.revision, entry.title, entry.parents, entry.aliases, entry.replaces, entry.conflicts)
            paths = tuple(file.path for file in entry.files)
            yield (*names, paths, entry.rerun, entry.recorded, entry.skip, tuple(entry.checksums(tree)))


# --------------------------------------------------------------------------- edits
def edited(case: LayoutCase, folder: Folder) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What was edited, and the checksums before and after, for each edit that another way up comes of."""
    before = _entries(case, folder.files)
    for path, content in folder.files.items():
        for edit in (partial(case.edit, path),) if case.edit else (_append, _prepend):
            files = {**folder.files, path: edit(as_bytes(content))}
            after = _entries(case, files)
            for revision in before.keys() & after.keys():
                old, new = (case.tree(folder.files), before[revision]), (case.tree(files), after[revision])
                if _differ(old, new, path) if case.edit else _way_up(*new) not in (None, _way_up(*old)):
                    yield f"{revision} ({path})", _checksums(*old), _checksums(*new)


def _differ(old: tuple[MemoryTree, Entry], new: tuple[MemoryTree, Entry], path: str) -> bool:
    """Whether the author's edit left the file as it is: that of the way down."""
    files = [[tree.read(file) for file in entry.files if file.path == path] for tree, entry in (old, new)]
    return files[0] != files[1]


def _append(content: bytes) -> bytes:
    return content.rstrip().removesuffix(b";") + b"\n;\nSELECT 20261123;\n"


def _prepend(content: bytes) -> bytes:
    return b"SELECT 20261123;\n" + content


def _entries(case: LayoutCase, files: Files) -> dict[str, Entry]:
    try:
        return {one.revision: one for one in arranged(case, case.tree(files)).entries if one.skip is None}
    except (LoadError, PlanError):
        return {}


def _way_up(tree: MemoryTree, entry: Entry) -> object:
    """None where the edit spoilt the file."""
    try:
        return outline(entry.load(tree).up)
    except LoadError:
        return None


def _checksums(tree: MemoryTree, entry: Entry) -> tuple[str, ...]:
    return tuple(entry.checksums(tree))


def revisions(arrangement: Arrangement) -> tuple[str, ...]:
    return tuple(entry.revision for entry in arrangement.entries)


def written(case: LayoutCase, more: object) -> Mapping[str, str]:
    """What `new` gave. Anything but file name -> text is an `AssertionError`."""
    if isinstance(more, Mapping) and all(isinstance(part, str) for pair in more.items() for part in pair):
        return more
    advice = ": make it a plain def" if inspect.iscoroutine(more) else ""
    msg = f"{who(case)}: new gave {told(more)}, want a mapping of file names below the folder to texts{advice}"
    raise AssertionError(msg)


def ways_of_new(case: LayoutCase) -> list[Callable[[Arrangement, str, str], Mapping[str, str]]]:
    """`new`, and what `numbered` gives where there is that."""
    new, numbered = case.layout.new, case.layout.numbered
    return [*([new] if new else []), *([numbered("number"), numbered("timestamp")] if numbered else [])]


def flaw_of_new(case: LayoutCase, before: Arrangement, files: Files) -> str:
    """What keeps the files from being one more revision, the last of those that run once; nothing if they are."""
    try:
        arrangement = arranged(case, case.tree(files))
    except (LoadError, PlanError) as error:
        return f"the folder is refused: {error}".rstrip(".")
    found, were = revisions(arrangement), revisions(before)
    more = [entry.revision for entry in arrangement.entries if entry.rerun == "never"][-1:]
    right = [name for name in found if name not in more] == [*were] and len(set(found)) == len(were) + 1
    return "" if right else f"it arranged {found}, want one more than {were}, the last of those that run once"


def flaw_of_squash(case: LayoutCase, files: Files) -> str:
    """What keeps the file of a squash of all from being one; nothing if it is. Raises `PlanError` where it cannot be made."""
    assert case.layout.squash is not None
    before = arranged(case, tree := case.tree(files))
    were = revisions(before)
    found = case.layout.squash(tree, before.entries, were, None, "all of it")
    if not isinstance(found, Squashed) or not found.files or files.keys() & found.files.keys():
        return f"gave {told(found)}, want Squashed with a file that is not there yet"
    after = arranged(case, more := case.tree({**files, **found.files}))
    new = [entry for entry in after.entries if entry.revision not in were]
    if [set(entry.replaces) for entry in new] != [set(were)]:
        return f"made {[(entry.revision, entry.replaces) for entry in new]}, want one more that replaces {were}"
    return "" if new[0].load(more).up else "made a file without a way up"
