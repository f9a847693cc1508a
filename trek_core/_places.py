"""Where migrations lie that lie in no plain folder: in an installed package, in a zip, in a package in a zip."""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from pkgutil import get_importer
from shutil import copyfileobj
from zipfile import BadZipFile, ZipFile, ZipInfo

from trek_core._big import BIG, Known, known_by
from trek_core._scripts import PACKAGE
from trek_core._tree import BACKUPS, content_of, walk
from trek_core.errors import ConfigError, LoadError
from trek_core.model import File
from trek_core.text import nearest

_UNREADABLE = (BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, zlib.error)
"""What `zipfile` raises for a file that is broken, encrypted, or packed as it does not know."""


class Place:
    """The files of a root that is called otherwise than where it lies."""

    def __init__(self, root: str, parts: Sequence[_Folder | _Zip]) -> None:
        """Raises `ConfigError` for a path that two parts of a namespace package have."""
        self.parts = tuple(parts)
        self._part_of: dict[str, _Folder | _Zip] = {}
        for part in parts:
            for path in part.paths():
                if (other := self._part_of.setdefault(path, part)) is not part:
                    msg = f"{root}: {path} is there twice, as {other.where(path)} and as {part.where(path)}: keep one"
                    raise ConfigError(msg)
        self.files = tuple(File(path, root) for path in sorted(self._part_of))

    def look(self, file: File) -> bytes | Known:
        """The content, or of a big file what it is known by. Raises `LoadError`, `OSError`."""
        part = self._part_of[file.path]
        try:
            return part.look(file.path)
        except _UNREADABLE as error:
            if isinstance(part, _Folder):
                raise
            raise LoadError(str(file), None, f"it cannot be read from the zip {part.file}: {error}") from error

    def path(self, file: File) -> str | os.PathLike[str]:
        """What to open: a big file's path."""
        return self._part_of[file.path].path(file.path)

    def where(self, file: File) -> str:
        """Where it lies, for people and for a module's `__file__`."""
        return self._part_of[file.path].where(file.path)


class _Folder:
    """A folder of a package."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def paths(self) -> Iterable[str]:
        return walk(self.folder, "", (os.path.realpath(self.folder),))

    def look(self, path: str) -> bytes | Known:
        return content_of(self.where(path))

    def path(self, path: str) -> str:
        return self.where(path)

    def where(self, path: str) -> str:
        return f"{self.folder}/{path}"


class _Zip:
    """A zip, or the files below a folder of it. It stays open, so that all files are those of one zip."""

    def __init__(self, file: str, below: str) -> None:
        """Raises `BadZipFile`, `OSError`; `ConfigError` where nothing lies below."""
        self.file, self._below = file, below
        self._zip = ZipFile(file)
        found = {info.filename: info for info in self._zip.infolist()}
        if below and not any(name.startswith(below) for name in found):
            first = ", ".join(sorted({name.partition("/")[0] for name in found})[:10]) or "nothing"
            msg = f"no folder {below.rstrip('/')!r} in the zip {file!r}. At its top it has: {first}"
            raise ConfigError(msg)
        self._infos = dict(_members(found, below))
        self._unpacked: dict[str, _Unpacked] = {}

    def paths(self) -> Iterable[str]:
        return self._infos

    def look(self, path: str) -> bytes | Known:
        if self._infos[path].file_size > BIG:
            return known_by(Path(self.path(path)).stat())
        return self._zip.read(self._infos[path])

    def path(self, path: str) -> _Unpacked:
        """Unpacked: a big file is read at many places, which a zip cannot do."""
        if path not in self._unpacked:
            self._unpacked[path] = _Unpacked(self._zip, self._infos[path])
        return self._unpacked[path]

    def where(self, path: str) -> str:
        return f"{self.file}/{self._below}{path}"


def _members(found: dict[str, ZipInfo], below: str) -> Iterator[tuple[str, ZipInfo]]:
    for name, info in found.items():
        path = name.removeprefix(below)
        if name.startswith(below) and not info.is_dir() and not any(map(_is_left_out, path.split("/"))):
            yield path, info


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.endswith(BACKUPS) or name == "__pycache__"


class _Unpacked:
    """A file of a zip, on disk for as long as somebody may open it."""

    def __init__(self, archive: ZipFile, info: ZipInfo) -> None:
        descriptor, self._path = tempfile.mkstemp(prefix="trek-")
        weakref.finalize(self, os.unlink, self._path)
        with os.fdopen(descriptor, "wb") as to, archive.open(info) as stream:
            copyfileobj(stream, to)

    def __fspath__(self) -> str:
        return self._path


# --------------------------------------------------------------------------- what there is
def package(root: str) -> Place:
    """The place of `package:NAME`. Nothing is imported, neither it nor what it lies in. Raises `ConfigError`."""
    name = root.removeprefix(PACKAGE)
    parts = [_part(location) for location in dict.fromkeys(_locations(name, root))]
    if None in parts or not parts:
        msg = f"{root}: {name} is a module and no package: migrations lie in a folder of their own"
        raise ConfigError(msg)
    return Place(root, [part for part in parts if part])


def zipped(root: str) -> Place | None:
    """The place of a zip, or of a folder in one; None for what is none. Raises `ConfigError`."""
    shown = root.rstrip("/" + os.sep)
    found = _zip(shown)
    return Place(shown, [found]) if found else None


def folder_of(root: str) -> str:
    """The folder into which files of that root can be written. Raises `ConfigError` where there is none."""
    place = package(root) if root.startswith(PACKAGE) else None if Path(root).is_dir() else zipped(root)
    if place is None:
        return root
    first, *more = place.parts
    if isinstance(first, _Folder) and not more:
        return first.folder
    where = "several folders" if more else f"the zip {first.where('').rstrip('/')}"
    msg = f"{root!r} lies in {where}, and files are written into one folder: name it with --dir"
    raise ConfigError(msg)


def _part(location: str) -> _Folder | _Zip | None:
    return _Folder(location) if Path(location).is_dir() else _zip(location)


def _zip(path: str) -> _Zip | None:
    file, below = path, ""
    while not Path(file).is_file():
        file, name = os.path.split(file)
        if not name:
            return None
        below = f"{name}/{below}"
    try:
        return _Zip(file, below)
    except BadZipFile:
        return None
    except OSError as error:
        msg = f"the file {file!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


def _locations(name: str, root: str) -> Sequence[str]:
    """The folders of a package, as an import finds them. Importing would run the application's own modules."""
    path: Sequence[str] = sys.path
    words = name.split(".")
    if not all(map(str.isidentifier, words)):
        msg = f"{root!r} names no package: write {PACKAGE} and its name with dots, as in package:shop.migrations"
        raise ConfigError(msg)
    for at in range(len(words)):
        found = _find(".".join(words[: at + 1]), path)
        if found is None:
            raise ConfigError(_absent(root, words[:at], words[at], path))
        path = found
    return path


def _find(name: str, path: Sequence[str]) -> Sequence[str] | None:
    if name in sys.modules:
        return list(getattr(sys.modules[name], "__path__", ()))
    if (found := _on_path(name, path)) is not None:
        return found
    for finder in sys.meta_path:  # an editable install has one of its own
        find = None if finder is PathFinder else getattr(finder, "find_spec", None)
        if find and (spec := find(name, path if "." in name else None)) is not None:
            return list(spec.submodule_search_locations or ())
    return None


def _on_path(name: str, path: Sequence[str]) -> list[str] | None:
    """As `PathFinder` does, which wants the package around a namespace package to be imported."""
    found: list[str] = []
    for entry in path:
        finder = get_importer(entry)
        spec = finder.find_spec(name) if finder else None
        if spec is not None and spec.loader is not None:
            return list(spec.submodule_search_locations or ())
        if spec is not None:
            found += spec.submodule_search_locations or ()
    return found or None


def _absent(root: str, above: Sequence[str], word: str, path: Sequence[str]) -> str:
    if not above:
        where = f"it is not installed in this environment ({sys.prefix}), which is where packages are looked for"
        return f"{root}: no package {word!r}: {where}. Install it (pip install -e .), or give the path of a folder"
    known = [
        one.name for place in map(Path, path) if place.is_dir() for one in place.iterdir() if one.name.isidentifier()
    ]
    return (
        f"{root}: the package {'.'.join(above)!r} has no {word!r}.{nearest(word, known)} It lies in {', '.join(path)}"
    )
