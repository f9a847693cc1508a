"""The SQL of the history table that is not that of every tool's table (`formats._table`). `name` is qualified and quoted."""

from __future__ import annotations

from trek_core.plugin import quote_literal
from trek_loaders.formats.asyncpg_trek._edges import INITIAL

TABLE = "migrations"


def create(name: str) -> tuple[str, ...]:
    """The table and index that asyncpg-trek makes."""
    table = (
        f"CREATE TABLE {name} (\n"
        "  id serial PRIMARY KEY,\n  from_revision text,\n  to_revision text,\n"
        '  "timestamp" timestamp NOT NULL DEFAULT current_timestamp\n)'
    )
    return table, f'CREATE INDEX migrations_timestamp_idx ON {name} ("timestamp")'


def stands(name: str, revision: str) -> str:
    """The condition that the database stands on a revision."""
    newest = f"(SELECT to_revision FROM {name} ORDER BY id DESC LIMIT 1)"
    return f"coalesce(nullif({newest}, ''), {quote_literal(INITIAL)}) = {quote_literal(revision)}"


def insert(name: str, before: str, after: str) -> str:
    """The row of a step."""
    values = f"{quote_literal(before)}, {quote_literal(after)}"
    return f"INSERT INTO {name} (from_revision, to_revision) VALUES ({values})"
