"""One action in one transaction: ours, or a savepoint of the caller's."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trek_asyncpg import _escape, _failure
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._message import WHERE_MARKED, Message, marked
from trek_asyncpg._outlasted import Opened
from trek_asyncpg._unit import GONE, SAVEPOINT, Unit, only_sql, unknown_if_gone
from trek_asyncpg._wire import rows, to_the_end
from trek_core.plugin import Failure, Sql, Statement, replace, script

if TYPE_CHECKING:
    from asyncpg.transaction import Transaction


async def run(unit: Unit) -> None:
    """All or nothing. Raises `UnitFailed`; whatever happens, no transaction of ours is left behind."""
    opening = unit.opening
    everything = (*opening, *script.statements(unit.action), *unit.record.finish)
    work = _one_query if all(isinstance(part, Sql) for part in everything) else _stepwise
    try:
        await work(unit, opening)
    except UnitFailed as failed:
        await unit.tidy()
        failure = unknown_if_gone(unit, failed.failure, "rolled back")
        raise UnitFailed(failure, escaped=failed.escaped) from failure.cause
    except BaseException:
        await unit.tidy()
        raise


def _tail(unit: Unit) -> tuple[Statement, ...]:
    """Settle, put settings back, finish. In the caller's transaction constraints stay as the caller set them."""
    settle = () if unit.nested or unit.action.body is None else (script.SETTLE,)
    return (*settle, *unit.restore, *unit.record.finish)


# --------------------------------------------------------------------------- SQL: one round trip
async def _one_query(unit: Unit, opening: Sequence[Statement]) -> None:
    body = only_sql(script.statements(unit.action))
    mark = unit.mark and bool(body)
    inner = (*only_sql(opening), *(marked(body) if mark else body), *only_sql(_tail(unit)))
    whole = (*inner, Sql(f"RELEASE SAVEPOINT {SAVEPOINT}")) if unit.nested else (script.BEGIN, *inner, script.COMMIT)
    message = Message.of(whole)
    if unit.nested:  # by itself: a parse error runs nothing of its query, and aborts the transaction all the same
        await unit.connection.execute(f"SAVEPOINT {SAVEPOINT}")
    try:
        tag = await unit.connection.execute(message.text)
    except BaseException as error:
        number = await to_the_end(_forget(unit, mark=mark))
        if not isinstance(error, Exception):
            raise
        failure = _failure.of(error, message=message)
        if not mark and len(body) == 1 and not _failure.is_about_the_history(error, unit.record.guard):
            number = 1
        raise UnitFailed(_located(failure, body, number)) from error
    if not unit.nested and tag != "COMMIT":
        raise UnitFailed(_not_committed(tag))


def _located(failure: Failure, body: list[Sql], number: int) -> Failure:
    """Names the statement of a failure that came without a position."""
    if failure.statement is not None or not 1 <= number <= len(body):
        return failure
    return replace(failure, statement=body[number - 1])


async def _forget(unit: Unit, *, mark: bool) -> int:
    """Nothing of the transaction remains, and no marker; its number."""
    await unit.roll_back()
    return await _marker(unit) if mark else 0


async def _marker(unit: Unit) -> int:
    """The number of the statement that was running; 0 if the connection is gone or none was."""
    if not unit.connection.is_closed():
        with contextlib.suppress(*GONE):
            for left in await to_the_end(rows(unit.connection, WHERE_MARKED)):
                return int(left["number"])
    return 0


def _not_committed(tag: str) -> Failure:
    message = f"COMMIT was answered with {tag}: an error inside the migration was swallowed, and nothing of it remains"
    return Failure(RuntimeError(message), message)


# --------------------------------------------------------------------------- Python: statement by statement
async def _stepwise(unit: Unit, opening: Sequence[Statement]) -> None:
    """Inside `connection.transaction()`, so that the body's own transactions become savepoints.

    The caller's transaction may have been begun by a textual BEGIN, in which asyncpg refuses that: a savepoint there.
    """
    transaction = None if unit.nested else unit.connection.transaction(isolation="read_committed")
    opened = Opened()
    try:
        await (transaction.start() if transaction else unit.connection.execute(f"SAVEPOINT {SAVEPOINT}"))
        await unit.send(opening)
        opened = await _escape.number_of(unit)
        await unit.send_body()
        await _escape.check_same(unit, opened)
        await unit.send(_tail(unit))
        await (transaction.commit() if transaction else unit.connection.execute(f"RELEASE SAVEPOINT {SAVEPOINT}"))
    except BaseException as error:
        ended = bool(opened) and not unit.connection.is_closed() and not unit.connection.is_in_transaction()
        await to_the_end(_undo(unit, transaction))
        if not isinstance(error, Exception):
            raise
        failure = error.failure if isinstance(error, UnitFailed) else _failure.of(error)
        judged = await _escape.after_failure(unit, opened, failure)
        raise UnitFailed(judged, escaped=ended or judged.outcome != "rolled back") from error


async def _undo(unit: Unit, transaction: Transaction | None) -> None:
    """As one piece of work: a second cancellation between the two would leave the transaction open."""
    if transaction:
        with contextlib.suppress(*GONE):
            await transaction.rollback()
    await unit.roll_back()
