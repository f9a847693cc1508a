"""The transaction must be the one that was opened: what a body in Python that ended it left, and what to say of it.

SQL is asked before it runs: a file with COMMIT or ROLLBACK is refused while planning, whatever its loader saw.
"""

from __future__ import annotations

import contextlib

from trek_asyncpg import _failure, _outlasted
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._outlasted import LIMITS, Opened
from trek_asyncpg._unit import GONE, Unit
from trek_asyncpg._wire import is_in_use, rows
from trek_core.plugin import Call, Failure, replace, script

NUMBER = f"SELECT pg_catalog.jsonb_build_object('number', pg_catalog.pg_current_xact_id()::text, 'limits', {LIMITS})"
"""Assigns one: a store that keeps its history elsewhere has written nothing."""
REMOVE = "Remove COMMIT and ROLLBACK from it, or mark the file no_transaction = True."
NO_SAVEPOINT = "3B001"


async def number_of(unit: Unit) -> Opened:
    """The transaction's number; out of one, a number that no other transaction has."""
    return Opened(**(await rows(unit.connection, NUMBER))[0])


async def check_same(unit: Unit, opened: Opened) -> None:
    """Raises `UnitFailed` unless the transaction is the one of that number, and sound."""
    call = next((s for s in script.statements(unit.action) if isinstance(s, Call)), None)
    if unit.connection.is_closed():
        raise UnitFailed(_outlasted.told(_closed(call), opened))
    try:
        now = (await number_of(unit)).number
    except Exception as error:
        if unit.connection.is_closed():  # the driver hears of it when it asks
            raise UnitFailed(_failure.of(error, statement=call)) from error
        problem = "it caught a database error without a savepoint, so its transaction can no longer commit"
        hint = "Wrap what may fail in `async with connection.transaction():` and catch the error outside of that block."
        if is_in_use(error):
            problem = "a task that it began still uses the connection"
            hint = "Await every task that it begins before it returns."
        raise UnitFailed(replace(_failure.of(error, statement=call), message=problem, hint=hint)) from error
    if now != opened.number:
        raise UnitFailed(await _escaped(unit, opened.number, call), escaped=True)


def _closed(call: Call | None) -> Failure:
    problem = "it closed the connection, or lost it and went on"
    hint = "Use the connection that it is given, and leave it open: trek still has to write the history."
    return Failure(RuntimeError(problem), problem, call, hint=hint, outcome="unknown")


async def _escaped(unit: Unit, number: str, call: Call | None) -> Failure:
    """COMMIT leaves the guard's row, ROLLBACK takes it away, PREPARE TRANSACTION keeps everybody waiting for it."""
    fate, whose = (
        await _fate(unit, number),
        "your transaction" if unit.nested else "the transaction that trek opened for it",
    )
    before = {
        "committed": "is committed, without record",
        "aborted": "is rolled back",
        "in progress": f"is prepared{await _prepared(unit, number)}, and its locks stay until that is ended",
    }.get(fate, "is committed or rolled back, which is not known")
    open_now = unit.connection.is_in_transaction()
    after = "in the transaction that it left open is rolled back" if open_now else "outside of any transaction stays"
    problem = f"it ended {whose}: what it did before that {before}; what it did afterwards {after}"
    return Failure(RuntimeError(problem), problem, call, hint=_hint(fate), outcome=_outcome(fate))


async def after_failure(unit: Unit, opened: Opened, failure: Failure) -> Failure:
    """The failure of a body, and what became of the transaction that it had ended before, if it had."""
    if unit.connection.is_closed():
        return _outlasted.told(failure, opened) if _failure.is_lost_connection(failure.cause) else failure
    if not opened or failure.outcome != "rolled back":
        return failure
    number = opened.number
    fate = await _fate(unit, number)
    if unit.nested and failure.sqlstate == NO_SAVEPOINT:
        problem = "it took away the savepoint that trek set in your transaction, which can now only be rolled back"
        return replace(failure, message=problem, outcome="ended", hint="Release only savepoints that it made itself.")
    if unit.nested and (fate == "in progress" and unit.connection.is_in_transaction()):
        return failure
    if not fate or (fate == "aborted" and not unit.nested):
        return failure
    whose = "your transaction" if unit.nested else "the transaction that trek opened for it"
    ways = {"committed": "with a COMMIT", "aborted": "with a ROLLBACK"}
    how = ways.get(fate) or f"with PREPARE TRANSACTION{await _prepared(unit, number)}"
    detail = f"Before that it ended {whose} {how}. {failure.detail}".strip()
    return replace(failure, detail=detail, hint=failure.hint or _hint(fate), outcome=_outcome(fate))


async def _fate(unit: Unit, number: str) -> str:
    """What became of a transaction: committed, aborted, in progress; nothing if the server cannot be asked."""
    status = f"SELECT pg_catalog.jsonb_build_object('status', pg_catalog.pg_xact_status('{number}'))"
    with contextlib.suppress(*GONE):
        return str((await rows(unit.connection, status))[0]["status"] or "")
    return ""


async def _prepared(unit: Unit, number: str) -> str:
    query = (
        "SELECT pg_catalog.to_jsonb(p.gid) FROM pg_catalog.pg_prepared_xacts p"
        f" WHERE p.transaction::text::bigint = {number} % 4294967296"
    )
    with contextlib.suppress(*GONE):
        for gid in await rows(unit.connection, query):
            return f" as {gid!r}"
    return ""


def _outcome(fate: str) -> str:
    return {"aborted": "ended", "": "unknown"}.get(fate, "partial")


def _hint(fate: str) -> str:
    if fate == "in progress":
        return "End it with COMMIT PREPARED or ROLLBACK PREPARED, and remove PREPARE TRANSACTION from the file."
    return REMOVE
