"""Round trips, counted on the wire: exact, and the same on every machine."""

from __future__ import annotations

from benchmarks import content
from benchmarks.bench import Bench, applied_once, say
from benchmarks.processes import Failed, run
from benchmarks.proxy import counted
from benchmarks.report import MISSING, Goal, Table
from benchmarks.server import database
from benchmarks.tools import ALEMBIC_EACH, FLOOR, PSQL, TREK, TREK_COMMAND, Tool

SIZES = (1, 100, 1000)
NOTE = "Round trips after connecting, of the whole command; connections in brackets where there are more than one."


async def measure(bench: Bench) -> list[Table]:
    tools = bench.available(PSQL, FLOOR, TREK, TREK_COMMAND, *bench.peers(), ALEMBIC_EACH)
    sizes = (1, 10) if bench.quick else SIZES
    header = ("tool", *(f"apply {number:,}" for number in sizes), f"up to date, {sizes[-1]:,} files")
    table = Table("Round trips", header, note=NOTE)
    say("round trips")
    for tool in tools:
        found = [await _apply(bench, tool, number) for number in sizes]
        found.append(await _check(bench, tool, sizes[-1]))
        table.rows.append([tool.name, *map(_text, found)])
        for key, counts in (("trips", found[-2]), ("trips_uptodate", found[-1])):
            table.figures.setdefault(key, {}).update({tool.name: counts[0]} if counts else {})
        if tool is TREK:
            what = [*(f"round trips, apply {number:,}" for number in sizes), "round trips, up to date"]
            bounds = [4, *(25 for _ in sizes[1:]), 1]
            given = zip(what, bounds, found, strict=True)
            table.goals += [Goal(name, bound, counts[0]) for name, bound, counts in given if counts]
    return [table]


def _text(found: tuple[int, int] | None) -> str:
    if found is None:
        return MISSING
    trips, connections = found
    return f"{trips:,}" + (f" ({connections:,})" if connections > 1 else "")


async def _apply(bench: Bench, tool: Tool, number: int) -> tuple[int, int] | None:
    migrations = content.small(number)
    folder = bench.folder(tool, migrations)
    async with database(bench.dsn) as dsn, counted(dsn) as (through, count):
        try:
            await run(tool.command(bench.env, "apply", folder, through))
            await applied_once(dsn, migrations, tool.name)
        except Failed as error:
            say(f"{tool.name} FAILS: {error}")
            return None
        return count.round_trips, count.connections


async def _check(bench: Bench, tool: Tool, number: int) -> tuple[int, int] | None:
    if tool is PSQL:
        return None
    folder, dsn = await bench.at_head(tool, number)
    async with counted(dsn) as (through, count):
        await run(tool.command(bench.env, "check", folder, through))
        return count.round_trips, count.connections
