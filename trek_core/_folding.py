"""From history rows to a state, for stores whose rows say one thing that was done each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core.model import History, HistoryRow, State

if TYPE_CHECKING:
    from trek_core.contracts import Catalog

TAKES_AWAY = ("revert", "unmark")


def state_of(history: History, catalog: Catalog) -> State:
    """What follows from rows with a verb and a state, oldest first: the last word on a revision holds.

    A row whose state is not "done" is unfinished until a later row of its revision; rows of state "step" only tell of
    statements. Reverting a squash takes along what it replaces, as far as the catalog still has its entry.
    """
    applied: dict[str, HistoryRow] = {}
    unfinished: dict[str, HistoryRow] = {}
    for row in history.rows:
        if row.state == "step":
            continue
        unfinished.pop(row.revision, None)
        if row.state != "done":
            unfinished[row.revision] = row
            continue
        applied.pop(row.revision, None)  # a rerun moves it to the end
        if row.verb not in TAKES_AWAY:
            applied[row.revision] = row
        elif entry := catalog.get(row.revision):
            for replaced in entry.replaces:
                applied.pop(replaced, None)
    return State(tuple(applied), applied, tuple(unfinished.values()))
