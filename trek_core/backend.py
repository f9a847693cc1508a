"""A backend: an executor and a version store bound to one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trek_core.contracts import Executor, VersionStore
from trek_core.errors import ConfigError

if TYPE_CHECKING:
    from trek_core._host import Offer, PluginHost
    from trek_core.contracts import Layout


class Backend:
    """An executor and a version store bound to one database, and the format that is spoken there.

    open: opens a session, as `ExecutorProvider.connect` does.
    format: picks layout and store of that name, None is "native"; `layout` and `store` pick one alone. Where none is named, a
    database with the history of another tool, whose files the folder may have, is refused as long as there is no other.
    host: where plugins come from; by default every installed one.
    expect_database: the database's name, its identity as `trek status --json` shows it, or "same", the one that the history
    names: another one is refused.
    executor: the name of the `ExecutorProvider` whose sessions these are: errors name its plugin.
    """

    def __init__(
        self,
        open: Callable[[], AbstractAsyncContextManager[Executor]],  # noqa: A002
        *,
        format: str | None = None,  # noqa: A002
        layout: str | None = None,
        store: str | VersionStore | None = None,
        layout_settings: Mapping[str, object] | None = None,
        store_settings: Mapping[str, object] | None = None,
        host: PluginHost | None = None,
        executor: str = "",
        expect_database: str | None = None,
    ) -> None:
        if expect_database == "":
            msg = 'expect_database is empty, want a name, an identity or "same"; None expects nothing. Is a variable not set?'
            raise ConfigError(msg)
        self.expect_database = expect_database or ""
        self._open, self._host, self._executor = open, host, executor
        self.format_named, format = format is not None, format or "native"  # noqa: A001
        self.layout_name, self._layout_settings = layout or format, layout_settings or {}
        self._store, self._store_settings = store or format, store_settings or {}
        self._sessions: dict[asyncio.Task[Any] | None, Executor] = {}

    @cached_property
    def host(self) -> PluginHost:
        from trek_core._host import PluginHost  # noqa: PLC0415 - pluggy is imported when plugins are wanted

        return self._host or PluginHost()

    @cached_property
    def store(self) -> Offer[VersionStore]:
        return self.host.store(self._store, self._store_settings)

    @property
    def store_name(self) -> str:
        """Empty for a store that was given as an object."""
        return self._store if isinstance(self._store, str) else ""

    @cached_property
    def layout(self) -> Offer[Layout]:
        return self.host.layout(self.layout_name, self._layout_settings)

    @property
    def spoken(self) -> tuple[object, ...]:
        """Layout and store with their settings, as they were given."""
        store = self._store if isinstance(self._store, str) else type(self._store)
        return self.layout_name, self._layout_settings, store, self._store_settings

    def speaking(
        self,
        format: str,  # noqa: A002
        store_settings: Mapping[str, object] | None = None,
        *,
        layout: str | None = None,
    ) -> Backend:
        """The same database in another format. Of its own format the settings stay, and these go on top."""
        layouts = self._layout_settings if self.layout_name == (layout or format) else {}
        stores = self._store_settings if self._store == format else {}
        return Backend(
            self._open,
            format=format,
            layout=layout,
            layout_settings=layouts,
            store_settings={**stores, **(store_settings or {})},
            host=self.host,
            executor=self._executor,
            expect_database=self.expect_database or None,
        )

    def elsewhere(self, open: Callable[[], AbstractAsyncContextManager[Executor]]) -> Backend:  # noqa: A002
        """The same format in another database: `open` opens sessions with it. Which database it is, nobody expects."""
        return Backend(
            open,
            format=self.layout_name,
            store=self._store,
            layout_settings=self._layout_settings,
            store_settings=self._store_settings,
            host=self.host,
            executor=self._executor,
        )

    def offered(self, session: Executor) -> Offer[Executor]:
        """The session, and whose fault it is what it does wrong."""
        return self.host.session(self._executor, session)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Executor]:
        """A session. Entered again by the same task while it is open, it gives the same session."""
        task = asyncio.current_task()
        if task in self._sessions:
            yield self._sessions[task]
            return
        ended: BaseException | None = None
        async with self._open() as session:
            self._sessions[task] = session
            try:
                yield session
            except BaseException as error:
                ended = error
                raise
            finally:
                del self._sessions[task]
        if ended is not None:  # whoever opened the session swallowed it, and a failed run would look like a good one
            raise ended

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Offer[Executor]]:
        """A session of its own, whatever else is open, and whose fault it is what it does wrong."""
        async with self._open() as session:
            yield self.offered(session)
