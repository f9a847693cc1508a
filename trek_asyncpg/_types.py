"""asyncpg's types as the type checkers see them: its stubs are generic, its classes at run time are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from trek_core import Observer, Rules
from trek_core.plugin import TransactionChoice, VersionStore

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[Any] | PoolConnectionProxy[Any]
    Pool = asyncpg.Pool[Any]
    Database = Connection | Pool | str


class RunOptions(TypedDict, total=False):
    """The fields of `RunSettings`, by name."""

    together: int
    lock_timeout: float | None
    lock_patience: float
    statement_timeout: float | None


class BackendOptions(RunOptions, total=False):
    """What `AsyncpgBackend` takes by name, and `migrate()` and `status()` pass on to it."""

    format: str | None
    layout: str | None
    store: str | VersionStore | None
    layout_settings: Mapping[str, object] | None
    store_settings: Mapping[str, object] | None
    plugins: Iterable[object]
    disable_plugins: Iterable[str]
    expect_database: str | None


class MigrateOptions(BackendOptions, total=False):
    """What `migrate()` takes by name beside a backend's options."""

    rules: Rules | None
    transaction: TransactionChoice | None
    lock_wait: float
    observers: Iterable[Observer]
