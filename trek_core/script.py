"""The SQL around a body: the one place that says what a run sends. Executors run it, `Plan.sql()` prints it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trek_core._dataclass import replace
from trek_core.model import Action, Body, Call, Copy, Piece, Sql, Statement
from trek_core.text import quote_literal

if TYPE_CHECKING:
    from trek_core.events import Failure
    from trek_core.model import Record

BEGIN = Sql("BEGIN ISOLATION LEVEL READ COMMITTED")
COMMIT = Sql("COMMIT")
SETTLE = Sql("SET CONSTRAINTS ALL IMMEDIATE")
"""Makes deferred constraints fail inside the migration, not at COMMIT where nobody knows which statement it was."""

IMMEDIATE = "trek.immediate"
DEFER = (
    Sql("SET CONSTRAINTS ALL DEFERRED"),
    Sql(
        "DO $trek$ DECLARE names text; BEGIN"
        f" IF pg_catalog.current_setting('{IMMEDIATE}', true) = 'none' THEN RETURN; END IF;"
        " SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') INTO names"
        " FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace"
        " WHERE c.condeferrable AND NOT c.condeferred AND pg_catalog.has_schema_privilege(n.oid, 'USAGE');"
        f" IF names IS NULL THEN PERFORM pg_catalog.set_config('{IMMEDIATE}', 'none', true);"
        " ELSE EXECUTE 'SET CONSTRAINTS ' || names || ' IMMEDIATE'; END IF; END $trek$"
    ),
)
"""After `SETTLE`, before another migration of the same transaction: constraints are as they are when one begins.

Those declared INITIALLY IMMEDIATE are looked for until there are none, and again after `LOOK_AGAIN`.
"""
LOOK_AGAIN = Sql(f"SELECT pg_catalog.set_config('{IMMEDIATE}', '', true)")
_DEFERRABLE = "(?i)deferrable"

_SETS = r"(?i)(?:RE)?SET\b"

PROBLEM = "$problem"

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


def prefix_checksums(action: Action) -> tuple[str, ...]:
    """Of the statements up to and including each: what the row of a step is written with, so that a run that resumes
    knows again what is done, whatever the statements behind it are by then. Raises `LoadError`, as `Piece.read` does.
    """
    seen, found = hashlib.sha256(), []
    for statement in statements(action):
        for part in _told(statement):
            seen.update(f"{len(part)}\n".encode() + part)
        found.append(seen.hexdigest())
    return tuple(found)


def _told(statement: Statement) -> Iterator[bytes]:
    """What makes it another statement."""
    if isinstance(statement, Piece):
        yield statement.read().encode(errors="surrogatepass")
        return
    text = statement.name if isinstance(statement, Call) else statement.text
    yield text.encode(errors="surrogatepass")
    if isinstance(statement, Copy):
        yield from statement.chunks()


def told(record: Record, failure: Failure) -> tuple[Statement, ...]:
    """What the record writes after that failure."""
    said = quote_literal(f"{failure.message} (SQLSTATE {failure.sqlstate})" if failure.sqlstate else failure.message)
    return tuple(
        replace(one, text=one.text.replace(PROBLEM, said)) if isinstance(one, Sql) else one for one in record.failed
    )


def stands_alone(action: Action, statement: Statement) -> bool:
    """Outside a transaction: whether its row cannot be written in the same query."""
    refuses = isinstance(statement, Sql) and bool(statement.refuses_block)
    return action.mode == "message" or isinstance(statement, Copy | Call) or refuses


def sets(statement: Statement) -> bool:
    """A plain SET or RESET: it changes the session and nothing else."""
    return isinstance(statement, Sql) and statement.changes_settings and bool(re.match(_SETS, statement.text))


def changes_settings(body: Body | None) -> bool:
    """Whether the session's settings may differ after the body."""
    return body is not None and any(map(may_set, body.statements))


def may_set(statement: Statement) -> bool:
    """Whether the session's settings may differ after the statement."""
    return isinstance(statement, Call) or (isinstance(statement, Sql | Piece) and statement.changes_settings)


def queries(action: Action, record: Record, *, ended: bool = False) -> Iterator[tuple[Statement, ...]]:
    """An action outside a transaction, as simple queries: what a transaction block refuses stands alone.

    Of an action that resumes: the rest, and before it the settings that the session had. ended: the statement that was
    begun (`Resume.open`) was found to be done, and only its row is missing.
    """
    progress = record.progress or (lambda number, phase: ())
    waiting: tuple[Statement, ...] = record.begin
    done = action.resume.done + ended if action.resume else 0
    if again := tuple(statement for statement in statements(action)[:done] if sets(statement)):
        yield from (query for query in (waiting, again) if query)
        waiting = ()
    waiting = (*waiting, *progress(done, "whole")) if ended else waiting
    for number, statement in enumerate(statements(action)[done:], done + 1):
        if not stands_alone(action, statement):
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


def settle(action: Action) -> tuple[Sql, ...]:
    """What stands behind the body of a migration that shares its transaction: nothing, if it has none."""
    if action.body is None:
        return ()
    makes = any(not isinstance(s, Sql) or re.search(_DEFERRABLE, s.text) for s in action.body.statements)
    return (SETTLE, LOOK_AGAIN) if makes else (SETTLE,)


def goes_on_at(action: Action) -> str:
    """The statement at which an action that resumes goes on: "3 of 5"; empty for one that begins anew."""
    resume, total = action.resume, len(statements(action))
    return f"{min(resume.done + 1, total)} of {total}" if resume else ""
