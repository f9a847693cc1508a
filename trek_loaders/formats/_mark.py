"""The base of the stores of tools to which everything up to the newest row is applied, whether it has a row or not."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from trek_core.plugin import HistoryRow, PlanError, State, replace
from trek_loaders.formats._store import RowStore

if TYPE_CHECKING:
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
        away = action.verb in ("revert", "unmark")
        if away:
            self._check_away(action, [row.revision for row in history.rows])
        found = super().record(action, history)
        others = (row for row in history.rows if row.revision != action.revision)
        rows = tuple(others) if away else (*history.rows, HistoryRow(revision=action.revision))
        return replace(found, history=replace(found.history, rows=rows))

    def _check_away(self, action: Action, told: list[str]) -> None:
        if action.revision not in told:
            return
        alone = action.before == action.after
        if alone and action.entry.files and action.revision != (newest := max(told, key=self.place_of)):
            message = (
                f"{action.verb} {action.name}: to {self.tool} everything up to the newest row is applied, now {newest}, so it "
                "cannot say of one alone that it is not. Say where the database stands: trek stamp REVISION."
            )
            raise PlanError(message, (action.revision,))
        left = action.entry.parents if alone else action.after
        if gap := next((one for one in left if one not in told), None):
            message = (
                f"{action.verb} {action.name}: {self.tool}'s table has no row for {gap}, and without the one of "
                f"{action.revision} nothing in it would say that {gap} is applied. Write it first: trek repair {gap} --applied."
            )
            raise PlanError(message, (action.revision,))
