"""The base of the stores of tools to which everything up to the newest row is applied, whether it has a row or not."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from trek_core.plugin import HistoryRow, PlanError, State, replace
from trek_loaders.formats._store import RowStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Action, Catalog, History, Record


class MarkStore(RowStore):
    """The rows of `lines` come in the order of `place_of`, which is also that of the files."""

    @abstractmethod
    def place_of(self, revision: str) -> Any:
        """What revisions are ordered by; None for one that the tool's table cannot hold."""

    def state(self, history: History, catalog: Catalog) -> State:
        """A revision below the newest row needs none: one row may say where a database begins."""
        if not history.rows:
            return State()
        rows = {row.revision: row for row in history.rows}
        newest = self.place_of(history.rows[-1].revision)
        places = {entry.revision: self.place_of(entry.revision) for entry in catalog.entries}
        below = (revision for revision, place in places.items() if place is not None and place <= newest)
        return State(tuple(sorted({*rows, *below}, key=self.place_of)), rows)

    def record(self, action: Action, history: History) -> Record:
        """Raises `PlanError` for what rows cannot tell when everything below the newest is applied."""
        rows = history.rows
        if action.verb in ("revert", "unmark"):
            at = _at(rows, action.revision)
            if at is not None:
                self._check_away(action, rows)
                rows = _without(rows, at)
        else:
            rows = (*rows, HistoryRow(revision=action.revision))
        found = super().record(action, history)
        return replace(found, history=replace(found.history, rows=rows))

    def _check_away(self, action: Action, rows: Sequence[HistoryRow]) -> None:
        alone = action.before == action.after
        if alone and action.entry.files:
            newest = max((row.revision for row in rows), key=self.place_of)
            if action.revision != newest:
                message = (
                    f"{action.verb} {action.name}: to {self.tool} everything up to the newest row is applied, now {newest}, so "
                    "it cannot say of one alone that it is not. Say where the database stands: trek stamp REVISION."
                )
                raise PlanError(message, (action.revision,))
        left = action.entry.parents if alone else action.after
        if gap := next((one for one in left if _at(rows, one) is None), None):
            message = (
                f"{action.verb} {action.name}: {self.tool}'s table has no row for {gap}, and without the one of "
                f"{action.revision} nothing in it would say that {gap} is applied. Write it first: trek repair {gap} --applied."
            )
            raise PlanError(message, (action.revision,))


def _at(rows: Sequence[HistoryRow], revision: str) -> int | None:
    """Where the newest row of a revision is, looked for from the end: steps back come from there."""
    return next((at for at in range(len(rows) - 1, -1, -1) if rows[at].revision == revision), None)


def _without(rows: tuple[HistoryRow, ...], at: int) -> tuple[HistoryRow, ...]:
    """A tool without a lock may have written several of one revision, one behind the other."""
    first = at
    while first and rows[first - 1].revision == rows[at].revision:
        first -= 1
    return (*rows[:first], *rows[at + 1 :])
