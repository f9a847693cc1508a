"""What is measured by programs of its own, which print their tables themselves. Left out of quick runs: they take a minute."""

from __future__ import annotations

import sys
from itertools import groupby

from benchmarks.bench import Bench, say
from benchmarks.environment import ROOT
from benchmarks.processes import Failed, run
from benchmarks.report import Table

PROGRAMS = {
    "Readers, while a migration queues behind a transaction of 4 s": ("readers", "3"),
    "Files of 100 MB": ("bigfiles", "--rounds", "1"),
}


async def measure(bench: Bench) -> list[Table]:
    """Their tables as they are."""
    if bench.quick:
        return []
    return [table for title, words in PROGRAMS.items() for table in await _program(title, *words)]


async def _program(title: str, name: str, *words: str) -> list[Table]:
    say(f"{name}: {title}")
    try:
        output = (await run([sys.executable, "-m", f"benchmarks.{name}", *words], str(ROOT))).output
    except Failed as error:
        say(f"{name} FAILS: {error}")
        return []
    runs = groupby(output.splitlines(), lambda line: line.startswith("|"))
    tables = [[_cells(line) for line in lines] for is_table, lines in runs if is_table]
    note = f"`python -m benchmarks.{name}`."
    return [Table(title, head, list(rows), note) for head, _, *rows in tables]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
