"""What is measured by programs of its own, which print their tables themselves. Left out of quick runs: they take a minute."""

from __future__ import annotations

import sys
from itertools import groupby

from benchmarks.bench import Bench, say
from benchmarks.environment import ROOT
from benchmarks.processes import Failed, run
from benchmarks.report import Goal, Table

PROGRAMS = {
    "Readers, while a migration queues behind a transaction of 4 s": ("readers", "3"),
    "Files of 100 MB": ("bigfiles", "--rounds", "3"),
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
    return [Table(title, head, list(rows), note, goals=GOALS[name](rows)) for head, _, *rows in tables]


def _readers(rows: list[list[str]]) -> list[Goal]:
    return [Goal("readers' longest wait, ms", 250, _number(row[1])) for row in rows if row[0].startswith("trek")]


def _bigfiles(rows: list[list[str]]) -> list[Goal]:
    goals = []
    for psql, trek in zip(rows[::2], rows[1::2], strict=True):
        goals += [
            Goal(f"{trek[0]}: times psql -1", 0.6 if "INSERT" in trek[0] else 1.3, _number(trek[3])),
            Goal(f"{trek[0]}: client's peak above start, MB", 24, _number(trek[5])),
            Goal(f"{trek[0]}: server's process above psql's, MB", 150, _number(trek[6]) - _number(psql[6])),
        ]
    return goals


GOALS = {"readers": _readers, "bigfiles": _bigfiles}


def _number(cell: str) -> float:
    return float(cell.split(maxsplit=1)[0])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
