"""A server that is 2 ms or 20 ms away: a proxy adds that to every round trip."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import asyncpg

from benchmarks import content
from benchmarks.bench import Bench, applied_once, say
from benchmarks.processes import Failed, Measure, Ran, Values, in_turns, of, run
from benchmarks.proxy import counted
from benchmarks.report import MISSING, Goal, Table, cells, seconds, times
from benchmarks.server import database
from benchmarks.tools import ALEMBIC_EACH, FLOOR, POGO, PSQL, TREK, TREK_COMMAND, Tool

NEAR, FAR = 0.002, 0.020
APPLIED = {NEAR: 100, FAR: 20}
FILES = 1000
ROUNDS = 2
NOTE = (
    "Whole processes. The delay is of a round trip; what was sent meanwhile is not held up more. "
    "`SELECT 1` through the proxy takes {pings}."
)
CONNECTION = (
    "Connection given: what the tools that take one say of themselves, after connecting; alembic connects by itself, and "
    "is measured as a whole process. trek alone {rounds} times, the median; the peers once, all at the same time, since "
    "they do little but wait."
)


async def measure(bench: Bench) -> list[Table]:
    tools = bench.available(PSQL, FLOOR, TREK, TREK_COMMAND, *bench.peers(), ALEMBIC_EACH)
    applied = {delay: await _apply_all(bench, tools, delay) for delay in APPLIED}
    checked = {delay: await _check_all(bench, tools, delay) for delay in APPLIED}
    note = NOTE.format(pings=" and ".join([seconds(await _ping(bench, delay)) for delay in APPLIED]))
    return [
        _table("Latency: an empty database", tools, applied, {delay: _number(bench, delay) for delay in APPLIED}, note),
        _table("Latency: up to date", tools[1:], checked, dict.fromkeys(APPLIED, _files(bench)), note),
        await _many(bench),
    ]


async def _ping(bench: Bench, delay: float) -> float:
    """Seconds of one round trip as it really is."""
    took = []
    async with counted(bench.dsn, delay) as (through, _):
        connection = await asyncpg.connect(through)
        for _ in range(10):
            started = time.perf_counter()
            await connection.execute("SELECT 1")
            took.append(time.perf_counter() - started)
        await connection.close()
    return median(took)


def _number(bench: Bench, delay: float) -> int:
    return 5 if bench.quick else APPLIED[delay]


def _files(bench: Bench) -> int:
    return 10 if bench.quick else FILES


def _table(title: str, tools: list[Tool], found: dict[float, Values], numbers: dict[float, int], note: str) -> Table:
    names = [f"{numbers[delay]:,} migrations at {delay * 1e3:.0f} ms" for delay in found]
    table = Table(title, ("tool", *(cell for name in names for cell in (name, "x floor"))), note=note)
    whole = {delay: of(values, lambda ran: ran.seconds) for delay, values in found.items()}
    for tool in tools:
        table.rows.append(
            [tool.name, *(cell for values in whole.values() for cell in cells(values, tool.name, FLOOR.name))]
        )
    return table


async def _apply_all(bench: Bench, tools: list[Tool], delay: float) -> Values:
    number = _number(bench, delay)
    say(f"apply {number} at {delay * 1e3:.0f} ms")
    migrations = content.small(number)
    return await in_turns(bench.turns(ROUNDS), {tool.name: _applying(bench, tool, migrations, delay) for tool in tools})


def _applying(bench: Bench, tool: Tool, migrations: list[content.Migration], delay: float) -> Measure:
    folder = bench.folder(tool, migrations)

    async def once() -> Ran:
        async with database(bench.dsn) as dsn, counted(dsn, delay) as (through, _):
            ran = await run(tool.command(bench.env, "apply", folder, through))
            await applied_once(dsn, migrations, tool.name)
        return ran

    return once


async def _check_all(bench: Bench, tools: list[Tool], delay: float) -> Values:
    say(f"up to date at {delay * 1e3:.0f} ms")
    measures = {tool.name: await _checking(bench, tool, delay) for tool in tools if tool is not PSQL}
    return await in_turns(bench.turns(ROUNDS), measures)


async def _checking(bench: Bench, tool: Tool, delay: float) -> Measure:
    folder, dsn = await bench.at_head(tool, _files(bench))

    async def once() -> Ran:
        async with counted(dsn, delay) as (through, _):
            return await run(tool.command(bench.env, "check", folder, through))

    return once


async def _many(bench: Bench) -> Table:
    """trek against the two peers that need the fewest round trips of those that commit each migration."""
    number = 10 if bench.quick else FILES
    migrations = content.small(number)
    say(f"apply {number} at 20 ms: trek, and peers that commit each migration")
    trek = [_given(TREK, await _applying(bench, TREK, migrations, FAR)()) for _ in range(bench.turns(ROUNDS))]
    peers = bench.available(POGO, ALEMBIC_EACH)
    found = await asyncio.gather(*(_once(bench, tool, migrations) for tool in peers))
    title = f"Latency: {number:,} migrations at 20 ms, each committed by itself"
    table = Table(title, ("tool", "connection given", "trek is faster by"), note=CONNECTION.format(rounds=len(trek)))
    table.rows.append([TREK.name, seconds(median(trek)), times(1.0)])
    table.figures["far"] = {TREK.name: median(trek)}
    for tool, took in zip(peers, found, strict=True):
        table.rows.append([tool.name, *((seconds(took), times(took / median(trek))) if took else (MISSING, MISSING))])
        if took:
            table.figures["far"][tool.name] = took
    if any(found):
        best = min(took for took in found if took)
        what = f"apply {number:,} at 20 ms, connection given: times as fast as the best peer that commits each"
        table.goals.append(Goal(what, 50, best / median(trek), least=True))
    return table


def _given(tool: Tool, ran: Ran) -> float:
    return ran.inside if tool.tells else ran.seconds


async def _once(bench: Bench, tool: Tool, migrations: list[content.Migration]) -> float | None:
    try:
        return _given(tool, await _applying(bench, tool, migrations, FAR)())
    except Failed as error:
        say(f"{tool.name} FAILS: {error}")
        return None
