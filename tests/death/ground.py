"""A server for deaths, and databases on it: a template before each stage, and a copy for each point."""

from __future__ import annotations

import itertools
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from tests.death.scenario import Image, Stage, image
from tests.support import versions
from tests.support.servers import chosen_bindir
from trek_asyncpg import migrate
from trek_asyncpg.embedded import EmbeddedServer
from trek_asyncpg.testing import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

SETTINGS = {"max_connections": "60", "log_min_messages": "panic"}
FILE_COPY = 15
NUMBERS = itertools.count()


def new_server(folder: Path | None = None, **settings: str) -> EmbeddedServer:
    """A server of our own, not started: the newest version of TREK_TEST_PG, or what is found."""
    asked = versions.parse(os.environ.get("TREK_TEST_PG", ""))
    return EmbeddedServer(folder, bindir=chosen_bindir(max(asked, default=None)), settings={**SETTINGS, **settings})


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stage begins: the template to copy. ran, left: what an undisturbed run carries out, and leaves."""

    stage: Stage
    template: str
    ran: tuple[str, ...]
    left: Image


@dataclass(slots=True)
class Ground:
    """Databases on one server."""

    server: Server
    admin: asyncpg.Pool[asyncpg.Record]
    strategy: str

    async def copy(self, template: str) -> str:
        """A new database like the template; its name."""
        name = f"death_{os.getpid()}_{next(NUMBERS)}"
        await self.admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} {self.strategy}")
        return name

    async def drop(self, name: str) -> None:
        await self.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def connected(self, name: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await asyncpg.connect(self.server.dsn(name))
        try:
            yield connection
        finally:
            await connection.close()

    async def undisturbed(self, stages: Sequence[Stage]) -> tuple[Start, ...]:
        """Each stage once, without any fault."""
        starts, before = [], await self.copy("template0")
        for stage in stages:
            after = await self.copy(before)
            report = await migrate(self.server.dsn(after), stage.folder, stage.target)
            async with self.connected(after) as connection:
                left = await image(connection)
            starts.append(Start(stage, before, tuple(ran.revision for ran in report.ran), left))
            before = after
        return tuple(starts)


@asynccontextmanager
async def ground(server: Server) -> AsyncIterator[Ground]:
    async with asyncpg.create_pool(server.base, min_size=1, max_size=4, statement_cache_size=0) as pool:
        async with pool.acquire() as connection:
            strategy = "STRATEGY file_copy" if connection.get_server_version().major >= FILE_COPY else ""
        yield Ground(server, pool, strategy)
