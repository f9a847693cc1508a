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
    """Raises `ConfigError` for one without a migration: a package whose files were forgotten in its wheel must not pass."""
    ignored = {one.file: one.reason for one in arrangement.ignored}
    used = {file.root for file in tree.files if file not in ignored}
    for directory in directories:
        root = directory.rstrip("/" + os.sep)
        if not arrangement.entries or root not in used:
            raise ConfigError(_empty(directory, [f"{file}: {ignored[file]}" for file in ignored if file.root == root]))


def _empty(directory: str, ignored: list[str]) -> str:
    listed = "".join(f"\n  ignored {line}" for line in ignored[:10])
    question = "Are they in its wheel?" if directory.startswith(PACKAGE) else "Is it the right folder?"
    return f"there is no migration in {directory!r}.{listed}\n{question} `trek new TITLE` writes a first migration."
