"""Which statements may stand together in a body, and in which mode the body runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, Piece, Sql
from trek_loaders._scanner import Scanner
from trek_loaders._statements import UNLOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Copy, Mode
    from trek_loaders._directives import Directives

_UNLOCK_ALL = "pg_advisory_unlock_all"
_LARGE_OBJECT = re.compile(r"SELECT\s+pg_catalog\.(lo_create|lo_open|lowrite|lo_close)\b", re.IGNORECASE)


def make_body(statements: Sequence[Sql | Copy | Piece], directives: Directives) -> Body:
    """The body of one direction. Raises `LoadError` for a statement, or a mixture, that trek cannot run."""
    for statement in statements:
        if isinstance(statement, Sql):
            check_runnable(statement)
    mode = "autocommit" if directives.no_transaction else _mode(statements)
    return Body(tuple(statements), mode, directives.lock_timeout, directives.statement_timeout)


def check_runnable(statement: Sql) -> None:
    """Raises `LoadError` for a statement that trek can run in no mode."""
    if culprit := _unlocks(statement):
        problem = f"{culprit} would release the lock that keeps other runners away"
        advice = "Release single locks with pg_advisory_unlock(key); reset settings by their names."
        raise LoadError(statement.file, statement.line, problem, advice)
    if statement.text[:5].lower() == "reset" and _words(statement)[:2] == ["reset", "all"]:
        problem = "RESET ALL would wipe the settings that the caller made on this connection"
        raise LoadError(statement.file, statement.line, problem, "Name the settings: RESET search_path.")
    if found := _LARGE_OBJECT.match(statement.text):
        raise _large_object(statement, found[1])


def _large_object(statement: Sql, function: str) -> LoadError:
    """As pg_dump writes them. Written by hand, without the schema's name, they are calls like any other."""
    problem = (
        f"{function} of a large object: pg_dump writes it under its number, which another database may have given "
        "to another object, and in transactions of its own, which would end trek's"
    )
    advice = "Dump without them (pg_dump --no-blobs; --no-large-objects since 16), or keep the data in a bytea column."
    return LoadError(statement.file, statement.line, problem, advice)


def _unlocks(statement: Sql) -> str:
    """What releases every advisory lock of the session. The body of a DO runs, so its text counts as a whole."""
    if statement.refuses_block == "DISCARD ALL":
        return "DISCARD ALL"
    if _UNLOCK_ALL not in statement.text.lower():
        return ""
    words = _words(statement)
    return "pg_advisory_unlock_all()" if words[0] == "do" or not UNLOCKS.isdisjoint(words) else ""


def _words(statement: Sql) -> list[str]:
    return [token.word for token in Scanner(statement.text)]


def _mode(statements: Sequence[Sql | Copy | Piece]) -> Mode:
    """How a file runs that says nothing about it. Raises `LoadError` for one that can run in no mode as it is."""
    refusing = []
    for statement in statements:
        if isinstance(statement, Sql) and statement.controls_transaction:
            raise _controls(statement)
        if isinstance(statement, Sql) and statement.refuses_block:
            refusing.append(statement)
    if not refusing:
        return "transaction"
    if other := next((one for one in statements if not (isinstance(one, Sql) and one.refuses_block)), None):
        raise _mixed(refusing[0], other)
    return "autocommit"


def _controls(statement: Sql) -> LoadError:
    problem = f"{statement.controls_transaction}: trek itself begins and ends the transaction of this file"
    advice = "Remove it, or mark the file with `-- trek: no-transaction` to run each statement as it stands."
    return LoadError(statement.file, statement.line, problem, advice)


def _mixed(refusing: Sql, other: Sql | Copy | Piece) -> LoadError:
    other = other.split()[0] if isinstance(other, Piece) else other
    problem = (
        f"{refusing.refuses_block} cannot run in a transaction block, but the statement in line {other.line} can, "
        f"and a file runs in one way\n  line {refusing.line}: {shorten(refusing.text)}"
        f"\n  line {other.line}: {shorten(other.text)}"
    )
    advice = "Split the file in two, or mark it with `-- trek: no-transaction`: then a failure undoes nothing."
    return LoadError(refusing.file, refusing.line, problem, advice)


def shorten(text: str, longest: int = 70) -> str:
    """The text on one line for a message, cut where it gets longer than that many characters."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
