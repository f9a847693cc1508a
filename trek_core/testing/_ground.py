"""What the suites of stores and executors stand on: an empty database, words to write in it, and a look from outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

from trek_core.contracts import Executor
from trek_core.model import Call, Copy, Guard, RowLock, Sql, Statement


class Ground(ABC):
    """An empty database of one test. `trek_asyncpg.testing.ground()` gives one of PostgreSQL, `MemoryGround` one in memory.

    The words are statements that a suite builds its migrations of. Notes are words that a statement leaves in the
    database, with and within its transaction; a table for them is there. What only the tests of a capability call
    (`ExecutorSuite.capabilities`) may raise for an executor that lacks it.
    """

    @abstractmethod
    def session(self) -> AbstractAsyncContextManager[Executor]:
        """A new session on a connection of its own."""

    @abstractmethod
    async def notes(self) -> list[str]:
        """The notes that are committed, in their order, seen by a connection that no session uses."""

    @abstractmethod
    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query through that connection."""

    @abstractmethod
    async def cut(self, session: Executor) -> None:
        """The session's connection is lost, as when its server process dies. Returns when nothing of it is left."""

    @abstractmethod
    def transaction(self, session: Executor) -> AbstractAsyncContextManager[None]:
        """A transaction that a caller has open on the session's connection, rolled back at the end (READ COMMITTED)."""

    @abstractmethod
    async def setting(self, session: Executor) -> str:
        """What `change_setting` changes, as it is now in the session."""

    @abstractmethod
    def held(self) -> AbstractAsyncContextManager[None]:
        """The lock that `hold` takes is held by somebody else, that connection, until the end."""

    # ----------------------------------------------------------------------- words
    @abstractmethod
    def note(self, word: str) -> Sql:
        """Leaves a note."""

    @abstractmethod
    def note_outside(self, word: str) -> Sql:
        """Leaves a note, and refuses a transaction block. `Sql.refuses_block` says so."""

    @abstractmethod
    def all_notes(self) -> Sql:
        """A query for `Executor.read`: one object a note, the word under the key "note"."""

    @abstractmethod
    def no_table(self) -> Sql:
        """The same query of a table that is not there."""

    @abstractmethod
    def wrong(self) -> tuple[Sql, str]:
        """What the database refuses while it runs, and the SQLSTATE."""

    @abstractmethod
    def unknown_word(self) -> tuple[Sql, int]:
        """What the database refuses at a place that it names: the statement, and that place in characters from 0."""

    @abstractmethod
    def twice(self) -> tuple[tuple[Statement, ...], Guard]:
        """Statements whose last violates a unique key of another table than any history's, and that key."""

    @abstractmethod
    def sleep(self, seconds: float) -> Sql:
        """Takes its time."""

    @abstractmethod
    def hold(self) -> Sql:
        """Takes a lock of the database until the end of the transaction, and waits while another session has it."""

    @abstractmethod
    def change_setting(self) -> Sql:
        """Changes a setting of the session, beyond its transaction. `Sql.changes_settings` says so."""

    @abstractmethod
    def row_lock(self) -> RowLock:
        """A migration lock that is a row of a table, which is not there yet. It says who holds it, and has an advice."""

    @abstractmethod
    async def break_row_lock(self) -> None:
        """The row of that lock is given up by somebody who does not hold it, through that connection."""

    @abstractmethod
    def call(self, word: str) -> Call:
        """An async function of the connection that leaves a note."""

    @abstractmethod
    def copy(self, words: tuple[str, ...]) -> Copy:
        """Leaves notes by the COPY protocol."""
