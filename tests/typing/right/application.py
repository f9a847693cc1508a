"""An application that gives its plugins by hand."""

from __future__ import annotations

from typing import Any

import sqlx_loader
from observers import notify
from shop_store import ShopSettings, ShopStore, plugin

from trek_asyncpg import AsyncpgBackend, migrate
from trek_core import Direction, Migrator, execute, plan
from trek_core.plugin import Observer, PluginHost


async def start(dsn: str) -> list[str]:
    report = await migrate(dsn, "migrations", plugins=[sqlx_loader, ("shop", plugin)], store="shop")
    return [ran.revision for ran in report.ran]


async def in_steps(connection: Any, target: str) -> None:
    backend = AsyncpgBackend(connection, store=ShopStore(ShopSettings(schema="shop")))
    async with backend.connect() as session:
        planned = await plan(session, backend, "migrations", target_revision=target, direction=Direction.up)
        await execute(session, backend, planned)
    await Migrator(backend, "migrations", observers=[Observer("mine", notify)]).migrate()


def offered() -> list[str]:
    return [info.name for info in PluginHost([sqlx_loader]).describe()]
