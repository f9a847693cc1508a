"""What the layouts share: texts, what is no migration, chains of revisions, names of new files."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

from trek_core.plugin import (
    Arrangement,
    ConfigError,
    Duplicate,
    Entry,
    File,
    Ignored,
    LoadError,
    PlanError,
    Script,
    Source,
    decode,
    replace,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trek_core.plugin import Tree


def text_of(tree: Tree, file: File, *, bom: str = "") -> str:
    """The file's text, line ends as they are. bom: what the tool does with a byte order mark; nothing if it takes it off.

    Raises `LoadError` for what is no text, and for a BOM where the tool's own run would fail of it.
    """
    content = tree.read(file)
    if bom and content.startswith(BOM_UTF8):
        raise LoadError(str(file), 1, f"a byte order mark: {bom}", "Save the file as UTF-8 without it.")
    return decode(Source(file, content))


def plain(text: str) -> str:
    """With the line ends that a Python program reads, and sends, unless it asks for others."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def ignored(tool: str, file: File, pattern: str) -> Ignored:
    """A file that the tool passes by, too, and why."""
    if "/" in file.path:
        return Ignored(file, below(tool))
    return Ignored(file, f"not named {pattern}, and {tool} takes no other")


def below(tool: str) -> str:
    """Why a file is passed by that is not in the folder itself."""
    return f"in a sub-folder, where {tool} does not look"


def refuse_two(what: str, revision: str, first: object, second: object) -> NoReturn:
    """Raises `Duplicate` for two files of one revision. what: "have the version"."""
    message = f"Two files {what} {revision}: {first} and {second}. Rename one of them."
    raise Duplicate(message, (revision,))


def chain(
    revisions: Iterable[tuple[str, str, Sequence[File]]],
    load: Callable[[str, Sequence[File], Tree], Script],
    checksum: Callable[[Sequence[File], Tree], str | tuple[str, ...]] | None = None,
    *,
    aliases: bool = False,
) -> tuple[Entry, ...]:
    """Entries in that order, each on the one before it. Of each: revision, title, files.

    checksum: of the files of one, or all that the tool takes for it. aliases: a title is a name of its revision, too.
    """
    entries = list[Entry]()
    before: tuple[str, ...] = ()
    for revision, title, files in revisions:

        def loaded(tree: Tree, revision: str = revision, files: Sequence[File] = files) -> Script:
            return load(revision, files, tree)

        def summed(tree: Tree, files: Sequence[File] = files) -> tuple[str, ...]:
            found = checksum(files, tree) if checksum else ()
            return (found,) if isinstance(found, str) else found

        names = (title,) if aliases else ()
        entry = Entry(revision=revision, title=title, files=tuple(files), parents=before, load=loaded, aliases=names)
        entries.append(replace(entry, checksums=summed) if checksum else entry)
        before = (revision,)
    return tuple(entries)


# --------------------------------------------------------------------------- trek new
def slug(title: str) -> str:
    """A title as a part of a file's name. Raises `ConfigError` where nothing of it is left."""
    found = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:150]
    if not found:
        message = f"no file name can be made of the title {title!r}: give it a letter a-z or a digit."
        raise ConfigError(message)
    return found


def refuse_not_last(order: str, name: str, last: str, what: str = "file") -> NoReturn:
    """Raises `PlanError` for a new name that would not stand behind all others. order: how the tool orders them."""
    message = f"{order}, and {name} would stand before {last}. Name the {what} yourself."
    raise PlanError(message)


def only_sql(tool: str, kind: str) -> None:
    """Raises `ConfigError` for another kind of new file."""
    if kind != "sql":
        message = f"{tool} has no {kind!r} migrations: its files are SQL."
        raise ConfigError(message)


def stamp(arrangement: Arrangement) -> int:
    """The time of day as 14 digits (UTC), or one more than the number of the last revision if that is later."""
    now = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
    digits = re.match("[0-9]*", arrangement.entries[-1].revision if arrangement.entries else "")
    return max(now, int(digits[0]) + 1) if digits and digits[0] else now


def daily(arrangement: Arrangement, title: str) -> str:
    """The name of a new file as yoyo and pogo-migrate have it: the day, the number in it, five characters, the title."""
    now = datetime.now(UTC)
    day, letters = now.strftime("%Y%m%d"), sha256(f"{now} {title}".encode()).hexdigest()[:5]
    numbers = [int(found[1]) for one in arrangement.entries if (found := re.match(rf"{day}_([0-9]+)_", one.revision))]
    return f"{day}_{max(numbers, default=0) + 1:02}_{letters}-{slug(title).replace('_', '-')}"
