"""Folders that cannot be meant: without a migration, or another tool's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from trek_core._scripts import PACKAGE
from trek_core._tree import shown
from trek_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.contracts import Tree
    from trek_core.model import Arrangement


def refuse_other(directories: Sequence[str], smell: str) -> NoReturn:
    """Raises `ConfigError` for a folder that is rather another tool's, and why."""
    msg = (
        f"the folder {shown(directories)} {smell}.\n"
        'Name its format: format="…" in migrate() or [tool.trek], or --format; `trek adopt` says which it is.'
    )
    raise ConfigError(msg)


def refuse_empty(directories: Sequence[str], tree: Tree, arrangement: Arrangement) -> None:
    """Raises `ConfigError` for each without a migration: a package whose files were forgotten in its wheel must not pass."""
    ignored = {one.file: one.reason for one in arrangement.ignored}
    used = {file.root for file in tree.files if file not in ignored} if arrangement.entries else set()
    roots = {directory: directory.rstrip("/" + os.sep) for directory in directories}
    if empty := [directory for directory, root in roots.items() if root not in used]:
        told = (
            _empty(one, [f"{file}: {ignored[file]}" for file in ignored if file.root == roots[one]]) for one in empty
        )
        listed = "\n".join(told)
        msg = f"{listed}\n{_question(empty)} `trek new TITLE` writes a first migration."
        raise ConfigError(msg)


def _empty(directory: str, ignored: list[str]) -> str:
    return f"there is no migration in {directory!r}." + "".join(f"\n  ignored {line}" for line in ignored[:10])


def _question(directories: Sequence[str]) -> str:
    packages = dict.fromkeys(one.startswith(PACKAGE) for one in directories)
    return " ".join("Are they in its wheel?" if package else "Is it the right folder?" for package in packages)
