"""Somebody who runs the script of a plan by psql."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.run.folders import write
from trek_asyncpg import AsyncpgBackend
from trek_core import Migrator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.run.folders import Connection
    from tests.support.databases import Database


class Dba:
    """Runs the script of a plan by psql."""

    def __init__(self, psql: str, database: Database, connection: Connection, folder: str) -> None:
        self.psql, self.database = psql, database
        self.migrator = Migrator(AsyncpgBackend(connection), folder)

    async def runs(self, target: str = "head") -> subprocess.CompletedProcess[str]:
        return self.run((await self.migrator.plan(target)).sql())

    def run(
        self, script: str, dsn: str = "", environ: Mapping[str, str] | None = None, words: Sequence[str] = ("-X",)
    ) -> subprocess.CompletedProcess[str]:
        command = [self.psql, *words, "-q", "-d", dsn or self.database.dsn]
        known = {"PSQLRC": os.devnull, **os.environ, **(environ or {})}
        return subprocess.run(
            command, input=script, capture_output=True, text=True, check=False, env=known, encoding="utf-8"
        )


def more(dba: Dba, files: dict[str, str]) -> None:
    write(Path(dba.migrator.directory), files)
