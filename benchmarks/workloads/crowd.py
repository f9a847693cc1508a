"""Thirty processes at once, as when an application is rolled out and each of its processes migrates when it starts."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from benchmarks import content
from benchmarks.bench import Bench, say
from benchmarks.content import Migration
from benchmarks.processes import Process, Ran, ratio, run
from benchmarks.report import Goal, Table, seconds, times
from benchmarks.server import column, database, name_of
from benchmarks.tools import LOCKED, TREK, TREK_COMMAND, Tool

PROCESSES = 30
ROUNDS = 3
NOTE = (
    f"The floor, `{LOCKED.name}`: it reads the history, polls for the lock every 50 ms, reads again, and sends what is "
    "pending as one query. Peers: one round of 30."
)


@dataclass(slots=True)
class Crowd:
    """What became of all rounds of one tool."""

    started: int = 0
    problems: list[str] = field(default_factory=list)
    wrong: int = 0
    took: list[float] = field(default_factory=list)


async def measure(bench: Bench) -> list[Table]:
    number, more = (10, 5) if bench.quick else (50, 10)
    before, pending = content.small(number), content.data_only(number + 1, more)
    return [
        await _all(bench, [], before, f"an empty database, {number} migrations"),
        await _all(bench, before, pending, f"{more} data-only migrations pending"),
    ]


async def _all(bench: Bench, before: list[Migration], pending: list[Migration], title: str) -> Table:
    tools = bench.available(LOCKED, TREK, TREK_COMMAND, *bench.peers())
    processes = 3 if bench.quick else PROCESSES
    say(f"{processes} processes at once: {title}")
    found = {tool.name: Crowd() for tool in tools}
    async with AsyncExitStack() as stack:
        templates = {tool.name: await _template(bench, stack, tool, before) for tool in tools}
        for number in range(bench.turns(ROUNDS)):
            for tool in tools if number == 0 else [tool for tool in tools if not tool.peer]:
                folder = bench.folder(tool, [*before, *pending], "crowd")
                async with database(bench.dsn, templates[tool.name]) as dsn:
                    await _round(tool.command(bench.env, "apply", folder, dsn), processes, found[tool.name])
                    found[tool.name].wrong += not await _right(dsn, before, pending)
    return _table("crowd_data" if before else "crowd", f"{processes} processes at once: {title}", tools, found)


async def _template(bench: Bench, stack: AsyncExitStack, tool: Tool, before: list[Migration]) -> str:
    dsn = await stack.enter_async_context(database(bench.dsn))
    if before:
        await run(tool.command(bench.env, "apply", bench.folder(tool, before), dsn))
    return name_of(dsn)


async def _round(command: list[str], processes: int, crowd: Crowd) -> None:
    ran, took = await asyncio.to_thread(_at_once, command, processes)
    crowd.took.append(took)
    crowd.started += processes
    crowd.problems += [one.problem for one in ran if one.code]


def _at_once(command: list[str], processes: int) -> tuple[list[Ran], float]:
    """All of them, and the seconds until the last exit."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        running = [Process(command, folder) for _ in range(processes)]
        ran = [process.wait() for process in running]
        return ran, time.perf_counter() - started


async def _right(dsn: str, before: list[Migration], pending: list[Migration]) -> bool:
    """Did each migration run exactly once?"""
    steps = sum(migration.title.startswith("count") for migration in pending)
    marks = await column(dsn, "SELECT migration FROM marks ORDER BY 1")
    return marks == content.marks([*before, *pending]) and await column(dsn, "SELECT steps FROM total") == [steps]


def _table(key: str, title: str, tools: list[Tool], found: dict[str, Crowd]) -> Table:
    header = ("tool", "processes that failed", "database right", "time to the last exit", "x floor", "most said")
    table = Table(title, header, note=NOTE)
    took = {name: crowd.took for name, crowd in found.items()}
    for tool in tools:
        crowd = found[tool.name]
        failed, rounds = f"{len(crowd.problems)} of {crowd.started}", len(crowd.took)
        right = f"{rounds - crowd.wrong} of {rounds}"
        figures = [seconds(median(crowd.took)), times(ratio(took, tool.name, LOCKED.name))]
        said = Counter(crowd.problems).most_common(1)
        table.rows.append([tool.name, failed, right, *figures, said[0][0].replace("|", "\\|") if said else ""])
    table.figures[key] = {name: 100 * len(crowd.problems) / crowd.started for name, crowd in found.items()}
    crowd = found[TREK.name]
    table.goals.append(Goal(f"{title}: processes that failed", 0, len(crowd.problems)))
    table.goals.append(Goal(f"{title}: databases that are not right", 0, crowd.wrong))
    table.goals.append(Goal(f"{title}: times the floor", 1.5, ratio(took, TREK.name, LOCKED.name)))
    return table
