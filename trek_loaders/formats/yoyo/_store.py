"""The table `_yoyo_migration`, a row for each applied migration; the log beside it; and the lock, which is a row, too."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import HistoryRow, Record, RowLock, Sql, create_schema, quote_ident, quote_literal, replace
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Action, History, Lock, Row, VersionStore
    from trek_loaders.formats._settings import TableSettings

_NOW = "pg_catalog.clock_timestamp() AT TIME ZONE 'UTC'"
_LOGGED = "id, migration_hash, migration_id, operation, username, hostname, created_at_utc"
_HOST = "coalesce(pg_catalog.host(pg_catalog.inet_client_addr()), 'localhost')"


def make_store(settings: TableSettings) -> VersionStore:
    """The table of the settings, yoyo's `migration_table`; its log, version and lock have fixed names beside it."""
    return YoyoStore(settings)


class YoyoStore(RowStore):
    """The hash is that of the migration's name: it says nothing of what the file holds."""

    tool = "yoyo"
    table = "_yoyo_migration"
    columns: ClassVar = {"migration_hash": (), "migration_id": (), "applied_at_utc": ()}

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: (row["applied_at_utc"] or "", row["migration_id"])):
            time = f"{row['applied_at_utc']}+00:00" if row["applied_at_utc"] else ""
            yield HistoryRow(revision=row["migration_id"], started_at=time, finished_at=time, data=row)

    def unfit(self, columns: dict[str, str]) -> str:
        if columns.keys() == {"id", "ctime"}:
            return (
                f"The table {self.identity} is of a yoyo before 6.0, which wrote no hashes. Run `yoyo list` of a newer one "
                "once, which brings it up to date."
            )
        return super().unfit(columns)

    def create(self, name: str) -> Iterable[str]:
        """Without the lock's: who writes holds it, so that it is there."""
        schema = name.removesuffix(quote_ident(self.place.name))
        named = "migration_hash varchar(64), migration_id varchar(255)"
        log = (
            f"id varchar(36) PRIMARY KEY, {named}, operation varchar(10), username varchar(255), hostname varchar(255)"
        )
        return (
            f"CREATE TABLE {schema}_yoyo_log ({log}, comment varchar(255), created_at_utc timestamp)",
            f"CREATE TABLE {schema}_yoyo_version (version integer NOT NULL PRIMARY KEY, installed_at_utc timestamp)",
            f"CREATE TABLE {name} ({named}, applied_at_utc timestamp, PRIMARY KEY (migration_hash))",
            f"INSERT INTO {schema}_yoyo_version (version, installed_at_utc) VALUES (2, {_NOW})",
        )

    def locks(self, history: History) -> Sequence[Lock]:
        """The row of `yoyo_lock`. yoyo waits 10 s for it."""
        schema = self.place.where(history)
        name = f"{quote_ident(schema)}.yoyo_lock"
        columns = "locked integer DEFAULT 1, ctime timestamp, pid integer NOT NULL, PRIMARY KEY (locked)"
        age = f"pg_catalog.date_part('epoch', {_NOW} - ctime)"
        lock = RowLock(
            take=Sql(
                f"INSERT INTO {name} AS t (locked, ctime, pid) VALUES (1, {_NOW}, pg_catalog.pg_backend_pid()) "
                "ON CONFLICT DO NOTHING RETURNING pg_catalog.to_jsonb(t)"
            ),
            release=Sql(f"DELETE FROM {name} t WHERE pg_catalog.to_jsonb(t) = $row::pg_catalog.jsonb"),
            make=(Sql(create_schema(schema)), Sql(f"CREATE TABLE {name} ({columns})")),
            holder=Sql(
                f"SELECT pg_catalog.jsonb_build_object('name', 'process ' || pid::text, 'age', {age}) FROM {name}"
            ),
            advice="`yoyo break-lock` deletes the row.",
        )
        return (lock,)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """A post-apply file leaves no row; what is only marked has a word of its own in the log."""
        if not action.entry.recorded:
            return Record(history=history)
        if action.body is not None:
            return super().record(action, history)
        rows = " OR ".join(map(self.picks, (action.revision, *action.entry.replaces)))
        writes = [self._gone(rows, history, "unmark")]
        if action.verb == "mark":
            delete = f"DELETE FROM {self.place.named(history)} WHERE {rows}"
            writes = [delete, self._come(action, history, "mark")]
        return Record(begin=tuple(map(Sql, writes)), history=replace(history, exists=True))

    def picks(self, revision: str) -> str:
        return same("migration_id", revision)

    def insert(self, action: Action, history: History) -> str:
        return self._come(action, history, "apply")

    def remove(self, rows: str, history: History) -> str:
        return self._gone(rows, history, "rollback")

    def _come(self, action: Action, history: History, operation: str) -> str:
        name = f"{quote_literal(sha256(action.revision.encode()).hexdigest())}, {quote_literal(action.revision)}"
        insert = f"INSERT INTO {self.place.named(history)} (migration_hash, migration_id, applied_at_utc)"
        return self._logged(f"{insert} VALUES ({name}, {_NOW})", history, operation)

    def _gone(self, rows: str, history: History, operation: str) -> str:
        return self._logged(f"DELETE FROM {self.place.named(history)} WHERE {rows}", history, operation)

    def _logged(self, write: str, history: History, operation: str) -> str:
        """One statement for a row and its line in the log."""
        log = f"{quote_ident(self.place.where(history))}._yoyo_log"
        line = f"pg_catalog.gen_random_uuid()::text, migration_hash, migration_id, '{operation}', session_user, {_HOST}, {_NOW}"
        return f"WITH t AS ({write} RETURNING migration_hash, migration_id) INSERT INTO {log} ({_LOGGED}) SELECT {line} FROM t"
