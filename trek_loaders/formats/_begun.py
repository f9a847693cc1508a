"""The base of the stores of tools that write a row when a migration begins, and complete it at its end."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from trek_core.plugin import Record, Sql, replace
from trek_loaders.formats._store import RowStore, faster, too_late

if TYPE_CHECKING:
    from trek_core.plugin import Action, History


class BegunStore(RowStore):
    """Outside a transaction the row is seen from the beginning on, and stays as it is when the body fails."""

    keeps_begun = True

    def record(self, action: Action, history: History) -> Record:
        """Raises `PlanError` as `RowStore.record` does."""
        if action.body is None or action.verb == "revert":
            return super().record(action, history)
        absent = f"NOT {self.there((action.revision, *action.entry.replaces), history)}"
        begin = self.place.step(history, absent, faster(action), self.begin(action, history))
        end, guard, following = self.complete(action, history), self.place.guard(history), replace(history, exists=True)
        if action.mode == "transaction":
            return Record(begin=(begin,), finish=(Sql(end),), guard=guard, history=following)
        begun = f"EXISTS (SELECT FROM {self.place.named(history)} WHERE {self.is_begun(action)})"
        finish = self.place.late(history, begun, too_late(action), end)
        failed = Sql(self.fail(action, history))
        return Record(begin=(begin,), finish=(finish,), failed=(failed,), guard=guard, history=following)

    @abstractmethod
    def is_begun(self, action: Action) -> str:
        """The SQL condition that the row of `begin` fulfils until it is completed."""

    @abstractmethod
    def begin(self, action: Action, history: History) -> str:
        """The INSERT of the row that says that the action was begun."""

    @abstractmethod
    def complete(self, action: Action, history: History) -> str:
        """The UPDATE that says that it came to its end."""

    @abstractmethod
    def fail(self, action: Action, history: History) -> str:
        """The UPDATE that says that it failed."""
