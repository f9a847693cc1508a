"""From history rows to a state, for stores whose rows say one thing that was done each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trek_core.model import ROLLED_BACK, History, HistoryRow, Resume, State

if TYPE_CHECKING:
    from trek_core.contracts import Catalog

TAKES_AWAY = ("revert", "unmark")


def state_of(history: History, catalog: Catalog) -> State:
    """What follows from rows with a verb and a state, oldest first: the last word on a revision holds.

    A row whose state is not "done" is unfinished until a later row of its revision; rows of state "step" only tell of
    statements, and from them follows how far what is unfinished came. Reverting a squash takes along what it replaces, as
    far as the catalog still has its entry. A row of what was rolled back only tells of that.
    """
    applied: dict[str, HistoryRow] = {}
    unfinished: dict[str, list[HistoryRow]] = {}
    for row in history.rows:
        if row.state == ROLLED_BACK:
            continue
        if row.state != "done":
            if row.state != "step":
                unfinished.setdefault(row.revision, []).append(row)
            elif row.revision in unfinished:
                unfinished[row.revision].append(row)
            continue
        unfinished.pop(row.revision, None)
        applied.pop(row.revision, None)  # a rerun moves it to the end
        if row.verb not in TAKES_AWAY:
            applied[row.revision] = row
        elif entry := catalog.get(row.revision):
            for replaced in entry.replaces:
                applied.pop(replaced, None)
    last = tuple(next(row for row in reversed(rows) if row.state != "step") for rows in unfinished.values())
    resumes = {name: found for name, rows in unfinished.items() if (found := _resume(rows))}
    return State(tuple(applied), applied, last, resumes=resumes)


def _resume(rows: Sequence[HistoryRow]) -> Resume | None:
    """From the rows since something was begun: attempts, each followed by its steps. None where they do not fit together."""
    steps = [row for row in rows if row.step]
    done = {row.step for row in steps if row.finished_at}
    following = len(done) + 1
    open_ = [row for row in steps if row.step == following]
    told = {(row.step or 0, row.checksum or "") for row in steps}
    fits = done == {*range(1, following)} and len({step for step, _ in told}) == len(told) == len(done) + bool(open_)
    outside = steps or rows[0].step == 0  # else a transaction that was ended by its own body
    if not fits or not outside or len({row.verb for row in rows}) > 1:
        return None
    failed = bool(open_) and _attempt(rows, open_[-1]).state == "failed"
    return Resume(rows[0], len(done), open_[0] if open_ else None, failed, tuple(found for _, found in sorted(told)))


def _attempt(rows: Sequence[HistoryRow], step: HistoryRow) -> HistoryRow:
    """The row that began the attempt to which a step belongs."""
    before = rows[: next(at for at, row in enumerate(rows) if row is step)]
    return next(row for row in reversed(before) if row.state != "step")
