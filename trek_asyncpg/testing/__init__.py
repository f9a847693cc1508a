"""PostgreSQL for tests: a server, an empty database of one's own, the ground that conformance suites stand on.

    class TestMyStore(VersionStoreSuite):
        def case(self):
            return StoreCase(store=MyStore, ground=ground)

    async with database() as made:                       # in a test of one's own
        connection, other = await made.connect(), await made.connect()

The server is the first that can be had of: ``$TREK_TEST_DSN`` (a superuser's DSN), Docker through testcontainers, the wheel
of ``trek-migrate[embedded]``, a local installation. It is started once a process and ends with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trek_asyncpg.testing._database import Database, database
from trek_asyncpg.testing._server import NoServer, Server, server

if TYPE_CHECKING:
    from trek_asyncpg.testing._ground import PostgresGround, ground
else:

    def __getattr__(name: str) -> Any:
        """The suites come with the ground, and who only wants a database has no use for them."""
        if name in {"PostgresGround", "ground"}:
            from trek_asyncpg.testing import _ground  # noqa: PLC0415

            return getattr(_ground, name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


__all__ = ["Database", "NoServer", "PostgresGround", "Server", "database", "ground", "server"]
