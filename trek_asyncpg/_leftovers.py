"""What a session keeps beside settings: temporary objects, cursors, prepared statements, advisory locks.

None of it has a statement that takes away some and leaves the others, so a DO block goes through what there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from trek_asyncpg._message import MARKER_CLASS
from trek_core.plugin import Sql, quote_literal

_TEMP = (
    "SELECT pg_catalog.concat_ws(' ', d.classid, d.objid) AS item, d.classid, d.objid FROM pg_catalog.pg_depend d"
    " WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = pg_catalog.pg_my_temp_schema()"
)
_LOCKS = (
    "SELECT pg_catalog.concat_ws(' ', l.classid, l.objid, l.objsubid, l.mode) AS item, l.classid::bigint AS high,"
    " l.objid::bigint AS low, l.objsubid AS kind, CASE l.mode WHEN 'ShareLock' THEN '_shared' ELSE '' END AS shared"
    " FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid() AND l.granted"
    f" AND NOT (l.objsubid = 2 AND l.classid = {MARKER_CLASS})"
)
_CURSORS = "SELECT c.name AS item FROM pg_catalog.pg_cursors c WHERE c.name NOT LIKE '<unnamed%' AND c.name <> ''"
_PREPARED = "SELECT p.name AS item FROM pg_catalog.pg_prepared_statements p WHERE p.from_sql"
_KINDS = {"temp": _TEMP, "locks": _LOCKS, "cursors": _CURSORS, "prepared": _PREPARED}


def _listed(query: str) -> str:
    return f"(SELECT COALESCE(pg_catalog.jsonb_agg(x.item), '[]') FROM ({query}) x)"


FOUND = (
    "CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_language WHERE lanname = 'plpgsql') THEN pg_catalog.jsonb_build_object("
    + ", ".join(f"'{kind}', {_listed(query)}" for kind, query in _KINDS.items())
    + ") END"
)
"""An SQL expression: the names of all of it; null in a database that cannot run the block."""


def _others(kind: str, expression: str) -> str:
    """A query: of each item that was not found before, the expression, in an array."""
    was = f"before -> '{kind}' @> pg_catalog.to_jsonb(x.item)"
    return f"SELECT COALESCE(pg_catalog.array_agg({expression}), '{{}}') FROM ({_KINDS[kind]}) x WHERE NOT {was}"


_UNLOCK = (
    "pg_catalog.format('SELECT pg_catalog.pg_advisory_unlock%s(%s)', x.shared, CASE x.kind WHEN 1"
    " THEN ((x.high::bit(32) || x.low::bit(32))::bit(64)::bigint)::text"
    " ELSE pg_catalog.format('%s, %s', x.high::bit(32)::integer, x.low::bit(32)::integer) END)"
)
_DROP = "pg_catalog.format('DROP %s IF EXISTS %s CASCADE', i.type, i.identity)"
_BLOCK = f"""
DECLARE
  before CONSTANT jsonb := {{before}};
  quiet CONSTANT text := pg_catalog.current_setting('client_min_messages');
  again boolean;
  todo text[];
  one text;
BEGIN
  {_others("cursors", "pg_catalog.format('CLOSE %I', x.item)")} INTO todo;
  FOREACH one IN ARRAY todo LOOP EXECUTE one; END LOOP;
  {_others("prepared", "pg_catalog.format('DEALLOCATE %I', x.item)")} INTO todo;
  FOREACH one IN ARRAY todo LOOP EXECUTE one; END LOOP;
  PERFORM pg_catalog.set_config('client_min_messages', 'error', true);
  {_others("locks", _UNLOCK)} INTO todo;
  FOREACH one IN ARRAY todo LOOP
    LOOP EXECUTE one INTO again; EXIT WHEN NOT again; END LOOP;
  END LOOP;
  IF before -> 'temp' = '[]' THEN
    DISCARD TEMP;
  ELSE
    {_others("temp", _DROP).replace(" x WHERE", " x, pg_catalog.pg_identify_object(x.classid, x.objid, 0) i WHERE")} INTO todo;
    FOREACH one IN ARRAY todo LOOP EXECUTE one; END LOOP;
  END IF;
  PERFORM pg_catalog.set_config('client_min_messages', quiet, true);
END
"""


def clear(found: Mapping[str, Sequence[str]]) -> tuple[Sql, ...]:
    """The statement that takes away what was not found before. The driver's own prepared statements stay.

    A lock of the transaction looks like one of the session: its unlocking is answered with a warning, which is not sent.
    """
    before = quote_literal(json.dumps(dict(found)))
    return (Sql(f"DO {quote_literal(_BLOCK.replace('{before}', before))}"),)
