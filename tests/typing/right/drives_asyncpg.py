"""What names asyncpg's own types: its author has asyncpg-stubs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from trek_asyncpg import AsyncpgExecutor, migrate, status
from trek_core.plugin import ConnectError, Executor, ExecutorProvider, TrekHooks, hookimpl


@dataclass(frozen=True)
class AsRole:
    role: str = ""


@asynccontextmanager
async def connect(dsn: str, settings: AsRole) -> AsyncGenerator[Executor]:
    try:
        connection = await asyncpg.connect(dsn.partition(":")[2])
    except OSError as error:
        raise ConnectError(str(error)) from None
    try:
        await connection.execute(f"SET ROLE {settings.role}")
        yield AsyncpgExecutor(connection)
    finally:
        await connection.close()


class AsRoles(TrekHooks):
    @hookimpl
    def trek_register_executors(self) -> Iterable[ExecutorProvider]:
        yield ExecutorProvider("as-role", ("as-role",), connect, AsRole)


async def start(connection: asyncpg.Connection[asyncpg.Record], pool: asyncpg.Pool[asyncpg.Record]) -> bool:
    await migrate(connection, "migrations")
    async with pool.acquire() as one:
        await migrate(one, "migrations")
    return not (await status(pool, "migrations")).pending
