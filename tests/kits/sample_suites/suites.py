"""An author's test module: a class for each kit, in memory, and one on PostgreSQL. Copied and run as test_suites.py."""

# ruff: noqa: RUF012 - as an author writes it
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from plugin import LAYOUT, LOADER

from trek_asyncpg.testing import ground
from trek_core.testing import (
    ExecutorSuite,
    Folder,
    Ground,
    LayoutCase,
    LayoutSuite,
    LoaderCase,
    LoaderSuite,
    MemoryGround,
    MemoryStore,
    StoreCase,
    VersionStoreSuite,
)

FILES = {"2026-01-31.lines": "CREATE TABLE users (id int)\nSELECT 1", "2026-02-01.lines": "SELECT 2"}


def edit(path: str, content: bytes) -> bytes:
    return content + b"\nSELECT 4"


class TestLoader(LoaderSuite):
    without = {"directions": "there is no way back"}

    def case(self) -> LoaderCase:
        return LoaderCase(LOADER, good=FILES, bad={"2026-02-02.lines": "SELECT 3;", "2026-02-03.lines": ""})


class TestLayout(LayoutSuite):
    without = {"new": "files are written by hand", "route": "the days are a chain", "smells": "no tool has such files"}

    def case(self) -> LayoutCase:
        folder = Folder(FILES, revisions=("2026-01-31", "2026-02-01"))
        return LayoutCase(LAYOUT, folders=[folder], bad=[{"tomorrow.lines": "SELECT 1"}], loaders=[LOADER], edit=edit)


class TestStore(VersionStoreSuite):
    without = {"shape": "in memory a table has no shape"}

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        yield StoreCase(MemoryStore(), MemoryGround(), other=MemoryStore("public.app_history"))


class TestExecutor(ExecutorSuite):
    @asynccontextmanager
    async def ground(self) -> AsyncIterator[Ground]:
        yield MemoryGround()


class TestOnPostgres(ExecutorSuite):
    without = {"copy": "asyncpg's executor sends no COPY data"}

    def ground(self) -> AbstractAsyncContextManager[Ground]:
        return ground()
