"""A guest book on aiohttp that migrates when it starts and says when it is ready.

python examples/aiohttp_app/app.py        DATABASE_URL names the database; PORT is 8080 if it is not set
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from aiohttp import web

from trek_asyncpg import migrate, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIGRATIONS = Path(__file__).parent / "migrations"
POOL = web.AppKey("pool", asyncpg.Pool)


async def database(app: web.Application) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1) as app[POOL]:
        await migrate(app[POOL], MIGRATIONS)
        yield


async def ready(request: web.Request) -> web.Response:
    found = await status(request.app[POOL], MIGRATIONS)
    return web.json_response({"state": found.state}, status=503 if found.pending else 200)


async def guests(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch("SELECT name, word FROM guests ORDER BY id")
    return web.json_response([dict(row) for row in rows])


async def sign(request: web.Request) -> web.Response:
    guest = await request.json()
    await request.app[POOL].execute("INSERT INTO guests (name, word) VALUES ($1, $2)", guest["name"], guest["word"])
    return web.json_response(guest, status=201)


def application() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(database)
    app.add_routes([web.get("/ready", ready), web.get("/guests", guests), web.post("/guests", sign)])
    return app


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    web.run_app(application(), port=int(os.environ.get("PORT", "8080")), print=None)
