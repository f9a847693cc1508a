"""A project of a user of the plugin, whose pytest runs in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
import pytest

from trek_asyncpg.testing._pytest import _names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trek_asyncpg.testing import Server

MIGRATIONS = {
    "0001_users.sql": "CREATE TABLE users (id int);\n-- trek: down\nDROP TABLE users;",
    "0002_names.sql": "ALTER TABLE users ADD name text;\n-- trek: down\nALTER TABLE users DROP name;",
}
LOADED = 'pytest_plugins = ["trek_asyncpg.pytest_plugin"]\n'
QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # what else is installed here takes a second to load
PLUGINS = ["-p", "asyncio", "-p", "anyio", "-p", "xdist"]
OPTIONS = ["-q", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=session", "-o", "asyncio_mode=auto"]


@dataclass(slots=True)
class Ran:
    """What a run said."""

    output: str
    code: int

    @property
    def told(self) -> str:
        """The last line, without the seconds: "2 failed, 1 passed"."""
        return re.sub(r" in [\d.]+s.*|=+ ?", "", self.output.rstrip().splitlines()[-1]).strip()


@dataclass(slots=True)
class Project:
    folder: Path
    environment: dict[str, str]
    _number: int = field(default=0, init=False)

    def has(self, **files: str) -> None:
        """Test files, by the part of their names behind `test_`."""
        for name, text in files.items():
            (self.folder / f"test_{name}.py").write_text(text)

    def migrations(self, files: dict[str, str]) -> None:
        (self.folder / "migrations").mkdir(exist_ok=True)
        for name, text in files.items():
            (self.folder / "migrations" / name).write_text(text)

    def command(self, *options: str) -> list[str]:
        plugins = [] if "-p" in options else PLUGINS
        return [sys.executable, "-m", "pytest", "--color=no", *plugins, *OPTIONS, *options]

    def pytest(self, *options: str, **environment: str) -> Ran:
        done = subprocess.run(
            self.command(*options),
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(done.stdout, done.returncode)

    @property
    def templates(self) -> str:
        """What the names of its template databases begin with."""
        return _names.project(self.folder, [str(self.folder / "migrations")])


@pytest.fixture
async def project(tmp_path: Path, server: Server) -> AsyncIterator[Project]:
    """It has two migrations and the plugin, and tests on the server of this run."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TREK_TEST_", "PYTEST_"))}
    made = Project(tmp_path, {**inherited, "TREK_TEST_DSN": server.base, **QUICK})
    made.migrations(MIGRATIONS)
    (tmp_path / "conftest.py").write_text(LOADED)
    (tmp_path / "pyproject.toml").write_text("[tool.trek]\n[tool.pytest.ini_options]\n")
    yield made
    for name in await databases(server, made.templates):
        await run(server, f'DROP DATABASE "{name}"')


async def databases(server: Server, beginning: str) -> list[str]:
    admin = await asyncpg.connect(server.base)
    try:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY oid"
        return [row[0] for row in await admin.fetch(query, beginning)]
    finally:
        await admin.close()


async def run(server: Server, sql: str) -> None:
    admin = await asyncpg.connect(server.base)
    try:
        await admin.execute(sql)
    finally:
        await admin.close()
