"""The table `_pogo_migration`, always in `public`: a row for each applied migration of each of pogo's schemas."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import ConfigError, HistoryRow, quote_literal, replace
from trek_loaders.formats._settings import PogoSettings, TableSettings
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import Table, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Action, Catalog, History, Record, Row, State, VersionStore

_FOREVER = "0001-01-01T00:00:00+00:00"


def make_store(settings: PogoSettings) -> VersionStore:
    """The rows of one of pogo's schemas."""
    return PogoStore(settings)


class PogoStore(RowStore):
    """The hash is that of the migration's name: it says nothing of what the file holds."""

    tool = "pogo-migrate"
    table = "_pogo_migration"
    columns: ClassVar = {"migration_hash": (), "migration_id": (), "applied": (), "schema_name": ()}

    def __init__(self, settings: PogoSettings) -> None:
        super().__init__(TableSettings("public"))
        self.place = Table(self.tool, self.table, "public", fixed=True)
        self.own = settings.schema
        self.needs_facts = True  # the current schema must be pogo's

    @property
    def identity(self) -> str:
        return super().identity if self.own == "public" else f"{super().identity} (schema {self.own})"

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        own = [row for row in rows if row["schema_name"] == self.own]
        for row in sorted(own, key=_when):
            time = row["applied"] or ""
            yield HistoryRow(revision=row["migration_id"], started_at=time, finished_at=time, data=row)

    def state(self, history: History, catalog: Catalog) -> State:
        """Rows of one transaction have one time: then the order is the layout's, so that nothing is before its parents."""
        place = {entry.revision: at for at, entry in enumerate(catalog.entries)}
        rows = sorted(history.rows, key=lambda row: (_when(row.data)[0], place.get(row.revision, -1)))
        return super().state(replace(history, rows=tuple(rows)), catalog)

    def unfit(self, columns: dict[str, str]) -> str:
        if columns.keys() == self.columns.keys() - {"schema_name"}:
            return (
                f"The table {super().identity} is of a pogo-migrate that knew no schemas. Run `pogo apply` of pogo-migrate 0.4 "
                "once, which brings it up to date."
            )
        return super().unfit(columns)

    def create(self, name: str) -> Iterable[str]:
        columns = "migration_hash varchar(64), migration_id varchar(255), applied timestamptz, schema_name varchar(64) NOT NULL"
        return (
            f"CREATE TABLE {name} ({columns}, PRIMARY KEY (migration_hash, schema_name))",
            "CREATE TABLE public._pogo_version (version integer NOT NULL PRIMARY KEY, installed timestamptz)",
            "INSERT INTO public._pogo_version (version, installed) VALUES (0, pg_catalog.now()), (1, pg_catalog.now())",
        )

    def record(self, action: Action, history: History) -> Record:
        """Raises `ConfigError` where the body would find another schema than with pogo-migrate."""
        found = history.facts.schema
        if action.body is not None and found != self.own:
            message = (
                f"pogo-migrate would run {action.name} with search_path = {self.own}, and this session's current schema is "
                f"{found or 'none'}. Connect with that search_path, or set the store setting schema to pogo's own."
            )
            raise ConfigError(message)
        return super().record(action, history)

    def picks(self, revision: str) -> str:
        return f"({same('migration_id', revision)} AND {same('schema_name', self.own)})"

    def insert(self, action: Action, history: History) -> str:
        name = quote_literal(sha256(action.revision.encode()).hexdigest()), quote_literal(action.revision)
        values = ", ".join((*name, quote_literal(self.own), "pg_catalog.clock_timestamp()"))
        columns = "migration_hash, migration_id, schema_name, applied"
        return f"INSERT INTO {self.place.named(history)} ({columns}) VALUES ({values})"


def _when(row: Row) -> tuple[datetime, str]:
    return datetime.fromisoformat(row["applied"] or _FOREVER), row["migration_id"]
