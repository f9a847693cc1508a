"""What carrying out one action needs, in a transaction or not."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg import _failure
from trek_asyncpg._copying import send_alone
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._message import Message
from trek_asyncpg._sending import Sending
from trek_asyncpg._wire import once_free, to_the_end
from trek_core.plugin import (
    Action,
    Call,
    Copy,
    Failure,
    LoadError,
    Piece,
    Record,
    Sql,
    Statement,
    dataclass,
    replace,
    script,
)

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

SAVEPOINT = "trek_migration"
GONE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a clean-up may meet on a connection that is no longer there: there is nothing left to clean then."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One action on one connection; `nested`: in the caller's transaction.

    restore: makes the session what it was. as_found: only who it acts as, to the end of a query of several statements.
    limits: what bounds its transaction's waits and statements. at_once: stands for the whole record.
    """

    connection: Connection
    action: Action
    record: Record
    restore: tuple[Sql, ...]
    nested: bool
    mark: bool
    limits: tuple[Sql, ...] = ()
    as_found: tuple[Sql, ...] = ()
    at_once: Sql | None = None

    @property
    def opening(self) -> tuple[Statement, ...]:
        """What stands between BEGIN and the body."""
        return self.limits if self.at_once else (*self.limits, *self.record.begin)

    @property
    def opens_bare(self) -> bool:
        """Whether only limits stand there, which cannot fail."""
        return self.at_once is not None or not self.record.begin

    @property
    def closing(self) -> tuple[Statement, ...]:
        """What stands between the body and COMMIT."""
        return (self.at_once,) if self.at_once else self.record.finish

    async def send(self, statements: Sequence[Statement], about: Statement | None = None) -> None:
        """Runs statements in order, SQL that stands together as one simple query. Raises `UnitFailed`.

        about: the statement that a failure without a position is laid at.
        """
        waiting: list[Sql] = []
        for statement in statements:
            if isinstance(statement, Copy | Call):
                await self._query(waiting, about)
                waiting = []
                await self._alone(statement)
            else:
                waiting.append(self._text(statement))
        await self._query(waiting, about)

    async def _query(self, statements: Sequence[Sql], about: Statement | None) -> None:
        if not statements:
            return
        message = Message.of(statements)
        try:
            await self.connection.execute(message.text)
        except Exception as error:
            raise UnitFailed(_failure.of(error, message=message, statement=about)) from error

    async def _alone(self, statement: Copy | Call) -> None:
        try:
            await send_alone(self.connection, statement)
        except Exception as error:
            raise UnitFailed(_failure.of(error, statement=statement)) from error

    def _text(self, statement: Sql | Piece) -> Sql:
        try:
            return statement.whole() if isinstance(statement, Piece) else statement
        except LoadError as error:
            raise UnitFailed(_failure.of(error, statement=statement)) from error

    async def send_body(self) -> None:
        """Runs the body inside its transaction. Raises `UnitFailed`, which names the statement also without a position."""
        await Sending(self.connection).send(script.statements(self.action))

    async def tidy(self) -> None:
        """After what failed: a rollback takes back neither prepared statements nor locks, nor what was committed before it."""
        if self.restore and not self.connection.is_closed():
            with contextlib.suppress(UnitFailed, *GONE):
                await to_the_end(self.send(self.restore))

    async def roll_back(self) -> None:
        """To the end, and always: after a cancellation is_in_transaction() says False while the server is in one."""
        back = f"ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}" if self.nested else "ROLLBACK"
        if self.connection.is_closed():
            return
        with contextlib.suppress(*GONE):
            await to_the_end(once_free(self.connection, back))


def only_sql(statements: Sequence[Statement]) -> list[Sql]:
    return [statement for statement in statements if isinstance(statement, Sql)]


def unknown_if_gone(unit: Unit, failure: Failure, otherwise: str) -> Failure:
    """The outcome: known, unless the connection went before the answer came, which who rolled back on it has seen."""
    if failure.outcome in ("partial", "unfinished", "ended"):
        return failure
    return replace(failure, outcome="unknown" if unit.connection.is_closed() else otherwise)


def lost_the_race(unit: Unit, failure: Failure) -> bool:
    """Whether somebody was faster. Without markers (behind a pooler) only the name tells whether the history was being made."""
    in_body = failure.statement is not None and bool(failure.statement.file)
    guard = unit.record.guard
    making = not in_body and (unit.mark or _failure.is_about_the_history(failure.cause, guard))
    return _failure.is_lost_race(failure.cause, guard, bootstrap=making)
