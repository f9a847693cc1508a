"""The entry points of a group, without `importlib.metadata`: that costs 20 ms to import, and parses METADATA as an e-mail.

Reads the folders of `sys.path` as it does: of two distributions of one name the first counts. Where something else provides
distributions (a zip, the finder of a frozen program) it is asked itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder

from trek_core._dataclass import dataclass

_INFO = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_ENDINGS = tuple(_INFO)
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Point:
    """One entry point, and the distribution that has it."""

    group: str
    name: str
    value: str
    project: str = ""
    version: str = ""

    def load(self) -> object:
        """What it names, imported."""
        if all(map(str.isidentifier, self.value.split("."))):
            return import_module(self.value)
        from importlib.metadata import EntryPoint  # noqa: PLC0415

        return EntryPoint(self.name, self.value, self.group).load()


def entry_points(group: str) -> list[Point]:
    """Those of all installed distributions, in no order."""
    if not _only_folders():
        return _asked(group)
    header, seen, found = f"[{group}]", set[str](), list[Point]()
    for folder, name in _infos():
        project = name.partition("-")[0].removesuffix(".egg").lower().replace(".", "_")  # of "a.egg-info" too
        if project not in seen:
            seen.add(project)
            text = _text(f"{folder}/{name}/entry_points.txt")
            if header in text:
                found += _points(group, text, f"{folder}/{name}")
    return found


def _only_folders() -> bool:
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    return finders == [PathFinder] and not any(path.endswith(".egg") or os.path.isfile(path) for path in sys.path)


def _asked(group: str) -> list[Point]:
    from importlib import metadata  # noqa: PLC0415

    points = metadata.entry_points(group=group)
    return [
        Point(group, point.name, point.value, *((point.dist.name, point.dist.version) if point.dist else ()))
        for point in points
    ]


def _infos() -> Iterator[tuple[str, str]]:
    """Of each distribution the folder that it lies in, and its name there."""
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        yield from ((folder or ".", name) for name in names if name.endswith(_ENDINGS))


def _text(path: str) -> str:
    try:
        state = os.stat(path)
        return _content(path, state.st_mtime_ns, state.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=1024)
def _content(path: str, changed: int, size: int) -> str:  # noqa: ARG001 - another file then
    """A service migrates again and again; what is installed stays."""
    descriptor = os.open(path, _READ)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b"")).decode()
    finally:
        os.close(descriptor)


def _points(group: str, text: str, info: str) -> Iterator[Point]:
    project, version = _told(info)
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section == group and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Point(group, name.strip(), value.strip(), project, version)


def _told(info: str) -> tuple[str, str]:
    """Name and version, from the first lines of the metadata."""
    head = _text(f"{info}/{_INFO[os.path.splitext(info)[1]]}").partition("\n\n")[0]
    told = {name: value for name, _, value in (line.partition(": ") for line in head.splitlines())}
    return told.get("Name", ""), told.get("Version", "")
