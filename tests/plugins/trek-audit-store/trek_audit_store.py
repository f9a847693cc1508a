"""A version store in the organisation's audit table: one row a step, beside the rows of other changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from trek_core.plugin import (
    Action,
    Advisory,
    Catalog,
    ConfigError,
    Facts,
    Guard,
    History,
    HistoryRow,
    Lock,
    Provider,
    Record,
    Row,
    Rows,
    Sql,
    State,
    Statement,
    VersionStore,
    advisory_key,
    create_schema,
    hookimpl,
    quote_ident,
    quote_literal,
    state_of,
)

COLUMNS = ("step", "done_at", "who", "what", "ticket", "revision", "verb", "title", "checksum", "state")


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Where the audit table is, and the ticket that asks for the change."""

    ticket: str = ""
    schema: str = "audit"
    table: str = "changes"


class AuditStore(VersionStore):
    def __init__(self, settings: AuditSettings) -> None:
        self.settings, self.key = settings, f"{settings.table}_step"
        self.name = f"{quote_ident(settings.schema)}.{quote_ident(settings.table)}"

    @property
    def identity(self) -> str:
        return f"{self.settings.schema}.{self.settings.table}"

    def query(self) -> Sql:
        """A row that lists the columns, then those of migrations. The second part fails where there is no table."""
        return Sql(
            "SELECT pg_catalog.jsonb_build_object('columns', pg_catalog.jsonb_agg(a.attname)) FROM pg_catalog.pg_attribute a"
            f" WHERE a.attrelid = pg_catalog.to_regclass({quote_literal(self.name)}) AND a.attnum > 0 AND NOT a.attisdropped"
            f" UNION ALL SELECT pg_catalog.to_jsonb(t) FROM {self.name} t WHERE pg_catalog.to_jsonb(t) ->> 'what' = 'migration'"
        )

    def history(self, rows: Rows | None, facts: Facts) -> History:
        columns = next((row["columns"] for row in rows or () if "columns" in row), None)
        if columns is None:
            return History(exists=False, facts=facts)
        if missing := set(COLUMNS).difference(columns):
            msg = (
                f"{self.identity} is no audit table: it lacks {', '.join(sorted(missing))}.\n"
                "Name the right one with the store settings schema and table."
            )
            raise ConfigError(msg)
        found = sorted((row for row in rows or () if "columns" not in row), key=lambda row: int(row["step"]))
        following = int(found[-1]["step"]) + 1 if found else 1
        return History(True, tuple(map(_row, found)), following, facts)

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def locks(self, history: History) -> Sequence[Lock]:
        return [Advisory(advisory_key(f"trek-audit-store {self.identity}"))]

    def prepare(self, history: History) -> Sequence[Statement]:
        if history.exists:
            return []
        columns = (
            f"step bigint CONSTRAINT {quote_ident(self.key)} UNIQUE",
            "done_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()",
            "who text NOT NULL DEFAULT session_user",
            "what text NOT NULL",
            "ticket text NOT NULL",
            *(f"{name} text" for name in ("revision", "verb", "title", "checksum", "state")),
        )
        return [Sql(create_schema(self.settings.schema)), Sql(f"CREATE TABLE {self.name} ({', '.join(columns)})")]

    def record(self, action: Action, history: History) -> Record:
        if not self.settings.ticket:
            msg = f'no ticket: every change in {self.identity} names one. Set the store setting ticket: ticket = "OPS-1234".'
            raise ConfigError(msg)
        whole = action.mode == "transaction"  # else the row says that it was begun, until all of it ran
        about = (action.revision, action.verb, action.entry.title, action.checksum, "done" if whole else "started")
        values = ", ".join(map(quote_literal, (history.next, "migration", self.settings.ticket, *about)))
        columns = "step, what, ticket, revision, verb, title, checksum, state"
        begin = Sql(f"INSERT INTO {self.name} ({columns}) VALUES ({values})")
        done = (
            f"UPDATE {self.name} SET state = 'done', done_at = pg_catalog.clock_timestamp() WHERE step = {history.next}"
        )
        return Record(
            begin=(begin,),
            finish=() if whole else (Sql(done),),
            guard=Guard(self.settings.schema, self.settings.table, self.key),
            history=replace(history, exists=True, next=history.next + 1),
        )


def _row(row: Row) -> HistoryRow:
    return HistoryRow(
        revision=row["revision"],
        verb=row["verb"],
        state=row["state"],
        title=row["title"],
        checksum=row["checksum"],
        finished_at=row["done_at"],
        who=row["who"],
        application=row["ticket"],
        data=row,
    )


@hookimpl
def trek_register_version_stores() -> Iterator[Provider[VersionStore]]:
    yield Provider("audit", AuditStore, AuditSettings)
