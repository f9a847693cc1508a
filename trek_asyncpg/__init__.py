"""trek on asyncpg: `migrate(connection, "migrations")`, or `AsyncpgBackend` with `trek_core.plan` and `execute`."""

from trek_asyncpg._backend import AsyncpgBackend, migrate, status
from trek_asyncpg._executor import AsyncpgExecutor
from trek_asyncpg._settings import RunSettings
from trek_asyncpg._store import NativeSettings, NativeStore

__all__ = ["AsyncpgBackend", "AsyncpgExecutor", "NativeSettings", "NativeStore", "RunSettings", "migrate", "status"]
