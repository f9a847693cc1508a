"""The only reader of migration files: a folder is listed once, a file is read once, when somebody asks."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from trek_core._blame import Offer, call, expect
from trek_core._door import later
from trek_core._scripts import PACKAGE, Folder, Folders
from trek_core.errors import ConfigError, LoadError
from trek_core.model import Direction, Facts, File, Script, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trek_core import _big, _bodies, _places
    from trek_core._big import Known
    from trek_core.contracts import Loader
else:
    _big, _bodies, _places = later("_big", "_bodies", "_places")

BACKUPS = ("~", ".swp")
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_PIECE = 1 << 16  # bytes


class FolderTree:
    """The files of one or more folders, subfolders included; a `trek_core.contracts.Tree`.

    They are sorted by path in each folder, and the folders stand in the order given. Left out are hidden files and
    folders, `__pycache__`, and the backups of editors. `loader_for` finds the loader of a file, `suffixes` are those on
    offer, for messages. Raises `ConfigError` for a folder that cannot be listed.
    """

    def __init__(
        self,
        directories: Folders,
        loader_for: Callable[[str], Offer[Loader] | None],
        facts: Facts = Facts(),  # noqa: B008 - frozen
        suffixes: Sequence[str] = (),
    ) -> None:
        self._places: dict[str, _places.Place] = {}
        self._files = tuple(file for root in roots_of(directories) for file in self._list(root))
        self._loader_for, self._suffixes, self.facts = loader_for, tuple(suffixes), facts
        self._contents: dict[tuple[str, str], bytes] = {}
        self._suffix_of: dict[str, str] = {}
        self._loader_of: dict[str, Offer[Loader] | None] = {}
        self._big: dict[File, Known] = {}
        self._scripts: dict[tuple[File, Direction | None], Script] = {}

    @property
    def files(self) -> tuple[File, ...]:
        return self._files

    def read(self, file: File) -> bytes:
        """The file's bytes, from the disk once. Raises `LoadError` when it cannot be read."""
        content = self._contents.get((file.root, file.path))
        if content is None:
            content = self._look(file)
        if content is None:
            with self.open(file) as stream:
                content = self._contents[file.root, file.path] = stream.read()
        return content

    def big(self, file: File) -> bool:
        """Whether it has more than 4 MB and was not read whole yet. Raises `LoadError` when it cannot be read."""
        return (file.root, file.path) not in self._contents and self._look(file) is None

    def open(self, file: File) -> BinaryIO:
        """The file's bytes as a stream. Raises `LoadError` when it cannot be read, or changed since it was first seen."""
        if not self.big(file):
            return io.BytesIO(self.read(file))
        return _big.open_known(file, self._path(file), self._big[file])

    def _look(self, file: File) -> bytes | None:
        """The content, which is kept; None for a big one."""
        if self._big and file in self._big:
            return None
        try:
            path = f"{file.root}/{file.path}" if file.root else file.path
            found = self._found(file) if self._places else content_of(path)
        except OSError as error:
            raise LoadError(str(file), None, f"it cannot be read: {error.strerror}") from error
        if isinstance(found, bytes):
            self._contents[file.root, file.path] = found
            return found
        self._big[file] = found
        return None

    def _found(self, file: File) -> bytes | Known:
        place = self._places.get(file.root)
        return place.look(file) if place else content_of(_path(file))

    def _path(self, file: File) -> Folder:
        place = self._places.get(file.root)
        return place.path(file) if place else _path(file)

    def _location(self, file: File) -> str:
        place = self._places.get(file.root)
        return place.where(file) if place else ""

    def suffix(self, file: File) -> str:
        """The registered suffix that fits the file's name, the longest; empty if no loader takes it."""
        path = file.path
        # As `_end`, whose call would be felt: it is asked for every file, and twice.
        dot = path.find(".", path.rfind("/") + 1)
        found = self._suffix_of.get(end := path[dot:] if dot >= 0 else "")
        if found is None:
            offer = self._loader(file)
            offered = offer.value.suffixes if offer else ()
            found = self._suffix_of[end] = max(filter(end.endswith, offered), key=len, default="")
        return found

    def _loader(self, file: File) -> Offer[Loader] | None:
        end = _end(file)
        if end not in self._loader_of:
            self._loader_of[end] = self._loader_for(end)
        return self._loader_of[end]

    def load(self, file: File, direction: Direction | None = None) -> Script:
        """What the file's loader makes of it.

        Raises `LoadError` (the file is wrong, or nothing loads its kind) and `PluginError` (the loader is wrong).
        """
        offer = self._loader(file)
        if offer is None:
            offered = ", ".join(self._suffixes) or "none"
            advice = f"Suffixes that a loader takes: {offered}. Rename the file, or install a plugin that loads it."
            raise LoadError(str(file), None, "no loader takes a file of this kind", advice)
        content = self._contents.get((file.root, file.path))
        if content is None and self.big(file):
            return self._load_big(offer, file, direction)
        location = self._location(file) if self._places else ""
        return self._load(offer, Source(file, content or self.read(file), direction, location))

    def _list(self, root: str) -> Sequence[File]:
        if root.startswith(PACKAGE):
            return self._placed(_places.package(root), root)
        shown = root.rstrip("/" + os.sep) or root
        try:
            return [File(path, shown) for path in sorted(walk(root, "", (os.path.realpath(root),)))]
        except (FileNotFoundError, NotADirectoryError) as error:
            if place := _places.zipped(root):
                return self._placed(place, shown)
            raise _unlisted(root, error) from error
        except OSError as error:
            raise _unlisted(root, error) from error

    def _placed(self, place: _places.Place, root: str) -> Sequence[File]:
        self._places[root] = place
        return place.files

    def _load_big(self, offer: Offer[Loader], file: File, direction: Direction | None) -> Script:
        """Once for all plans of a run: it takes its time. What is read later is compared with what was read here."""
        if (file, direction) not in self._scripts:
            opener = partial(_big.open_file, file, self._path(file))
            script = self._load(offer, _big.BigSource(file, opener, direction, self._location(file)))
            self.open(file).close()  # it must be the file that was hashed
            self._scripts[file, direction] = script
        return self._scripts[file, direction]

    def _load(self, offer: Offer[Loader], source: Source) -> Script:
        def where() -> str:
            return f"loader {offer.value.name}: loading {source.file}"

        script = call(offer, where, offer.value.load, source, through=LoadError)
        if not isinstance(script, Script):
            expect(offer, where(), script, Script)
        for body in (script.up, script.down):
            if body is not None and not _bodies.is_sound(body):
                _bodies.check_body(offer, where(), body)
        return script


def roots_of(directories: Folders) -> tuple[str, ...]:
    """The folders as texts. Raises `ConfigError` for none, and for one that is given twice."""
    if isinstance(directories, str | os.PathLike):
        return (os.fspath(directories),)
    roots = tuple(os.fspath(one) for one in directories)
    if not roots:
        msg = "no folder of migrations was given"
        raise ConfigError(msg)
    known: dict[str, str] = {}
    for root in roots if len(roots) > 1 else ():
        real = os.path.realpath(root)
        if real in known:
            msg = f"the folder {known[real]!r} is given twice, again as {root!r}: give it once"
            raise ConfigError(msg)
        known[real] = root
    return roots


def shown(directories: Folders) -> str:
    """The folders in words: "'migrations'", "'migrations' and 'package:auth.migrations'"."""
    return " and ".join(map(repr, roots_of(directories)))


def _end(file: File) -> str:
    """The name from its first dot on."""
    name = file.path if "/" not in file.path else file.name
    dot = name.find(".")
    return name[dot:] if dot >= 0 else ""


def _path(file: File) -> str:
    return f"{file.root}/{file.path}" if file.root else file.path


def content_of(path: str) -> bytes | Known:
    """By the system's own calls, which take half as long as `open` for a small file. Of a big one what it is known by."""
    descriptor = os.open(path, _READ)
    try:
        content = os.read(descriptor, _PIECE)
        if not (more := os.read(descriptor, _PIECE)):  # a short answer is no end of the file everywhere
            return content
        if (state := os.fstat(descriptor)).st_size > _big.BIG:
            return _big.known_by(state)
        return b"".join((content, more, *iter(lambda: os.read(descriptor, _PIECE), b"")))
    finally:
        os.close(descriptor)


def _unlisted(root: str, error: OSError) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        return ConfigError(_missing(root))
    if isinstance(error, NotADirectoryError):
        return ConfigError(f"{root!r} is a file, and no zip: give the folder that holds it")
    return ConfigError(f"the folder {error.filename or root!r} cannot be listed: {error.strerror}")


def _missing(root: str) -> str:
    if Path(root).is_absolute():
        return f"no folder {root!r}: create it, or name the folder of the migrations"
    try:
        here = f"current directory: {Path.cwd()}"
    except OSError:
        here = "the current directory is gone"
    return f"no folder {root!r} here ({here}): create it, or name the folder of the migrations"


def walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".") or name.endswith(BACKUPS) or name == "__pycache__":
                continue
            if entry.is_file() and name.isascii():
                yield prefix + name
            elif entry.is_dir():
                yield from walk(entry.path, f"{prefix}{name}/", _follow(entry, above))
            else:
                yield prefix + _readable(entry)


def _follow(entry: os.DirEntry[str], above: tuple[str, ...]) -> tuple[str, ...]:
    """The real paths of the links above, so that one that leads back up is seen and not followed for ever."""
    if not entry.is_symlink():
        return above
    real = os.path.realpath(entry.path)
    if any(f"{folder}{os.sep}".startswith(f"{real}{os.sep}") for folder in above):
        msg = f"the folder {entry.path!r} is a link to {real!r}, which contains it: remove the link"
        raise ConfigError(msg)
    return (*above, real)


def _readable(entry: os.DirEntry[str]) -> str:
    if not entry.name.isascii():
        try:
            entry.name.encode()
        except UnicodeEncodeError as error:
            shown = ascii(os.fsencode(entry.path))
            raise LoadError(shown, None, "the file's name is not UTF-8", "Rename the file.") from error
    if not entry.is_file() and not entry.is_symlink():
        raise LoadError(entry.path, None, "it is neither a file nor a folder", "Move it out of the migrations.")
    return entry.name
