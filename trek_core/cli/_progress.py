"""What is shown while migrations run: plain lines, or nothing for --json; on a terminal `_live`."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Self

from trek_core._scripts import PAST
from trek_core._waiting import blocker_words
from trek_core.cli._output import complain, count, lasted, plain, say, styled
from trek_core.contracts import Observer
from trek_core.events import (
    Blocked,
    Done,
    Event,
    Failed,
    LockWaiting,
    Lost,
    RunFailed,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
)
from trek_core.model import Action, Verb
from trek_core.script import goes_on_at, statements

PRESENT: dict[Verb, str] = {
    "apply": "applying",
    "revert": "reverting",
    "rerun": "running again",
    "mark": "marking",
    "unmark": "unmarking",
}


def display(*, quiet: bool, verbose: bool = False) -> Lines:
    """The display that fits stdout. quiet: nothing on it, which --json has for itself. verbose: each statement too, where
    they run one at a time.
    """
    if quiet:
        return Silence()
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(verbose=verbose)
    from trek_core.cli._live import Live  # noqa: PLC0415 - rich, only on a terminal

    return Live(verbose=verbose)


class Lines:
    """One line a migration, when it is done. Waiting is told on stderr, once for each who is in the way."""

    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose
        self.done: list[str] = []
        self.running: Action | None = None
        self.statements = ""
        """How far `running` is, where it runs a statement at a time: "1 of 3 statements"."""
        self._holder = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def observer(self) -> Observer:
        return Observer("trek command", self.notify)

    async def notify(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.begin(len(event.plan.actions))
            case LockWaiting():
                self.waiting(holder(event))
            case Started():
                self.running, self.statements = event.action, _begins(event.action)
                self.started(event.action, event.together)
            case Blocked():
                self.blocked(event)
            case StatementDone():
                self.statements = f"{event.number} of {count(event.total, 'statement')}"
                self.statement(event)
            case Done():
                self.running = None
                self.done.append(event.action.revision)
                self.finished(event.action, took(event))
            case Lost():
                self.running = None
            case Failed() | RunFinished():
                self.running = None
                self.close()
            case RunFailed():  # `running` stays: what was interrupted is told afterwards
                self.close()

    def begin(self, total: int) -> None:
        """A run of so many actions begins."""

    def waiting(self, who: str) -> None:
        if who != self._holder:
            self._holder = who
            complain(f"waiting for the migration lock: {who} holds it")

    def blocked(self, event: Blocked) -> None:
        who = f"{event.action.name}: {' '.join(str(blocker.pid) for blocker in event.blockers)} {event.phase}"
        if who != self._holder:
            self._holder = who
            complain(waits(event))

    def started(self, action: Action, together: int) -> None:  # noqa: ARG002 - `Live` tells of the others
        """An action begins, with others in the same query or without."""
        if action.resume:
            self.resuming(action)

    def resuming(self, action: Action) -> None:
        """An action goes on where a run that is gone left it."""
        say(f"resuming {plain(action.name)} at statement {goes_on_at(action)}")

    def statement(self, event: StatementDone) -> None:
        """A statement of a non-transactional action is done."""
        if self.verbose:
            self.say(f"  statement {event.number} of {event.total}", lasted(event.seconds))

    def finished(self, action: Action, took: str) -> None:
        done = styled(PAST[action.verb], "yellow" if action.verb in ("revert", "unmark") else "green")
        self.say(f"{done} {plain(action.name)}", took)

    def say(self, text: str, took: str) -> None:
        """A line that stays."""
        say(f"{text}  {styled(f'({took})', 'bright_black')}")

    def close(self) -> None:
        """Nothing more will be shown."""


class Silence(Lines):
    """Nothing on stdout."""

    def resuming(self, action: Action) -> None:
        """The document has it."""

    def say(self, text: str, took: str) -> None:
        """The document has it."""


def _begins(action: Action) -> str:
    """What is known to be done of an action that begins."""
    total = count(len(statements(action)), "statement")
    return f"{action.resume.done} of {total}" if action.resume else "no statement"


def took(event: Done) -> str:
    """How long it took: "12 ms", or "8 together in 95 ms" where one query carried several and nobody measured each."""
    return f"{event.together} together in {lasted(event.seconds)}" if event.together > 1 else lasted(event.seconds)


def waits(event: Blocked) -> str:
    """Which migration waits, how long it has, and for whom, or why that is not known."""
    phase = f" ({event.phase})" if event.phase else ""
    waiting = f"{plain(event.action.name)} waits{phase}, {lasted(event.waited)} so far"
    if not event.blockers and event.unseen:
        return f"{waiting}; nobody knows for whom: {event.unseen}"
    return f"{waiting}, for {'; '.join(map(blocker_words, event.blockers)) or 'another session'}"


def holder(event: LockWaiting) -> str:
    """Who holds the lock, as far as the server, or the lock's row, tells."""
    if event.holder:
        return f"{event.holder} (so its row says)"
    if event.pid is None:
        return "another session"
    user = f" of {event.user}" if event.user else ""
    application = f", {event.application}" if event.application else ""
    return f"server process {event.pid}{user}{application}"
