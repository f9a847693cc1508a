"""An event as plain values, for a log record, a message or a stream. Names and fields are listed in docs/logging.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trek_core.errors import MigrationFailed
from trek_core.events import (
    Blocked,
    Done,
    Failed,
    Failure,
    LockWaiting,
    Lost,
    RunFailed,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
)

if TYPE_CHECKING:
    from trek_core.events import Blocker, Event
    from trek_core.model import Action

Facts = dict[str, Any]
NAMES: dict[type, str] = {
    RunStarted: "run_started",
    LockWaiting: "lock_waiting",
    Started: "started",
    Blocked: "blocked",
    StatementDone: "statement_done",
    Done: "done",
    Failed: "failed",
    Lost: "lost",
    RunFinished: "run_finished",
    RunFailed: "run_failed",
}


def facts_of(event: Event) -> Facts:
    """What JSON can hold, without SQL and without the server's DETAIL, which quotes rows. `event` is the kind.

    Empty for an event that a later release brings.
    """
    if (name := NAMES.get(type(event))) is None:
        return {}
    facts = _facts(event).items()
    return {"event": name, **{k: round(value, 6) if isinstance(value, float) else value for k, value in facts}}


def _facts(event: Event) -> Facts:
    match event:
        case RunStarted(plan):
            return {"target": plan.target, "planned": len(plan.actions)}
        case LockWaiting(waited, pid, user, application, age, holder):
            return {"waited": waited, **_session(pid, user, application, age), "holder": holder}
        case RunFinished(report):
            return {"target": report.target, "ran": len(report.ran), "seconds": report.seconds}
        case RunFailed(error):
            return _error(error)
        case Failed(action, failure):
            return {**_action(action), **_failure(failure)}
        case _:
            return {**_action(event.action), **_of_action(event)}


def _of_action(event: Started | Blocked | StatementDone | Done | Lost) -> Facts:
    match event:
        case Started():
            return {"together": event.together}
        case StatementDone():
            return {"number": event.number, "total": event.total, "seconds": event.seconds}
        case Done():
            return {"seconds": event.seconds, "together": event.together}
        case Blocked():
            blockers = [{**_blocker(blocker), "state": blocker.state} for blocker in event.blockers]
            return {"waited": event.waited, "attempts": event.attempts, "phase": event.phase, "blockers": blockers}
    return {}


def _action(action: Action) -> Facts:
    return {"revision": action.revision, "title": action.entry.title, "verb": action.verb, "mode": action.mode}


def _failure(failure: Failure) -> Facts:
    return {"error": failure.message, "sqlstate": failure.sqlstate, "outcome": failure.outcome}


def _error(error: BaseException) -> Facts:
    """The first line of a message: what follows may quote the file. A failed migration's is the server's own words."""
    kind = type(error).__name__
    if isinstance(error, MigrationFailed):
        return {"type": kind, **_action(error.action), **_failure(error.failure)}
    return {"type": kind, "error": str(error).partition("\n")[0] or kind}


def _blocker(blocker: Blocker) -> Facts:
    return _session(blocker.pid, blocker.user, blocker.application, blocker.age)


def _session(pid: int | None, user: str, application: str, age: float | None) -> Facts:
    return {"pid": pid, "user": user, "application": application, "age": age}
