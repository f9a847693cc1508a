"""A process that finds nothing to do is as quick as the modules that it does not import: they are named here, and counted."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import trek_core.model
import trek_core.plugin
from trek_asyncpg import migrate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Database


MOST = 60
"""Modules of trek in a process that found nothing to do. Whoever adds one asks whether such a run has a use for it."""
# fmt: off
PENDING = (
    "trek_core._actions", "trek_core._aftermath", "trek_core._as_one", "trek_core._big", "trek_core._bodies",
    "trek_core._checks", "trek_core._explain", "trek_core._graph", "trek_core._lineage", "trek_core._planner",
    "trek_core._records", "trek_core._replacing",
    "trek_core._refusals", "trek_core._resuming", "trek_core._squash", "trek_core._status", "trek_core._steps",
    "trek_core._targets",
    "trek_core.events", "trek_core.script", "trek_asyncpg._failure", "trek_asyncpg._groups", "trek_asyncpg._lock",
    "trek_asyncpg._message", "trek_asyncpg._onlooker", "trek_asyncpg._run", "trek_asyncpg._session",
    "trek_asyncpg._several", "trek_asyncpg._unit", "trek_loaders._directives", "trek_loaders._psql",
    "trek_loaders._python", "trek_loaders._sql", "trek_loaders._templates", "trek_observers._spans",
    "trek_core._manager", "pluggy", "dataclasses", "importlib.metadata", "difflib", "tomllib",
)
# fmt: on
"""What is for migrations that are pending, for files that say something, and for mistakes."""
RUN = """
import asyncio, sys
from trek_asyncpg import migrate
assert not asyncio.run(migrate(sys.argv[1], sys.argv[2]))
print(*sys.modules)
"""


def idle(dsn: str, folder: Path) -> set[str]:
    """The modules of a process that migrated a database that is up to date."""
    command = [sys.executable, "-c", RUN, dsn, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


async def test_a_run_that_finds_nothing_to_do_imports_nothing_for_what_is_pending(
    database: Database, tmp_path: Path
) -> None:
    for number in range(1, 4):
        (tmp_path / f"000{number}_table.sql").write_text(f"CREATE TABLE t{number} ();\n")
    assert len((await migrate(database.dsn, tmp_path)).ran) == 3
    modules = idle(database.dsn, tmp_path)
    assert sorted(modules.intersection(PENDING)) == []
    assert sum(name.startswith("trek_") for name in modules) <= MOST


def test_every_name_of_a_door_is_there_although_its_module_is_imported_late() -> None:
    for module in (trek_core.plugin, trek_core.model):
        missing = [name for name in module.__all__ if not hasattr(module, name)]
        assert missing == []


def test_a_name_that_a_door_does_not_have_is_told_as_any_module_tells_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from trek_core.plugin import Nonsense"], capture_output=True, text=True, check=False
    )
    assert "ImportError: cannot import name 'Nonsense' from 'trek_core.plugin'" in ended.stderr
