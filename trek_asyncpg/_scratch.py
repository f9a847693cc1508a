"""Empty databases beside a connection's own: made, used, dropped."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from trek_asyncpg._onlooker import NoSecond, like
from trek_asyncpg._wire import rows, to_the_end
from trek_core.plugin import ConfigError, ConnectError, Executor, quote_ident, redact_dsn

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

log = logging.getLogger("trek")
PREFIX = "trek_scratch_"
ABANDONED = 600  # seconds after which a scratch database with nobody in it is one of a run that was killed
OPEN = 10.0  # seconds
ANY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
ELSEWHERE = (
    "or name another server to make it on: --scratch DSN, such as --scratch embedded: for the server in a wheel."
)


@asynccontextmanager
async def scratch(
    connection: Connection, session: Callable[[asyncpg.Connection[Any]], Executor]
) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Executor]]]:
    """An empty database on the connection's server, as its role, in its encoding and locale; gives what opens sessions.

    What runs that were killed have left is dropped first. Raises `ConfigError`, `ConnectError`.
    """
    name, like_it = await _named(connection)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Executor]:
        async with _connected(connection, name) as made:
            yield session(made)

    try:
        await _made(connection, name, like_it)
        yield opened
    finally:
        await to_the_end(_dropped(connection, name))


@asynccontextmanager
async def _connected(connection: Connection, database: str | None = None) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection like that one, to another database of its server; None: to the same."""
    try:
        found = like(connection)
        found["database"] = database or found["database"]
        opened = await asyncpg.connect(**found, timeout=OPEN, statement_cache_size=0)
    except (*ANY, NoSecond) as error:
        what = f"to the scratch database {database}" if database else "once more, to make a scratch database"
        msg = f"cannot connect {what}: {type(error).__name__}: {redact_dsn(str(error))}"
        raise ConnectError(msg) from None
    try:
        yield opened
    finally:
        await opened.close(timeout=OPEN)


async def _named(connection: Connection) -> tuple[str, str]:
    """A name that carries the time, since the server keeps none of a database, and how the connection's own is made."""
    async with _connected(connection) as admin:
        try:
            asked = await rows(admin, _ASKED)
        except ANY as error:
            raise _refused(error) from error
        for left in (row["name"] for row in asked if row["left"]):
            with contextlib.suppress(asyncpg.PostgresError):  # somebody was faster, or came into it
                await admin.execute(f"DROP DATABASE {quote_ident(left)}")
                log.info("dropped %s, the scratch database of a run that was killed", left)
    facts = next(row for row in asked if not row["left"])
    return f"{PREFIX}{facts['now']}_{secrets.token_hex(4)}", facts["like"]


async def _made(connection: Connection, name: str, like_it: str) -> None:
    async with _connected(connection) as admin:
        try:
            await admin.execute(f"CREATE DATABASE {quote_ident(name)} {like_it}")
        except ANY as error:
            raise _refused(error) from error


async def _dropped(connection: Connection, name: str) -> None:
    try:
        async with _connected(connection) as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS {quote_ident(name)} WITH (FORCE)")
    except (*ANY, ConnectError) as error:
        log.warning(
            "the scratch database %s could not be dropped: %s. Drop it by hand: DROP DATABASE %s", name, error, name
        )


def _refused(error: Exception) -> ConfigError:
    said = f"no scratch database could be made: {type(error).__name__}: {error}"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return ConfigError(f"{said}\nLet the role make databases (ALTER ROLE … CREATEDB), {ELSEWHERE}")
    return ConfigError(f"{said}\nMend that, {ELSEWHERE}")


# The connection's database as CREATE DATABASE says it, and what is left of runs that were killed.
_ASKED = f"""\
SELECT pg_catalog.jsonb_build_object('left', false, 'now', pg_catalog.date_part('epoch', pg_catalog.now())::bigint, 'like',
  pg_catalog.format('TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_catalog.pg_encoding_to_char(d.encoding),
    d.datcollate, d.datctype) || CASE pg_catalog.to_jsonb(d) ->> 'datlocprovider'
    WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', l.locale)
    WHEN 'b' THEN pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', l.locale)
    WHEN 'c' THEN ' LOCALE_PROVIDER libc' ELSE '' END)
FROM pg_catalog.pg_database d CROSS JOIN LATERAL (
  SELECT COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale') AS locale) l
WHERE d.datname = pg_catalog.current_database()
UNION ALL
SELECT pg_catalog.jsonb_build_object('left', true, 'name', d.datname) FROM pg_catalog.pg_database d
WHERE d.datname ~ '^{PREFIX}[0-9]+_[0-9a-f]+$' AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
  AND pg_catalog.split_part(d.datname, '_', 3)::bigint < pg_catalog.date_part('epoch', pg_catalog.now()) - {ABANDONED}
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)"""
