"""What a run does while the server answers, and that nobody notices but by the time it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.run.folders import applied, clean, two, write
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import ConfigError, ConnectError, LoadError, Migrator, _tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Database

LINES: list[str] = []


class Slow(asyncpg.Connection):  # type: ignore[type-arg]
    """Writes down when it was asked, and when it answered."""

    async def copy_from_query(self, query: str, *args: Any, **options: Any) -> str:
        LINES.append("asked")
        try:
            found = await super().copy_from_query(query, *args, **options)
            await asyncio.sleep(0.05)
            return found
        finally:
            LINES.append("answered")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    LINES.clear()
    content_of = _tree.content_of

    def noting(path: str) -> object:
        LINES.append(path.rpartition("/")[2])
        return content_of(path)

    monkeypatch.setattr(_tree, "content_of", noting)
    return LINES


async def test_the_files_are_read_once_while_the_server_answers_for_the_history(
    database: Database, tmp_path: Path, lines: list[str]
) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Slow)
    path = two(tmp_path)
    assert len((await migrate(connection, path)).ran) == 2
    lines.clear()
    assert not (await migrate(connection, path)).ran
    assert lines == ["asked", "1_a.sql", "2_b.sql", "answered"]
    await clean(connection)
    await connection.close()


async def test_a_status_reads_them_so_too_and_who_asks_for_the_history_alone_reads_none(
    database: Database, tmp_path: Path, lines: list[str]
) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Slow)
    migrator = Migrator(AsyncpgBackend(connection), two(tmp_path))
    await migrator.migrate()
    lines.clear()
    await migrator.status()
    assert lines == ["asked", "1_a.sql", "2_b.sql", "answered"]
    lines.clear()
    await migrator.history()
    assert lines == ["asked", "answered"]
    await connection.close()


async def test_a_bad_file_is_told_after_the_history_was_read_and_nothing_runs(
    database: Database, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Slow)
    path = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "SELECT 'never closed"})
    with pytest.raises(LoadError, match=r"2_b\.sql"):
        await migrate(connection, path)
    assert await applied(connection) == []
    await clean(connection)
    await connection.close()


async def test_a_folder_that_is_not_there_is_told_as_ever(database: Database, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Slow)
    with pytest.raises(ConfigError, match="no folder"):
        await migrate(connection, tmp_path / "none")
    await connection.close()


async def test_a_connection_that_is_lost_meanwhile_is_told_before_a_folder_that_is_wrong(
    database: Database, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Slow)
    other = await asyncpg.connect(database.dsn)
    await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    with pytest.raises(ConnectError):
        await migrate(connection, tmp_path / "none")
    await other.close()
