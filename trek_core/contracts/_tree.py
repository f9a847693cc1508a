"""What layouts, stores and loaders are given to look at: the files, and the revisions as a graph."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from trek_core.model import Direction, Entry, Facts, File, Script


class Tree(Protocol):
    """The files of one or more folders: names at once, bytes when asked for.

    T1. trek reads a file once a run, when it is first asked for, and keeps what it read, unless it is `big`.
    T2. `files` are sorted by path in each folder; hidden files, `__pycache__` and the backups of editors are left out.
    T3. Of a `big` file nobody need hold all: `open` reads it from the disk, and refuses one that changed meanwhile.
    """

    @property
    def files(self) -> tuple[File, ...]: ...
    @property
    def facts(self) -> Facts: ...
    def read(self, file: File) -> bytes:
        """The file's bytes, all of them. Raises `LoadError` when it cannot be read."""
        ...

    def big(self, file: File) -> bool:
        """Whether the file is one to `open` rather than to `read`: more than 4 MB. Raises `LoadError` as `read` does."""
        ...

    def open(self, file: File) -> BinaryIO:
        """The file's bytes as a stream. Raises `LoadError` as `read` does, and where a big file changed meanwhile."""
        ...

    def load(self, file: File, direction: Direction | None = None) -> Script:
        """The script that the loader registered for the file's suffix makes of it. Raises `LoadError`."""
        ...

    def suffix(self, file: File) -> str:
        """The registered suffix that fits the file's name, the longest; empty if no loader takes it."""
        ...


class Catalog(Protocol):
    """All entries of a tree as a graph."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """In the layout's order."""
        ...

    def get(self, revision: str) -> Entry | None:
        """The entry of that revision or alias."""
        ...
