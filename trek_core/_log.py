"""What a run writes to the log: records of the logger `trek.run`, whose fields begin with `trek_`. See docs/logging.md."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from trek_core._door import later
from trek_core._scripts import PAST
from trek_core.errors import MigrationFailed
from trek_core.events import (
    Blocked,
    Blocker,
    Done,
    Event,
    LockWaiting,
    Lost,
    RunFailed,
    RunFinished,
    RunStarted,
)

if TYPE_CHECKING:
    from trek_core import _event_facts, _waiting
    from trek_core.events import Failed, Started, StatementDone
else:
    _event_facts, _waiting = later("_event_facts", "_waiting")  # for whoever logs

log = logging.getLogger("trek.run")
LEVELS: dict[type, int] = {
    RunStarted: logging.INFO,
    Done: logging.INFO,
    Lost: logging.INFO,
    RunFinished: logging.INFO,
    LockWaiting: logging.WARNING,
    Blocked: logging.WARNING,
    RunFailed: logging.WARNING,
}
"""The others are for debugging. Nothing is an error: what fails a run is raised, and whoever catches it knows how bad it is."""


class Log:
    """The log of one run. database: its name, as far as it is known by then.

    A wait is told again when it has lasted twice as long, or is for somebody else.
    """

    def __init__(self, database: Callable[[], str]) -> None:
        self._database = database
        self._waits: tuple[object, float] = (None, 0.0)

    def note(self, event: Event) -> None:
        """Writes what is worth it."""
        level = LEVELS.get(type(event), logging.DEBUG)
        if isinstance(event, RunStarted):
            for warning in event.plan.warnings:
                self._write(logging.WARNING, warning, {**_event_facts.facts_of(event), "event": "plan_warning"})
        if not log.isEnabledFor(level) or (isinstance(event, LockWaiting | Blocked) and self._is_told(event)):
            return
        facts = _event_facts.facts_of(event)
        self._write(level, _words(event, facts["event"]), facts)

    def _write(self, level: int, text: str, facts: Mapping[str, object]) -> None:
        fields = {f"trek_{name}": value for name, value in {**facts, "database": self._database()}.items()}
        log.log(level, "%s", _plain(text), extra=fields)

    def _is_told(self, event: LockWaiting | Blocked) -> bool:
        who = (event.action.name if isinstance(event, Blocked) else "", _in_the_way(event))
        before, waited = self._waits
        if who == before and event.waited < 2 * waited:
            return True
        self._waits = who, max(event.waited, 1.0)
        return False


def _words(event: Event, kind: str) -> str:
    match event:
        case LockWaiting() | Blocked():
            return _waits(event)
        case RunStarted(plan):
            return f"{_count(len(plan.actions))} to run, to {plan.target}"
        case RunFinished(report):
            ran = f"{_count(len(report.ran))} in" if report.ran else "nothing was left to do, after"
            return f"{ran} {report.seconds:.3f} s"
        case RunFailed(error):
            return _end(error)
        case _:
            return _of_action(event, kind)


def _of_action(event: Started | StatementDone | Done | Failed | Lost, kind: str) -> str:
    name = event.action.name
    if isinstance(event, Done):
        together = f"{event.together} together in " if event.together > 1 else ""
        return f"{PAST.get(event.action.verb, event.action.verb)} {name} ({together}{event.seconds:.3f} s)"
    return f"{name}: another runner was faster" if isinstance(event, Lost) else f"{name}: {kind.replace('_', ' ')}"


def _waits(event: LockWaiting | Blocked) -> str:
    if isinstance(event, Blocked):
        return f"{event.action.name} waits, {event.waited:.1f} s so far, for {_in_the_way(event)}"
    return f"waiting for the migration lock, {event.waited:.1f} s so far, held by {_in_the_way(event)}"


def _end(error: BaseException) -> str:
    if isinstance(error, MigrationFailed):
        return f"the run failed at {error.action.name}: {error.failure.message} ({error.failure.outcome})"
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return "the run was cancelled"
    return f"the run failed: {str(error).partition(chr(10))[0] or type(error).__name__}"


def _in_the_way(event: LockWaiting | Blocked) -> str:
    if isinstance(event, Blocked):
        known = [_waiting.blocker_words(Blocker(b.pid, b.user, b.application)) for b in event.blockers]
        return "; ".join(known) or event.phase or "another session"
    if event.holder or event.pid is None:
        return event.holder or "another session"
    return _waiting.blocker_words(Blocker(event.pid, event.user, event.application))


def _count(number: int) -> str:
    return f"{number} migration{'' if number == 1 else 's'}"


def _plain(text: str) -> str:
    """On one line: a title or a server's message is anybody's text."""
    return "".join(c if c.isprintable() else " " for c in text)
