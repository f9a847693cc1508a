"""Tables and figures as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.processes import Figures, ratio

MISSING = "-"


@dataclass(frozen=True, slots=True)
class Goal:
    """What trek promises of one figure. least: the figure must be at least the bound, else at most."""

    what: str
    bound: float
    found: float
    least: bool = False

    @property
    def met(self) -> bool:
        return self.found >= self.bound if self.least else self.found <= self.bound


@dataclass(slots=True)
class Table:
    """One Markdown table. `figures`: what the summary and the plot take, by what it is and the tool's name."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def markdown(self) -> str:
        head = [_line(self.header), "|---" + "|---:" * (len(self.header) - 1) + "|"]
        note = [self.note, ""] if self.note else []
        return "\n".join([f"### {self.title}", "", *note, *head, *map(_line, self.rows), ""])


def promises(tables: Iterable[Table]) -> Table:
    """What trek promises, and what was found."""
    made = Table("What trek promises", ("figure", "promised", "found", "kept"))
    for goal in (goal for table in tables for goal in table.goals):
        promised = f"{'at least' if goal.least else 'at most'} {goal.bound:g}"
        made.rows.append((goal.what, promised, _digits(goal.found), "yes" if goal.met else "NO"))
    return made


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def seconds(value: float) -> str:
    """With three digits: 12.3 µs, 4.56 ms, 1.23 s."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(value) * factor >= 1 or unit == "µs":
            return f"{_digits(value * factor)} {unit}"
    raise AssertionError


def times(value: float) -> str:
    return f"{_digits(value)}x"


def _digits(value: float) -> str:
    size = abs(value)
    return f"{value:.0f}" if size >= 99.95 else f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def cells(values: Figures, name: str, base: str) -> list[str]:
    """The median, and the median ratio to the base."""
    if not values.get(name):
        return [MISSING, MISSING]
    return [seconds(median(values[name])), times(ratio(values, name, base))]
