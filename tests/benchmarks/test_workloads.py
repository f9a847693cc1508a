"""Every workload of `python -m benchmarks` works, with small numbers and without the peers. Nothing is timed here."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from benchmarks.bench import Bench
from benchmarks.environment import Environment
from benchmarks.tools import TREK, TREK_COMMAND
from benchmarks.workloads import WORKLOADS, programs

if TYPE_CHECKING:
    from pathlib import Path

    from trek_asyncpg.testing import Server


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "programs"])
async def test_a_workload_measures_trek_and_the_floors(name: str, server: Server, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        bench = Bench(Environment.here(), server.base, tmp_path, stack, quick=True)
        tables = await WORKLOADS[name](bench)
    assert tables
    for table in tables:
        assert table.rows, table.title
        assert all(len(row) == len(table.header) for row in table.rows), table.title
        assert table.markdown().count("\n|") == len(table.rows) + 2
    measured = {row[0]: row[1] for table in tables for row in table.rows}
    assert {TREK.name, TREK_COMMAND.name} & measured.keys(), measured
    assert "-" not in measured.values()


async def test_the_goals_of_big_files_are_of_the_columns_that_are_printed() -> None:
    (table,) = await programs._program("Files", "bigfiles", "--megabytes", "1", "--rounds", "1")
    *_, psql, trek = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    times, client, server = (goal.found for goal in table.goals[3:])
    assert trek["x psql"] == f"{times:.2f} x"
    assert trek["client's peak"] == f"{client:.0f} MB"
    both = [int(row["server's process, private"].removesuffix(" MB")) for row in (trek, psql)]
    assert server == both[0] - both[1]
