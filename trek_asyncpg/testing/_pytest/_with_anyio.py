"""The async fixtures, for tests that anyio runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from trek_asyncpg.testing._pytest import _open

if TYPE_CHECKING:
    from trek_asyncpg._types import Pool
    from trek_asyncpg.testing._database import Connection


@pytest.fixture
async def _trek_connection_anyio(trek_dsn: str) -> AsyncIterator[Connection]:
    async with _open.connection(trek_dsn) as made:
        yield made


@pytest.fixture
async def _trek_pool_anyio(trek_dsn: str) -> AsyncIterator[Pool]:
    async with _open.pool(trek_dsn) as made:
        yield made
