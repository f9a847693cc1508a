"""Databases for tests: a template each target, migrated once and kept, and a clone of it each test."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg.testing._database import Database
from trek_asyncpg.testing._pytest import _names
from trek_asyncpg.testing._pytest._cluster import Cluster, cluster
from trek_core.plugin import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from trek_asyncpg.testing._server import Server
    from trek_core import Migrator

EMPTY = "base"


class Stock:
    """All methods belong to one event loop.

    migrator_for: gives the `Migrator` of a DSN. root: of the project. fresh: another text, another template.
    """

    def __init__(self, server: Server, migrator_for: Callable[[str], Migrator], root: Path, fresh: str = "") -> None:
        self._server, self._migrator_for, self._root, self._fresh = server, migrator_for, root, fresh
        self._numbers = itertools.count(1)
        self._templates: dict[str, asyncio.Task[str]] = {}
        self._ready: dict[str, asyncio.Task[Database]] = {}
        self._taken: set[str] = set()
        self._stack = AsyncExitStack()
        self._cluster: Cluster

    async def open(self) -> None:
        """Raises `NoServer`."""
        self._cluster = await self._stack.enter_async_context(cluster(self._server))
        await self._cluster.sweep()

    async def close(self) -> None:
        """Drops what was not given back, too; the templates stay."""
        async with self._stack:
            await asyncio.gather(*self._ready.values(), return_exceptions=True)
            for name in await self._cluster.names(_names.clones(self._cluster.session)):
                await self._cluster.drop(name)

    async def take(self, target: str) -> Database:
        """A database of one's own, at that revision. From the second on, the next one is made ahead.

        Raises what the migrations raise, each time the same.
        """
        ready = self._ready.pop(target, None)
        made = await (ready or self._clone(target))
        if target in self._taken:
            self._ready[target] = asyncio.create_task(self._clone(target))
        self._taken.add(target)
        return made

    async def give_back(self, database: Database) -> None:
        """Drops it, with whoever is connected to it."""
        await self._cluster.drop(database.name)

    async def _clone(self, target: str) -> Database:
        try:
            return await self._copy(await self._template(target))
        except asyncpg.InvalidCatalogNameError:  # a run with other files has dropped it
            self._templates.pop(target, None)
            return await self._copy(await self._template(target))

    async def _copy(self, template: str) -> Database:
        name = f"{_names.clones(self._cluster.session)}{next(self._numbers)}"
        await self._cluster.create(name, template)
        return Database(name, self._server.dsn(name))

    async def _template(self, target: str) -> str:
        if target == EMPTY:
            return "template0"
        if target not in self._templates:
            self._templates[target] = asyncio.create_task(self._find(target))
        return await asyncio.shield(self._templates[target])

    async def _find(self, target: str) -> str:
        migrator, here = self._migrator_for(self._server.base), self._cluster
        project = _names.project(self._root, _places(migrator.directory))
        generation = _names.generation(project, here.facts, fingerprint(migrator), self._fresh)
        name = _names.template(generation, target)
        async with here.lock(name):
            if not await here.names(name):
                await here.drop_unused([old for old in await here.names(project) if not old.startswith(generation)])
                await self._build(name, target)
        return name

    async def _build(self, name: str, target: str) -> None:
        """All of it is there, or nothing: it has another name until it is complete."""
        unfinished = f"{_names.clones(self._cluster.session)}{name[-12:]}"
        await self._cluster.create(unfinished, "template0")
        try:
            await self._migrator_for(self._server.dsn(unfinished)).migrate(target)
            if await self._cluster.seal(unfinished, name):
                return
        except BaseException:
            await asyncio.shield(self._cluster.drop(unfinished))
            raise
        await self._cluster.drop(unfinished)  # who looks for locks in another database of the server was faster


def _places(directories: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """The same, from wherever pytest is run."""
    several = [directories] if isinstance(directories, str | os.PathLike) else directories
    texts = [os.fspath(one) for one in several]
    return [text if text.startswith("package:") else os.path.abspath(text) for text in texts]  # noqa: PTH100 - text
