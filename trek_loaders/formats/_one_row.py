"""The base of the stores of tools whose table holds one row: the version where the database stands."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from trek_core.plugin import ConfigError, HistoryRow, PlanError, Record, State, replace
from trek_loaders.formats._store import ToolStore, number, too_late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Action, Catalog, History, Row


class OneRowStore(ToolStore):
    """Everything up to the version counts as applied. None is the version at the base."""

    def state(self, history: History, catalog: Catalog) -> State:
        """Of a row that is not done what is below: nobody knows how far the step came."""
        if not history.rows:
            return State()
        row = history.rows[-1]
        version = _number(row.revision)
        below = [entry.revision for entry in catalog.entries if _number(entry.revision) < version]
        if row.state != "done":
            return State(tuple(below), unfinished=(row,))
        return State((*below, row.revision), {row.revision: row})

    def only(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows, of which there may be one. Raises `ConfigError`."""
        if len(rows) > 1:
            held = ", ".join(sorted(str(row["version"]) for row in rows))
            message = (
                f"The table {self.identity} holds {len(rows)} rows ({held}), and {self.tool}'s holds one. Look which version "
                "is right, and delete the others; or it is another tool's: `trek adopt` says whose."
            )
            raise ConfigError(message)
        return rows

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """In a transaction the row is written before the body, outside one behind it.

        Raises `PlanError` for a step that leaves more than one head, and one that one row cannot tell.
        """
        version = self.target(action, history)
        now, writes = self.stands(history), self.writes(history, version)
        guard, following = self.place.guard(history), self.following(history, version)
        if action.body is None or action.mode == "transaction":
            return Record(
                begin=(self.place.step(history, now, moved(history), *writes),), guard=guard, history=following
            )
        check = self.place.check(history, now, moved(history))
        late = self.place.late(history, now, too_late(action), *writes)
        return Record(begin=(check,), finish=(late,), guard=guard, history=following)

    @abstractmethod
    def stands(self, history: History) -> str:
        """The SQL condition that the table holds what the history says."""

    @abstractmethod
    def writes(self, history: History, version: int | None) -> tuple[str, ...]:
        """What makes that version the one of the table, whatever it held."""

    @abstractmethod
    def row(self, version: int) -> Row:
        """The row of a version, as `writes` leaves it."""

    def following(self, history: History, version: int | None) -> History:
        """The history as an action to that version leaves it."""
        lines = () if version is None else (HistoryRow(revision=str(version), data=self.row(version)),)
        return replace(history, exists=True, rows=lines)

    def target(self, action: Action, history: History) -> int | None:
        """The version after the action."""
        if len(action.after) > 1:
            message = (
                f"After {action.name} the database would stand on {', '.join(action.after)}, and {self.tool}'s table holds "
                "one version. Use another store, or a folder without branches."
            )
            raise PlanError(message, action.after)
        if action.before != action.after or action.body is not None:
            return number(self.tool, action.after[0]) if action.after else None
        if action.revision != standing(history):
            raise self._untellable(action, standing(history))
        if action.verb == "mark":
            return number(self.tool, action.revision)
        before = (*action.entry.parents, *action.after)[-1:]
        return number(self.tool, before[0]) if before else None

    def _untellable(self, action: Action, current: str | None) -> PlanError:
        message = (
            f"{action.verb} {action.name}: {self.tool}'s table holds one version, now {current or 'none'}, and everything up "
            "to it counts as applied: it cannot say that of one alone. Say where the database stands: trek stamp REVISION."
        )
        return PlanError(message, (action.revision,))


def standing(history: History) -> str | None:
    """The version of the row, None where there is none."""
    return history.rows[-1].revision if history.rows else None


def moved(history: History) -> str:
    """For a runner that comes too late."""
    return f"the history moved on from version {standing(history) or 'none'}: another runner was faster"


def _number(revision: str) -> int:
    """-1, where golang-migrate failed on its way to nothing, is below all of them."""
    return int(revision) if revision.removeprefix("-").isdecimal() else 1 << 64
