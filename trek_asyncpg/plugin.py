"""What trek_asyncpg offers, through the same door as everybody else."""

from __future__ import annotations

from collections.abc import Iterable

from trek_asyncpg._connect import SCHEMES, ConnectSettings, embedded, from_dsn
from trek_asyncpg._store import NativeSettings, NativeStore
from trek_core.plugin import ExecutorProvider, Provider, VersionStore, hookimpl


@hookimpl
def trek_register_executors() -> Iterable[ExecutorProvider]:
    """Executors: asyncpg for PostgreSQL's DSNs, and the server in a wheel."""
    yield ExecutorProvider("asyncpg", SCHEMES, from_dsn, ConnectSettings)
    yield ExecutorProvider("embedded", ("embedded",), embedded, ConnectSettings)


@hookimpl
def trek_register_version_stores() -> Iterable[Provider[VersionStore]]:
    """The table `trek_history`."""
    yield Provider("native", NativeStore, NativeSettings)
