"""The endpoint migrates while four workers start (show_workers shows it slowly): each migration once, and all become ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.examples.show_workers import WORKERS, show
from tests.run.folders import applied

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

READY = "(200, {'ready': True, 'state': 'current'})"
SEVEN = [f"{number:04}" for number in range(1, 8)]


async def test_each_migration_runs_once_whoever_begins_and_all_workers_become_ready(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    first, second = await show(database.dsn, tmp_path, 0.5)
    assert await applied(connection) == SEVEN
    rows = await connection.fetch("SELECT revision FROM counted ORDER BY revision")
    assert [row["revision"] for row in rows] == SEVEN
    for shown in (first, second):
        assert len(shown.workers) == WORKERS
        assert {str(answer) for _, answer in shown.workers.values()} == {READY}
        assert (shown.stream[0][0], shown.stream[-1][0]) == ("plan", "report")
    assert [ran["revision"] for ran in first.stream[-1][1]["ran"]] == SEVEN[1:5]
    assert [data["revision"] for name, data in first.stream if name == "done"] == SEVEN[1:5]
    by_workers = [line for log, _ in first.workers.values() for line in log if " applied " in line]
    assert by_workers == []
