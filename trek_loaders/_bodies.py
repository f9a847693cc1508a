"""Which statements may stand together in a body, and in which mode the body runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, Copy, LoadError, Sql
from trek_loaders._scanner import Scanner
from trek_loaders._statements import UNLOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Mode
    from trek_loaders._directives import Directives

_UNLOCK_ALL = re.compile(r"\bpg_advisory_unlock_all\b", re.IGNORECASE)


def make_body(statements: Sequence[Sql | Copy], directives: Directives) -> Body:
    """The body of one direction. Raises `LoadError` for a statement, or a mixture, that trek cannot run."""
    sql = tuple(_runnable(statement) for statement in statements)
    mode = "autocommit" if directives.no_transaction else _mode(sql)
    return Body(sql, mode, directives.lock_timeout, directives.statement_timeout)


def _runnable(statement: Sql | Copy) -> Sql:
    """The statement, unless trek can run it in no mode: then `LoadError`."""
    if isinstance(statement, Copy):
        problem = "COPY … FROM STDIN: this version sends no COPY data from a file"
        advice = "Write INSERT, or a .py migration with connection.copy_records_to_table()."
        raise LoadError(statement.file, statement.line, problem, advice)
    if culprit := _unlocks(statement):
        problem = f"{culprit} would release the lock that keeps other runners away"
        advice = "Release single locks with pg_advisory_unlock(key); reset settings by their names."
        raise LoadError(statement.file, statement.line, problem, advice)
    if re.match(r"reset\b", statement.text, re.IGNORECASE) and _words(statement)[:2] == ["reset", "all"]:
        problem = "RESET ALL would wipe the settings that the caller made on this connection"
        raise LoadError(statement.file, statement.line, problem, "Name the settings: RESET search_path.")
    return statement


def _unlocks(statement: Sql) -> str:
    """What releases every advisory lock of the session. The body of a DO runs, so its text counts as a whole."""
    if statement.refuses_block == "DISCARD ALL":
        return "DISCARD ALL"
    if not _UNLOCK_ALL.search(statement.text):
        return ""
    words = _words(statement)
    return "pg_advisory_unlock_all()" if words[0] == "do" or not UNLOCKS.isdisjoint(words) else ""


def _words(statement: Sql) -> list[str]:
    return [token.word for token in Scanner(statement.text)]


def _mode(statements: tuple[Sql, ...]) -> Mode:
    """How a file runs that says nothing about it. Raises `LoadError` for one that can run in no mode as it is."""
    for statement in statements:
        if statement.controls_transaction:
            raise _controls(statement)
    refusing = [statement for statement in statements if statement.refuses_block]
    if not refusing:
        return "transaction"
    other = next((statement for statement in statements if not statement.refuses_block), None)
    if other:
        raise _mixed(refusing[0], other)
    return "autocommit"


def _controls(statement: Sql) -> LoadError:
    problem = f"{statement.controls_transaction}: trek itself begins and ends the transaction of this file"
    advice = "Remove it, or mark the file with `-- trek: no-transaction` to run each statement as it stands."
    return LoadError(statement.file, statement.line, problem, advice)


def _mixed(refusing: Sql, other: Sql) -> LoadError:
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
