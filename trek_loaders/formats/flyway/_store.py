"""The table `flyway_schema_history`: a row for each time that something was applied, by rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import HistoryRow, PlanError, Record, Sql, quote_ident, quote_literal, replace, state_of
from trek_loaders.formats._store import ToolStore
from trek_loaders.formats._table import do
from trek_loaders.formats.flyway import _rows
from trek_loaders.formats.flyway._baseline import with_baseline
from trek_loaders.formats.flyway._rows import NewRow, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Action, Catalog, History, Row, State, VersionStore
    from trek_loaders.formats._settings import TableSettings

SALT = int.from_bytes(b"Flyway", "big")
_TOOK = "pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp()::timestamp - installed_on) * 1000)"
_MILLISECONDS = f"GREATEST(0, LEAST(2147483647, {_TOOK}))::integer"


def make_store(settings: TableSettings) -> VersionStore:
    """The table of the settings, or `flyway_schema_history` in the current schema."""
    return FlywayStore(settings)


def lock_key(schema: str, table: str) -> int:
    """The number of the table's lock: Java's hash of its quoted name, with a sign, behind the name of the tool."""
    found = 0
    name = f"{quote_ident(schema)}.{quote_ident(table)}".encode("utf-16-be")
    for at in range(0, len(name), 2):
        found = (31 * found + int.from_bytes(name[at : at + 2], "big")) & 0xFFFFFFFF
    return SALT + found - ((found >> 31) << 32)


class FlywayStore(ToolStore):
    """In a transaction a row is written with the migration. Outside one it is there before the body, as a failed one, and
    is turned to success after it: what Flyway leaves of a failure is there also when the process dies.
    """

    tool = "Flyway"
    table = "flyway_schema_history"
    keeps_begun = True
    columns: ClassVar = {
        "installed_rank": ("integer",),
        "version": ("character varying",),
        "description": ("character varying",),
        "type": ("character varying",),
        "script": ("character varying",),
        "checksum": ("integer",),
        "installed_by": ("character varying",),
        "installed_on": (),
        "execution_time": ("integer",),
        "success": ("boolean",),
    }

    def __init__(self, settings: TableSettings) -> None:
        super().__init__(settings)
        self.needs_facts = True  # placeholders have the names of the user and the database

    def keys(self, history: History) -> tuple[int, ...]:
        return (lock_key(self.place.where(history), self.place.name),)

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        """All but the first of a schema that Flyway made: it tells of nothing that was applied."""
        told = (row for row in rows if row["type"] != "SCHEMA" or row["installed_rank"] > 0)
        return map(_rows.line, sorted(told, key=lambda row: row["installed_rank"]))

    def state(self, history: History, catalog: Catalog) -> State:
        """What rows say, and on top what a baseline makes count as applied."""
        told = tuple(_rows.resolved(row, catalog) for row in history.rows if not _rows.is_marker(row))
        return with_baseline(state_of(replace(history, rows=told), catalog), history.rows, catalog)

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        """By the checksum; and by the description, which Flyway compares, too."""
        written = row["checksum"]
        return _rows.RENAMED in row or (bool(checksums) and written is not None and str(written) not in checksums)

    # ----------------------------------------------------------------------- the table
    def create(self, name: str) -> Iterable[str]:
        columns = (
            "installed_rank integer NOT NULL, version varchar(50), description varchar(200) NOT NULL, "
            "type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL, "
            "installed_on timestamp NOT NULL DEFAULT pg_catalog.now(), execution_time integer NOT NULL, "
            "success boolean NOT NULL"
        )
        key, index = quote_ident(f"{self.place.name}_pk"), quote_ident(f"{self.place.name}_s_idx")
        return (
            f"CREATE TABLE {name} ({columns})",
            f"ALTER TABLE {name} ADD CONSTRAINT {key} PRIMARY KEY (installed_rank)",
            f"CREATE INDEX {index} ON {name} (success)",
        )

    def prepare(self, history: History) -> Sequence[Sql]:
        """The schema too, if it is missing, and then the row that says so: `flyway clean` drops what Flyway made."""
        if history.exists:
            return ()
        schema, name = self.place.where(history), self.place.named(history)
        marker = NewRow(0, None, _rows.SCHEMA_MADE, "SCHEMA", quote_ident(schema), None)
        missing = f"NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {quote_literal(schema)})"
        made = (
            f"IF made THEN CREATE SCHEMA {quote_ident(schema)}; END IF",
            *self.create(name),
            f"IF made THEN {marker.insert(name)}; END IF",
        )
        return (do(*made, declare=f"made boolean := {missing}"),)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """Nothing for a callback. Raises `PlanError` for what the table cannot keep, and for what has no row of its own."""
        if not action.entry.recorded:
            return Record(guard=self.place.guard(history), history=history)
        if action.verb in ("revert", "unmark"):
            return self._away(action, history)
        if action.verb == "mark" and (there := _rows.of(action, _rows.recorded(history))):
            return self._marked(action, history, there[-1])
        row = NewRow.of(action, rank_of(history) + 1)
        following = replace(history, exists=True, rows=(*history.rows, row.line()))
        outside = action.mode != "transaction"
        name = self.place.named(history)
        begin = self._step(action, history, row.insert(name, success=not outside))
        timed = f"UPDATE {name} SET execution_time = {_MILLISECONDS}, success = true WHERE installed_rank = {row.rank}"
        finish = self._late(action, history, row.rank, timed) if outside else Sql(timed)
        ends = () if action.body is None else (finish,)
        return Record(begin=(begin,), finish=ends, guard=self.place.guard(history), history=following)

    def _away(self, action: Action, history: History) -> Record:
        """Outside a transaction the rows fail first, and go when the way back is done."""
        if not (there := _rows.of(action, history.rows)):
            raise _without_row(action)
        ranks = [row.data["installed_rank"] for row in there]
        name, where = self.place.named(history), f"installed_rank IN ({', '.join(map(str, ranks))})"
        gone = f"DELETE FROM {name} WHERE {where}"
        following = replace(history, rows=tuple(row for row in history.rows if row not in there))
        outside = action.body is not None and action.mode != "transaction"
        begin = self._step(action, history, f"UPDATE {name} SET success = false WHERE {where}" if outside else gone)
        finish = (self._late(action, history, ranks[-1], gone),) if outside else ()
        return Record(begin=(begin,), finish=finish, guard=self.place.guard(history), history=following)

    def _marked(self, action: Action, history: History, there: HistoryRow) -> Record:
        """What is there is put right, as `flyway repair` does it."""
        row = NewRow.of(action, there.data["installed_rank"])
        begin = self._step(action, history, row.update(self.place.named(history)))
        lines = tuple(row.line() if one is there else one for one in history.rows)
        return Record(begin=(begin,), guard=self.place.guard(history), history=replace(history, rows=lines))

    def _step(self, action: Action, history: History, write: str) -> Sql:
        """Loses if the last row is not the one that the plan was made from."""
        message = f"the history moved on before {action.verb} {action.name}: another runner was faster"
        return self.place.step(history, self._stands(history), message, write)

    def _late(self, action: Action, history: History, rank: int, write: str) -> Sql:
        name = self.place.named(history)
        message = (
            f"{action.name} ran outside a transaction, and meanwhile somebody repaired its row of rank {rank}: nothing was "
            "recorded. Look at what is in the database, then set the history right with trek repair."
        )
        there = f"EXISTS (SELECT FROM {name} WHERE installed_rank = {rank} AND NOT success)"
        return self.place.late(history, there, message, write)

    def _stands(self, history: History) -> str:
        name, rows = self.place.named(history), history.rows
        if not rows:
            return f"NOT EXISTS (SELECT FROM {name} WHERE type OPERATOR(pg_catalog.<>) 'SCHEMA')"
        last = rows[-1].data
        known = (last["installed_rank"], last["version"] or "", last["description"])
        return (
            "coalesce((SELECT (installed_rank, coalesce(version, ''), description) OPERATOR(pg_catalog.=) "
            f"({', '.join(map(quote_literal, known))}) FROM {name} ORDER BY installed_rank DESC LIMIT 1), false)"
        )


def _without_row(action: Action) -> PlanError:
    message = (
        f"{action.verb} {action.name}: it has no row of its own that could be taken away. It is pending; or it counts as "
        "applied because it is not above the baseline, and nothing below that can be reverted."
    )
    return PlanError(message, (action.revision,))
