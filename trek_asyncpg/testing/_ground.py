"""The ground of the conformance suites on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from trek_asyncpg._connect import ConnectSettings, from_dsn
from trek_asyncpg.testing._database import Database, database
from trek_asyncpg.testing._server import Server
from trek_core.plugin import Call, Copy, Executor, Guard, RowLock, Sql, Statement, quote_literal
from trek_core.testing import Ground

if TYPE_CHECKING:
    from trek_asyncpg.testing._database import Connection

FURNITURE = """
CREATE TABLE public.notes (number bigint GENERATED ALWAYS AS IDENTITY, word text NOT NULL);
CREATE TABLE public.taken (word text CONSTRAINT taken_key PRIMARY KEY);
CREATE TABLE public.held (word text);
INSERT INTO public.held VALUES ('it');
CREATE PROCEDURE public.note_outside(word text) LANGUAGE plpgsql
    AS 'BEGIN INSERT INTO public.notes (word) VALUES (word); COMMIT; END'
"""
GONE_WITHIN = 10_000  # milliseconds
PATIENCE = 1.0  # seconds: a suite waits for what is tried again and again


class PostgresGround(Ground):
    """An empty database of PostgreSQL. Its sessions are executors of asyncpg, on connections of their own.

    For another driver derive from it: `session`, `server_pid`, `transaction`, `setting` and `call` know asyncpg's connections.
    """

    def __init__(self, made: Database, onlooker: Connection) -> None:
        self.database, self.onlooker = made, onlooker

    def session(self) -> AbstractAsyncContextManager[Executor]:
        return from_dsn(self.database.dsn, ConnectSettings(lock_patience=PATIENCE))

    def server_pid(self, session: Executor) -> int:
        """The server process of a session, without asking it: it may be busy."""
        return int(session.connection.get_server_pid())

    async def notes(self) -> list[str]:
        return [row["word"] for row in await self.query("SELECT word FROM public.notes ORDER BY number")]

    async def query(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.onlooker.fetch(sql)]

    async def cut(self, session: Executor) -> None:
        pid = self.server_pid(session)
        if not await self.onlooker.fetchval("SELECT pg_catalog.pg_terminate_backend($1, $2)", pid, GONE_WITHIN):
            msg = f"server process {pid} did not end within {GONE_WITHIN} ms"
            raise RuntimeError(msg)

    @asynccontextmanager
    async def transaction(self, session: Executor) -> AsyncIterator[None]:
        await session.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            yield
        finally:
            await session.connection.execute("ROLLBACK")

    async def setting(self, session: Executor) -> str:
        return str(await session.connection.fetchval("SELECT pg_catalog.current_setting('work_mem')"))

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with self.onlooker.transaction():
            await self.onlooker.execute(self.hold().text)
            yield

    # ----------------------------------------------------------------------- words
    def note(self, word: str) -> Sql:
        return Sql(f"INSERT INTO public.notes (word) VALUES ({quote_literal(word)})")

    def note_outside(self, word: str) -> Sql:
        return Sql(f"CALL public.note_outside({quote_literal(word)})", refuses_block="CALL of a procedure with COMMIT")

    def all_notes(self) -> Sql:
        return Sql("SELECT pg_catalog.jsonb_build_object('note', word) FROM public.notes ORDER BY number")

    def no_table(self) -> Sql:
        return Sql("SELECT pg_catalog.to_jsonb(t) FROM public.nowhere t")

    def wrong(self) -> tuple[Sql, str]:
        return Sql("SELECT 1 / 0"), "22012"

    def unknown_word(self) -> tuple[Sql, int]:
        text = "SELECT '€ 🐘', nonsense"  # a byte is no character
        return Sql(text), text.index("nonsense")

    def twice(self) -> tuple[tuple[Statement, ...], Guard]:
        take = Sql("INSERT INTO public.taken VALUES ('one')")
        return (take, take), Guard("public", "taken", "taken_key")

    def sleep(self, seconds: float) -> Sql:
        return Sql(f"SELECT pg_catalog.pg_sleep({seconds})")

    def hold(self) -> Sql:
        return Sql("SELECT FROM public.held FOR UPDATE")

    def change_setting(self) -> Sql:
        return Sql("SET work_mem = '123kB'", changes_settings=True)

    def row_lock(self) -> RowLock:
        columns = "word text PRIMARY KEY, pid integer DEFAULT pg_backend_pid(), at timestamp DEFAULT clock_timestamp()"
        age = "date_part('epoch', LOCALTIMESTAMP - at)"
        return RowLock(
            Sql("INSERT INTO public.row_lock AS t VALUES ('it') ON CONFLICT DO NOTHING RETURNING to_jsonb(t)"),
            Sql("DELETE FROM public.row_lock t WHERE to_jsonb(t) = $row::jsonb"),
            (Sql(f"CREATE TABLE public.row_lock ({columns})"),),
            Sql(f"SELECT jsonb_build_object('name', 'session ' || pid, 'age', {age}) FROM public.row_lock"),
            "Delete the row of public.row_lock.",
        )

    async def break_row_lock(self) -> None:
        await self.onlooker.execute("DELETE FROM public.row_lock")

    def call(self, word: str) -> Call:
        async def leave_note(connection: Any) -> None:
            await connection.execute(self.note(word).text)

        return Call(leave_note, "leave_note")

    def copy(self, words: tuple[str, ...]) -> Copy:
        return Copy("COPY public.notes (word) FROM STDIN", "".join(f"{word}\n" for word in words))


@asynccontextmanager
async def ground(
    kind: type[PostgresGround] = PostgresGround, *, at: Server | None = None
) -> AsyncIterator[PostgresGround]:
    """The ground on an empty database, which is dropped at the end.

    kind: a class derived from `PostgresGround`. at: a server; None: the one of this process. Raises `NoServer`.
    """
    async with database(at) as made:
        onlooker = await made.connect(statement_cache_size=0)
        await onlooker.execute(FURNITURE)
        yield kind(made, onlooker)
