"""The SQL around a body: the one place that says what a run sends. Executors run it, `Plan.sql()` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trek_core.model import Action, Body, Call, Copy, Piece, Record, Sql, Statement
from trek_core.text import quote_literal

if TYPE_CHECKING:
    from trek_core.plans import Plan

BEGIN = Sql("BEGIN ISOLATION LEVEL READ COMMITTED")
COMMIT = Sql("COMMIT")
SETTLE = Sql("SET CONSTRAINTS ALL IMMEDIATE")
"""Makes deferred constraints fail inside the migration, not at COMMIT where nobody knows which statement it was."""

DEFER = (
    Sql("SET CONSTRAINTS ALL DEFERRED"),
    Sql(
        "DO $trek$ DECLARE names text; BEGIN SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname,"
        " c.conname), ', ') INTO names FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace"
        " WHERE c.condeferrable AND NOT c.condeferred AND pg_catalog.has_schema_privilege(n.oid, 'USAGE');"
        " IF names IS NOT NULL THEN EXECUTE 'SET CONSTRAINTS ' || names || ' IMMEDIATE'; END IF; END $trek$"
    ),
)
"""After `SETTLE`, before another migration of the same transaction: constraints are as they are when one begins."""

LINE_END = "\n"
SEPARATOR = "\n;\n"
"""A bare semicolon would be swallowed by a trailing comment."""


def limits(lock_timeout: float | None, statement_timeout: float | None, *, local: bool = True) -> tuple[Sql, ...]:
    """What bounds waits for locks and statements, in seconds; None leaves the session's own. local: until COMMIT."""
    given = {"lock_timeout": lock_timeout, "statement_timeout": statement_timeout}
    how = "SET LOCAL" if local else "SET"
    return tuple(Sql(f"{how} {name} = '{round(s * 1000)}ms'") for name, s in given.items() if s is not None)


def opening(action: Action, record: Record) -> tuple[Statement, ...]:
    """What stands between BEGIN and the body: the body's own timeouts, and the store's guard."""
    body = action.body
    return (*(limits(body.lock_timeout, body.statement_timeout) if body else ()), *record.begin)


def statements(action: Action) -> tuple[Statement, ...]:
    """The body's statements; none where only the history is written."""
    return action.body.statements if action.body else ()


def changes_settings(body: Body | None) -> bool:
    """Whether the session's settings may differ after the body."""
    return body is not None and any(map(_changes_settings, body.statements))


def _changes_settings(statement: Statement) -> bool:
    return isinstance(statement, Call) or (isinstance(statement, Sql | Piece) and statement.changes_settings)


def queries(action: Action, record: Record) -> Iterator[tuple[Statement, ...]]:
    """An action outside a transaction, as simple queries: what a transaction block refuses stands alone."""
    progress = record.progress or (lambda number, phase: ())
    waiting: tuple[Statement, ...] = record.begin
    for number, statement in enumerate(statements(action), 1):
        alone = action.mode == "message" or isinstance(statement, Copy | Call) or _refuses_block(statement)
        if not alone:
            if waiting:
                yield waiting
            yield (statement, *progress(number, "whole"))
            waiting = ()
            continue
        if waiting := (*waiting, *progress(number, "begin")):
            yield waiting
        yield (statement,)
        waiting = progress(number, "done")
    if waiting := (*waiting, *record.finish):
        yield waiting


def _refuses_block(statement: Sql | Piece) -> bool:
    return isinstance(statement, Sql) and bool(statement.refuses_block)


def render(plan: Plan) -> str:
    """The plan as a script for psql, in a session of its own.

    It stops at the first error, and at the first migration in Python, which only trek can run.
    """
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield f"-- trek: {len(plan.actions)} to run, target {plan.target}; for psql"
    yield "\\set ON_ERROR_STOP on"
    if plan.as_one:
        yield from _as_one(plan)
        return
    for action, record in zip(plan.actions, plan.records, strict=True):
        yield f"\n-- {action.verb} {action.name}"
        if call := next((s for s in statements(action) if isinstance(s, Call)), None):
            yield _stop(action, call)
            return
        if action.mode == "transaction":
            yield from map(_text, (BEGIN, *opening(action, record), *statements(action), SETTLE))
            yield from map(_text, (*_reset(action), *record.finish, COMMIT))
        else:
            yield from _outside(action, record)


def _as_one(plan: Plan) -> Iterator[str]:
    yield _text(BEGIN)
    for action, record in zip(plan.actions, plan.records, strict=True):
        yield f"\n-- {action.verb} {action.name}"
        yield from map(_text, DEFER if action.index else ())
        if call := next((s for s in statements(action) if isinstance(s, Call)), None):
            yield _stop(action, call)
            return
        yield from map(_text, (*opening(action, record), *statements(action), SETTLE))
        yield from map(_text, (*(_reset(action) or _unlimited(action)), *record.finish))
    yield "\n" + _text(COMMIT)


def _outside(action: Action, record: Record) -> Iterator[str]:
    last = len(tuple(queries(action, record)))
    for number, query in enumerate(queries(action, record), 1):
        if number == last:
            yield from map(_text, _reset(action))
        yield from map(_text, (BEGIN, *query, COMMIT) if len(query) > 1 else query)


def _reset(action: Action) -> tuple[Sql, ...]:
    """What trek does by comparing with what it found: a session of psql's own has nothing to lose."""
    if not changes_settings(action.body):
        return ()
    return tuple(Sql(f"RESET {what}") for what in ("SESSION AUTHORIZATION", "ROLE", "ALL"))


def _unlimited(action: Action) -> tuple[Sql, ...]:
    """Takes the body's timeouts away, which would last to the end of the transaction."""
    given = limits(action.body.lock_timeout, action.body.statement_timeout) if action.body else ()
    return tuple(Sql(f"RESET {sql.text.split()[2]}") for sql in given)


def _stop(action: Action, call: Call) -> str:
    """Fails in psql, before anything of the action is recorded."""
    message = (
        f"{action.name} is Python ({call.file}:{call.line}): run it with trek migrate, then go on with a new script"
    )
    return f"DO {quote_literal(f'BEGIN RAISE EXCEPTION USING MESSAGE = {quote_literal(message)}; END')};"


def _text(statement: Statement) -> str:
    if isinstance(statement, Call):  # of a store that keeps its history elsewhere
        return f"-- {statement.name} runs here"
    if isinstance(statement, Copy):
        data = b"".join(statement.chunks()).decode()
        return f"{statement.text};\n{data}{'' if data.endswith(LINE_END) or not data else LINE_END}\\."
    text = statement.read() if isinstance(statement, Piece) else statement.text
    return text + ("\n;" if "--" in text.rpartition("\n")[2] else ";")
