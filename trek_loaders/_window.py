"""A part of a big file, moved along: what is behind is forgotten, what comes is checked to be text."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO

from trek_core.plugin import File, LoadError, Source, decode
from trek_loaders._digest import Digest

if TYPE_CHECKING:
    from trek_loaders._digest import State

CHUNK = 1 << 17
LINE = 1 << 16
"""Bytes of a line that are kept for what comes behind them on it."""
BOM = codecs.BOM_UTF8


class Window:
    """Bytes `base` to `end` of a file. Raises `LoadError` for what is not UTF-8, and for NUL, with the line."""

    def __init__(self, stream: BinaryIO, file: File, chunk: int = CHUNK) -> None:
        self.file, self.chunk = file, chunk
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf-8")()
        self.content, self.base, self.last = b"", 0, False
        self._digest, self._hashed = Digest(), 0
        self._lines, self._counted, self._line_start, self._cut_off = 0, 0, 0, 0
        first = self._read(max(chunk, len(BOM)))
        if first.startswith(BOM):
            first, self.base = first[len(BOM) :], len(BOM)
            self._counted = self._line_start = self._hashed = self.base
        self._take(first)

    @property
    def end(self) -> int:
        return self.base + len(self.content)

    def part(self, start: int, end: int) -> bytes:
        """Of the file, from offset to offset: both within the window."""
        return self.content[start - self.base : end - self.base]

    def state(self, before: int) -> State:
        """Of the SHA-256 of all that is before an offset, but the BOM. Asked for with growing offsets, as `line` is."""
        self._hash(before)
        return self._digest.state()

    def checksum(self) -> str:
        """SHA-256 of the file without BOM and with LF ends, once all of it was seen."""
        self._hash(self.end)
        return self._digest.checksum()

    def need(self, end: int) -> bool:
        """Reads on until the window reaches `end`. False if the file ends before."""
        while self.end < end and not self.last:
            self._take(self._read(max(self.chunk, end - self.end)))
        return self.end >= end

    def forget(self, before: int) -> None:
        """Drops what is before the line of that offset, if there is much of it."""
        before = self.line_start(min(before, self._counted))
        if before - self.base >= self.chunk // 2:
            if before > self._line_start:
                self._cut_off += len(self.part(max(self._line_start, self.base), before).decode(errors="replace"))
            self._hash(before)
            self.content, self.base = self.content[before - self.base :], before

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins; of a very long one, somewhere before the offset."""
        end = offset - self.base
        found = self.content.rfind(b"\n", max(0, end - LINE), end)
        return self.base + (found + 1 if found >= 0 else max(0, end - LINE))

    def line(self, offset: int) -> int:
        """The line of an offset, from 1. Asked for with growing offsets, of which each is within the window."""
        if offset > self._counted:
            start, end = self._counted - self.base, offset - self.base
            if lines := self.content.count(b"\n", start, end):
                self._lines += lines
                self._line_start, self._cut_off = self.base + self.content.rfind(b"\n", start, end) + 1, 0
            self._counted = offset
        return self._lines + 1

    def column(self, offset: int) -> int:
        """The column of the offset whose line was asked for last, in characters from 1."""
        return self._cut_off + len(self.part(max(self._line_start, self.base), offset).decode(errors="replace")) + 1

    def _hash(self, end: int) -> None:
        if end > self._hashed:
            self._digest.update(self.content, self._hashed - self.base, end - self.base)
            self._hashed = end

    def _read(self, size: int) -> bytes:
        got = self._stream.read(size)
        self.last = len(got) < size
        return got

    def _take(self, more: bytes) -> None:
        self._check(more)
        self.content += more

    def _check(self, more: bytes) -> None:
        waiting = len(self._decoder.getstate()[0])
        if waiting or self.last or not more.isascii():
            try:
                self._decoder.decode(more, final=self.last)
            except UnicodeDecodeError as error:
                self._refuse(more, error.start - waiting)
        if (at := more.find(0)) >= 0:
            self._refuse(more, at)

    def _refuse(self, more: bytes, at: int) -> None:
        """Says it in the words of `decode`, with the line."""
        seen = self.content + more
        at += len(self.content)
        lines = self._lines + seen.count(b"\n", self._counted - self.base, at)
        try:
            decode(Source(self.file, b"\n" * lines + seen[at : at + 8]))
        except LoadError as error:
            raise error from None
