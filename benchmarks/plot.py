"""The plot of README: `python plot.py results.json benchmarks.svg`. Run by the benchmark's own Python, which has matplotlib.

Text and lines are of a grey that can be read on white and on black, and nothing is behind them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]

mpl.use("svg")
from matplotlib import pyplot as plt

INK, TREK, PEER, FLOOR = "#808890", "#2f81f7", "#a0a8b0", "#6e9f7e"
FLOORS = ("psql -1", "asyncpg, one query", "the same with BEGIN, history row, COMMIT each")
LEFT_OUT = ("the same with BEGIN, history row, COMMIT each", "alembic, a transaction each")
PANELS = (
    ("apply", "1,000 migrations", "s", 1.0),
    ("uptodate", "Nothing to do, 1,000 files", "ms", 1e3),
    ("trips", "Round trips, 1,000 migrations", "", 1.0),
    ("far", "1,000 migrations, server 20 ms away", "s", 1.0),
)


def main(source: Path, target: Path) -> None:
    """Draw the panels that were measured; none, and nothing is written."""
    figures = json.loads(source.read_text())
    panels = [panel for panel in PANELS if panel[0] in figures]
    if not panels:
        return
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "trek", "font.family": "sans-serif", "font.size": 9})
    rows = (len(panels) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(10, 2.75 * rows), squeeze=False)
    for place in axes.flat[len(panels) :]:
        place.axis("off")
    for place, (key, title, unit, factor) in zip(axes.flat, panels, strict=False):
        _panel(place, title, figures[key], unit, factor)
    figure.tight_layout(w_pad=3)
    figure.savefig(target, transparent=True, metadata={"Date": None})


def _panel(place: Any, title: str, found: dict[str, float], unit: str, factor: float) -> None:
    shown = sorted(((value * factor, name) for name, value in found.items() if _shown(name, found)), reverse=True)
    values, names = [value for value, _ in shown], [name for _, name in shown]
    bars = place.barh(names, values, color=[_colour(name) for name in names], height=0.65)
    place.bar_label(bars, labels=[f"{_number(value)} {unit}".strip() for value in values], padding=4, color=INK)
    place.set_xlim(0, max(values) * 1.2)
    place.set_title(title, color=INK, loc="left", fontweight="bold")
    place.tick_params(axis="y", colors=INK, length=0)
    place.xaxis.set_visible(False)
    place.spines[:].set_visible(False)


def _shown(name: str, found: dict[str, float]) -> bool:
    return name not in LEFT_OUT or len(found) <= len(LEFT_OUT) + 1


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.3g}"


def _colour(name: str) -> str:
    return TREK if name.startswith("trek") else FLOOR if name in FLOORS else PEER


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
