"""A server that waits for its disk at each commit, as one that is used does: the others here run without fsync."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from benchmarks import content
from benchmarks.bench import Bench, apply, say
from benchmarks.processes import Failed, Ran, of
from benchmarks.report import Goal, Table, cells
from benchmarks.server import server
from benchmarks.tools import ALEMBIC_EACH, ASYNCPG_TREK, DBMATE, FLOOR, POGO, ROWS, TREK

SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "wal_level": "replica"}
NUMBER = 1000
ROUNDS = 3
NOTE = (
    "fsync, synchronous_commit and full_page_writes are on. Each: the tool commits each migration by itself; where it does "
    f"not, all of them are one transaction. Whole processes, the median of {ROUNDS}; peers once."
)


async def measure(bench: Bench) -> list[Table]:
    number = 10 if bench.quick else NUMBER
    tools = bench.available(FLOOR, ROWS, TREK, ASYNCPG_TREK, POGO, ALEMBIC_EACH, DBMATE)
    migrations = content.small(number)
    found: dict[str, list[Ran]] = {tool.name: [] for tool in tools}
    async with server(SAFE) as dsn:
        safe = replace(bench, dsn=dsn)
        for turn in range(bench.turns(ROUNDS)):
            for tool in tools if turn == 0 else tools[:3]:
                say(f"apply {number} with fsync: {tool.name}")
                try:
                    found[tool.name].append(await apply(safe, tool, bench.folder(tool, migrations), migrations))
                except Failed as error:
                    say(f"{tool.name} FAILS: {error}")
    whole = of(found, lambda ran: ran.seconds)
    title = f"A disk that is waited for: {number:,} migrations, empty database"
    table = Table(title, ("tool", "each", "whole process", "x floor"), note=NOTE)
    for tool in tools:
        each = "yes" if tool.each or tool is ROWS else "no"
        table.rows.append([tool.name, each, *cells(whole, tool.name, FLOOR.name)])
    peers = [median(whole[tool.name]) for tool in tools if tool.peer and tool.each and whole.get(tool.name)]
    if peers:
        what = f"apply {number:,} with fsync: times as fast as the best peer that commits each"
        table.goals.append(Goal(what, 1, min(peers) / median(whole[TREK.name]), least=True))
    return [table]
