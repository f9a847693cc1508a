"""Tables that may be the history of a tool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trek_core.text import quote_literal

if TYPE_CHECKING:
    from trek_core._signs import Signs

LIKELY = "migrat|version|change|revision|history"
"""A part of the name of a history, also of one that somebody has given another name than its tool."""


def tables_query(signs: Iterable[Signs] = ()) -> str:
    """Tables that may be a history, each with its columns, and how many tables there are."""
    named = {name for one in signs for sign in one.tables for name in (sign.table, sign.beside, sign.without) if name}
    names = ", ".join(map(quote_literal, sorted(named)))
    fits = f"c.relname ~* '{LIKELY}'" + (f" OR c.relname IN ({names})" if names else "")
    own = "c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    tables = "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    return (
        "SELECT pg_catalog.jsonb_build_object('schema', n.nspname, 'table', c.relname,"
        " 'visible', pg_catalog.pg_table_is_visible(c.oid), 'columns',"
        " (SELECT pg_catalog.jsonb_object_agg(a.attname, pg_catalog.format_type(a.atttypid, NULL))"
        " FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))"
        f" FROM {tables} WHERE {own} AND ({fits})"
        f" UNION ALL SELECT pg_catalog.jsonb_build_object('tables', count(*)) FROM {tables} WHERE {own}"
    )
