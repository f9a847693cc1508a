"""What an author's tests look like, and the in-memory side of door 3."""

# ruff: noqa: RUF012 - as the pages write it

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from executors import CONNECTIONS, given
from folders_layout import FolderSettings, create
from shop_store import ShopSettings, ShopStore
from sqlx_loader import load

from trek_asyncpg.testing import PostgresGround, database, ground
from trek_core import Migrator
from trek_core.plugin import Executor, Loader, NoSettings, Observer, Sql
from trek_core.testing import (
    ExecutorSuite,
    Folder,
    Ground,
    LayoutCase,
    LayoutSuite,
    LoaderCase,
    LoaderSuite,
    MemoryDatabase,
    MemoryGround,
    StoreCase,
    VersionStoreSuite,
    check_plugin,
    memory_backend,
)


class TestSqlx(LoaderSuite):
    def case(self) -> LoaderCase:
        loader = Loader("sqlx", (".sqlx",), load)
        return LoaderCase(loader, good={"0001_users.sqlx": "SELECT 1;"}, bad={"0002_tab.sqlx": b"\t"})


class TestFolders(LayoutSuite):
    without = {"route": "the revisions are a chain"}

    def case(self) -> LayoutCase:
        folders = [Folder({"001-users/up.sql": "SELECT 1"}, revisions=("001",))]
        return LayoutCase(create(FolderSettings()), folders=folders, bad=[{"up.sql": ""}], foreign=[{"00001.sql": b""}])


class TestShop(VersionStoreSuite):
    @asynccontextmanager
    async def case(self) -> AsyncGenerator[StoreCase]:
        async with ground() as empty:
            other = ShopStore(ShopSettings(schema="other"))
            yield StoreCase(ShopStore(ShopSettings()), empty, other=other, other_shape=Sql("CREATE TABLE steps ()"))


class TestInMemory(VersionStoreSuite):
    @asynccontextmanager
    async def case(self) -> AsyncGenerator[StoreCase]:
        yield StoreCase(ShopStore(ShopSettings()), MemoryGround())


class Mine(PostgresGround):
    def session(self) -> AbstractAsyncContextManager[Executor]:
        return given(self.database.dsn, NoSettings())


class TestMine(ExecutorSuite):
    without = {"copy": "it has none"}

    def ground(self) -> AbstractAsyncContextManager[Ground]:
        return ground(Mine)

    @pytest.mark.xfail(reason="it holds nothing")
    def test_e6_a_lock_excludes_every_other_session_that_asks_for_it(self) -> None: ...


async def test_a_run(tmp_path: Path) -> None:
    observer = Observer("quiet", quiet)
    report = await Migrator(memory_backend(MemoryDatabase()), tmp_path, observers=[observer]).migrate()
    assert [ran.revision for ran in report.ran] == []


async def quiet(event: object) -> None: ...


async def test_two_connections() -> None:
    async with database() as made:
        CONNECTIONS["one"] = await made.connect(user="somebody")


def test_it_is_found() -> None:
    assert check_plugin("sqlx", offers=["loader sqlx"]).version == "1.0"
