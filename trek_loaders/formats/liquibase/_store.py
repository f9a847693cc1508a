"""The table `databasechangelog`, and the lock that is the row of `databasechangeloglock`."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import ConfigError, HistoryRow, PlanError, RowLock, Sql, quote_ident, quote_literal, replace
from trek_loaders.formats._store import RowStore
from trek_loaders.formats.liquibase._preconditions import FLAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, Catalog, Entry, History, Lock, Record, Row, State, VersionStore
    from trek_loaders.formats._settings import LiquibaseSettings

LIKE = "4.29.0"
"""The version whose rows these are like; where there are rows, the newest says which."""
MOST = 250
_FORGOTTEN = re.compile("[1-7]:")
"""Checksums of versions that Liquibase itself no longer compares."""

_NOW = "pg_catalog.clock_timestamp()::timestamp"


def make_store(settings: LiquibaseSettings) -> VersionStore:
    """The tables of the settings, or `databasechangelog` and `databasechangeloglock` in the current schema."""
    return LiquibaseStore(settings)


class LiquibaseStore(RowStore):
    """A row for each changeset that ran: author, id and the file's path are its key, which no constraint holds."""

    tool = "liquibase"
    table = "databasechangelog"
    columns: ClassVar = {
        "id": ("character varying",),
        "author": ("character varying",),
        "filename": ("character varying",),
        "dateexecuted": (),
        "orderexecuted": ("integer",),
        "exectype": (),
        "md5sum": (),
    }

    def __init__(self, settings: LiquibaseSettings) -> None:
        super().__init__(settings)
        self.lock_table = settings.lock_table

    # ----------------------------------------------------------------------- reading
    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: (row["dateexecuted"], row["orderexecuted"])):
            path, time = row["filename"].removeprefix("classpath:"), row["dateexecuted"]
            yield HistoryRow(
                revision=f"{row['author']}:{row['id']}:{path}",
                title=row.get("comments") or "",
                verb="rerun" if row["exectype"] == "RERAN" else "apply",
                checksum=row["md5sum"],
                started_at=time,
                finished_at=time,
                data=row,
            )

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        written = row.get("md5sum")
        if not checksums or written is None or _FORGOTTEN.match(written):
            return False
        return written not in checksums and "any" not in checksums

    def state(self, history: History, catalog: Catalog) -> State:
        """Raises `ConfigError` where the rows call the folder's files by other paths: all of it would run again."""
        found = super().state(history, catalog)
        pending = {_name(entry.meta): entry for entry in catalog.entries if entry.revision not in found.rows}
        for revision, row in found.rows.items():
            entry = pending.get((row.data["author"], row.data["id"]))
            if entry is not None and catalog.get(revision) is None:
                _check_path(row.data["filename"].removeprefix("classpath:"), str(entry.meta["path"]), entry)
        return found

    # ----------------------------------------------------------------------- the lock
    def locks(self, history: History) -> Sequence[Lock]:
        """Trek's own, behind it Liquibase's row."""
        name = self._lock_name(history)
        who = quote_literal(f"{socket.gethostname()} (trek, process {os.getpid()})"[:MOST])
        taken = "locked = true, lockgranted = excluded.lockgranted, lockedby = excluded.lockedby"
        free = "locked = false, lockgranted = NULL, lockedby = NULL"
        age = "greatest(0, pg_catalog.date_part('epoch', LOCALTIMESTAMP - lockgranted))"
        row = RowLock(
            take=Sql(
                f"INSERT INTO {name} AS t (id, locked, lockgranted, lockedby) VALUES (1, true, LOCALTIMESTAMP, {who})"
                f" ON CONFLICT (id) DO UPDATE SET {taken} WHERE NOT t.locked RETURNING pg_catalog.to_jsonb(t)"
            ),
            release=Sql(f"UPDATE {name} AS t SET {free} WHERE pg_catalog.to_jsonb(t) = $row::pg_catalog.jsonb"),
            make=(
                *self.place.made(history, ()),
                Sql(self._lock_table(name)),
                Sql(f"INSERT INTO {name} VALUES (1, false)"),
            ),
            holder=Sql(
                f"SELECT pg_catalog.jsonb_build_object('name', lockedby, 'age', {age}) FROM {name} WHERE locked"
            ),
            advice=f"`liquibase release-locks` frees it, and so does: UPDATE {name} SET {free} WHERE id = 1;",
        )
        return (*super().locks(history), row)

    def _lock_name(self, history: History) -> str:
        return f"{quote_ident(self.place.where(history))}.{quote_ident(self.lock_table)}"

    def _lock_table(self, name: str, *, missing: str = "") -> str:
        key = quote_ident(f"{self.lock_table}_pkey")
        columns = "id integer NOT NULL, locked boolean NOT NULL, lockgranted timestamp, lockedby varchar(255)"
        return f"CREATE TABLE {missing}{name} ({columns}, CONSTRAINT {key} PRIMARY KEY (id))"

    # ----------------------------------------------------------------------- writing
    def prepare(self, history: History) -> Sequence[Sql]:
        """Both tables. That of the lock was made with the lock, where there was one."""
        if history.exists:
            return ()
        lock = Sql(self._lock_table(self._lock_name(history), missing="IF NOT EXISTS "))
        return (*super().prepare(history), lock)

    def create(self, name: str) -> Iterable[str]:
        text = "varchar(255)"
        columns = (
            f"id {text} NOT NULL, author {text} NOT NULL, filename {text} NOT NULL, dateexecuted timestamp NOT NULL,"
            f" orderexecuted integer NOT NULL, exectype varchar(10) NOT NULL, md5sum varchar(35), description {text},"
            f" comments {text}, tag {text}, liquibase varchar(20), contexts {text}, labels {text}, deployment_id varchar(10)"
        )
        return (f"CREATE TABLE {name} ({columns})",)

    def picks(self, revision: str) -> str:
        own = "pg_catalog.concat(author, ':', id, ':', pg_catalog.regexp_replace(filename, '^classpath:', ''))"
        return f"{own} = {quote_literal(revision)}"

    def insert(self, action: Action, history: History) -> str:
        """A row, or where a changeset runs again its row as Liquibase then changes it. Raises `PlanError`."""
        values = self._values(action, history)
        name = self.place.named(history)
        if action.verb == "rerun":
            pairs = ", ".join(f"{column} = {value}" for column, value in values.items() if column not in _key(action))
            return f"UPDATE {name} SET {pairs} WHERE {self.picks(action.revision)}"
        return f"INSERT INTO {name} ({', '.join(values)}) VALUES ({', '.join(values.values())})"

    def _values(self, action: Action, history: History) -> dict[str, str]:
        """Dateexecuted is never before another row's, since Liquibase goes by it; the run's id is the time of its lock."""
        name, lock, meta = self.place.named(history), self._lock_name(history), action.entry.meta
        milliseconds = "pg_catalog.floor(pg_catalog.date_part('epoch', {}) * 1000)::bigint::text"
        granted = f"(SELECT lockgranted FROM {lock} WHERE locked)"
        newest = f"(SELECT liquibase FROM {name} ORDER BY dateexecuted DESC, orderexecuted DESC LIMIT 1)"
        told = {column: meta.get(column) for column in ("contexts", "labels")}
        return {
            **{column: quote_literal(value) for column, value in _key(action).items()},
            "dateexecuted": f"(SELECT greatest({_NOW}, pg_catalog.max(dateexecuted)) FROM {name})",
            "orderexecuted": f"(SELECT COALESCE(pg_catalog.max(orderexecuted), 0) + 1 FROM {name})",
            "exectype": "'RERAN'" if action.verb == "rerun" else "'EXECUTED'",
            "md5sum": quote_literal(action.checksum) if action.checksum else "NULL",
            "description": "'sql'",
            "comments": quote_literal(action.entry.title[:MOST]),
            **{column: quote_literal(str(value)) if value else "NULL" for column, value in told.items()},
            "liquibase": f"COALESCE({newest}, '{LIKE}')",
            "deployment_id": f"pg_catalog.right({milliseconds.format(f'COALESCE({granted}, LOCALTIMESTAMP)')}, 10)",
        }

    def record(self, action: Action, history: History) -> Record:
        """Of a changeset whose precondition may say that it counts as ran, the row says which it was."""
        record = super().record(action, history)
        if not action.entry.meta.get("marks") or action.body is None or action.verb == "revert":
            return record
        which = f"{self.picks(action.revision)} AND pg_catalog.current_setting('{FLAG}') = 'MARK_RAN'"
        update = f"UPDATE {self.place.named(history)} SET exectype = 'MARK_RAN' WHERE {which}"
        return replace(record, finish=(*record.finish, Sql(update)))


def _name(meta: Mapping[str, object]) -> tuple[object, object]:
    return meta.get("author"), meta.get("id")


def _check_path(there: str, here: str, entry: Entry) -> None:
    """Whether a row's path and a file's are of one file, seen from two folders."""
    if there.endswith(f"/{here}"):
        advice = f"Give the layout setting prefix = {there.removesuffix(here)!r}."
    elif here.endswith(f"/{there}"):
        advice = f"Liquibase looked from further in: give trek the folder {here.removesuffix(there)!r} below this one."
    else:
        return
    message = (
        f"The history has the changeset {entry.meta['author']}:{entry.meta['id']} with the path {there!r}, and in the folder "
        f"it is in {here!r}: as it stands everything would run again. {advice}"
    )
    raise ConfigError(message)


def _key(action: Action) -> dict[str, str]:
    """id, author and filename."""
    meta = action.entry.meta
    found = [str(meta[name]) for name in ("author", "id", "path") if name in meta] or action.revision.split(":", 2)
    if len(found) != 3:  # noqa: PLR2004 - a changeset's names
        message = (
            f"liquibase's table keeps author:id:path, and the revision {action.revision!r} is none. Take another store, or "
            "the layout liquibase."
        )
        raise PlanError(message, (action.revision,))
    return {"id": found[1], "author": found[0], "filename": found[2]}
