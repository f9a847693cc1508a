"""From a tool's way of sending a file to a body that does the same, or refuses.

A tool that sends a whole file as one simple query relies on two facts: PostgreSQL makes one transaction of several
statements in one query, and none of what begins and ends its own. In a transaction that trek opens the first is the same,
and the history's row is in it. What cannot run there is sent as the tool sends it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, Copy, LoadError, Sql, replace
from trek_loaders._bodies import check_runnable
from trek_loaders._lexer import split
from trek_loaders._scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAY_COMMIT = re.compile(r"CALL\b|DO\b.*\b(?:COMMIT|ROLLBACK)\b", re.IGNORECASE | re.DOTALL)


def in_transaction(tool: str, text: str, file: str, start: int = 0) -> Body:
    """What the tool runs between its own BEGIN and COMMIT: a text from an offset on.

    Raises `LoadError` for what a transaction block refuses, what would end the transaction, and COPY FROM STDIN.
    """
    return in_transaction_of(tool, read(tool, text, file, start))


def in_transaction_of(tool: str, statements: Iterable[Sql | Copy]) -> Body:
    """The same of statements that were read already, and of COPY where the tool sends its data."""
    found = tuple(statements)
    for one in found:
        if isinstance(one, Copy):
            continue
        if one.refuses_block:
            raise _refused(tool, one, "runs this in a transaction, which refuses it")
        if one.controls_transaction:
            raise _refused(tool, one, "runs this in a transaction of its own, which it would end")
    return Body(found, "transaction")


def one_query(tool: str, text: str, file: str, start: int = 0) -> Body:
    """What the tool sends as one simple query without BEGIN: a text from an offset on. Raises `LoadError` as above."""
    statements = read(tool, text, file, start)
    if len(statements) == 1 and _outside(statements[0]):
        return Body(statements, "autocommit")
    if any(one.controls_transaction for one in statements):
        return Body((message(text, file, statements),), "message")
    if refusing := next((one for one in statements if one.refuses_block), None):
        raise _refused(tool, refusing, "sends the whole as one query, in which it can only stand alone")
    return Body(statements, "transaction")


def outside(pieces: Sequence[Sequence[Sql]], whole: Sequence[Sql]) -> Body:
    """What the tool sends one after the other, in no transaction: each piece as one query. whole: the same pieces as texts."""
    if all(len(piece) == 1 for piece in pieces):
        return Body(tuple(piece[0] for piece in pieces), "autocommit")
    sent = [piece[0] if len(piece) == 1 else text for piece, text in zip(pieces, whole, strict=True)]
    return Body(tuple(sent), "message")


def read(tool: str, text: str, file: str, start: int = 0) -> tuple[Sql, ...]:
    """The statements of a text, from an offset on. Raises `LoadError` for what the tool, or trek, cannot run."""
    found = list[Sql]()
    for one in split(text, file, start):
        if isinstance(one, Copy):
            problem = f"COPY … FROM STDIN, whose data {tool} has no way to send"
            raise LoadError(file, one.line, problem, "Write INSERT instead, or COPY from a file of the server.")
        check_runnable(one)
        found.append(one)
    return tuple(found)


def message(text: str, file: str, statements: Sequence[Sql]) -> Sql:
    """Several statements as one simple query, cut nowhere."""
    first = statements[0]
    return Sql(
        text[first.offset :].rstrip(),
        file,
        first.line,
        first.column,
        first.offset,
        changes_settings=any(one.changes_settings for one in statements),
    )


def end_of(text: str, statement: Sql) -> int:
    """Behind the semicolon that ends a statement, in front of which comments may stand; the text's end without one."""
    following = next(Scanner(text, start=statement.offset + len(statement.text)), None)
    return following.end if following else len(text)


def moved(statements: Iterable[Sql], lines: int) -> tuple[Sql, ...]:
    """Statements of a part of a file with their lines in the whole."""
    return tuple(replace(one, line=one.line + lines) for one in statements)


def _outside(statement: Sql) -> bool:
    return bool(statement.refuses_block) or bool(_MAY_COMMIT.match(statement.text))


def _refused(tool: str, statement: Sql, why: str) -> LoadError:
    words = statement.refuses_block or statement.controls_transaction
    return LoadError(
        statement.file, statement.line, f"{words}: {tool} {why}", f"Correct the file as for {tool} itself."
    )
