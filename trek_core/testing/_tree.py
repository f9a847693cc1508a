"""A tree that stands in a dict: for tests of layouts and loaders that want no folder."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from trek_core.contracts import Loader
from trek_core.errors import LoadError
from trek_core.model import Direction, Facts, File, Script, Source


class MemoryTree:
    """A `Tree` of path -> content; text is encoded as UTF-8. Loads with the given loaders, by the longest suffix.

    `reads` counts how often each path was read, `loaded` lists what was loaded which way.
    """

    def __init__(
        self,
        files: Mapping[str, str | bytes],
        loaders: Iterable[Loader] = (),
        root: str = "migrations",
        facts: Facts = Facts(),  # noqa: B008 - frozen
    ) -> None:
        self._content = {File(path, root): as_bytes(files[path]) for path in sorted(files)}
        self._loaders, self._facts = tuple(loaders), facts
        self.reads: Counter[str] = Counter()
        self.loaded: list[tuple[str, Direction | None]] = []

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(self._content)

    @property
    def facts(self) -> Facts:
        return self._facts

    def read(self, file: File) -> bytes:
        """The file's bytes. Raises `LoadError` for a file that is not there."""
        self.reads[file.path] += 1
        return self._bytes(file)

    def big(self, file: File) -> bool:  # noqa: ARG002 - the protocol's
        """No: what stands in a dict is held already."""
        return False

    def open(self, file: File) -> BinaryIO:
        """The file's bytes as a stream. Raises `LoadError` for a file that is not there."""
        return io.BytesIO(self.read(file))

    def load(self, file: File, direction: Direction | None = None) -> Script:
        """What the file's loader makes of it. Raises `LoadError`, also where no loader takes it."""
        suffix = self.suffix(file)
        loader = next((one for one in self._loaders if suffix in one.suffixes), None)
        if loader is None:
            offered = ", ".join(suffix for one in self._loaders for suffix in one.suffixes) or "none"
            advice = f"Suffixes that a loader of this tree takes: {offered}."
            raise LoadError(str(file), None, "no loader takes a file of this kind", advice)
        self.loaded.append((file.path, direction))
        return loader.load(Source(file, self._bytes(file), direction))

    def suffix(self, file: File) -> str:
        """The suffix of a loader that fits the file's name, the longest; empty if no loader takes it."""
        fitting = [end for one in self._loaders for end in one.suffixes if file.name.endswith(end)]
        return max(fitting, key=len, default="")

    def _bytes(self, file: File) -> bytes:
        if file not in self._content:
            raise LoadError(str(file), None, "it cannot be read: no such file in this tree")
        return self._content[file]


def as_bytes(content: str | bytes) -> bytes:
    """The content as it would stand in a file."""
    return content.encode() if isinstance(content, str) else content
