"""Suites that are given something else than what they test."""

# ruff: noqa: RUF012 - as the pages write it

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlx_loader import load

from trek_core.plugin import Arrangement, Layout, Loader
from trek_core.testing import (
    ExecutorSuite,
    Folder,
    LayoutCase,
    LayoutSuite,
    LoaderCase,
    LoaderSuite,
    MemoryGround,
    MemoryStore,
    StoreCase,
    VersionStoreSuite,
    check_plugin,
)

LOADER = Loader("sqlx", (".sqlx",), load)
LAYOUT = Layout(arrange=lambda tree: Arrangement(()))


class GivesTheLoader(LoaderSuite):
    def case(self) -> Loader:  # error: mypy pyright
        return LOADER


class TakesAFixture(LoaderSuite):
    def case(self, tmp_path: str) -> LoaderCase:  # error: mypy pyright
        return LoaderCase(LOADER, good={tmp_path: ""}, bad={})


class IsAsync(LoaderSuite):
    async def case(self) -> LoaderCase:  # error: mypy pyright
        return LoaderCase(LOADER, good={}, bad={})


class GivesPaths(LoaderSuite):
    def case(self) -> LoaderCase:
        return LoaderCase(LOADER, good=["0001_users.sqlx"], bad={})  # error: mypy pyright


class TestsALayoutAsALoader(LoaderSuite):
    def case(self) -> LoaderCase:
        return LoaderCase(LAYOUT, good={}, bad={})  # error: mypy pyright


class HasNoReason(LoaderSuite):
    without = ["directions"]  # error: mypy pyright

    def case(self) -> LoaderCase:
        return LoaderCase(LOADER, good={}, bad={})


class GivesFiles(LayoutSuite):
    def case(self) -> LayoutCase:
        return LayoutCase(LAYOUT, folders=[{"001-users/up.sql": ""}], bad=[])  # error: mypy pyright


class GivesOneRevision(LayoutSuite):
    def case(self) -> LayoutCase:
        return LayoutCase(LAYOUT, folders=[Folder({}, revisions=["1"])], bad=[])  # error: mypy pyright


class IsNoContext(VersionStoreSuite):
    def case(self) -> StoreCase:  # error: mypy pyright
        return StoreCase(MemoryStore(), MemoryGround())


class GivesTheStore(VersionStoreSuite):
    @asynccontextmanager
    async def case(self) -> AsyncGenerator[MemoryStore]:  # error: mypy pyright
        yield MemoryStore()


class GivesTheClass(VersionStoreSuite):
    @asynccontextmanager
    async def case(self) -> AsyncGenerator[StoreCase]:
        yield StoreCase(MemoryStore, MemoryGround())  # error: mypy pyright


class HasNoContext(ExecutorSuite):
    def ground(self) -> MemoryGround:  # error: mypy pyright
        return MemoryGround()


check_plugin(LOADER)  # error: mypy pyright
check_plugin("sqlx", offers=LOADER)  # error: mypy pyright
