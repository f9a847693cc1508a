"""Tables and figures as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.processes import Figures, ratio

MISSING = "-"


@dataclass(slots=True)
class Table:
    """One Markdown table. `figures`: what the summary and the plot take, by what it is and the tool's name."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""
    figures: dict[str, dict[str, float]] = field(default_factory=dict)

    def markdown(self) -> str:
        head = [_line(self.header), "|---" + "|---:" * (len(self.header) - 1) + "|"]
        note = [self.note, ""] if self.note else []
        return "\n".join([f"### {self.title}", "", *note, *head, *map(_line, self.rows), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def seconds(value: float) -> str:
    """With three digits: 12.3 µs, 4.56 ms, 1.23 s."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1 or unit == "µs":
            return f"{_digits(value * factor)} {unit}"
    raise AssertionError


def times(value: float) -> str:
    return f"{_digits(value)}x"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def cells(values: Figures, name: str, base: str) -> list[str]:
    """The median, and the median ratio to the base."""
    if not values.get(name):
        return [MISSING, MISSING]
    return [seconds(median(values[name])), times(ratio(values, name, base))]
