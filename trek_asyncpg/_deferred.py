"""Which statement it was that a deferred constraint found wrong at the end of its migration, where the server names none."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg._message import Message
from trek_asyncpg._unit import GONE, Unit, only_sql
from trek_asyncpg._wire import to_the_end
from trek_core.plugin import Failure, Sql, replace, script

if TYPE_CHECKING:
    from collections.abc import Sequence

VIOLATED = "23"
"""The class of what constraints refuse."""
LOOKING = 10.0  # seconds at most
SAVEPOINT = "trek_settled"
LOOK = (Sql(f"SAVEPOINT {SAVEPOINT}"), script.SETTLE, Sql(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}"))
FOUND = (
    "its statements ran again, SET CONSTRAINTS ALL IMMEDIATE behind each, and were rolled back: the first that fails so"
)


async def laid(unit: Unit, failure: Failure) -> Failure:
    """The failure, laid at the first statement behind which the same constraint says the same.

    Runs the body again, a query a statement, and rolls it back. As it was where that tells nothing, or takes too long.
    """
    statements = script.statements(unit.action)
    body = only_sql(statements)
    sql_of_ours = unit.action.mode == "transaction" and not unit.nested and len(body) == len(statements)
    unnamed = failure.statement is None and failure.outcome == "rolled back" and failure.sqlstate.startswith(VIOLATED)
    if not (sql_of_ours and unnamed) or unit.connection.is_closed():
        return failure
    culprit = None
    with contextlib.suppress(TimeoutError, *GONE):  # the failure itself counts; this is only to name its statement
        try:
            async with asyncio.timeout(LOOKING):
                await unit.connection.execute(Message.of((script.BEGIN, *unit.limits)).text)
                culprit = await _culprit(unit, body, failure.cause)
        finally:
            await to_the_end(unit.roll_back())
            await unit.tidy()
    return replace(failure, statement=culprit, context=failure.context or FOUND) if culprit else failure


async def _culprit(unit: Unit, body: Sequence[Sql], error: BaseException) -> Sql | None:
    for statement in body:
        try:
            await unit.connection.execute(Message.of((statement, *LOOK)).text)
        except asyncpg.PostgresError as found:
            if _said(found) == _said(error):
                return statement
            await unit.connection.execute(LOOK[-1].text)  # violated for now, and mended later in the body
    return None


def _said(error: BaseException) -> tuple[object, ...]:
    return tuple(getattr(error, name, None) for name in ("sqlstate", "constraint_name", "detail"))
