"""A version store outside the database: its statements are `Call`s that append to a file."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

import _trek_file_lines as lines

from trek_core.plugin import (
    Action,
    Advisory,
    Call,
    Catalog,
    ConfigError,
    Facts,
    History,
    HistoryRow,
    Lock,
    Provider,
    Record,
    Rows,
    Sql,
    State,
    Statement,
    VersionStore,
    advisory_key,
    hookimpl,
    quote_literal,
    state_of,
)

TEXTS = ("revision", "verb", "state", "title")
NUMBER = "SELECT pg_catalog.pg_current_xact_id()::text"
FATE = """\
SELECT line || pg_catalog.jsonb_build_object('counts', CASE
  WHEN xid IS NULL OR xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) THEN true
  WHEN xid = pg_catalog.pg_current_xact_id_if_assigned() THEN true
  ELSE coalesce(pg_catalog.pg_xact_status(xid) = 'committed', true) END)
FROM (SELECT line, (line ->> 'xid')::pg_catalog.xid8 AS xid
  FROM pg_catalog.jsonb_array_elements({rows}::pg_catalog.jsonb) AS t(line)) AS t"""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where the file is; a relative path is one below the current directory."""

    path: str = "trek-history.jsonl"


class FileStore(VersionStore):
    def __init__(self, settings: FileSettings) -> None:
        self.path = Path(settings.path).absolute()

    @property
    def identity(self) -> str:
        return str(self.path)

    def query(self) -> Sql:
        """Hands the server the file's lines, and gets them back with the word whether their transaction was committed."""
        found = lines.read(self.path)
        rows = [{"line": number, "text": text, "xid": _xid(text)} for number, text in enumerate(found or ())]
        return Sql(FATE.format(rows=quote_literal(json.dumps(rows))))

    def history(self, rows: Rows | None, facts: Facts) -> History:
        if not rows:
            return History(exists=False, facts=facts)
        ordered = sorted(rows, key=lambda row: int(row["line"]))
        parsed = [lines.parse(row["text"]) for row in ordered]
        if parsed[0] != lines.HEAD:
            self._refuse("its first line is not that of a history")
        found: dict[int, HistoryRow] = {}
        for number, (row, data) in enumerate(zip(ordered[1:], parsed[1:], strict=True), 1):
            if not _tells(data):
                self._refuse(f"line {number + 1} tells of no migration")
            elif (begun := data.get("ends")) is None:
                if row["counts"]:
                    found[number] = _row(data)
            elif begun in found:
                found[begun] = replace(found[begun], state="done", finished_at=str(data["at"]))
        return History(True, tuple(found.values()), len(ordered), facts)

    def _refuse(self, why: str) -> None:
        advice = "Name another file with the store setting path, or mend it."
        msg = f"{self.identity} is no history of trek-file-store: {why}.\n{advice}"
        raise ConfigError(msg)

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def locks(self, history: History) -> Sequence[Lock]:
        return [Advisory(advisory_key(f"trek-file-store {self.identity}"))]

    def prepare(self, history: History) -> Sequence[Statement]:
        async def create(connection: Any) -> None:
            lines.create(self.path)

        return [] if history.exists else [Call(create, f"create {self.path}")]

    def record(self, action: Action, history: History) -> Record:
        number = history.next
        about = {
            "revision": action.revision,
            "verb": action.verb,
            "title": action.entry.title,
            "checksum": action.checksum,
        }
        if action.mode == "transaction":
            finish = self._append(number, about | {"state": "done"}, in_transaction=True)
            return Record(finish=(finish,), history=replace(history, exists=True, next=number + 1))
        begin = self._append(number, about | {"state": "started"})
        finish = self._append(number + 1, {"ends": number})
        return Record(begin=(begin,), finish=(finish,), history=replace(history, exists=True, next=number + 2))

    def _append(self, number: int, line: dict[str, Any], *, in_transaction: bool = False) -> Call:
        async def append(connection: Any) -> None:
            xid = await connection.fetchval(NUMBER) if in_transaction else None
            more = {"xid": xid, "at": datetime.now(UTC).isoformat(), "who": getpass.getuser()}
            lines.append(self.path, number, line | more)

        return Call(append, f"append line {number + 1} to {self.path}")


def _tells(data: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Whether a line is one of ours: the end of a migration that was begun, or a migration."""
    if data is None or not isinstance(data.get("at"), str):
        return False
    return isinstance(data.get("ends"), int) or all(isinstance(data.get(name), str) for name in TEXTS)


def _xid(text: str) -> str | None:
    found = (lines.parse(text) or {}).get("xid")
    return found if isinstance(found, str) and found.isascii() and found.isdigit() else None


def _row(data: dict[str, Any]) -> HistoryRow:
    known = {name: data[name] for name in TEXTS}
    return HistoryRow(**known, checksum=data.get("checksum"), started_at=data["at"], who=data.get("who", ""), data=data)


@hookimpl
def trek_register_version_stores() -> Iterator[Provider[VersionStore]]:
    yield Provider("file", FileStore, FileSettings)
