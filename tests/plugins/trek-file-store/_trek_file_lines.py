"""The file: a line that says what it is, then a line for each thing that happened. Appended to, never rewritten."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

HEAD = {"trek-file-store": 1}


def create(path: Path) -> None:
    """The file with its first line. Raises `FileExistsError`: two runners that begin at once must notice."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _write(handle, HEAD)
    finally:
        os.close(handle)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name is safe too
    finally:
        os.close(folder)


def append(path: Path, number: int, line: Mapping[str, object]) -> None:
    """Adds line `number` (the first one is 0), in one write and to the disk. Raises `RuntimeError` if it is taken."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        taken = path.read_bytes().count(b"\n")
        if taken != number:
            msg = f"another runner was faster: {path} has {taken} lines, and {number} were expected. Run again."
            raise RuntimeError(msg)
        _write(handle, line)
    finally:
        os.close(handle)


def read(path: Path) -> list[str] | None:
    """The lines as they are, an unfinished last one too. None: there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    lines = content.decode(errors="replace").replace("\0", "\ufffd").split("\n")
    return lines if lines[-1] or len(lines) == 1 else lines[:-1]


def parse(text: str) -> dict[str, object] | None:
    """The line's object; None if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _write(handle: int, line: Mapping[str, object]) -> None:
    data = f"{json.dumps(line)}\n".encode()
    if os.write(handle, data) != len(data):
        msg = "the disk is full: the last line of the history is cut off, remove it"
        raise OSError(msg)
    os.fsync(handle)
