"""What became of actions whose answer did not come: the history tells, once the server has ended what it had begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trek_core import _checks
from trek_core._dataclass import dataclass, replace
from trek_core.events import Done, Event, Failed, Failure, Started
from trek_core.model import Action, History, HistoryRow
from trek_core.plans import Plan, Ran

BACK = ("revert", "unmark")


class Died(Exception):
    """A run's session was lost before the answer came."""

    def __init__(self, plan: Plan, failed: Failed) -> None:
        self.plan, self.failed = plan, failed
        super().__init__()


@dataclass(frozen=True, slots=True)
class Found:
    """The result to raise, with its outcome. ran: what is known to be committed. note: for the end of the message."""

    result: Failed
    ran: tuple[Ran, ...] = ()
    events: tuple[Event, ...] = ()
    note: str = ""


def unknown(result: Failed, why: str) -> Found:
    """It stays unknown, because no session could tell."""
    return Found(result, note=f"\nNo new session could tell: {why}")


def found(plan: Plan, result: Failed, now: History, ran: Sequence[Ran]) -> Found:
    """By the history as it is now, read under the lock, or behind a pooler, where only what is there says something.

    Raises `PlanOutdated` if that is not the history this run knows.
    """
    _checks.not_shrunk(plan.history, now)
    there = {row.revision for row in now.rows}
    if missing := [one.revision for one in ran if one.revision not in there]:
        return unknown(result, f"it sees a history without {', '.join(missing)}, which this run has committed.")
    asked = [a for a in plan.actions if 0 <= a.index - result.action.index < result.failure.together]
    news = now.rows[len(plan.history.rows) :]
    rows = tuple(_committed(asked, news))
    if now.facts.pooled and len(rows) < len(asked):  # there is no lock to wait for: the server may be at it still
        return unknown(result, "behind a pooler it cannot wait until the server has ended the query.")
    return _told(plan, asked, rows, result.failure, news)


def _committed(actions: Sequence[Action], news: Sequence[HistoryRow]) -> Iterator[HistoryRow]:
    """The rows of the actions that are done: they run in this order, so that the first that is not ends them."""
    for action in actions:
        row = next((row for row in news if row.state == "done" and _is_of(row, action)), None)
        if row is None:
            return
        yield row


def _is_of(row: HistoryRow, action: Action) -> bool:
    """A store may know nothing but forward and back."""
    return row.revision == action.revision and (row.verb in BACK) == (action.verb in BACK)


def _told(
    plan: Plan, asked: Sequence[Action], rows: Sequence[HistoryRow], failure: Failure, news: Sequence[HistoryRow]
) -> Found:
    ran = tuple(
        Ran(action.revision, action.entry.title, action.verb, row.duration or 0.0)
        for action, row in zip(asked, rows, strict=False)
    )
    action = asked[min(len(rows), len(asked) - 1)]
    outcome, note = ("committed", "") if len(rows) == len(asked) else _remains(plan, action, news)
    result = Failed(action, replace(failure, outcome=outcome, together=1))
    return Found(result, ran, tuple(_events(asked, ran, action)), note)


def _events(asked: Sequence[Action], ran: Sequence[Ran], last: Action) -> Iterator[Event]:
    """What an observer would have heard between the first `Started` and the failure."""
    for number, action in enumerate(asked):
        if number:
            yield Started(action)
        if action is last:
            return
        yield Done(action, ran[number].seconds)


def _remains(plan: Plan, action: Action, news: Sequence[HistoryRow]) -> tuple[str, str]:
    """The outcome of an action that is not done, and what is known of its statements."""
    if action.mode == "transaction":
        return "rolled back", ""
    rows = [row for row in news if _is_of(row, action)]
    record = plan.records[plan.actions.index(action)]
    if record.begin and not rows:
        return "rolled back", ""
    steps = [row for row in rows if row.state == "step"]
    if record.progress is None or action.body is None:
        return "partial", ""
    done = sum(bool(row.finished_at) for row in steps) + (action.resume.done if action.resume else 0)
    open_ = f", and not whether statement {done + 1} is" if len(steps) > done else ""
    return "partial", f"\nThe history says that {done} of its {len(action.body.statements)} statements are done{open_}."
