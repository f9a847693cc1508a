"""On a terminal: the lines, and below them what is running, how far the run is and how long it takes. It needs rich."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Self

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from trek_core.cli._output import plain
from trek_core.cli._progress import PRESENT, Lines, waits
from trek_core.events import Blocked, StatementDone
from trek_core.model import Action, Copy, Sql
from trek_core.script import goes_on_at, statements

LONG = 2.0  # seconds after which it is told how long a statement takes
BAR = 20  # columns
ENOUGH = 1000  # characters of a statement: more than a line of any terminal


class _Shown(Progress):
    """A line with the bar, and a second one with the statement that is running."""

    statement = ""
    since = 0.0

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.statement:
            long = time.monotonic() - self.since
            took = f"  {round(long)} s" if long >= LONG else ""
            room = max(self.console.width - len(took) - 2, 1)
            text = Text(f"  {self.statement}", style="bright_black")
            text.truncate(room, overflow="ellipsis")
            yield text.append(took)


class Live(Lines):
    """The lines, and the display below them while a run goes on."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        self._progress: _Shown | None = None

    def __enter__(self) -> Self:
        self._start("connecting", 0)  # an embedded server's first start takes seconds
        return self

    def begin(self, total: int) -> None:
        self.close()
        self._start("waiting for the migration lock", total)

    def waiting(self, who: str) -> None:
        self._describe(f"waiting for the migration lock: {who} holds it")

    def started(self, action: Action, together: int) -> None:
        others = f" and {together - 1} more" if together > 1 else ""
        at = f" from statement {goes_on_at(action)} on" if action.resume else ""
        first = action.resume.done + 1 if action.resume else 1
        doing = f"{PRESENT[action.verb]} {plain(action.name)}{others}{at}"
        self._describe(doing, _text_of(action, first) if together == 1 else "")

    def blocked(self, event: Blocked) -> None:
        if self._progress:
            self._progress.update(self._progress.task_ids[0], description=waits(event))

    def statement(self, event: StatementDone) -> None:
        super().statement(event)
        running = min(event.number + 1, event.total)
        doing = f"{PRESENT[event.action.verb]} {plain(event.action.name)}, statement {running} of {event.total}"
        self._describe(doing, _text_of(event.action, running))

    def finished(self, action: Action, took: str) -> None:
        super().finished(action, took)
        if self._progress:
            self._progress.statement = ""
            self._progress.advance(self._progress.task_ids[0])

    def say(self, text: str, took: str) -> None:
        if self._progress:
            line = Text.from_ansi(text)
            self._progress.console.print(line.append(f"  ({took})", "bright_black"), soft_wrap=True)
        else:
            super().say(text, took)

    def close(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None

    def _start(self, doing: str, total: int) -> None:
        self._progress = shown = _Shown(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            *([BarColumn(BAR, complete_style="green", finished_style="green"), MofNCompleteColumn()] if total else []),
            TimeElapsedColumn(),
            transient=True,
            expand=True,
        )
        shown.add_task(doing, total=total or None)
        shown.start()

    def _describe(self, text: str, statement: str = "") -> None:
        if self._progress:
            self._progress.statement, self._progress.since = statement, time.monotonic()
            self._progress.update(self._progress.task_ids[0], description=text)


def _text_of(action: Action, number: int) -> str:
    """The statement of that number, on one line; nothing where several may be running, or where it is Python."""
    found = statements(action)
    alone = action.mode == "autocommit" or len(found) == 1
    statement = found[number - 1] if alone and number <= len(found) else None
    return plain(" ".join(statement.text[:ENOUGH].split())) if isinstance(statement, Sql | Copy) else ""
