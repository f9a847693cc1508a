"""What a layout asks of a file that is too big to hold: how it begins, and its checksum."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING, BinaryIO
from weakref import WeakKeyDictionary

from trek_core.plugin import LoadError
from trek_loaders._digest import Checksum
from trek_loaders._scanner import Scanner

if TYPE_CHECKING:
    from trek_core.plugin import File, Tree

BEGINNING = 1 << 16
CHUNK = 1 << 19
BOM = b"\xef\xbb\xbf"
_checksums: WeakKeyDictionary[Tree, dict[File, str]] = WeakKeyDictionary()
"""A plan asks for them, and a run makes two."""
_loaded: dict[tuple[int, ...], str] = {}
"""Of the file that was loaded last: a plan loads what it runs, and asks for its checksum right behind that."""


def beginning(tree: Tree, file: File) -> bytes:
    """The file up to its first statement at least: its directives, and what tells whose file it is, stand there."""
    with tree.open(file) as stream:
        found = stream.read(BEGINNING)
        while not _has_statement(found) and (more := stream.read(len(found))):
            found += more
    return found if found.endswith(b"\n") else found[: found.rfind(b"\n") + 1] or found


def _has_statement(content: bytes) -> bool:
    """Whether the first token of a statement is in it, and not only comments, of which the last may go on."""
    try:
        return next(Scanner(content.decode("utf-8-sig", errors="ignore")), None) is not None
    except LoadError:
        return False


def big_checksum(tree: Tree, file: File) -> str:
    """SHA-256 of the content without BOM and with LF ends, as of a small file."""
    known = _checksums.setdefault(tree, {})
    if file not in known:
        with tree.open(file) as stream:
            known[file] = _loaded.pop(known_by(stream), "") or _checksum(stream)
    return known[file]


def keep_checksum(known: tuple[int, ...], checksum: str) -> None:
    """For the layout that asks for it next: unless the file changed since it was opened, it need not be read again."""
    _loaded.clear()
    if known:
        _loaded[known] = checksum


def known_by(stream: BinaryIO) -> tuple[int, ...]:
    """What every write to the file changes; empty for a stream that is no file."""
    try:
        state = os.fstat(stream.fileno())
    except io.UnsupportedOperation:
        return ()
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _checksum(stream: BinaryIO) -> str:
    checksum = Checksum(hashlib.sha256())
    chunk = stream.read(CHUNK).removeprefix(BOM)
    while chunk:
        checksum.update(chunk)
        chunk = stream.read(CHUNK)
    return checksum.hexdigest()
