"""The tables of the schema `graphile_migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import HistoryRow, PlanError, Sql, quote_ident, quote_literal
from trek_loaders.formats._mark import MarkStore
from trek_loaders.formats.graphile_migrate._file import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core.plugin import Action, History, Record, Row, VersionStore
    from trek_loaders.formats._settings import TableSettings


def make_store(settings: TableSettings) -> VersionStore:
    """The table `graphile_migrate.migrations`."""
    return GraphileMigrateStore(settings)


def filename_of(revision: str) -> str:
    """As the rows have it: what the tool orders by."""
    return f"{revision}.sql"


class GraphileMigrateStore(MarkStore):
    """A row has the hash of a file, that of the one before it, and the file's number with `.sql`."""

    tool = NAME
    table = "migrations"
    schema = "graphile_migrate"
    sum = "hash"
    own_keys = (4727445306447283,)
    columns: ClassVar = {
        "hash": ("text",),
        "previous_hash": ("text",),
        "filename": ("text",),
        "date": ("timestamp with time zone",),
    }

    def __init__(self, settings: TableSettings) -> None:
        super().__init__(settings)
        self.needs_facts = True  # a file may name the database

    def place_of(self, revision: str) -> str:
        return filename_of(revision)

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: row["filename"]):
            revision, time = row["filename"].removesuffix(".sql"), row["date"] or ""
            yield HistoryRow(revision=revision, checksum=row["hash"], started_at=time, finished_at=time, data=row)

    def prepare(self, history: History) -> Sequence[Sql]:
        """The tool's second table, too, in which it keeps what is being written."""
        if history.exists:
            return ()
        columns = (
            "filename text PRIMARY KEY DEFAULT 'current.sql', content text NOT NULL, "
            "date timestamptz NOT NULL DEFAULT pg_catalog.now()"
        )
        current = f"{quote_ident(self.place.where(history))}.current"
        return (*super().prepare(history), Sql(f"CREATE TABLE IF NOT EXISTS {current} ({columns})"))

    def create(self, name: str) -> Iterable[str]:
        columns = (
            f"hash text PRIMARY KEY, previous_hash text REFERENCES {name}, filename text NOT NULL, "
            "date timestamptz NOT NULL DEFAULT pg_catalog.now()"
        )
        return (f"CREATE TABLE {name} ({columns})",)

    def record(self, action: Action, history: History) -> Record:
        """Raises `PlanError` for another hash in a row: the next row, and the next file, name the one that is there."""
        row = next((row for row in history.rows if row.revision == action.revision), None)
        if action.verb == "mark" and row is not None and row.checksum != action.checksum:
            message = (
                f"mark {action.name}: its row has the hash {row.checksum}, by which what follows names it, so it cannot "
                f"become {action.checksum}, that of the edited file.\nRestore the file; or leave its Hash and say "
                "`--! AllowInvalidHash` below it, which keeps the edit."
            )
            raise PlanError(message, (action.revision,))
        return super().record(action, history)

    def picks(self, revision: str) -> str:
        return f"filename = {quote_literal(filename_of(revision))}"

    def insert(self, action: Action, history: History) -> str:
        table, checksum = self.place.named(history), action.checksum or action.revision
        own, filename = quote_literal(filename_of(action.revision)), 'filename COLLATE "C"'
        newest = f"SELECT hash FROM {table} WHERE {filename} < {own} ORDER BY {filename} DESC LIMIT 1"
        values = f"{quote_literal(checksum)}, ({newest}), {own}"
        return f"INSERT INTO {table} (hash, previous_hash, filename) VALUES ({values})"
