"""The kit of version stores, on the two that trek brings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from trek_asyncpg.plugin import trek_register_version_stores as of_asyncpg
from trek_asyncpg.testing import ground
from trek_core.plugin import Sql, VersionStore
from trek_core.testing import StoreCase, VersionStoreSuite
from trek_loaders.formats.asyncpg_trek import trek_register_version_stores as of_asyncpg_trek

if TYPE_CHECKING:
    from trek_asyncpg.testing import Server

HISTORY_LESS = "asyncpg-trek's table holds edges between revisions and nothing else"


class OnTheRunsServer:
    """Each test of a kit, on each version of PostgreSQL that TREK_TEST_PG names."""

    @pytest.fixture(autouse=True)
    def _on(self, server: Server) -> None:
        self.server = server


def native(**settings: str) -> VersionStore:
    (offered,) = of_asyncpg()
    return offered.create(offered.settings(**settings))


def asyncpg_trek(**settings: str) -> VersionStore:
    (offered,) = of_asyncpg_trek()
    return offered.create(offered.settings(**settings))


class TestNative(OnTheRunsServer, VersionStoreSuite):
    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                native(),
                empty,
                other=native(table="other_history"),
                other_shape=Sql("CREATE TABLE public.trek_history (shoe_size integer)"),
            )


class TestAsyncpgTrek(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": HISTORY_LESS,
        "titles": HISTORY_LESS,
        "unfinished": HISTORY_LESS,
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                asyncpg_trek(),
                empty,
                other=asyncpg_trek(schema="other"),
                other_shape=Sql("CREATE TABLE public.migrations (shoe_size integer)"),
            )


def test_what_asyncpg_trek_is_said_to_lack_it_lacks(server: Server) -> None:
    class Undeclared(TestAsyncpgTrek):
        without: ClassVar[Mapping[str, str]] = {}

    skipped = [name for name in TestAsyncpgTrek.kit_tests() if needed(name) & set(TestAsyncpgTrek.without)]
    for name in skipped:
        suite = Undeclared()
        suite.server = server
        with pytest.raises(AssertionError):
            getattr(suite, name)()
    declared = {one for name in skipped for one in needed(name)}
    assert declared >= set(TestAsyncpgTrek.without)


def needed(name: str) -> set[str]:
    """The capabilities that a test of the kit needs."""
    return set(getattr(getattr(VersionStoreSuite, name), "needs", ()))


class TestNativeWithALongName(OnTheRunsServer, VersionStoreSuite):
    """Names that leave no room for a suffix, and need quotes."""

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        long = 'a "name"' + 54 * "e"
        quoted = long.replace('"', '""')
        async with ground(at=self.server) as empty:
            yield StoreCase(
                native(table=f"{long}1", schema="Other's"),
                empty,
                other=native(table=f"{long}2", schema="Other's"),
                other_shape=Sql(f"""CREATE SCHEMA "Other's" CREATE TABLE "{quoted}1" (shoe_size integer)"""),
            )
