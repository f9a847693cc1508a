"""One action outside a transaction: a statement at a time, each with its row in the history."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Sequence

from trek_asyncpg import _failure, _looking
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._sending import named
from trek_asyncpg._unit import GONE, Unit, unknown_if_gone
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import Failure, Piece, Resume, Sql, Statement, StatementDone, replace, script

COMMITS = "2D000"
"""invalid_transaction_termination"""


async def run(unit: Unit) -> AsyncGenerator[StatementDone]:
    """Yields `StatementDone` after each statement. Raises `UnitFailed`, after the history was told of the failure."""
    body = script.statements(unit.action)
    ours = False  # the row that says "started" is another runner's until our own was written
    try:
        record, ended = unit.record, False
        if (resume := unit.action.resume) and resume.open:
            ended = await _settled(unit, body[resume.done], resume)
            ours, record = True, replace(record, begin=())
        for query in script.queries(unit.action, record, ended=ended):
            begun, number = time.monotonic(), _number(unit, query, ended=ended)
            async with _looking.watched(unit, body[number - 1]) if number else contextlib.nullcontext():
                await _send(unit, query, body, number)
            ours = True
            if number:
                _check_left(unit, body[number - 1], last=number == len(body))
                yield StatementDone(unit.action, number, len(body), time.monotonic() - begun)
            if number == len(body):
                await unit.send(unit.restore)
        if resume and resume.done + ended == len(body):  # then no statement was the last one
            await unit.send(unit.restore)
    except (UnitFailed, *GONE) as error:  # the latter where it only looked at what is there
        failed = error.failure if isinstance(error, UnitFailed) else _failure.of(error)
        failure = await _named(unit, failed)
        await to_the_end(_clean_up(unit, script.told(unit.record, failure) if ours else ()))
        raise UnitFailed(unknown_if_gone(unit, failure, "partial")) from failure.cause
    except BaseException:
        await to_the_end(_clean_up(unit))
        raise


async def _settled(unit: Unit, statement: Statement, resume: Resume) -> bool:
    """Claims what a run left, and settles what became of the statement that it began: whether that is done.

    It looks before the claim too: where it must ask, it has taken nothing away from anybody.
    """
    await _looking.look(unit, statement, resume)
    await unit.send(unit.record.begin)
    found = await _looking.look(unit, statement, resume)
    await _looking.clear(unit, statement, found)
    return found.ended


async def _send(unit: Unit, query: Sequence[Statement], body: Sequence[Statement], number: int) -> None:
    """One query. What commits by itself (CALL, DO) is refused beside its row, and nothing of it remains: then it goes alone."""
    about = body[number - 1] if number else None
    try:
        await unit.send(_as_found(unit, query, body), about)
    except UnitFailed as failed:
        progress = unit.record.progress
        if failed.failure.sqlstate != COMMITS or not about or not progress or script.stands_alone(unit.action, about):
            raise
        for part in (progress(number, "begin"), (about,), progress(number, "done")):
            await unit.send(_as_found(unit, part, body), about)


def _as_found(unit: Unit, query: Sequence[Statement], body: Sequence[Statement]) -> tuple[Statement, ...]:
    """The query with the history written by who the caller is, also where the body has taken another role."""
    at = next((number for number, one in enumerate(query) if not any(one is other for other in body)), len(query))
    return (*query[:at], *(unit.as_found if at < len(query) else ()), *query[at:])


def _number(unit: Unit, query: Sequence[Statement], *, ended: bool) -> int:
    """The number of the body's statement in a query; 0 if none of those that are still to be done."""
    done = unit.action.resume.done + ended if unit.action.resume else 0
    rest = enumerate(script.statements(unit.action)[done:], done + 1)
    return next((number for number, one in rest if any(one is other for other in query)), 0)


async def _named(unit: Unit, failure: Failure) -> Failure:
    """The statement, where a piece of a big file failed."""
    at = failure.statement
    pieces = [s for s in script.statements(unit.action) if isinstance(s, Piece)]
    piece = next((p for p in pieces if p is at or (isinstance(at, Sql) and at.file and _has(p, at))), None)
    return await named(unit.connection, piece, failure) if piece else failure


def _has(piece: Piece, statement: Sql) -> bool:
    return (piece.file, piece.line, piece.column) == (statement.file, statement.line, statement.column)


async def _clean_up(unit: Unit, told: Sequence[Statement] = ()) -> None:
    """After an error or a cancellation: end a transaction the body may have begun, put settings back, tell the history."""
    await unit.roll_back()
    for statements in (unit.restore, told):
        if statements and not unit.connection.is_closed():
            with contextlib.suppress(UnitFailed, *GONE):
                await unit.send(statements)


def _check_left(unit: Unit, statement: Statement, *, last: bool) -> None:
    """No transaction may be open after a statement; in a body that begins and ends its own, after the last one."""
    own = unit.action.mode == "message" or any(
        getattr(s, "controls_transaction", "") for s in script.statements(unit.action)
    )
    if not unit.connection.is_in_transaction() or (own and not last):
        return
    problem = "it left a transaction open: what it did there is rolled back"
    raise UnitFailed(Failure(RuntimeError(problem), problem, statement, hint="End every transaction that it begins."))
