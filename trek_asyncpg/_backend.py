"""What a user of asyncpg constructs and calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from trek_asyncpg._connect import ConnectSettings, session
from trek_core import Direction, Folders, Migrator, Report, Status
from trek_core.plugin import Backend, Executor, PluginHost, VersionStore

if TYPE_CHECKING:
    from typing import Unpack

    from trek_asyncpg._types import Database, MigrateOptions, RunOptions


class AsyncpgBackend(Backend):
    """A database reached through asyncpg: a connection or a pool that stays yours, or a DSN (also `embedded:FOLDER`).

    schema: where the history table lies (default: public); a short form of ``store_settings={"schema": …}``.
    format: layout and store of one name ("asyncpg-trek"), None is "native"; `layout` and `store` pick one alone. "native" said
    aloud: begin trek's own history beside that of another tool, whose files these may be, and which is refused else.
    plugins: modules or objects with hooks, beside those that are installed. disable_plugins: names of those to leave out.
    expect_database: the database's name, its identity as `trek status --json` shows it, or "same", the one that the history
    names: a run in another one is refused.
    run: `together`, `lock_timeout`, `lock_patience`, `statement_timeout`, as in docs/configuration.md.
    """

    def __init__(
        self,
        database: Database,
        schema: str | None = None,
        *,
        format: str | None = None,  # noqa: A002
        layout: str | None = None,
        store: str | VersionStore | None = None,
        layout_settings: Mapping[str, object] | None = None,
        store_settings: Mapping[str, object] | None = None,
        plugins: Iterable[object] = (),
        disable_plugins: Iterable[str] = (),
        expect_database: str | None = None,
        **run: Unpack[RunOptions],
    ) -> None:
        settings = ConnectSettings(**run)

        def opened() -> AbstractAsyncContextManager[Executor]:
            return session(database, settings)

        given = dict(store_settings or {})
        if schema is not None:
            given["schema"] = schema
        super().__init__(
            opened,
            format=format,
            layout=layout,
            store=store,
            layout_settings=layout_settings,
            store_settings=given,
            host=PluginHost(plugins, blocked=disable_plugins),
            executor="asyncpg",
            expect_database=expect_database,
        )


def _migrator(database: Database, directory: Folders, options: MigrateOptions) -> Migrator:
    names = ("rules", "transaction", "lock_wait", "observers")
    own = {name: value for name, value in options.items() if name in names}
    backend = AsyncpgBackend(database, **{k: v for k, v in options.items() if k not in names})  # type: ignore[arg-type]
    return Migrator(backend, directory, **own)  # type: ignore[arg-type]


async def migrate(
    database: Database,
    directory: Folders = "migrations",
    target_revision: str = "head",
    direction: Direction | str | None = None,
    **options: Unpack[MigrateOptions],
) -> Report:
    """Brings the database to the target revision; up, down or nothing, as it needs.

    database: an asyncpg connection or pool, which stays yours, or a DSN.
    directory: a folder, "package:NAME", a zip or a folder in a zip; or several of them, whose migrations are one catalogue.
    options: those of `AsyncpgBackend` and of `Migrator`.
    Raises `PlanError`, `LoadError`, `LockTimeout`, `MigrationFailed`, `ConfigError`, `ConnectError`, `PluginError`.
    """
    return await _migrator(database, directory, options).migrate(target_revision, direction)


async def status(database: Database, directory: Folders = "migrations", **options: Unpack[MigrateOptions]) -> Status:
    """Where the database stands: read in one round trip, nothing is written. Options and errors as for `migrate()`."""
    return await _migrator(database, directory, options).status()
