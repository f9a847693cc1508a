"""Nothing to do: a database that is up to date with N files."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.bench import Bench, say
from benchmarks.processes import Measure, Ran, in_turns, of, run
from benchmarks.report import MISSING, Goal, Table, cells, seconds, times
from benchmarks.tools import CLIENTS, FLOOR, TREK, TREK_COMMAND, Tool

ROUNDS = {1000: 7, 10_000: 5}
INSIDE = {1000: 25, 10_000: 7}
SLOW = ("pogo-migrate",)
NOTE = (
    f"The floor, `{FLOOR.name}`: one query for the history, and all files listed, read and hashed. "
    "In process: one connection that is given, tool and floor in turns, after one call that is not counted."
)


async def measure(bench: Bench) -> list[Table]:
    return [await _size(bench, number) for number in ((10,) if bench.quick else ROUNDS)]


async def _size(bench: Bench, number: int) -> Table:
    tools = bench.available(FLOOR, TREK, TREK_COMMAND, *bench.peers())
    say(f"up to date with {number} files")
    measures = {tool.name: await checking(bench, tool, number) for tool in tools}
    once = SLOW if number > min(ROUNDS) else ()
    whole = of(await in_turns(bench.turns(ROUNDS.get(number, 1)), measures, once), lambda ran: ran.seconds)
    header = ("tool", "whole process", "x floor", "in process", "x floor", "first call in process")
    table = Table(f"Up to date, {number:,} files", header, note=NOTE)
    for tool in tools:
        inside = await _inside(bench, tool, number) if tool.client else None
        again = [seconds(inside[0]), times(inside[1]), seconds(inside[2])] if inside else [MISSING] * 3
        table.rows.append([tool.name, *cells(whole, tool.name, FLOOR.name), *again])
        if tool is TREK and inside:
            table.goals.append(Goal(f"up to date, {number:,} files, connection given: times the floor", 2, inside[1]))
    if number != max(ROUNDS):
        table.figures["uptodate"] = {name: median(found) for name, found in whole.items()}
    return table


async def checking(bench: Bench, tool: Tool, number: int) -> Measure:
    """A run of the tool that finds nothing to do."""
    folder, dsn = await bench.at_head(tool, number)
    return check(bench, tool, folder, dsn)


def check(bench: Bench, tool: Tool, folder: Path, dsn: str) -> Measure:
    async def once() -> Ran:
        return await run(tool.command(bench.env, "check", folder, dsn))

    return once


async def _inside(bench: Bench, tool: Tool, number: int) -> tuple[float, float, float]:
    """Seconds, times the floor, seconds of the first call."""
    floor = await bench.at_head(FLOOR, number)
    own = await bench.at_head(tool, number)
    rounds = bench.turns(2 if tool.name in SLOW else INSIDE.get(number, 1))
    words = [str(tool.client), *map(str, own), *map(str, floor), str(rounds)]
    output = (await run([bench.env.python, str(CLIENTS / "inside.py"), *words])).output
    first, *pairs = [tuple(map(float, line.split())) for line in output.splitlines()]
    ratio = median(one / bare for one, bare in pairs)
    return median(one for one, _ in pairs), ratio, first[0]
