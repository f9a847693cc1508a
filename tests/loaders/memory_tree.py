"""A tree that stands in a dict: for tests of layouts and loaders that want no folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from trek_core.contracts import Loader
from trek_core.errors import LoadError
from trek_core.model import Direction, Facts, File, Script, Source


class MemoryTree:
    """Path -> content. Counts in `reads` how often each file was read, and in `loaded` what was loaded which way."""

    def __init__(
        self, files: Mapping[str, str | bytes], loaders: Iterable[Loader] = (), root: str = "migrations"
    ) -> None:
        self._content = {
            File(path, root): content.encode() if isinstance(content, str) else content
            for path, content in files.items()
        }
        self._loaders = tuple(loaders)
        self.reads: Counter[str] = Counter()
        self.loaded: list[tuple[str, Direction | None]] = []

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(self._content)

    @property
    def facts(self) -> Facts:
        return Facts()

    def read(self, file: File) -> bytes:
        self.reads[file.path] += 1
        return self._content[file]

    def load(self, file: File, direction: Direction | None = None) -> Script:
        loader = self._loader(file)
        if loader is None:
            raise LoadError(str(file), None, "no loader takes it")
        self.loaded.append((file.path, direction))
        return loader.load(Source(file, self._content[file], direction))

    def suffix(self, file: File) -> str:
        fitting = [end for one in self._loaders for end in one.suffixes if file.name.endswith(end)]
        return max(fitting, key=len, default="")

    def _loader(self, file: File) -> Loader | None:
        suffix = self.suffix(file)
        return next((one for one in self._loaders if suffix in one.suffixes), None)
