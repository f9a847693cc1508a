"""The suite of stores on a class of stores in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trek_core.plugin import Call
from trek_core.testing import MemoryConnection, MemoryGround, MemoryStore, StoreCase, VersionStoreSuite

TABLE, OTHER = "public.trek_history", "public.app_history"


class MemoryCase(VersionStoreSuite):
    store: type[MemoryStore] = MemoryStore

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        ground = MemoryGround()
        yield StoreCase(self.store(TABLE), ground, other=self.store(OTHER), other_shape=Call(_shoes, "shoes"))


def suite_of(store: type[MemoryStore]) -> type[VersionStoreSuite]:
    return type(f"Suite of {store.__name__}", (MemoryCase,), {"store": store, "__module__": __name__})


async def _shoes(connection: MemoryConnection) -> None:
    await connection.create(TABLE, key="shoe_size")
    await connection.insert(TABLE, {"shoe_size": 43})
