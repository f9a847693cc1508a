"""A database in memory: tables of rows with unique keys, and locks that have a holder."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trek_core.model import Row

if TYPE_CHECKING:
    from trek_core.testing._memory_connection import MemoryConnection

NOTES, RAN, THINGS, ROW_LOCKS = "public.notes", "public.ran", "public.things", "public.row_locks"
UNDEFINED_TABLE, DUPLICATE_TABLE, UNIQUE_VIOLATION = "42P01", "42P07", "23505"
LOCK_NOT_AVAILABLE, CONNECTION_LOST, SYNTAX_ERROR, QUERY_CANCELED = "55P03", "08006", "42601", "57014"
NOT_IN_A_BLOCK, DIVISION_BY_ZERO, NO_DATA = "25001", "22012", "P0002"


class MemoryDatabaseError(Exception):
    """What the database refuses, with a SQLSTATE of PostgreSQL's.

    position: the place in the text where it is known, in characters from 0. schema, table, constraint: the violated key.
    """

    def __init__(
        self, sqlstate: str, message: str, *, position: int | None = None, key: tuple[str, str, str] | None = None
    ) -> None:
        self.sqlstate, self.message, self.position = sqlstate, message, position
        self.schema, self.table, self.constraint = key or ("", "", "")
        super().__init__(message)


@dataclass(slots=True)
class Table:
    """Rows in the order in which they were committed. `key`: the column whose values are unique; none if empty."""

    key: str = ""
    rows: list[Row] = field(default_factory=list)


Tables = dict[str, Table]


def constraint(table: str) -> tuple[str, str, str]:
    """Schema, table and name of a table's unique key."""
    schema, _, name = table.rpartition(".")
    return schema, name, f"{name}_key"


class MemoryDatabase:
    """What is committed, and who holds which lock. Sessions are `MemoryConnection`s."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.tables: Tables = {NOTES: Table(), RAN: Table(), THINGS: Table("number")}
        self.connections = 0
        self._holders: dict[Hashable, MemoryConnection] = {}
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def notes(self) -> list[str]:
        """The notes that are committed (`MemoryGround`)."""
        return [row["note"] for row in self.tables[NOTES].rows]

    @property
    def ran(self) -> list[str]:
        """The texts of all SQL that ran and is committed, as far as it is none of the words of `_memory_words`."""
        return [row["text"] for row in self.tables[RAN].rows]

    def try_lock(self, name: Hashable, connection: MemoryConnection) -> bool:
        """Whether the connection holds the lock now."""
        return self._holders.setdefault(name, connection) is connection

    def holder(self, name: Hashable) -> MemoryConnection | None:
        return self._holders.get(name)

    def unlock(self, *names: Hashable) -> None:
        for name in names:
            self._holders.pop(name, None)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def unlocked(self) -> None:
        """Waits until somebody releases a lock."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting
