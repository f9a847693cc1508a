"""A guest book that migrates when it starts, says when it is ready, and migrates on request.

uvicorn --app-dir examples/starlette_app app:app      DATABASE_URL and ADMIN_TOKEN are needed
"""

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from trek_asyncpg import AsyncpgBackend
from trek_asyncpg.asgi import MigrationApp, bearer
from trek_core import Migrator, Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

DSN = os.environ["DATABASE_URL"]
FOLDER = os.environ.get("TREK_DIR", Path(__file__).parent / "migrations")
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(levelname)s %(message)s")

# missing: while a release rolls out, an old process may start on a database that is ahead of its files
migrator = Migrator(AsyncpgBackend(DSN), FOLDER, lock_wait=300, rules=Rules(missing="warn"))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await migrator.migrate()
    async with asyncpg.create_pool(DSN, min_size=1, max_size=5) as app.state.pool:
        yield


async def guests(request: Request) -> JSONResponse:
    rows = await request.app.state.pool.fetch("SELECT name, word FROM guests ORDER BY id")
    return JSONResponse([dict(row) for row in rows])


async def sign(request: Request) -> JSONResponse:
    guest = await request.json()
    await request.app.state.pool.execute(
        "INSERT INTO guests (name, word) VALUES ($1, $2)", guest["name"], guest["word"]
    )
    return JSONResponse(guest, 201)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/guests", guests),
        Route("/guests", sign, methods=["POST"]),
        Mount("/migrations", app=MigrationApp(migrator, authorize=bearer(os.environ["ADMIN_TOKEN"]))),
    ],
)
