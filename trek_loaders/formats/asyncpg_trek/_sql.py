"""The SQL of the history table that is not that of every tool's table (`formats._table`). `name` is qualified and quoted."""

from __future__ import annotations

from trek_core.plugin import Sql, quote_literal
from trek_loaders.formats._table import KEY
from trek_loaders.formats.asyncpg_trek._edges import INITIAL

TABLE = "migrations"


def query(schema: str, name: str) -> Sql:
    """The table's columns and whether row security hides rows, then every row."""
    return Sql(
        "SELECT pg_catalog.jsonb_build_object("
        f"{quote_literal(KEY)}, pg_catalog.jsonb_build_object("
        "'hidden', pg_catalog.row_security_active(c.oid), "
        "'columns', (SELECT pg_catalog.jsonb_object_agg(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) "
        "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {quote_literal(schema)} AND c.relname = {quote_literal(TABLE)}\n"
        f"UNION ALL SELECT pg_catalog.to_jsonb(t) FROM {name} t"
    )


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
