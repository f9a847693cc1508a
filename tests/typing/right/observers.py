"""Observers: a function, and a method of an object; every event narrows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from trek_core.plugin import (
    Done,
    Event,
    Failed,
    LockWaiting,
    Observer,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
    TrekHooks,
    hookimpl,
)

log = logging.getLogger(__name__)


async def notify(event: Event) -> None:
    match event:
        case RunStarted(plan):
            log.info("%d to run", len(plan.actions))
        case LockWaiting(waited, pid):
            log.warning("waiting %.0f s, server process %s has it", waited, pid)
        case Started(action):
            log.info("%s", action.name)
        case StatementDone(action, number, total):
            log.info("%s: %d of %d", action.name, number, total)
        case Done(action, seconds):
            log.info("%s %s: %.3f s", action.verb, action.name, seconds)
        case Failed(action, failure):
            log.error("%s: %s", action.name, failure.message)
        case RunFinished(report):
            log.info("%d migrations: %.3f s", len(report.ran), report.seconds)
        case _:
            log.info("%r", event)


@dataclass
class Counter:
    seen: list[str] = field(default_factory=list[str])

    async def notify(self, event: Event) -> None:
        self.seen.append(type(event).__name__)


class Observers(TrekHooks):
    @hookimpl
    def trek_register_observers(self) -> Iterable[Observer]:
        yield Observer("log", notify)
        yield Observer("count", Counter().notify)


plugin = Observers()
