"""The driver's exceptions as failures of the contract."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING

import asyncpg

from trek_core.plugin import Call, Copy, Failure, Guard, LoadError, Sql, Statement

if TYPE_CHECKING:
    from trek_asyncpg._message import Message

_COPIED = r"(?m)^COPY .+?, \w+ (\d+)"  # COPY t, line 3, column id: "x"
UNIQUE_VIOLATION = "23505"
BOOTSTRAP_RACE = ("42P07", "42710", "42P06", "42701")  # duplicate table, object, schema, column
LOST_CONNECTION = (asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, OSError)


class UnitFailed(Exception):
    """Carries a failure out of a unit. escaped: the body ended the transaction that was opened for it."""

    def __init__(self, failure: Failure, *, escaped: bool = False) -> None:
        self.failure, self.escaped = failure, escaped
        super().__init__(failure.message)


def of(error: Exception, *, message: Message | None = None, statement: Statement | None = None) -> Failure:
    """What the driver said, laid at a statement as far as position, message or the caller tells."""
    position: int | None = None
    if message is not None and (at := place(error)) is not None:
        statement, position = message.find(at)
    elif isinstance(statement, Sql | Copy):
        position = place(error)
    return Failure(
        cause=error,
        message=_text(error),
        statement=_called(statement, error),
        position=position,
        sqlstate=getattr(error, "sqlstate", None) or "",
        detail=getattr(error, "detail", None) or "",
        hint=getattr(error, "hint", None) or "",
        context=getattr(error, "context", None) or "",
        row=_row(error) if isinstance(statement, Copy) else None,
    )


def place(error: Exception) -> int | None:
    """Where in the query's text the server says it is, in characters from 0."""
    position = getattr(error, "position", None)
    return int(position) - 1 if position else None


def _row(error: Exception) -> int | None:
    """The line of a COPY's data that the server names, in whatever language its messages are."""
    found = re.search(_COPIED, getattr(error, "context", None) or "")
    return int(found[1]) if found else None


def _text(error: Exception) -> str:
    if isinstance(error, asyncpg.PostgresError):
        return str(getattr(error, "message", None) or error)
    if isinstance(error, LoadError):  # of a big file, which is read while it runs
        return "\n".join(filter(None, (error.problem, error.advice)))
    return f"{type(error).__name__}: {error}"


def _called(statement: Statement | None, error: Exception) -> Statement | None:
    """A Python migration's own line, from the traceback: the last frame inside its file."""
    if not isinstance(statement, Call):
        return statement
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == statement.file and f.lineno), statement.line)
    return Call(statement.function, statement.name, statement.file, line)


def is_lost_race(error: BaseException, guard: Guard | None, *, bootstrap: bool) -> bool:
    """Whether somebody was faster: the guard's own key, or, where the table was being made, the catalogue's."""
    if not isinstance(error, asyncpg.PostgresError):
        return False
    found = tuple(getattr(error, name, None) for name in ("schema_name", "table_name", "constraint_name"))
    if error.sqlstate == UNIQUE_VIOLATION:
        ours = guard is not None and found == (guard.schema, guard.table, guard.constraint)
        return ours or (bootstrap and found[0] == "pg_catalog")
    return bootstrap and error.sqlstate in BOOTSTRAP_RACE


def is_about_the_history(error: BaseException, guard: Guard | None) -> bool:
    """Whether what exists already is the history's own table, schema or key, by name: no marker tells which statement ran."""
    if guard is None or not isinstance(error, asyncpg.PostgresError):
        return False
    said = f"{error} {getattr(error, 'detail', None) or ''}"
    named = any(
        re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) for name in (guard.table, guard.schema, guard.constraint)
    )
    return named and is_lost_race(error, None, bootstrap=True)


def is_lost_connection(error: BaseException) -> bool:
    """Whether the connection is gone, and with it the answer. A timeout of the driver's own cancels, and leaves it open.

    What the server reports as a mere ERROR is of another connection, which it has lost itself (postgres_fdw, dblink).
    """
    if isinstance(error, TimeoutError) or getattr(error, "severity_en", None) == "ERROR":
        return False
    return isinstance(error, LOST_CONNECTION) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error))
