"""What became of actions whose answer did not come: the history tells, once the server has ended what it had begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trek_core import _checks
from trek_core._dataclass import dataclass, replace
from trek_core.events import Done, Event, Failed, Failure, Started
from trek_core.model import Action, History, HistoryRow, State
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


def found(plan: Plan, result: Failed, now: History, state: State, ran: Sequence[Ran], *, begun: bool) -> Found:
    """By the history as it is now, read under the lock, or behind a pooler, where only what is there says something.

    state: what that history says. begun: whether the store keeps what was begun outside a transaction (`keeps_begun`).
    Raises `PlanOutdated` if that is not the history this run knows.
    """
    _checks.not_shrunk(plan.history, now)
    told = _Told(plan.history, now, state, begun)
    untold = {action.revision for action in plan.actions if not action.entry.recorded}
    if missing := [one.revision for one in ran if one.revision not in untold and not told.knows(one)]:
        return unknown(result, f"it sees a history without {', '.join(missing)}, which this run has committed.")
    asked = [a for a in plan.actions if 0 <= a.index - result.action.index < result.failure.together]
    seconds = tuple(_committed(asked, told))
    if now.facts.pooled and len(seconds) < len(asked):  # there is no lock to wait for: the server may be at it still
        return unknown(result, "behind a pooler it cannot wait until the server has ended the query.")
    return _said(plan, asked, seconds, result.failure, told)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a history says of actions. One that is counted only grows, and what was done is a new row. Rows of any other
    come and go, in an order of their own: there it is what is applied.
    """

    before: History
    now: History
    state: State
    begun: bool

    @property
    def counted(self) -> bool:
        return self.now.next > 1

    def knows(self, ran: Ran) -> bool:
        """Whether what this run has committed is there."""
        if self.counted:
            return any(row.revision == ran.revision for row in self.now.rows)
        return (ran.revision in self.state.applied) != (ran.verb in BACK)

    def news(self, action: Action) -> list[HistoryRow]:
        """The rows of the action that were not there. A store may know nothing but forward and back."""
        rows = self.now.rows[len(self.before.rows) :] if self.counted else self.now.rows
        own = [row for row in rows if row.revision == action.revision and (row.verb in BACK) == (action.verb in BACK)]
        return own if self.counted else [row for row in own if row not in self.before.rows]

    def done(self, action: Action) -> float | None:
        """The seconds that the action took if it is committed, 0 where nobody tells."""
        if self.counted or action.verb == "rerun":
            row = next((row for row in self.news(action) if row.state == "done"), None)
            return None if row is None else row.duration or 0.0
        if (action.revision in self.state.applied) == (action.verb in BACK):
            return None
        row = self.state.rows.get(action.revision)
        return (row and row.duration) or 0.0


def _committed(actions: Sequence[Action], told: _Told) -> Iterator[float]:
    """The seconds of the actions that are done: they run in this order, so that the first that is not ends them."""
    for action in actions:
        seconds = told.done(action) if action.entry.recorded else None
        if seconds is None:
            return
        yield seconds


def _said(plan: Plan, asked: Sequence[Action], seconds: Sequence[float], failure: Failure, told: _Told) -> Found:
    ran = tuple(
        Ran(action.revision, action.entry.title, action.verb, took)
        for action, took in zip(asked, seconds, strict=False)
    )
    action = asked[min(len(ran), len(asked) - 1)]
    outcome, note = ("committed", "") if len(ran) == len(asked) else _remains(plan, action, told)
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


def _remains(plan: Plan, action: Action, told: _Told) -> tuple[str, str]:
    """The outcome of an action that is not done, and what is known of its statements."""
    if not action.entry.recorded:
        return "unknown", f"\nThe history keeps nothing of {action.revision}, so that it cannot tell."
    if action.mode == "transaction":
        return "rolled back", ""
    rows, record = told.news(action), plan.records[plan.actions.index(action)]
    if told.begun and record.begin and not rows:
        return "rolled back", ""
    steps = [row for row in rows if row.state == "step"]
    if record.progress is None or action.body is None or not told.counted:
        return "partial", ""
    done = sum(bool(row.finished_at) for row in steps) + (action.resume.done if action.resume else 0)
    open_ = f", and not whether statement {done + 1} is" if len(steps) > done else ""
    return "partial", f"\nThe history says that {done} of its {len(action.body.statements)} statements are done{open_}."
