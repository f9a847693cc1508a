"""What async fixtures do, whoever runs them: thin, so that all that lives on an event loop lives on the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg.testing._database import Database

if TYPE_CHECKING:
    from trek_asyncpg._types import Pool
    from trek_asyncpg.testing._database import Connection

PATIENCE = 5  # seconds for a pool whose connections a test did not give back


@asynccontextmanager
async def connection(dsn: str) -> AsyncIterator[Connection]:
    """One connection, closed at the end."""
    made = Database("", dsn)
    try:
        yield await made.connect()
    finally:
        await made.close()


@asynccontextmanager
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """A pool that connects when it is asked for a connection, closed at the end."""
    made = asyncpg.create_pool(dsn, min_size=0)
    async with _closing(made):
        yield made


@asynccontextmanager
async def _closing(made: Pool) -> AsyncIterator[None]:
    await made
    try:
        yield
    finally:
        try:
            await asyncio.wait_for(made.close(), PATIENCE)
        except TimeoutError:
            made.terminate()
