"""What a caller asks for: directions and targets that are none are refused, not taken for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.run.folders import applied, tables, write
from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import ConfigError, Direction, Migrator, plan

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

BOTH_WAYS = {f"{n}_x.sql": f"CREATE TABLE x{n} (id int);\n-- trek: down\nDROP TABLE x{n};" for n in (1, 2, 3)}


@pytest.mark.parametrize("down", [Direction.down, "down"])
async def test_a_direction_may_be_given_by_its_name(
    connection: Connection, tmp_path: Path, down: Direction | str
) -> None:
    folder = write(tmp_path / "m", BOTH_WAYS)
    await migrate(connection, folder, direction="up")
    report = await migrate(connection, folder, "1", direction=down)
    assert [(ran.verb, ran.revision) for ran in report.ran] == [("revert", "3"), ("revert", "2")]
    assert await tables(connection) == {"x1"}


@pytest.mark.parametrize("direction", ["DOWN", "sideways", "", True, 1])
async def test_what_is_no_direction_is_refused_before_anything_runs(
    connection: Connection, tmp_path: Path, direction: Any
) -> None:
    folder = write(tmp_path / "m", BOTH_WAYS)
    backend = AsyncpgBackend(connection)
    with pytest.raises(ConfigError, match="direction"):
        await migrate(connection, folder, direction=direction)
    with pytest.raises(ConfigError, match="direction"):
        await Migrator(backend, folder).plan(direction=direction)
    async with backend.connect() as session:
        with pytest.raises(ConfigError, match="direction"):
            await plan(session, backend, folder, direction=direction)
    assert await applied(connection) == []


@pytest.mark.parametrize("target", [5, None, "", b"3"])
async def test_what_is_no_target_is_refused(connection: Connection, tmp_path: Path, target: Any) -> None:
    folder = write(tmp_path / "m", BOTH_WAYS)
    with pytest.raises(ConfigError, match="no revision"):
        await migrate(connection, folder, target)
    with pytest.raises(ConfigError, match="no revision"):
        await Migrator(AsyncpgBackend(connection), folder).stamp(target)
    assert await applied(connection) == []
