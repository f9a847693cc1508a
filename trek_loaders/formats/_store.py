"""The base of the stores: a table of another tool, one row (or some rows) for each applied revision."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Action,
    Advisory,
    Catalog,
    ConfigError,
    Facts,
    History,
    HistoryRow,
    Lock,
    PlanError,
    Record,
    Row,
    Rows,
    Sql,
    State,
    VersionStore,
    advisory_key,
    replace,
    state_of,
)
from trek_loaders.formats._table import KEY, Table, refuse_hidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_loaders.formats._settings import TableSettings

LAST = 20
"""Revisions that must be there: two histories of one folder that differ mostly do so at their ends."""


class ToolStore(VersionStore):
    """Finds, reads and checks the table of a tool. A subclass says what its rows mean, and how they are written.

    tool: as the format is named. table, schema: the tool's defaults; schema None: wherever the search_path finds it.
    columns: those that make it the tool's own, with the types that each may have, () for any. sum: the one of the checksum.
    own_keys: the advisory locks of a tool that has the same everywhere. anywhere: it takes the table that the search_path
    finds, whatever schema is current.
    """

    tool: ClassVar[str]
    table: ClassVar[str]
    schema: ClassVar[str | None] = None
    sum: ClassVar[str] = "checksum"
    columns: ClassVar[dict[str, tuple[str, ...]]]
    keeps_begun = False
    own_keys: ClassVar[tuple[int, ...]] = ()
    anywhere: ClassVar[bool] = False

    def __init__(self, settings: TableSettings) -> None:
        schema = self.schema if settings.schema is None else settings.schema
        self.place = Table(self.tool, self.table if settings.table is None else settings.table, schema)
        self.needs_facts = schema is None

    @property
    def identity(self) -> str:
        return self.place.identity

    @property
    def another(self) -> str:
        """For a script that meets another history than it was made for."""
        return f"this script was made for another history than this {self.identity}: make it anew with trek plan --sql"

    def query(self) -> Sql:
        return self.place.query()

    def history(self, rows: Rows | None, facts: Facts) -> History:
        """Raises `ConfigError` for a table of another shape, and for rows that are hidden."""
        described = [row[KEY] for row in rows or () if KEY in row]
        if rows is None or not described:
            return History(exists=False, facts=facts)
        found = described[0]
        if self._elsewhere(found["schema"], facts):
            return History(exists=False, facts=facts)
        if problem := self.unfit(found["columns"] or {}):
            raise ConfigError(problem)
        if found["hidden"]:
            raise refuse_hidden(self.place, facts)
        lines = tuple(self.lines([row for row in rows if KEY not in row]))
        return History(exists=True, rows=lines, facts=facts, schema=found["schema"])

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        """A row without a checksum tells nothing."""
        written = row.get(self.sum)
        return bool(checksums) and written is not None and written not in checksums

    def locks(self, history: History) -> Sequence[Lock]:
        """The tool's own; one of trek's where it has none."""
        keys = self.keys(history) or (advisory_key(f"trek {self.tool} {self.identity}"),)
        return tuple(map(Advisory, keys))

    def prepare(self, history: History) -> Sequence[Sql]:
        return () if history.exists else self.place.made(history, self.create(self.place.named(history)))

    # ----------------------------------------------------------------------- what a tool says
    def keys(self, history: History) -> tuple[int, ...]:  # noqa: ARG002 - for those whose key depends on the database
        """The advisory locks that the tool takes, in an order that is always the same."""
        return self.own_keys

    @abstractmethod
    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        """The rows, which come in any order, as lines of a history, oldest first."""

    @abstractmethod
    def create(self, name: str) -> Iterable[str]:
        """What makes the table of that name exactly as the tool makes it, and writes what it writes at once."""

    def unfit(self, columns: dict[str, str]) -> str:
        """Why a table with these columns, name -> type, is not one that trek can go on with. Or nothing."""
        return self.place.unfit(columns, self.columns)

    def _elsewhere(self, schema: str, facts: Facts) -> bool:
        """Whether the table that the search_path found is not the tool's: it only looks into the current schema."""
        return not self.anywhere and self.place.schema is None and schema != facts.schema


class RowStore(ToolStore):
    """A row, or rows, for each applied revision: written when it is applied, deleted when it is reverted."""

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def record(self, action: Action, history: History) -> Record:
        """In a transaction the row comes first, so that of two runners one loses; outside one it comes after the body.

        Raises `PlanError` for a revision that the table cannot keep.
        """
        revisions = (action.revision, *action.entry.replaces)
        rows = " OR ".join(map(self.picks, revisions))
        delete = self.remove(rows, history)
        insert = self.insert(action, history)
        following = replace(history, exists=True)
        if action.body is None:
            writes = (delete, insert) if action.verb == "mark" else (delete,)
            return Record(begin=tuple(map(Sql, writes)), history=following)
        away = action.verb == "revert"
        there = self.there(revisions, history)
        still, writes = (there, (delete,)) if away else (f"NOT {there}", (insert,))
        if action.verb == "rerun":
            still = "true"
        guard = self.place.guard(history)
        message = faster(action)
        if action.mode == "transaction":
            step = self.place.step(history, still, message, *writes)
            return Record(begin=(step,), guard=guard, history=following)
        check = self.place.check(history, still, message)
        late = self.place.late(history, still, too_late(action), *writes)
        return Record(begin=(check,), finish=(late,), guard=guard, history=following)

    def unmoved(self, history: History) -> Sql:
        """For a script that somebody runs later, or elsewhere: it fails unless what was applied last is applied there.

        What is not applied yet each step sees to by itself.
        """
        last = [row.revision for row in history.rows if row.verb != "revert" and row.state == "done"][-LAST:]
        there = [self.there((revision,), history) for revision in dict.fromkeys(last)]
        message = (
            f"this script was made for another history than that of {self.identity}: make it anew with trek plan --sql"
        )
        return self.place.check(history, " AND ".join(there) or "true", message)

    @abstractmethod
    def picks(self, revision: str) -> str:
        """The SQL condition that the rows of a revision fulfil. Raises `PlanError`, see `number`."""

    def there(self, revisions: Sequence[str], history: History) -> str:
        """The SQL condition that one of the revisions is applied."""
        return f"EXISTS (SELECT FROM {self.place.named(history)} WHERE {' OR '.join(map(self.picks, revisions))})"

    def remove(self, rows: str, history: History) -> str:
        """What makes the rows that fulfil a condition count no more."""
        return f"DELETE FROM {self.place.named(history)} WHERE {rows}"

    @abstractmethod
    def insert(self, action: Action, history: History) -> str:
        """The INSERT of the row that says that the action's revision is applied."""


def faster(action: Action) -> str:
    """Another runner has done the same."""
    standing = "no longer" if action.verb == "revert" else "already"
    return f"{action.name} is {standing} in the history: another runner was faster"


def too_late(action: Action) -> str:
    """The same, after it was done here."""
    return (
        f"{action.name} ran outside a transaction, and meanwhile another runner recorded the same: nothing was recorded. "
        "Look at what both did to the database, then set the history right with trek stamp."
    )


def number(tool: str, revision: str) -> int:
    """The revision as the number that a tool's table keeps. Raises `PlanError`."""
    if not (revision.isascii() and revision.isdecimal() and int(revision) < 1 << 63):
        message = (
            f"{tool}'s table keeps whole numbers below 2^63, and the revision {revision!r} is none. Take another store, or "
            f"name the file as {tool} wants it."
        )
        raise PlanError(message, (revision,))
    return int(revision)
