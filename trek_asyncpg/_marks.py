"""Which statement of a query ran last: told by something in the session that a rollback leaves as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg._message import WHERE_MARKED, forget, mark
from trek_asyncpg._wire import rows
from trek_core.plugin import Sql, dataclass, script

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection


class Marks(ABC):
    """A number that goes up by one before each statement; it is 1 before the first of them."""

    @abstractmethod
    def opening(self, number: int) -> Sequence[Sql]:
        """Sets it, where so many steps will follow. A transaction of their own: what is in a failed one is gone."""

    @abstractmethod
    def step(self) -> Sql:
        """What stands before a statement."""

    @abstractmethod
    def closing(self) -> Sequence[Sql]:
        """Takes it away, at the end of the query."""

    @abstractmethod
    async def found(self, connection: Connection) -> int:
        """The number, after a rollback, and takes it away; 0 if there is none."""


@dataclass(slots=True)
class Cursor(Marks):
    """An open cursor over empty rows, moved on before each statement: a tenth of what a lock costs the server.

    A body that closes all cursors closes this one.
    """

    name: str
    steps: int = 0

    def opening(self, number: int) -> Sequence[Sql]:
        self.steps = number
        rows = f"SELECT FROM pg_catalog.generate_series(1, {number})"
        return (script.BEGIN, Sql(f"DECLARE {self.name} CURSOR WITH HOLD FOR {rows}"), script.COMMIT)

    def step(self) -> Sql:
        return Sql(f"MOVE {self.name}")

    def closing(self) -> Sequence[Sql]:
        return (Sql(f"CLOSE {self.name}"),)

    async def found(self, connection: Connection) -> int:
        try:
            moved = await connection.execute(f"MOVE ALL {self.name}")
        except asyncpg.InvalidCursorNameError:
            return 0
        await connection.execute(self.closing()[0].text)
        return self.steps - int(moved.removeprefix("MOVE ")) + 1


@dataclass(slots=True)
class Locks(Marks):
    """A shared advisory lock of the session, for what a body may not close."""

    number: int = 1

    def opening(self, number: int) -> Sequence[Sql]:  # noqa: ARG002 - there is no end of them
        return (script.BEGIN, Sql(f"SELECT {mark(self.number)}"), script.COMMIT)

    def step(self) -> Sql:
        self.number += 1
        return Sql(f"SELECT {mark(self.number, self.number - 1)}")

    def closing(self) -> Sequence[Sql]:
        return (Sql(f"SELECT {forget(self.number)}"),)

    async def found(self, connection: Connection) -> int:
        left = await rows(connection, WHERE_MARKED)
        return int(left[0]["number"]) if left else 0
