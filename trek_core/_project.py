"""What a project's configuration says of its migrations, for databases that it does not name: those of its tests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from trek_core._tree import FolderTree

if TYPE_CHECKING:
    from trek_core._migrator import Migrator


def configured(
    dsn: str, start: Path | None = None, *, directory: str | None = None, database: str | None = None
) -> Migrator:
    """A `Migrator` as the configuration of `start`, by default the current folder, has it, on another database.

    directory: instead of the configured one. database: the name of one of several that are configured. What is expected of
    that database is not expected of the one of the DSN. Raises `ConfigError` and `PluginError`; nothing is opened yet.
    """
    from trek_core._config import configure  # noqa: PLC0415 - the command's own
    from trek_core.cli._database import migrator  # noqa: PLC0415

    options: dict[str, tuple[object, str]] = {"dsn": (dsn, "dsn"), "expect_database": (None, "dsn")}
    if directory is not None:
        options["directory"] = (directory, "directory")
    return migrator(configure(start, options=options, database=database).settings)


def fingerprint(migrator: Migrator) -> str:
    """A hash of what the schema follows from: every file of the folder, and how it is read. No database is asked.

    What a migration in Python imports, and what a layout reads of the database, is not in it.
    Raises `ConfigError`, `LoadError` and `PluginError`.
    """
    backend, host = migrator.backend, migrator.backend.host
    found = hashlib.sha256(repr((backend.spoken, migrator.rules, migrator.transaction)).encode())
    found.update(repr([(info.name, info.version) for info in host.describe() if info.state == "works"]).encode())
    tree = FolderTree(migrator.directory, host.loader_for)
    for file in tree.files:
        with tree.open(file) as content:
            found.update(f"\n{file.path}\n{hashlib.file_digest(content, 'sha256').hexdigest()}".encode())  # type: ignore[arg-type]
    return found.hexdigest()
