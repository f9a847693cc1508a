"""What a database looks like: everything that migrations can make, as sorted lines, without the history table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.databases import Connection

_OURS = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
_RELATION = f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} AND c.relname NOT LIKE 'trek\\_history%'"
_QUERIES = (
    # tables, views, sequences, partitions
    (
        "SELECT 'relation', c.oid::regclass, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,"
        " pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class'),"
        " CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, c.relacl"
        f" FROM pg_class c {_RELATION} AND c.relkind <> 'i'"
    ),
    (
        "SELECT 'column', c.oid::regclass, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,"
        " format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),"
        " col_description(c.oid, a.attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        f" LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum {_RELATION}"
        " AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'i'"
    ),
    (
        "SELECT 'index', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready FROM pg_index i"
        f" JOIN pg_class c ON c.oid = i.indrelid {_RELATION}"
    ),
    (
        "SELECT 'constraint', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated"
        f" FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid {_RELATION}"
    ),
    (
        "SELECT 'trigger', pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger t"
        f" JOIN pg_class c ON c.oid = t.tgrelid {_RELATION}"
        " AND NOT t.tgisinternal"
    ),
    (
        "SELECT 'policy', p.polrelid::regclass, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p"
        f" JOIN pg_class c ON c.oid = p.polrelid {_RELATION}"
    ),
    f"SELECT 'function', pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS}",
    (
        "SELECT 'type', t.oid::regtype, t.typtype, (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum"
        f" WHERE enumtypid = t.oid) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_OURS}"
        " AND t.typname NOT LIKE '%trek\\_history%'"
    ),
    f"SELECT 'schema', n.nspname FROM pg_namespace n WHERE {_OURS}",
    "SELECT 'extension', extname FROM pg_extension",
)


async def schema(connection: Connection) -> list[str]:
    """Two databases with the same lines have the same schema; values in tables are not looked at."""
    found = [str(tuple(row)) for query in _QUERIES for row in await connection.fetch(query)]
    return sorted(found)
