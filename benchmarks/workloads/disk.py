"""A server that waits for its disk at each commit, as one that is used does: the others here run without fsync."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from benchmarks import content
from benchmarks.bench import Bench, applying, say
from benchmarks.processes import in_turns, of
from benchmarks.report import Goal, Table, cells
from benchmarks.server import server
from benchmarks.tools import ALEMBIC_EACH, ASYNCPG_TREK, DBMATE, FLOOR, POGO, ROWS, TREK

SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "wal_level": "replica"}
NUMBER = 1000
ROUNDS = 3
NOTE = (
    "fsync, synchronous_commit and full_page_writes are on. Each: the tool commits each migration by itself; where it does "
    "not, all of them are one transaction. Whole processes, medians; peers once."
)


async def measure(bench: Bench) -> list[Table]:
    number = 10 if bench.quick else NUMBER
    tools = bench.available(FLOOR, ROWS, TREK, ASYNCPG_TREK, POGO, ALEMBIC_EACH, DBMATE)
    migrations = content.small(number)
    say(f"apply {number} with fsync")
    async with server(SAFE) as dsn:
        safe = replace(bench, dsn=dsn)
        measures = {tool.name: applying(safe, tool, migrations) for tool in tools}
        found = await in_turns(bench.turns(ROUNDS), measures, [tool.name for tool in tools if tool.peer])
    whole = of(found, lambda ran: ran.seconds)
    title = f"A disk that is waited for: {number:,} migrations, empty database"
    table = Table(title, ("tool", "each", "whole process", "x floor"), note=NOTE)
    for tool in tools:
        table.rows.append([tool.name, "yes" if tool.each else "no", *cells(whole, tool.name, FLOOR.name)])
    peers = [median(whole[tool.name]) for tool in tools if tool.peer and tool.each and tool.name in whole]
    if peers:
        what = f"apply {number:,} with fsync: times as fast as the best peer that commits each"
        table.goals.append(Goal(what, 1, min(peers) / median(whole[TREK.name]), least=True))
    return [table]
