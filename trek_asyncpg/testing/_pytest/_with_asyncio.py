"""The async fixtures, for tests that pytest-asyncio runs: of each a variant a loop, since a test may be on any."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal, get_args

import pytest_asyncio

from trek_asyncpg.testing._pytest import _open

if TYPE_CHECKING:
    from trek_asyncpg._types import Pool
    from trek_asyncpg.testing._database import Connection

Scope = Literal["function", "class", "module", "package", "session"]


def _add(scope: Scope) -> None:
    @pytest_asyncio.fixture(loop_scope=scope, name=f"_trek_connection_{scope}")
    async def connection(trek_dsn: str) -> AsyncIterator[Connection]:
        async with _open.connection(trek_dsn) as made:
            yield made

    @pytest_asyncio.fixture(loop_scope=scope, name=f"_trek_pool_{scope}")
    async def pool(trek_dsn: str) -> AsyncIterator[Pool]:
        async with _open.pool(trek_dsn) as made:
            yield made

    globals().update({f"connection_{scope}": connection, f"pool_{scope}": pool})


for _scope in get_args(Scope):
    _add(_scope)
