"""One action outside a transaction: a statement at a time, each with its row in the history."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator

from trek_asyncpg._sending import named
from trek_asyncpg._unit import GONE, Unit, UnitFailed, unknown_if_gone
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import Failure, Piece, Sql, Statement, StatementDone, script


async def run(unit: Unit) -> AsyncGenerator[StatementDone]:
    """Yields `StatementDone` after each statement. Raises `UnitFailed`, after the history was told of the failure."""
    body = script.statements(unit.action)
    places = {id(statement): number for number, statement in enumerate(body, 1)}
    ours = False  # the row that says "started" is another runner's until our own was written
    try:
        for query in script.queries(unit.action, unit.record):
            begun = time.monotonic()
            number = next((places[id(s)] for s in query if id(s) in places), None)
            await unit.send(query, about=body[number - 1] if number else None)
            ours = True
            if number:
                _check_left(unit, body[number - 1], last=number == len(body))
                yield StatementDone(unit.action, number, len(body), time.monotonic() - begun)
            if number == len(body):
                await unit.send(unit.restore)
    except UnitFailed as failed:
        failure = await _named(unit, failed.failure)
        await to_the_end(_clean_up(unit, failed=ours))
        raise UnitFailed(unknown_if_gone(unit, failure, "partial")) from failed.failure.cause
    except BaseException:
        await to_the_end(_clean_up(unit, failed=False))
        raise


async def _named(unit: Unit, failure: Failure) -> Failure:
    """The statement, where a piece of a big file failed."""
    at = failure.statement
    pieces = [s for s in script.statements(unit.action) if isinstance(s, Piece)]
    piece = next((p for p in pieces if p is at or (isinstance(at, Sql) and at.file and _has(p, at))), None)
    return await named(unit.connection, piece, failure) if piece else failure


def _has(piece: Piece, statement: Sql) -> bool:
    return (piece.file, piece.line, piece.column) == (statement.file, statement.line, statement.column)


async def _clean_up(unit: Unit, *, failed: bool) -> None:
    """After an error or a cancellation: end a transaction the body may have begun, put settings back, tell the history."""
    await unit.roll_back()
    for statements in (unit.restore, unit.record.failed if failed else ()):
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
