"""A PostgreSQL server of our own: for tests, for trying things out, for `trek --embedded`.

    with EmbeddedServer() as server:                    # thrown away at the end
        dsn = server.dsn()
    async with serve(".trek/postgres") as server:       # kept in that folder
        connection = await asyncpg.connect(server.dsn())

Linux and macOS; the programs come from ``$TREK_PG_BIN``, the wheel of ``trek-migrate[embedded]`` or a local installation.
"""

from __future__ import annotations

import sys

from trek_asyncpg.embedded._errors import refused

if sys.platform == "win32":
    problem = "the embedded PostgreSQL server runs on Linux and macOS only, and this is Windows"
    raise refused(problem, "Start a PostgreSQL yourself and name it with --dsn or TREK_DSN.")

from trek_asyncpg.embedded._server import EmbeddedServer, serve

__all__ = ["EmbeddedServer", "serve"]
