"""The file of the configuration: where it is found, what it says, and in which line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trek_core._table import shown
from trek_core.errors import ConfigError

_OURS = ("tool", "trek")
_KEY = re.compile(r"""\"([^"]*)\"|'([^']*)'|([\w-]+)""")
_NAMES = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEYS = re.compile(rf"""\s*(\[{{0,2}})\s*({_NAMES}(?:\s*\.\s*{_NAMES})*)\s*[\]=]""")
"""A table's head, or a key with its value: dotted or not, in quotes or not."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file with settings: `table` has them, and stands in the file below `prefix`. No file, no settings."""

    file: Path | None = None
    prefix: tuple[str, ...] = ()
    table: Mapping[str, object] = field(default_factory=dict)

    def lines(self) -> dict[tuple[str, ...], int]:
        """The line of each key below `prefix`, which the library does not tell. A key in an inline table has none."""
        content = self.file.read_text("utf-8-sig") if self.file else ""
        header: tuple[str, ...] = ()
        found: dict[tuple[str, ...], int] = {}
        for number, line in enumerate(content.splitlines(), 1):
            if (seen := _KEYS.match(line)) is None:
                continue
            keys = tuple(a or b or c for a, b, c in _KEY.findall(seen[2]))
            path = keys if seen[1] else header + keys
            header = path if seen[1] else header
            for end in range(len(self.prefix) + 1, len(path) + 1):
                if path[: len(self.prefix)] == self.prefix:
                    found.setdefault(path[len(self.prefix) : end], number)
        return found


def find(start: Path) -> Found:
    """The settings in that folder, else in the nearest one above it that has some. Raises `ConfigError`."""
    for folder in (start, *start.parents):
        project, own = folder / "pyproject.toml", folder / "trek.toml"
        table = _tool_table(project)
        if table is not None and own.is_file():
            msg = f"both {own} and [tool.trek] in {project} configure trek: keep one of them"
            raise ConfigError(msg)
        if own.is_file():
            return Found(own, (), _parse(own, _bytes(own)))
        if table is not None:
            return Found(project, _OURS, table)
    return Found()


def _tool_table(project: Path) -> Mapping[str, object] | None:
    content = _bytes(project) if project.is_file() else b""
    if b"trek" not in content:  # another project's file above ours may be as broken as it likes
        return None
    table: object = _parse(project, content)
    for name in _OURS:
        if isinstance(table, dict) and name not in table:
            return None
        table = table[name] if isinstance(table, dict) else table
    if not isinstance(table, dict):
        msg = f"{project}: [tool.trek] must be a table, got {shown('', table)}"
        raise ConfigError(msg)
    return table


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


def _parse(file: Path, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{file}:{line}: byte 0x{content[error.start]:02x} is not UTF-8, which TOML must be"
        raise ConfigError(msg) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else content.count(b"\n", 0, len(content.rstrip())) + 1
        msg = f"{file}:{line}: this is not valid TOML: {error}"
        raise ConfigError(msg) from error
