"""The parameters of a DSN that the server refuses: often another tool's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_asyncpg._connect import parameters

if TYPE_CHECKING:
    import asyncpg

_REFUSED = ("42704", "42602", "22023", "55P02", "08P01")
"""No such parameter, no such name, a wrong value, not to be set now; and what PgBouncer says of what it does not pass on."""
_LIBPQ, _PRISMA, _PGX, _DOCTRINE, _MIGRATE = "libpq", "Prisma", "pgx", "Doctrine", "golang-migrate"
_OWNERS = (
    (r"x-.+", _MIGRATE),
    (r"schema|connection_limit|pool_timeout|socket_timeout|pgbouncer|sslaccept|sslidentity", _PRISMA),
    (
        r"pool_(?:max|min)_.+|pool_health_check_period|default_query_exec_mode|(?:statement|description)_cache_capacity",
        _PGX,
    ),
    (r"serverVersion|charset", _DOCTRINE),
    (r"currentSchema", "pgjdbc"),
    (r"ssl", "pgjdbc and node-postgres"),
    (r"channel_binding|connect_timeout|fallback_application_name|gss(?:encmode|delegation)|keepalives.*", _LIBPQ),
    (r"load_balance_hosts|require_?(?:auth|peer)|ssl(?:compression|sni|certmode|crldir)|tcp_user_timeout", _LIBPQ),
)
_INSTEAD = {
    "schema": "search_path=… in its place says where names are looked for, the store's setting schema where the history lies",
    "currentSchema": "search_path=… in its place does the same",
    "x-migrations-table": "the store's setting table names it",
    "x-statement-timeout": "statement_timeout=… in its place does the same, in milliseconds",
    "connect_timeout": "connect-timeout is a setting of the executor",
    "fallback_application_name": "application_name=… in its place does the same",
    "ssl": "sslmode=require in its place does the same",
}


def advice(dsn: str, error: asyncpg.PostgresError) -> str:
    """What to do with the parameter that the server refuses, and with those that it would refuse next; "" for other errors."""
    given = parameters(dsn)
    named = [name for name in given if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", str(error))]
    if error.sqlstate not in _REFUSED or not named:
        return ""
    return "\n".join(_about(name) for name in given if name in named or _owner(name))


def _about(name: str) -> str:
    instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else ""
    if owner := _owner(name):
        return f"The parameter {name!r} is read by {owner}, not by the server: leave it out of trek's DSN{instead}."
    return f"The parameter {name!r} goes to the server, which refuses it: correct it, or leave it out if it is another tool's."


def _owner(name: str) -> str:
    return next((owner for pattern, owner in _OWNERS if re.fullmatch(pattern, name)), "")
