"""trek on asyncpg: `migrate(connection, "migrations")`, or `AsyncpgBackend` with `trek_core.plan` and `execute`."""

from typing import TYPE_CHECKING, Any

from trek_asyncpg._backend import AsyncpgBackend, migrate, status
from trek_asyncpg._executor import AsyncpgExecutor
from trek_asyncpg._settings import RunSettings
from trek_asyncpg._store import NativeSettings, NativeStore

if TYPE_CHECKING:
    from trek_asyncpg._catalogue import catalogue
else:

    def __getattr__(name: str) -> Any:
        """What a run has no use for is imported when it is asked for."""
        if name == "catalogue":
            from trek_asyncpg._catalogue import catalogue  # noqa: PLC0415

            return catalogue
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


__all__ = [
    "AsyncpgBackend",
    "AsyncpgExecutor",
    "NativeSettings",
    "NativeStore",
    "RunSettings",
    "catalogue",
    "migrate",
    "status",
]
