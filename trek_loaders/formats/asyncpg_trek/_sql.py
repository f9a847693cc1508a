"""The SQL of the history table. Every schema name goes through quote_ident or quote_literal."""

from __future__ import annotations

from trek_core.plugin import Sql, create_schema, quote_ident, quote_literal
from trek_loaders.formats.asyncpg_trek._edges import INITIAL

TABLE = "migrations"
TABLE_KEY = "trek_table"
"""The key of the one object of `query` that describes the table; all others are rows."""
MOVED = "trek_history_moved"
"""The name of the constraint that exists only in the guard's error."""


def query(schema: str) -> Sql:
    """The table's columns and whether row security hides rows, then every row."""
    return Sql(
        "SELECT pg_catalog.jsonb_build_object("
        f"{quote_literal(TABLE_KEY)}, pg_catalog.jsonb_build_object("
        "'hidden', pg_catalog.row_security_active(c.oid), "
        "'columns', (SELECT pg_catalog.jsonb_object_agg(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)) "
        "FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {quote_literal(schema)} AND c.relname = {quote_literal(TABLE)}\n"
        f"UNION ALL SELECT pg_catalog.to_jsonb(t) FROM {_table(schema)} t"
    )


def create(schema: str) -> tuple[Sql, ...]:
    """The schema if it is missing, and the table and index that asyncpg-trek makes."""
    return (
        Sql(create_schema(schema)),
        Sql(
            f"CREATE TABLE {_table(schema)} (\n"
            "  id serial PRIMARY KEY,\n  from_revision text,\n  to_revision text,\n"
            '  "timestamp" timestamp NOT NULL DEFAULT current_timestamp\n)'
        ),
        Sql(f'CREATE INDEX migrations_timestamp_idx ON {_table(schema)} ("timestamp")'),
    )


def check(schema: str, before: str) -> Sql:
    """Loses if the database no longer stands on `before`."""
    return _do(_lose_if_moved(schema, before))


def advance(schema: str, before: str, after: str) -> Sql:
    """Adds the row, or loses. One statement, so that it is atomic in every mode; two runners cannot both pass it."""
    return _do(_lock(schema) + _lose_if_moved(schema, before) + _insert(schema, before, after))


def advance_late(schema: str, before: str, after: str, name: str) -> Sql:
    """Adds the row after a body that ran outside a transaction. Too late to lose: what it finds wrong is a failure."""
    message = (
        f"{name} ran outside a transaction, and meanwhile the history moved on from {before}: nothing was recorded. "
        "Look at what both did to the database, then set the history right with trek stamp."
    )
    return _do(_lock(schema) + _fail_unless(schema, before, message) + _insert(schema, before, after))


def confirm(schema: str, after: str) -> Sql:
    """Fails if the body changed the history under its own row."""
    message = f"the migration itself changed the history: it no longer ends at {after}. Leave that table to trek."
    return _do(_fail_unless(schema, after, message))


def _table(schema: str) -> str:
    return f"{quote_ident(schema)}.{quote_ident(TABLE)}"


def _lock(schema: str) -> str:
    # Of all modes in which a runner excludes another one and asyncpg-trek's INSERT, the one that leaves readers alone.
    return f"LOCK TABLE {_table(schema)} IN SHARE ROW EXCLUSIVE MODE;\n"


def _elsewhere(schema: str, revision: str) -> str:
    newest = f"(SELECT to_revision FROM {_table(schema)} ORDER BY id DESC LIMIT 1)"
    return f"coalesce(nullif({newest}, ''), {quote_literal(INITIAL)}) <> {quote_literal(revision)}"


def _lose_if_moved(schema: str, before: str) -> str:
    message = quote_literal(f"the history moved on from {before}: another runner was faster")
    return (
        f"IF {_elsewhere(schema, before)} THEN\n"
        f"  RAISE EXCEPTION USING ERRCODE = '23505', MESSAGE = {message},\n"
        f"    SCHEMA = {quote_literal(schema)}, TABLE = {quote_literal(TABLE)}, CONSTRAINT = {quote_literal(MOVED)};\n"
        "END IF;\n"
    )


def _fail_unless(schema: str, revision: str, message: str) -> str:
    return (
        f"IF {_elsewhere(schema, revision)} THEN\n"
        f"  RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = {quote_literal(message)};\n"
        "END IF;\n"
    )


def _insert(schema: str, before: str, after: str) -> str:
    values = f"{quote_literal(before)}, {quote_literal(after)}"
    return f"INSERT INTO {_table(schema)} (from_revision, to_revision) VALUES ({values});\n"


def _do(body: str) -> Sql:
    block = f"BEGIN\n{body.rstrip()}\nEND"
    return Sql(f"DO {quote_literal(block)}" if "$trek$" in block else f"DO $trek$\n{block}\n$trek$")
