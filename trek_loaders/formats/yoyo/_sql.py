"""A `.sql` file: what its first comments say, and its statements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, dataclass
from trek_loaders.formats._bodies import in_transaction, read

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "yoyo"
_DIRECTIVE = re.compile(r"\s*--\s*(transactional|depends)\s*:\s*(.*)")
_COMMENT = re.compile(r"\s*--(.*)|\s*")


@dataclass(frozen=True, slots=True)
class Head:
    """What the lines in front of the first statement say."""

    title: str
    depends: tuple[str, ...]
    transaction: bool


def read_head(text: str, file: str) -> Head:
    """Raises `LoadError` for a word that yoyo does not know."""
    title, said = "", dict[str, list[tuple[str, int]]]()
    for number, line in _leading(text):
        if match := _DIRECTIVE.fullmatch(line):
            said.setdefault(match[1], []).append((match[2], number))
        elif not title:
            title = line.strip().lstrip("-").strip()
    depends = " ".join(names for names, _ in said.get("depends", ())).split()
    return Head(title, tuple(dict.fromkeys(depends)), _transaction(said.get("transactional", []), file))


def read_body(text: str, file: str, *, transaction: bool) -> Body:
    """The whole text: in a transaction, or each statement by itself. Raises `LoadError`."""
    return in_transaction(NAME, text, file) if transaction else Body(read(NAME, text, file), "autocommit")


def _leading(text: str) -> Iterator[tuple[int, str]]:
    """The first lines, as long as they are comments or empty."""
    for number, line in enumerate(text.split("\n"), 1):
        if not _COMMENT.fullmatch(line):
            return
        yield number, line


def _transaction(said: list[tuple[str, int]], file: str) -> bool:
    if not said:
        return True
    value = " ".join(word for word, _ in said).lower()
    if value not in ("true", "false"):
        problem = f"transactional: {value!r} is neither true nor false"
        raise LoadError(file, said[-1][1], problem, "Write `-- transactional: false` once, with nothing behind it.")
    return value == "true"
