"""The table `alembic_version`: a row a head, so everything that a head builds on is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import HistoryRow, PlanError, Record, State, quote_literal, replace
from trek_loaders.formats._store import ToolStore, too_late
from trek_loaders.formats._table import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Action, Catalog, Facts, History, Row, VersionStore
    from trek_loaders.formats._settings import TableSettings

_HISTORY_ONLY = ("mark", "unmark")


def make_store(settings: TableSettings) -> VersionStore:
    """The table of the settings, or `alembic_version` wherever the search_path finds it."""
    return AlembicStore(settings)


class AlembicStore(ToolStore):
    """The rows are moved as Alembic moves them: a step replaces the heads that it builds on, a branch adds one."""

    tool = "alembic"
    table = "alembic_version"
    columns: ClassVar = {"version_num": ("character varying", "text")}

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        return _lines(row["version_num"] for row in rows)

    def create(self, name: str) -> Iterable[str]:
        key = f'CONSTRAINT "{self.place.name}_pkc" PRIMARY KEY (version_num)'
        return (f"CREATE TABLE {name} (version_num varchar(32) NOT NULL, {key})",)

    def state(self, history: History, catalog: Catalog) -> State:
        """The heads, and all that they build on, in the layout's order. A head without a file says nothing of others."""
        rows = {row.revision: row for row in history.rows}
        reached, waiting = set[str](), [*rows]
        while waiting:
            entry = catalog.get(waiting.pop())
            if entry is not None and entry.revision not in reached:
                reached.add(entry.revision)
                waiting.extend(entry.parents)
        strange = [name for name in rows if catalog.get(name) is None]
        below = [entry.revision for entry in catalog.entries if entry.revision in reached]
        return State((*below, *strange), rows)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """Raises `PlanError` for a repair that the heads cannot tell."""
        heads = tuple(row.revision for row in history.rows)
        after = _repaired(action, heads) if _is_repair(action) else _moved(action, heads)
        table, guard = self.place.named(history), self.place.guard(history)
        gone, come = [one for one in heads if one not in after], [one for one in after if one not in heads]
        writes = [
            *(f"DELETE FROM {table} WHERE {same('version_num', one)}" for one in gone),
            *(f"INSERT INTO {table} (version_num) VALUES ({quote_literal(one)})" for one in come),
        ]
        following = replace(history, exists=True, rows=tuple(_lines(after)))
        stands = _stands(table, heads)
        if action.body is None or action.mode == "transaction":
            moved = f"the history moved on from {', '.join(heads) or 'nothing'}: another runner was faster"
            step = self.place.step(history, stands, moved, *writes)
            return Record(begin=(step,), guard=guard, history=following)
        check = self.place.check(history, stands, f"{action.name}: another runner was faster")
        late = self.place.late(history, stands, too_late(action), *writes)
        return Record(begin=(check,), finish=(late,), guard=guard, history=following)

    def _elsewhere(self, schema: str, facts: Facts) -> bool:  # noqa: ARG002 - Alembic takes what the search_path finds
        return False


def _lines(heads: Iterable[str]) -> list[HistoryRow]:
    return [HistoryRow(revision=head, data={"version_num": head}) for head in sorted(heads)]


def _stands(table: str, heads: Sequence[str]) -> str:
    """The condition that these are the rows, and no other."""
    if not heads:
        return f"NOT EXISTS (SELECT FROM {table})"
    known = " OR ".join(same("version_num", head) for head in heads)
    return f"(SELECT pg_catalog.count(*) = {len(heads)} AND pg_catalog.bool_and({known}) FROM {table})"


def _moved(action: Action, heads: Sequence[str]) -> tuple[str, ...]:
    kept = (head for head in heads if head not in action.before or head in action.after)
    return tuple(dict.fromkeys((*kept, *(one for one in action.after if one not in action.before))))


def _is_repair(action: Action) -> bool:
    return action.verb in _HISTORY_ONLY and action.before == action.after


def _repaired(action: Action, heads: tuple[str, ...]) -> tuple[str, ...]:
    """One revision alone: a head counts as applied already, and can be taken out if nothing has to take its place."""
    if action.revision in heads and action.verb == "mark":
        return heads
    if action.revision in heads and not action.entry.parents:
        return tuple(head for head in heads if head != action.revision)
    message = (
        f"{action.verb} {action.name}: alembic's table holds the heads, now {', '.join(heads) or 'none'}, and what they build "
        "on counts as applied: it cannot say that of one alone. Say where the database stands: trek stamp REVISION."
    )
    raise PlanError(message, (action.revision,))
