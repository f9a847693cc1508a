"""What is in the database of that on which a statement outside a transaction worked.

A build is this run's own if all that the catalogue has of it is newer than the row that told of its beginning: the rows of the
index in pg_class, pg_index and pg_attribute carry the transactions that wrote them. Somebody's ALTER INDEX writes one of
them anew, never all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trek_asyncpg._concurrent import Target, target
from trek_asyncpg._wire import rows
from trek_core.plugin import dataclass, quote_literal

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection


@dataclass(frozen=True, slots=True)
class Index:
    """An index as it is. own: made since; `name` and `table` are qualified, to be shown and used."""

    name: str
    table: str
    valid: bool
    unique: bool
    own: bool
    definition: str


async def moment(connection: Connection) -> str:
    """The number that the next transaction will have: what is made from now on is not older."""
    query = "SELECT pg_catalog.to_jsonb(pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::xid::text)"
    return str(await _first(connection, query))


async def indexes(connection: Connection, at: Target, since: str) -> list[Index]:
    """Those that the statement may have made or left, each with whether it was made since that transaction."""
    return [
        Index(**found) for found in await rows(connection, f"{_INDEX.format(since=_xid(since))} WHERE {_which(at)}")
    ]


async def builder(connection: Connection, at: Target) -> int | None:
    """Another process that builds an index on the table now.

    pg_stat_progress_create_index hides all but the pid from other roles, pg_locks hides nothing.
    """
    table = at.name if at.what == "table" else at.of
    of = f"pg_catalog.to_regclass({quote_literal(table)})" if table else _table_of(at.name)
    anywhere = at.what in ("schema", "database", "system")
    query = (
        "SELECT pg_catalog.to_jsonb(l.pid) FROM pg_catalog.pg_locks l"
        " JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = l.pid"
        " WHERE l.locktype = 'relation' AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted"
        " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
        f" AND l.pid <> pg_catalog.pg_backend_pid() AND {'true' if anywhere else f'l.relation = {of}'} LIMIT 1"
    )
    pid: int | None = await _first(connection, query)
    return pid


async def exists(connection: Connection, at: Target) -> bool:
    """Whether the index, database or tablespace that the statement names is there."""
    name = quote_literal(at.name)
    plain = f"(pg_catalog.parse_ident({name}))[1]"
    found = {
        "index": f"pg_catalog.to_regclass({name}) IS NOT NULL",
        "database": f"EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = {plain})",
        "tablespace": f"EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE spcname = {plain})",
    }[at.what]
    return bool(await _first(connection, f"SELECT pg_catalog.to_jsonb({found})"))


async def partition(connection: Connection, at: Target, since: str) -> str:
    """A partition: "detached", "attached", "pending" since that transaction, or "pending before"."""
    pending = f"CASE WHEN {_new('h.xmin', _xid(since))} THEN 'pending' ELSE 'pending before' END"
    query = (
        f"SELECT pg_catalog.to_jsonb(CASE WHEN h.inhdetachpending THEN {pending} ELSE 'attached' END)"
        f" FROM pg_catalog.pg_inherits h WHERE h.inhrelid = pg_catalog.to_regclass({quote_literal(at.name)})"
        f" AND h.inhparent = pg_catalog.to_regclass({quote_literal(at.of)})"
    )
    return await _first(connection, query) or "detached"


async def lock_timeout(connection: Connection) -> str:
    """The session's, as it can be set again."""
    return str(await _first(connection, "SELECT pg_catalog.to_jsonb(pg_catalog.current_setting('lock_timeout'))"))


async def _first(connection: Connection, query: str) -> Any:
    """The value of the first row, None if there is none."""
    return next(iter(await rows(connection, query)), None)


def same(index: Index, at: Target) -> bool:
    """Whether the server's definition of an index says, in the same words, what a statement without a name asks for."""
    built = target(index.definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))
    return (built.unique, _plain(built.rest)) == (at.unique, _plain(at.rest))


def _plain(words: Sequence[str]) -> Sequence[str]:
    return words[2:] if words[:2] == ("using", "btree") else words


# --------------------------------------------------------------------------- SQL
_INDEX = """SELECT pg_catalog.jsonb_build_object('name', pg_catalog.format('%I.%I', n.nspname, c.relname),
 'table', pg_catalog.format('%I.%I', tn.nspname, t.relname), 'valid', i.indisvalid, 'unique', i.indisunique,
 'definition', pg_catalog.pg_get_indexdef(c.oid), 'own', COALESCE(pg_catalog.age(c.xmin) <= pg_catalog.age({since})
 AND (c.relname ~ '_ccold[0-9]*$' OR (pg_catalog.age(i.xmin) <= pg_catalog.age({since}) AND NOT EXISTS (SELECT FROM
 pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND pg_catalog.age(a.xmin) > pg_catalog.age({since})))), false))
 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
 JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"""
"""An old index that REINDEX has replaced is renamed to …_ccold: only its row in pg_class is new."""

_DEBRIS = "NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'"


def _xid(since: str) -> str:
    return f"{quote_literal(since)}::pg_catalog.xid" if since else "NULL::pg_catalog.xid"


def _new(xmin: str, since: str) -> str:
    return f"pg_catalog.age({xmin}) <= pg_catalog.age({since})"


def _table_of(index: str) -> str:
    return (
        "(SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = "
        f"pg_catalog.to_regclass({quote_literal(index)}))"
    )


def _which(at: Target) -> str:
    """An index to be built lies in its table's schema; what REINDEX leaves, on the table and on its TOAST table."""
    name, of = quote_literal(at.name), f"pg_catalog.to_regclass({quote_literal(at.of)})"
    if at.kind == "build" and at.name:
        place = f"(SELECT o.relnamespace FROM pg_catalog.pg_class o WHERE o.oid = {of})"
        return f"c.relname = (pg_catalog.parse_ident({name}))[1]::pg_catalog.name AND c.relnamespace = {place}"
    if at.kind == "build":
        return f"i.indrelid = {of}"
    if at.what == "index":
        return f"(c.oid = pg_catalog.to_regclass({name}) OR ({_DEBRIS} AND i.indrelid = {_table_of(at.name)}))"
    if at.what == "table":
        toast = f"(SELECT o.reltoastrelid FROM pg_catalog.pg_class o WHERE o.oid = pg_catalog.to_regclass({name}))"
        return f"NOT i.indisvalid AND i.indrelid IN (pg_catalog.to_regclass({name}), {toast})"
    within = f" AND tn.nspname = (pg_catalog.parse_ident({name}))[1]::pg_catalog.name" if at.what == "schema" else ""
    return f"{_DEBRIS}{within}"
