"""The SHA-256 of a big file, made as it is read: of all of it, and of where its parts begin and end.

A part is known by the hash of the file up to its end. Who reads it again goes on from the state in which it begins: one
hash of each byte makes the checksum of the file and what its parts are compared with.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    State = hashlib._Hash  # noqa: SLF001 - it has no other name


class Checksum:
    """SHA-256 of what comes, with LF ends."""

    def __init__(self, state: State) -> None:
        """state: of what came before, which ends with no CR."""
        self._state, self._held = state, b""

    def update(self, chunk: bytes) -> None:
        chunk = self._held + chunk
        self._held = chunk[-1:] if chunk.endswith(b"\r") else b""  # a line end may be cut in two
        if b"\r" in chunk:  # found, or not, fifteen times as fast as both characters are
            chunk = chunk[: len(chunk) - len(self._held)].replace(b"\r\n", b"\n")
        self._state.update(chunk)

    def hexdigest(self) -> str:
        state = self._state.copy()
        state.update(self._held)
        return state.hexdigest()


class Digest:
    """Of all that comes, as it is; and, from the first CR on, with LF ends besides."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()
        self._checksum: Checksum | None = None

    def update(self, content: bytes, start: int, end: int) -> None:
        """The bytes from `start` to `end` of a content."""
        if self._checksum is None and content.find(b"\r", start, end) >= 0:
            self._checksum = Checksum(self._state.copy())
        if self._checksum is not None:
            self._checksum.update(content[start:end])
        self._state.update(memoryview(content)[start:end])

    def state(self) -> State:
        return self._state.copy()

    def checksum(self) -> str:
        return (self._checksum or self._state).hexdigest()
