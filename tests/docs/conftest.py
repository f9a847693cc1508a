"""A folder to stand in while an example runs, as a reader would."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import SHOP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.databases import Connection, Database


@dataclass(frozen=True)
class Reader:
    """Somebody who tries an example: an empty database, and an empty folder as the current one."""

    folder: Path
    database: Database
    connection: Connection

    def has_the_shop(self) -> None:
        shutil.copytree(SHOP, self.folder / "migrations")

    def has(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.folder / "migrations" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")

    async def history(self, table: str = "trek_history", columns: str = "revision") -> list[str]:
        rows = await self.connection.fetch(f"SELECT {columns} FROM {table} ORDER BY 1")
        return [str(row[0]) for row in rows]


@pytest.fixture
def reader(
    tmp_path: Path,
    database: Database,
    connection: Connection,
    pg_bindir: Path | None,
    monkeypatch: pytest.MonkeyPatch,
) -> Reader:
    monkeypatch.chdir(tmp_path)
    if pg_bindir is not None:  # for examples that start a server
        monkeypatch.setenv("TREK_PG_BIN", str(pg_bindir))
    return Reader(tmp_path, database, connection)
