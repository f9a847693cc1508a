"""The SQL around a body: the one place that says what a run sends. Executors run it, `Plan.sql()` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trek_core.model import Action, Body, Call, Copy, Record, Sql, Statement

if TYPE_CHECKING:
    from trek_core.plans import Plan

BEGIN = Sql("BEGIN ISOLATION LEVEL READ COMMITTED")
COMMIT = Sql("COMMIT")
SETTLE = Sql("SET CONSTRAINTS ALL IMMEDIATE")
"""Makes deferred constraints fail inside the migration, not at COMMIT where nobody knows which statement it was."""

SEPARATOR = "\n;\n"
"""A bare semicolon would be swallowed by a trailing comment."""


def opening(action: Action, record: Record) -> tuple[Statement, ...]:
    """What stands between BEGIN and the body: the lock timeout, and the store's guard."""
    timeout = action.body.lock_timeout if action.body else None
    limit = () if timeout is None else (Sql(f"SET LOCAL lock_timeout = '{round(timeout * 1000)}ms'"),)
    return (*limit, *record.begin)


def statements(action: Action) -> tuple[Statement, ...]:
    """The body's statements; none where only the history is written."""
    return action.body.statements if action.body else ()


def changes_settings(body: Body | None) -> bool:
    """Whether the session's settings may differ after the body."""
    return body is not None and any(not isinstance(s, Sql) or s.changes_settings for s in body.statements)


def queries(action: Action, record: Record) -> Iterator[tuple[Statement, ...]]:
    """An action outside a transaction, as simple queries: what a transaction block refuses stands alone."""
    progress = record.progress or (lambda number, phase: ())
    waiting: tuple[Statement, ...] = record.begin
    for number, statement in enumerate(statements(action), 1):
        alone = action.mode == "message" or not isinstance(statement, Sql) or bool(statement.refuses_block)
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


def render(plan: Plan) -> str:
    """The plan as a script for psql."""
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield f"-- trek: {len(plan.actions)} to run, target {plan.target}"
    for action, record in zip(plan.actions, plan.records, strict=True):
        yield f"\n-- {action.verb} {action.name}"
        if action.mode == "transaction":
            yield from map(
                _text, (BEGIN, *opening(action, record), *statements(action), SETTLE, *record.finish, COMMIT)
            )
        else:
            for query in queries(action, record):
                yield from map(_text, (BEGIN, *query, COMMIT) if len(query) > 1 else query)


def _text(statement: Statement) -> str:
    if isinstance(statement, Call):
        return f"-- python: {statement.name} of {statement.file}:{statement.line} runs here"
    if isinstance(statement, Copy):
        return f"{statement.text};\n{statement.data}\\."
    return statement.text + ("\n;" if "--" in statement.text.rpartition("\n")[2] else ";")
