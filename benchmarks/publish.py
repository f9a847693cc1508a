"""Where results go: the page of all tables, the plot, the short table of README."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.environment import ROOT, Environment
from benchmarks.report import MISSING, Table, promises, seconds
from benchmarks.tools import FLOOR, PEERS, PSQL, TREK, TREK_COMMAND

Figures = dict[str, dict[str, float]]
BLOCK = re.compile(r"(<!-- written by python -m benchmarks -->\n).*?(<!-- end -->)", re.DOTALL)
OTHERS = "\n## Measured by themselves\n"
"""What follows this line in RESULTS.md stays: other commands measure it."""
TOOLS = (TREK, TREK_COMMAND, *PEERS, FLOOR, PSQL)
COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("1,000 migrations", "apply", seconds),
    ("nothing to do, 1,000 files", "uptodate", seconds),
    ("round trips, 1,000 migrations", "trips", lambda value: f"{value:,.0f}"),
    ("round trips, nothing to do", "trips_uptodate", lambda value: f"{value:,.0f}"),
    ("of 30 at once, failed", "crowd", lambda value: f"{value:.0f} %"),
)


def figures(tables: Iterable[Table]) -> Figures:
    """What the summary and the plot need, from all tables."""
    return {key: found for table in tables for key, found in table.figures.items()}


def summary(found: Figures) -> str:
    """The most telling figures that were measured, a line a tool."""
    columns = [column for column in COLUMNS if column[1] in found]
    table = Table("", ("", *(title for title, _, _ in columns)))
    for tool in TOOLS:
        cells = [text(found[key][tool.name]) if tool.name in found[key] else MISSING for _, key, text in columns]
        if set(cells) != {MISSING}:
            table.rows.append([tool.name, *cells])
    return "\n".join(table.markdown().splitlines()[2:]) + "\n"


def write(out: Path, text: str, tables: list[Table], env: Environment) -> None:
    """RESULTS.md, figures.json, summary.md in that folder, and benchmarks.svg if the environment can draw."""
    out.mkdir(parents=True, exist_ok=True)
    found = figures(tables)
    (out / "RESULTS.md").write_text(f"{text}\n" + "\n".join(table.markdown() for table in [promises(tables), *tables]))
    (out / "figures.json").write_text(json.dumps(found, indent=1))
    (out / "summary.md").write_text(summary(found))
    if env.draws:
        _draw(out, env)


def _draw(out: Path, env: Environment) -> None:
    plot = (
        env.python,
        str(Path(__file__).with_name("plot.py")),
        str(out / "figures.json"),
        str(out / "benchmarks.svg"),
    )
    subprocess.run(plot, check=True)


def publish(out: Path) -> None:
    """What `write` wrote, to its places in the repository."""
    results = ROOT / "benchmarks" / "RESULTS.md"
    _, others, kept = results.read_text().partition(OTHERS)
    results.write_text((out / "RESULTS.md").read_text() + others + kept)
    (ROOT / "docs" / "benchmarks.svg").write_text((out / "benchmarks.svg").read_text())
    readme, table = ROOT / "README.md", (out / "summary.md").read_text()
    readme.write_text(BLOCK.sub(lambda found: f"{found[1]}{table}{found[2]}", readme.read_text()))
