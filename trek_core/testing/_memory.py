"""The in-memory ground, and a backend: a whole run without a server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from trek_core._host import PluginHost
from trek_core.backend import Backend
from trek_core.contracts import Executor, VersionStore
from trek_core.model import Call, Copy, Guard, RowLock, Sql, Statement
from trek_core.testing._ground import Ground
from trek_core.testing._memory_connection import MemoryConnection
from trek_core.testing._memory_database import DIVISION_BY_ZERO, NOTES, ROW_LOCKS, THINGS, MemoryDatabase, constraint
from trek_core.testing._memory_executor import MemoryExecutor
from trek_core.testing._memory_store import MemoryStore
from trek_core.testing._memory_words import NONSENSE


def memory_backend(
    database: MemoryDatabase | None = None,
    *,
    layout: str = "native",
    store: str | VersionStore | None = None,
    plugins: Iterable[object] = (),
    executor: type[MemoryExecutor] = MemoryExecutor,
) -> Backend:
    """A backend of a database in memory, so that a whole `Migrator(backend, folder).migrate()` runs without a server.

    layout, store: by name; None is a `MemoryStore`. plugins: those under test, beside the installed ones.
    SQL is not understood, only noted as run: `database.ran`.
    `DIVIDE BY ZERO` fails, `SLEEP 0.1` takes its time (seconds), `NOTE word` leaves a note.
    """
    database = database or MemoryDatabase()
    return Backend(
        lambda: memory_session(database, executor),
        layout=layout,
        store=store or MemoryStore(),
        host=PluginHost(plugins),
    )


@asynccontextmanager
async def memory_session(
    database: MemoryDatabase, executor: type[MemoryExecutor] = MemoryExecutor
) -> AsyncIterator[MemoryExecutor]:
    """A session on a connection of its own, closed at the end."""
    connection = MemoryConnection(database)
    try:
        yield executor(connection)
    finally:
        connection.close()


class MemoryGround(Ground):
    """An empty database in memory. `executor` makes the sessions."""

    def __init__(self, database: MemoryDatabase | None = None, executor: type[MemoryExecutor] = MemoryExecutor) -> None:
        self.database, self.executor = database or MemoryDatabase(), executor
        self._outside = MemoryConnection(self.database)

    def session(self) -> contextlib.AbstractAsyncContextManager[Executor]:
        return memory_session(self.database, self.executor)

    async def notes(self) -> list[str]:
        return [row["note"] for row in await self._outside.rows(NOTES)]

    async def query(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._outside.query(sql)]

    async def cut(self, session: Executor) -> None:
        session.connection.close()

    @asynccontextmanager
    async def transaction(self, session: Executor) -> AsyncIterator[None]:
        with contextlib.suppress(_RollBack), session.connection.transaction():
            yield
            raise _RollBack

    async def setting(self, session: Executor) -> str:
        return str(session.connection.settings["memory"])

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        with self._outside.transaction():
            await self._outside.execute(self.hold().text)
            yield

    # ----------------------------------------------------------------------- words
    def note(self, word: str) -> Sql:
        return Sql(f"NOTE {word}")

    def note_outside(self, word: str) -> Sql:
        return Sql(f"NOTE_OUTSIDE {word}", refuses_block="NOTE_OUTSIDE")

    def all_notes(self) -> Sql:
        return Sql(f"TABLE {NOTES}")

    def no_table(self) -> Sql:
        return Sql("TABLE public.nowhere")

    def wrong(self) -> tuple[Sql, str]:
        return Sql("DIVIDE BY ZERO"), DIVISION_BY_ZERO

    def unknown_word(self) -> tuple[Sql, int]:
        return Sql(f"SELECT {NONSENSE}"), len("SELECT ")

    def twice(self) -> tuple[tuple[Statement, ...], Guard]:
        return (Sql("THING 1"), Sql("THING 1")), Guard(*constraint(THINGS))

    def sleep(self, seconds: float) -> Sql:
        return Sql(f"SLEEP {seconds}")

    def hold(self) -> Sql:
        return Sql("HOLD it")

    def change_setting(self) -> Sql:
        return Sql("SET memory = 'changed'", changes_settings=True)

    def row_lock(self) -> RowLock:
        return RowLock(
            Sql("TAKE it"),
            Sql("GIVE $row"),
            (Sql("MAKE ROW LOCKS"),),
            Sql(f"TABLE {ROW_LOCKS}"),
            "Break it with BREAK.",
        )

    async def break_row_lock(self) -> None:
        await self._outside.execute("BREAK it")

    def call(self, word: str) -> Call:
        async def leave(connection: MemoryConnection) -> None:
            await connection.execute(f"NOTE {word}")

        return Call(leave, f"note {word}")

    def copy(self, words: tuple[str, ...]) -> Copy:
        return Copy("COPY notes FROM STDIN", "".join(f"{word}\n" for word in words))


class _RollBack(Exception):
    pass
