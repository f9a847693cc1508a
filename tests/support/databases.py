"""What the fixtures give: a database for one test, and the roles that it made."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg.testing import Database, Server

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["Connection", "Database", "Roles", "Server"]
_numbers = itertools.count(1)


@dataclass(slots=True)
class Roles:
    """Makes roles with names of their own, and drops them."""

    server: Server
    names: list[str] = field(default_factory=list)

    async def __call__(self, options: str = "LOGIN") -> str:
        """CREATE ROLE with those options; gives the name."""
        name = f"trek_role_{os.getpid()}_{next(_numbers)}"
        await self._run(f'CREATE ROLE "{name}" {options}')
        self.names.append(name)
        return name

    async def drop(self) -> None:
        for name in reversed(self.names):
            with suppress(asyncpg.UndefinedObjectError):  # the test dropped it
                await self._run(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')

    async def _run(self, sql: str) -> None:
        admin = await asyncpg.connect(self.server.base)
        try:
            await admin.execute(sql)
        finally:
            await admin.close()
