"""Every workload of `python -m benchmarks` works, with small numbers and without the peers. Nothing is timed here."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from benchmarks.bench import Bench
from benchmarks.environment import Environment
from benchmarks.tools import TREK, TREK_COMMAND
from benchmarks.workloads import WORKLOADS

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
