"""Files that are too big to hold: they stay on disk, and are opened by whoever wants to see them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from trek_core.errors import LoadError
from trek_core.model import Direction, File, Source

BIG = 4_000_000
"""Bytes: a file of more is not held in memory, unless somebody reads it whole."""
Known = tuple[int, ...]
"""What a file is known by: another one at its place, or a write to it, changes that."""


class BigSource(Source):
    """A source on disk: each `open`, and each look at `content`, reads it anew."""

    __slots__ = ("_opener",)
    _opener: Callable[[], BinaryIO]

    def __init__(
        self,
        file: File,
        content: bytes | Callable[[], BinaryIO],
        direction: Direction | None = None,
        location: str = "",
    ) -> None:
        """content: what opens the file; or bytes, from a loader that replaced what was there."""
        object.__setattr__(self, "file", file)
        object.__setattr__(self, "direction", direction)
        object.__setattr__(self, "location", location)
        object.__setattr__(self, "_opener", partial(io.BytesIO, content) if isinstance(content, bytes) else content)

    @property
    def content(self) -> bytes:  # pyright: ignore[reportIncompatibleVariableOverride] - read when it is asked for
        with self.open() as stream:
            return stream.read()

    @property
    def big(self) -> bool:
        return True

    def open(self) -> BinaryIO:
        return self._opener()


def open_file(file: File, path: str | os.PathLike[str]) -> BinaryIO:
    """Unbuffered: who reads it asks for much at a time. Raises `LoadError`."""
    try:
        return cast("BinaryIO", Path(path).open("rb", buffering=0))
    except OSError as error:
        raise LoadError(str(file), None, f"it cannot be read: {error.strerror}") from error


def open_known(file: File, path: str | os.PathLike[str], known: Known) -> BinaryIO:
    """The file, if it is the one that is known. Raises `LoadError`."""
    stream = open_file(file, path)
    if known_by(os.fstat(stream.fileno())) == known:
        return stream
    stream.close()
    advice = "Nothing was changed. Run again, with the file as it is now."
    raise LoadError(str(file), None, "it changed while it was read", advice)


def known_by(state: os.stat_result) -> Known:
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
