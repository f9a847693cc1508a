"""A script of psql as a body: what only psql can do is refused, and a script between BEGIN and COMMIT is one transaction."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from trek_core.plugin import Body, LoadError, Sql
from trek_loaders._bodies import check_runnable
from trek_loaders._lexer import split
from trek_loaders._scanner import Scanner
from trek_loaders.formats._files import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trek_core.plugin import Copy, File, Tree

_NO_BOM = "psql sends it to the server, which refuses it"
_PLAIN_BEGIN = re.compile(r"(?:BEGIN(?:\s+(?:WORK|TRANSACTION))?|START\s+TRANSACTION)\s*", re.IGNORECASE)
_PLAIN_END = re.compile(r"(?:COMMIT|END)(?:\s+(?:WORK|TRANSACTION))?\s*", re.IGNORECASE)
_OPENS = ("BEGIN", "START TRANSACTION")
_NAME = re.compile(r"[A-Za-z_\x80-\U0010ffff'\"{]")


def script_hash(tree: Tree, file: File) -> str:
    """SHA-1 of the deploy script, byte for byte."""
    return hashlib.sha1(tree.read(file), usedforsecurity=False).hexdigest()


def body(tree: Tree, file: File) -> Body:
    """What psql does with it. Raises `LoadError` for its commands and variables."""
    statements = tuple(split(text_of(tree, file, bom=_NO_BOM), str(file)))
    for one in statements:
        _refuse_variables(one)
        if isinstance(one, Sql):
            check_runnable(one)
    if not statements or (within := _within(statements)) is None:
        _refuse_open(statements)
        return Body(statements, "autocommit" if statements else "transaction")
    return Body(within, "transaction")


def _within(statements: Sequence[Sql | Copy]) -> tuple[Sql | Copy, ...] | None:
    """What stands between the one BEGIN and the one COMMIT of a script; None for any other script."""
    ends = [at for at, one in enumerate(statements) if isinstance(one, Sql) and one.controls_transaction]
    if ends != [0, len(statements) - 1]:
        return None
    if not (_PLAIN_BEGIN.fullmatch(statements[0].text) and _PLAIN_END.fullmatch(statements[-1].text)):
        return None
    within = tuple(statements[1:-1])
    for one in within:
        if isinstance(one, Sql) and one.refuses_block:
            problem = f"{one.refuses_block}: the script runs this between BEGIN and COMMIT, which refuses it"
            raise LoadError(one.file, one.line, problem, "Correct the file as for Sqitch itself.")
    return within


def _refuse_open(statements: Sequence[Sql | Copy]) -> None:
    ends = [one for one in statements if isinstance(one, Sql) and one.controls_transaction]
    if ends and ends[-1].controls_transaction in _OPENS:
        last = ends[-1]
        problem = f"{last.controls_transaction} without COMMIT: psql ends here, and the server rolls it back"
        raise LoadError(last.file, last.line, problem, "End the script with COMMIT.")


def _refuse_variables(statement: Sql | Copy) -> None:
    """A colon in front of a name: where psql knows a variable of that name it puts its value there."""
    before = None
    for token in Scanner(statement.text):
        at = token.end
        second = before is not None and before.word == ":" and before.end == token.start
        if token.word == ":" and not second and _NAME.match(statement.text, at):
            line = statement.line + statement.text.count("\n", 0, at)
            problem = f"a variable of psql, {statement.text[at - 1 : at + 30].split()[0]}"
            advice = "Write its value; or, if it is none but a slice, put a space behind the colon."
            raise LoadError(statement.file, line, problem, advice)
        before = token
