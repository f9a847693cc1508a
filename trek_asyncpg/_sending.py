"""The body of a migration inside its transaction, where it is more than one query: texts, pieces of files, COPY, Python.

A savepoint now and then is the way back to what failed: the server names no place for most errors of a query of many
statements. What came since the savepoint runs again up to the failing query, and that one by halves, until a single
statement fails. Whatever comes of it, the transaction is rolled back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from trek_asyncpg import _failure
from trek_asyncpg._copying import send_alone
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._message import Message
from trek_core.plugin import Call, Copy, Failure, LoadError, Piece, Sql, Statement, dataclass, field, replace

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

MOST_BYTES = 1_000_000
"""Of one query."""
BETWEEN = 16_000_000
"""Characters between two savepoints: each is a subtransaction, and more than 64 in one session slow every other down."""
SAVEPOINT = "trek_piece_{}"
HALF = "trek_half"
PASSES = ("40", "53", "55", "57", "58")
"""Classes of errors that come of the moment, not of a statement: it might not fail again, or wait as long again."""


@dataclass(slots=True)
class Sending:
    """One body. `since`: what was sent since the last savepoint."""

    connection: Connection
    since: list[Sequence[Sql] | Piece] = field(default_factory=list)
    size: int = 0
    savepoints: int = 0

    async def send(self, statements: Sequence[Statement]) -> None:
        """Runs them in order. Raises `UnitFailed`, with the transaction aborted."""
        for part in _parts(statements):
            if isinstance(part, Copy | Call):
                await self._alone(part)
                self.since, self.size = [], BETWEEN
            else:
                await self._several(part)

    async def _alone(self, statement: Copy | Call) -> None:
        try:
            await send_alone(self.connection, statement)
        except Exception as error:
            raise UnitFailed(_failure.of(error, statement=statement)) from error

    async def _several(self, part: Sequence[Sql] | Piece) -> None:
        try:
            if isinstance(part, Piece) or len(part) > 1:
                await self._savepoint()
            message = _message(part)
            self.since.append(part)
            self.size += len(message.text)
            await self.connection.execute(message.text)
        except Exception as error:
            raise UnitFailed(await self._found(part, error)) from error

    async def _savepoint(self) -> None:
        """One more, never one less: a RELEASE in the body may have taken it away already."""
        if self.savepoints and self.size < BETWEEN:
            return
        self.savepoints += 1
        await self.connection.execute(f"SAVEPOINT {SAVEPOINT.format(self.savepoints)}")
        self.since, self.size = [], 0

    async def _found(self, part: Sequence[Sql] | Piece, error: Exception) -> Failure:
        failure = _laid(part, error)
        if failure.position is not None or not isinstance(failure.statement, Piece | None) or _passes(error):
            return failure
        try:
            await self.connection.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT.format(self.savepoints)}")
            for before in self.since[:-1]:
                await self.connection.execute(_message(before).text)
            culprit = await find(self.connection, _singly(part))
        except Exception:  # noqa: BLE001 - the first failure counts; this one only was to name its statement
            return failure
        return replace(failure, statement=culprit) if culprit else failure


async def find(connection: Connection, statements: Sequence[Sql]) -> Sql | None:
    """The statement that fails, by halves; None if none does. Some of what is before it has run then."""
    while statements:
        half = statements[: max(1, len(statements) // 2)]
        fails = not await _runs(connection, half)
        if fails and len(half) == 1:
            return half[0]
        statements = half if fails else statements[len(half) :]
    return None


async def _runs(connection: Connection, statements: Sequence[Sql]) -> bool:
    await connection.execute(f"SAVEPOINT {HALF}")
    try:
        await connection.execute(Message.of(statements).text)
    except Exception as error:
        if _failure.is_lost_connection(error):
            raise
        await connection.execute(f"ROLLBACK TO SAVEPOINT {HALF}")
        return False
    return True


# --------------------------------------------------------------------------- parts of a body
def _parts(statements: Sequence[Statement]) -> Iterator[Sequence[Sql] | Piece | Copy | Call]:
    """Texts that stand together as one query, as far as it may be long; all else singly."""
    waiting: list[Sql] = []
    size = 0
    for statement in statements:
        more = len(statement.text) if isinstance(statement, Sql) else MOST_BYTES
        if waiting and size + more > MOST_BYTES:
            yield waiting
            waiting, size = [], 0
        if isinstance(statement, Sql):
            waiting.append(statement)
            size += more
        else:
            yield statement
    if waiting:
        yield waiting


def _message(part: Sequence[Sql] | Piece) -> Message:
    return Message.of((part.whole(),) if isinstance(part, Piece) else part)


def _singly(part: Sequence[Sql] | Piece) -> Sequence[Sql]:
    return part.split() if isinstance(part, Piece) else part


def _laid(part: Sequence[Sql] | Piece, error: Exception) -> Failure:
    """The failure of a part: at the statement with the server's position, at the only one, or at none that is known."""
    only: Statement | None = part if isinstance(part, Piece) else part[0] if len(part) == 1 else None
    if isinstance(error, LoadError) or (at := _failure.place(error)) is None:
        return _failure.of(error, statement=only)
    if not isinstance(part, Piece):
        return _failure.of(error, message=_message(part))
    return _within(part, at, _failure.of(error))


def _within(piece: Piece, at: int, failure: Failure) -> Failure:
    """Laid at the statement that has the place, in characters of the piece."""
    inner = next((one for one in reversed(piece.split()) if one.offset <= at), None)
    return replace(failure, statement=inner or piece, position=at - inner.offset if inner else None)


async def named(connection: Connection, piece: Piece, failure: Failure) -> Failure:
    """The failure of a piece outside a transaction, of which nothing remains, laid at its statement."""
    if isinstance(failure.statement, Sql) and failure.statement.file and failure.position is not None:
        return _within(piece, failure.position, failure)
    if failure.statement is not piece or _passes(failure.cause) or connection.is_closed():
        return failure
    try:
        await connection.execute("BEGIN")
        culprit = await find(connection, piece.split())
    except Exception:  # noqa: BLE001 - the first failure counts; this one only was to name its statement
        culprit = None
    return replace(failure, statement=culprit) if culprit else failure


def _passes(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None) or ""
    return not state or state.startswith(PASSES)
