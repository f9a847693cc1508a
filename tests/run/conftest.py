from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.dba import Dba
from tests.run.folders import write
from tests.support.programs import program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database


@pytest.fixture
def dba(pg_bindir: Path | None, database: Database, connection: Connection, tmp_path: Path) -> Dba:
    """With a folder of one migration."""
    folder = write(tmp_path / "m", {"1_a.sql": "CREATE TABLE a (id int);"})
    return Dba(program("psql", pg_bindir), database, connection, folder)
