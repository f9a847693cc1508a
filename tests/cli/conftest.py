from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import OWN, Inside, Project

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.support.databases import Connection, Database


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Project]:
    """A project without a database."""
    made = Project(tmp_path)
    yield made
    made.close()


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    """A project without a database, whose command runs in this process."""
    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path, read=capsys.readouterr)


@pytest.fixture
def project(offline: Project, database: Database) -> Project:
    """A project whose TREK_DSN names an empty database."""
    offline.dsn = database.dsn
    return offline


@pytest.fixture
async def held(database: Database, tmp_path: Path) -> Connection:
    """Holds the lock which a migration with `WAIT` waits for, however long, until `pg_advisory_unlock_all`."""
    (tmp_path / "trek.toml").write_text("[executor-settings]\nlock-timeout = 0\n")
    connection = await database.connect()
    await connection.execute("SELECT pg_advisory_lock(42)")
    return connection


@pytest.fixture
async def somebody_waits(database: Database) -> Callable[[], Awaitable[None]]:
    """Returns when a migration waits for that lock."""
    connection = await database.connect()
    waits = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = 42"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    async def wait() -> None:
        async with asyncio.timeout(30):
            while not await connection.fetchval(waits):
                await asyncio.sleep(0.02)

    return wait
