"""An empty database and N small migrations."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from benchmarks import content
from benchmarks.bench import Bench, applying, say
from benchmarks.processes import Figures, Values, in_turns, of, ratio
from benchmarks.report import MISSING, Goal, Table, cells, seconds
from benchmarks.tools import ASYNCPG_TREK, FLOOR, PSQL, ROWS, TREK, TREK_COMMAND, Tool

QUICK = (5, 10)
ROUNDS = {100: 5, 1000: 5, 5000: 3}
SHOWN = (1000, QUICK[-1])
SLOW = 5000  # from here on most peers run once
NOTE = (
    "Whole process: from its start to its exit. Connection given: what the tool says of itself, after connecting. "
    f"x floor: to `{FLOOR.name}`, the median of the ratios of the same round."
)


async def measure(bench: Bench) -> list[Table]:
    tools = bench.available(PSQL, FLOOR, ROWS, TREK, TREK_COMMAND, *bench.peers())
    found = {number: await _size(bench, tools, number) for number in (QUICK if bench.quick else ROUNDS)}
    return [*(_table(tools, values, number) for number, values in found.items()), _growth(tools, found)]


async def _size(bench: Bench, tools: list[Tool], number: int) -> Values:
    migrations = content.small(number)
    measures = {tool.name: applying(bench, tool, migrations) for tool in tools}
    quickest = (PSQL, FLOOR, ROWS, TREK, TREK_COMMAND, ASYNCPG_TREK)
    once = [tool.name for tool in tools if number >= SLOW and tool not in quickest]
    say(f"apply {number} to an empty database")
    return await in_turns(bench.turns(ROUNDS.get(number, 1)), measures, once)


def _table(tools: list[Tool], values: Values, number: int) -> Table:
    header = ("tool", "whole process", "x floor", "connection given", "x floor", "client CPU per migration")
    table = Table(f"{number:,} migrations, empty database", header, note=NOTE)
    whole, cpu = of(values, lambda ran: ran.seconds), of(values, lambda ran: ran.cpu / number)
    inside = of({tool.name: values[tool.name] for tool in tools if tool.tells}, lambda ran: ran.inside)
    for tool in tools:
        each = seconds(median(cpu[tool.name])) if tool.name in cpu else MISSING
        table.rows.append(
            [tool.name, *cells(whole, tool.name, FLOOR.name), *cells(inside, tool.name, FLOOR.name), each]
        )
    if number in SHOWN:
        table.figures["apply"] = {name: median(found) for name, found in whole.items()}
        table.goals += _goals(whole, inside, number)
    return table


def _goals(whole: Figures, inside: Figures, number: int) -> list[Goal]:
    applied = f"apply {number:,}"
    floors = [floor.name for floor in (ROWS, FLOOR) if floor.name in inside]
    goals = [Goal(f"{applied}, connection given: times {n}", 1.2, ratio(inside, TREK.name, n)) for n in floors]
    if PSQL.name in whole:
        given = {**inside, PSQL.name: whole[PSQL.name]}  # psql has no connection that could be given
        goals.append(Goal(f"{applied}, connection given: times {PSQL.name}", 1, ratio(given, TREK.name, PSQL.name)))
        goals.append(Goal(f"{applied}, whole process: times {PSQL.name}", 1, ratio(whole, TREK.name, PSQL.name)))
    return goals


def _growth(tools: list[Tool], found: dict[int, Values]) -> Table:
    """What one more migration costs: the slope between two sizes, which leaves out what starting costs."""
    sizes = sorted(found)
    steps = list(pairwise(sizes))
    names = [f"{low:,} → {high:,}" for low, high in steps]
    header = ("tool", *(f"client CPU, {name}" for name in names), *(f"time, {name}" for name in names))
    table, last = Table("What one more migration costs (whole process)", header), dict[str, float]()
    for tool in tools:
        if all(values[tool.name] for values in found.values()):
            rows = [[_slope(found, tool.name, *step, what) for step in steps] for what in ("cpu", "seconds")]
            table.rows.append([tool.name, *map(seconds, rows[0]), *map(seconds, rows[1])])
            last[tool.name] = rows[0][-1]
    if ASYNCPG_TREK.name in last:
        what = f"client CPU of one more migration, {names[-1]}: times {ASYNCPG_TREK.name}"
        table.goals.append(Goal(what, 1, last[TREK.name] / last[ASYNCPG_TREK.name]))
    return table


def _slope(found: dict[int, Values], name: str, low: int, high: int, what: str) -> float:
    ends: list[float] = [median(getattr(ran, what) for ran in found[number][name]) for number in (low, high)]
    return (ends[1] - ends[0]) / (high - low)
