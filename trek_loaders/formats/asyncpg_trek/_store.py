"""The history table `migrations`, exactly as asyncpg-trek 0.4.0 makes it.

Rows are only ever added; a way down is a row too. The row is written before the body, in its transaction. Outside a
transaction, which asyncpg-trek cannot do, it is written after the body: until then the table says nothing, so a failure
half-way leaves what ran and no trace of it.

Both tools at the same moment: asyncpg-trek takes no lock and runs SERIALIZABLE, planning in one transaction and
executing in another. trek takes an advisory lock against other runs of trek, and from its check where the database
stands until its commit it locks the table. So trek waits for an asyncpg-trek that is executing, sees its rows, and
never repeats its work. The other way round nothing protects: a plan that asyncpg-trek made before trek's commit is
carried out after it, even if trek has done the same. Let one of them finish before you start the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    Verb,
    VersionStore,
    advisory_key,
    replace,
)
from trek_loaders.formats._table import KEY, Table, refuse_hidden
from trek_loaders.formats.asyncpg_trek import _sql
from trek_loaders.formats.asyncpg_trek._edges import INITIAL
from trek_loaders.formats.asyncpg_trek._graph import ways_down

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_loaders.formats.asyncpg_trek import AsyncpgTrekSettings

COLUMNS = ("id", "from_revision", "to_revision", "timestamp")


def make_store(settings: AsyncpgTrekSettings) -> VersionStore:
    """The store for the settings. Raises `ConfigError` for a schema that cannot be a name."""
    schema = "public" if settings.schema is None else settings.schema
    if not schema or "\0" in schema:
        message = f"store setting schema = {schema!r} cannot be the name of a schema. Leave it out for 'public'."
        raise ConfigError(message)
    return AsyncpgTrekStore(schema)


class AsyncpgTrekStore(VersionStore):
    """asyncpg-trek's table in one schema."""

    keeps_begun = False

    def __init__(self, schema: str) -> None:
        self._place = Table("asyncpg-trek", _sql.TABLE, schema)

    @property
    def identity(self) -> str:
        return self._place.identity

    def query(self) -> Sql:
        return self._place.query()

    def history(self, rows: Rows | None, facts: Facts) -> History:
        if rows is None:
            return History(exists=False, facts=facts)
        self._refuse_unfit([row[KEY] for row in rows if KEY in row], facts)
        raw = sorted((row for row in rows if KEY not in row), key=lambda row: row["id"])
        path, lines = {INITIAL: None}, list[HistoryRow]()
        for row in raw:
            lines.append(_line(row, back=_node(row["to_revision"]) in path))
            _move(path, row, frozenset())
        return History(True, tuple(lines), raw[-1]["id"] + 1 if raw else 1, facts)

    def state(self, history: History, catalog: Catalog) -> State:
        """The path of revisions the rows lead along. Where the files say that a row went down, its start is left."""
        downs = ways_down(catalog)
        path, rows = {INITIAL: None}, dict[str, HistoryRow]()
        for line in history.rows:
            comes_back = _node(line.data["to_revision"]) in path
            _move(path, line.data, downs)
            if not comes_back:  # else its row is the one that had made it applied
                rows[next(reversed(path))] = line
        applied = tuple(path)[1:]
        return State(applied, {node: rows[node] for node in applied}, current=applied[-1] if applied else None)

    def locks(self, history: History) -> Sequence[Lock]:  # noqa: ARG002 - the table need not exist
        """An advisory lock of trek's own: asyncpg-trek takes none, and does not see this one."""
        return (Advisory(advisory_key(f"trek asyncpg-trek {self.identity}")),)

    def prepare(self, history: History) -> Sequence[Sql]:
        return () if history.exists else self._place.made(history, _sql.create(self._place.named(history)))

    def record(self, action: Action, history: History) -> Record:
        """In a transaction the row comes first; outside one, after the body.

        Raises `PlanError` for several heads, and for an action that leaves the database where it is.
        """
        before, after = _standing(history), _one(action)
        following = _advanced(history, action, before, after)
        place, name = self._place, self._place.named(history)
        guard, row = place.guard(history), _sql.insert(name, before, after)
        stands, moved = _sql.stands(name, before), f"the history moved on from {before}: another runner was faster"
        if action.mode == "transaction":
            begin, finish = place.step(history, stands, moved, row), self._confirm(history, after)
        else:
            begin = place.check(history, stands, moved)
            finish = place.late(history, stands, _too_late(action, before), row)
        return Record(begin=(begin,), finish=(finish,), guard=guard, history=following)

    def _confirm(self, history: History, after: str) -> Sql:
        """Fails if the body changed the history under its own row."""
        message = f"the migration itself changed the history: it no longer ends at {after}. Leave that table to trek."
        return self._place.confirm(history, _sql.stands(self._place.named(history), after), message)

    def _refuse_unfit(self, described: Sequence[Row], facts: Facts) -> None:
        if not described:
            message = (
                f"The table {self.identity} is younger than what the open transaction can see. "
                "End that transaction, and begin trek's outside of one or at READ COMMITTED."
            )
            raise ConfigError(message)
        columns = described[0]["columns"] or {}
        if not set(COLUMNS) <= set(columns) or columns["id"] not in ("smallint", "integer", "bigint"):
            found = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            message = (
                f"The table {self.identity} is not asyncpg-trek's: it has the columns {found or 'none'}, and not "
                f"{', '.join(COLUMNS)} with an integer id. It belongs to something else: "
                "name another schema with the store setting schema."
            )
            raise ConfigError(message)
        if described[0]["hidden"]:
            raise refuse_hidden(self._place, facts)


def _too_late(action: Action, before: str) -> str:
    return (
        f"{action.name} ran outside a transaction, and meanwhile the history moved on from {before}: nothing was recorded. "
        "Look at what both did to the database, then set the history right with trek stamp."
    )


def _node(revision: str | None) -> str:
    # The columns may be null, and asyncpg-trek takes null and nothing for the empty database.
    return revision or INITIAL


def _move(path: dict[str, None], row: Row, downs: frozenset[tuple[str, str]]) -> None:
    """Moves the path, which holds no revision twice, as the row says: cut back to a revision on it, else one longer.

    A known way down to a revision off the path leaves its start.
    """
    source, target = _node(row["from_revision"]), _node(row["to_revision"])
    if target in path:
        while next(reversed(path)) != target:
            path.popitem()
        return
    if (source, target) in downs and next(reversed(path)) == source:
        path.popitem()
    path[target] = None


def _line(row: Row, *, back: bool) -> HistoryRow:
    revision = _node(row["from_revision"] if back else row["to_revision"])
    verb: Verb = "revert" if back else "apply"
    time = row["timestamp"] or ""
    return HistoryRow(revision=revision, verb=verb, started_at=time, finished_at=time, data=row)


def _standing(history: History) -> str:
    return _node(history.rows[-1].data["to_revision"]) if history.rows else INITIAL


def _one(action: Action) -> str:
    if action.before == action.after:
        message = (
            f"{action.verb} {action.name} says nothing of where the database stands, and asyncpg-trek's table holds nothing "
            "else. Write that instead: trek stamp REVISION."
        )
        raise PlanError(message, (action.revision,))
    if len(action.after) > 1:
        message = (
            f"After {action.name} the database would stand on {', '.join(action.after)}, and asyncpg-trek's table "
            "holds one revision. Use another store, or a folder without branches."
        )
        raise PlanError(message, action.after)
    return action.after[0] if action.after else INITIAL


def _advanced(history: History, action: Action, before: str, after: str) -> History:
    """The history for the next record, which asks for the newest row only: all of them each time would be quadratic."""
    row = {"id": history.next, "from_revision": before, "to_revision": after, "timestamp": None}
    line = _line(row, back=action.verb in ("revert", "unmark"))
    return replace(history, exists=True, rows=(line,), next=history.next + 1)
