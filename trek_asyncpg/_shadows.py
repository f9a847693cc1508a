"""A search_path with schemas before pg_catalog: what is there comes before the server's own, in trek's statements, too.

Their functions and tables are named with pg_catalog. Operators and the types of casts are not: that would double the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg._wire import rows
from trek_core.plugin import ConfigError

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

_IS = "OPERATOR(pg_catalog.=)"
_OURS = "'pg_catalog'::pg_catalog.regnamespace"
_AHEAD = (
    "SELECT n.oid FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY AS s(name, place)"
    f" JOIN pg_catalog.pg_namespace n ON n.nspname {_IS} s.name WHERE s.place OPERATOR(pg_catalog.<)"
    " pg_catalog.array_position(pg_catalog.current_schemas(true), 'pg_catalog'::pg_catalog.name)"
)
_FOUND = (
    "SELECT pg_catalog.to_jsonb(f.what) FROM ("
    "SELECT pg_catalog.concat('the operator ', o.oprnamespace::pg_catalog.regnamespace, '.', o.oprname, ' (',"
    " pg_catalog.format_type(o.oprleft, NULL), ', ', pg_catalog.format_type(o.oprright, NULL), ')')"
    f" FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_operator p ON p.oprname {_IS} o.oprname"
    f" AND p.oprleft {_IS} o.oprleft AND p.oprright {_IS} o.oprright AND p.oprnamespace {_IS} {_OURS}"
    f" WHERE o.oprnamespace {_IS} ANY ({_AHEAD})"
    " UNION ALL SELECT pg_catalog.concat('the type ', t.typnamespace::pg_catalog.regnamespace, '.', t.typname)"
    f" FROM pg_catalog.pg_type t WHERE (t.typname {_IS} 'text' OR t.typname {_IS} 'timestamptz')"
    f" AND t.typnamespace {_IS} ANY ({_AHEAD})) AS f(what)"
)
SHOWN = 3


async def refuse(connection: Connection) -> None:
    """Raises `ConfigError` where something that trek's statements need means something else. One round trip."""
    found = [str(what) for what in await rows(connection, _FOUND)]
    if not found:
        return
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    msg = (
        f"the search_path of this session puts {', '.join(found[:SHOWN])}{more} before the server's own, and trek could not "
        "trust what its own statements say. Nothing was changed.\n"
        "Put pg_catalog first, or leave it out, and it is first: SET search_path, or ALTER ROLE … SET it. A migration may set "
        "the other order for itself."
    )
    raise ConfigError(msg)


async def explain(connection: Connection) -> None:
    """As `refuse`, after the server refused something; raises nothing else."""
    try:
        await refuse(connection)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return
