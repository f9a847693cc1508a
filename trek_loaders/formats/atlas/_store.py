"""The table `atlas_schema_revisions`: a row a version, which tells of each statement how far it came."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Literal

from trek_core.plugin import HistoryRow, Sql, State, quote_literal, replace, state_of
from trek_loaders.formats._begun import BegunStore
from trek_loaders.formats._table import marked_at, moment, same
from trek_loaders.formats.atlas._layout import AtlasBody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trek_core.plugin import Action, Catalog, History, Record, Row, VersionStore
    from trek_loaders.formats._settings import TableSettings

LOCK = 2686470616
"""FNV-1, 32 bits, of "atlas_migrate_execute"."""
_CLOUD = ".atlas_cloud_identifier"
_BASELINE, _EXECUTED, _RESOLVED = 1, 2, 4
_WHO = "trek"


def make_store(settings: TableSettings) -> VersionStore:
    """The table in a schema of its own name, unless the settings say otherwise."""
    return AtlasStore(settings)


class AtlasStore(BegunStore):
    """A row is failed while it has an error, or fewer statements applied than there are."""

    tool = "atlas"
    table = schema = "atlas_schema_revisions"
    own_keys = (LOCK,)
    columns: ClassVar = {
        "version": (),
        "description": (),
        "type": ("bigint",),
        "applied": ("bigint",),
        "total": ("bigint",),
        "executed_at": ("timestamp with time zone",),
        "execution_time": ("bigint",),
        "error": (),
        "error_stmt": (),
        "hash": (),
        "partial_hashes": (),
        "operator_version": (),
    }

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        counting = [row for row in rows if row["version"] != _CLOUD]
        return map(_line, sorted(counting, key=lambda row: (moment(row["executed_at"]), row["version"])))

    def state(self, history: History, catalog: Catalog) -> State:
        """Everything up to a baseline counts as applied, with a row or without."""
        found = state_of(history, catalog)
        baseline = max((row.revision for row in history.rows if row.data["type"] & _BASELINE), default="")
        below = (entry.revision for entry in catalog.entries if entry.revision <= baseline)
        return replace(found, applied=(*(one for one in below if one not in found.applied), *found.applied))

    def create(self, name: str) -> Iterable[str]:
        columns = (
            "version character varying NOT NULL PRIMARY KEY, description character varying NOT NULL, "
            "type bigint NOT NULL DEFAULT 2, applied bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, "
            "executed_at timestamptz NOT NULL, execution_time bigint NOT NULL, error text, error_stmt text, "
            "hash character varying NOT NULL, partial_hashes jsonb, operator_version character varying NOT NULL"
        )
        return (f"CREATE TABLE {name} ({columns})",)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """Outside a transaction the row follows each statement, so that Atlas goes on where a failure left it."""
        record = super().record(action, history)
        if action.body is None or action.verb == "revert" or action.mode == "transaction":
            return record
        return replace(record, progress=self._progress(action, history))

    def _progress(
        self, action: Action, history: History
    ) -> Callable[[int, Literal["begin", "done", "whole"]], tuple[Sql, ...]]:
        hashes = _hashes(_texts(action))

        def progress(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Sql, ...]:
            kept = quote_literal(json.dumps(hashes[:number]))
            done = f"applied = {number}, partial_hashes = {kept}::jsonb"
            return () if phase == "begin" else (self._update(action, history, done),)

        return progress

    def _update(self, action: Action, history: History, change: str) -> Sql:
        return Sql(f"UPDATE {self.place.named(history)} SET {change} WHERE {self.picks(action.revision)}")

    def picks(self, revision: str) -> str:
        return same("version", revision)

    def is_begun(self, action: Action) -> str:
        return f"{self.picks(action.revision)} AND {same('operator_version', _WHO)}"

    def begin(self, action: Action, history: History) -> str:
        return self._insert(action, history, _EXECUTED, len(_texts(action)))

    def insert(self, action: Action, history: History) -> str:
        """As `atlas migrate set`: no statement was run."""
        return self._insert(action, history, _RESOLVED, 0)

    def _insert(self, action: Action, history: History, kind: int, total: int) -> str:
        values = {
            "version": quote_literal(action.revision),
            "description": quote_literal(action.entry.title),
            "type": str(kind),
            "applied": "0",
            "total": str(total),
            "executed_at": marked_at(action)[0],
            "execution_time": "0",
            "error": "''",
            "error_stmt": "''",
            "hash": quote_literal(action.checksum or ""),
            "partial_hashes": "'null'",
            "operator_version": quote_literal(_WHO),
        }
        return f"INSERT INTO {self.place.named(history)} ({', '.join(values)}) VALUES ({', '.join(values.values())})"

    def complete(self, action: Action, history: History) -> str:
        took = "(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - executed_at) * 1000000000)::bigint"
        return self._update(action, history, f"applied = total, partial_hashes = 'null', execution_time = {took}").text

    def fail(self, action: Action, history: History) -> str:
        texts = ", ".join(map(quote_literal, _texts(action)))
        error = quote_literal("failed in a run of trek, which showed what the database said")
        statement = f"coalesce((ARRAY[{texts}]::text[])[applied + 1], '')"
        return self._update(action, history, f"error = {error}, error_stmt = {statement}").text


def _texts(action: Action) -> tuple[str, ...]:
    body = action.body
    if isinstance(body, AtlasBody):
        return body.texts
    return tuple(one.text if isinstance(one, Sql) else "" for one in body.statements) if body else ()


def _hashes(texts: Sequence[str]) -> list[str]:
    """Of each statement and all before it."""
    state, found = sha256(), list[str]()
    for text in texts:
        state.update(text.encode())
        found.append(f"h1:{b64encode(state.digest()).decode()}")
    return found


def _line(row: Row) -> HistoryRow:
    done = row["applied"] == row["total"] and not row["error"]
    return HistoryRow(
        revision=row["version"],
        title=row["description"],
        state="done" if done else "failed" if row["error"] else "started",
        checksum=row["hash"],
        started_at=row["executed_at"],
        finished_at=row["executed_at"] if done else "",
        duration=row["execution_time"] / 1e9,
        problem="" if done else _problem(row),
        data=row,
    )


def _problem(row: Row) -> str:
    came = f"{row['applied']} of {row['total']} statements done"
    return f"{row['error'] or 'nothing that was written down'} ({came}; then: {row['error_stmt'] or 'unknown'})"
