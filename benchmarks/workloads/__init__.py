"""What is measured, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.bench import Bench
from benchmarks.report import Table
from benchmarks.workloads import apply, cold, crowd, disk, latency, programs, trips, uptodate

WORKLOADS: dict[str, Callable[[Bench], Awaitable[list[Table]]]] = {
    "apply": apply.measure,
    "uptodate": uptodate.measure,
    "cold": cold.measure,
    "trips": trips.measure,
    "crowd": crowd.measure,
    "latency": latency.measure,
    "disk": disk.measure,
    "programs": programs.measure,
}
