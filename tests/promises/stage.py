"""A folder, a database in memory, and plugins that tell what was asked of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trek_core import Migrator
from trek_core.plugin import (
    Layout,
    Loader,
    Observer,
    Provider,
    TrekHooks,
    hookimpl,
)
from trek_core.testing import MemoryDatabase, MemoryExecutor, MemoryStore, memory_backend
from trek_loaders import native, sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from trek_core import Report
    from trek_core.plugin import Event

(NATIVE,) = native.trek_register_layouts()
(SQL,) = sql.trek_register_loaders()


class Stage(TrekHooks):
    """Also a plugin: a loader of `.told`, a layout, a store and an observer, each of which notes its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, MemoryDatabase("shop")
        self.calls: list[str] = []
        self.hooks: list[str] = []
        self.loaded: list[tuple[str, bytes]] = []
        self.heard: list[Event] = []
        self.executor: type[MemoryExecutor] = MemoryExecutor

    def write(self, files: Mapping[str, str]) -> Stage:
        for name, text in files.items():
            (self.folder / name).write_text(text)
        return self

    def migrator(self, **options: Any) -> Migrator:
        plugins = [("stage", self)]
        backend = memory_backend(self.database, layout="told", store="told", plugins=plugins, executor=self.executor)
        return Migrator(backend, self.folder, **options)

    async def migrate(self, target: str = "head", **options: Any) -> Report:
        return await self.migrator(**options).migrate(target)

    def noting(self, name: str, function: Any) -> Any:
        def noted(*given: Any) -> Any:
            self.calls.append(name)
            return function(*given)

        return noted

    # ----------------------------------------------------------------------- what it offers
    @hookimpl
    def trek_register_loaders(self) -> list[Loader]:
        self.hooks.append("loaders")

        def load(source: Any) -> Any:
            self.loaded.append((source.file.path, source.content))
            return SQL.load(source)

        return [Loader("told", (".told",), load)]

    @hookimpl
    def trek_register_layouts(self) -> list[Provider[Layout]]:
        self.hooks.append("layouts")
        layout = NATIVE.create(NATIVE.settings())
        smells, arrange = self.noting("smells", layout.smells), self.noting("arrange", layout.arrange)
        return [Provider("told", lambda settings: replace(layout, smells=smells, arrange=arrange))]

    @hookimpl
    def trek_register_version_stores(self) -> list[Provider[Any]]:
        self.hooks.append("version_stores")
        return [Provider("told", lambda settings: ToldStore(self))]

    @hookimpl
    def trek_register_executors(self) -> list[Any]:
        self.hooks.append("executors")
        return []

    @hookimpl
    def trek_register_observers(self) -> list[Observer]:
        self.hooks.append("observers")
        return [Observer("told", self.hear)]

    @hookimpl
    def trek_register_signs(self) -> list[Any]:
        self.hooks.append("signs")
        return []

    async def hear(self, event: Event) -> None:
        self.calls.append(type(event).__name__)
        self.heard.append(event)


class ToldStore(MemoryStore):
    """Notes the calls of its methods."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        for name in ("query", "history", "state", "changed", "locks", "prepare", "record"):
            setattr(self, name, stage.noting(name, getattr(self, name)))


class Watched(MemoryExecutor):
    """Notes who uses it, and whether one call begins before another has ended."""

    tasks: set[Any]
    inside: list[str]
    overlapping: list[tuple[str, str]]

    async def read(self, query: Any) -> Any:
        return await self._alone("read", super().read(query))

    def lock(self, *given: Any) -> Any:
        return _Held(self, super().lock(*given))

    async def run(self, units: Any) -> AsyncIterator[Any]:  # type: ignore[override]
        results = super().run(units)
        try:
            while (result := await self._alone("run", anext(results, None))) is not None:  # type: ignore[arg-type]
                yield result
        finally:
            await self._alone("close", results.aclose())

    async def _alone(self, name: str, work: Any) -> Any:
        cls = type(self)
        cls.tasks.add(asyncio.current_task())
        cls.overlapping += [(other, name) for other in cls.inside]
        cls.inside.append(name)
        try:
            await asyncio.sleep(0)
            return await work
        finally:
            cls.inside.remove(name)


class _Held:
    def __init__(self, session: Watched, manager: Any) -> None:
        self.session, self.manager = session, manager

    async def __aenter__(self) -> Any:
        return await self.session._alone("lock", self.manager.__aenter__())

    async def __aexit__(self, *given: object) -> Any:
        return await self.session._alone("unlock", self.manager.__aexit__(*given))
