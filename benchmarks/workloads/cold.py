"""The cold start: what a process costs that finds nothing to do."""

from __future__ import annotations

from benchmarks.bench import Bench, say
from benchmarks.processes import Measure, Ran, in_turns, of, ratio, run
from benchmarks.report import Goal, Table, cells
from benchmarks.tools import FLOOR, TREK, TREK_COMMAND
from benchmarks.workloads.uptodate import checking

FILES = 100
ROUNDS = 15
IMPORTS = {
    "`python -c pass`": "pass",
    "`import asyncio`": "import asyncio",
    "`import asyncpg`": "import asyncpg",
    "`import trek_asyncpg`": "import trek_asyncpg",
}
FLOOR_IMPORT = "`import asyncpg`"


async def measure(bench: Bench) -> list[Table]:
    say("cold start")
    number, rounds = (10 if bench.quick else FILES), bench.turns(ROUNDS)
    imports = of(await in_turns(rounds, {name: _import(bench, code) for name, code in IMPORTS.items()}), _seconds)
    tools = bench.available(FLOOR, TREK, TREK_COMMAND, *bench.peers())
    measures = {tool.name: await checking(bench, tool, number) for tool in tools}
    whole = of(await in_turns(rounds, measures), _seconds)
    first = Table("Cold start: the interpreter and imports", ("process", "time", "x import asyncpg"))
    first.rows = [[name, *cells(imports, name, FLOOR_IMPORT)] for name in IMPORTS]
    second = Table(f"Cold start: a whole process, up to date, {number} files", ("tool", "time", "x floor"))
    second.rows = [[tool.name, *cells(whole, tool.name, FLOOR.name)] for tool in tools]
    what = f"whole process, up to date, {number} files: times a bare asyncpg script"
    second.goals.append(Goal(what, 1.2, ratio(whole, TREK.name, FLOOR.name)))
    return [first, second]


def _seconds(ran: Ran) -> float:
    return ran.seconds


def _import(bench: Bench, code: str) -> Measure:
    async def once() -> Ran:
        return await run([bench.env.python, "-c", code])

    return once
