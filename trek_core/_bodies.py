"""What must hold of a body before it runs, whoever made it."""

from __future__ import annotations

import re
from types import NoneType
from typing import Any, get_args

from trek_core._blame import Offer, breach, expect, shown
from trek_core.model import Body, Call, Copy, Mode, Piece, Sql, Statement

_STATEMENTS = "Sql, Copy, Call or Piece"
_MODES = (*get_args(Mode), None)
_SECONDS = (NoneType, float, int)
_PLACE: dict[str, type] = {"file": str, "line": int}
_FUNCTIONS: dict[type, dict[str, str]] = {
    Call: {"function": "an async function"},
    Piece: {"read": "a function that gives the text", "split": "a function that gives a tuple of Sql"},
}

_WORDS = r"BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION"
_CONTROLS = rf"(?i)(?:^|;)\s*({_WORDS})\b"  # as those below compiled where it may be found
_WORD = rf"(?i)\s*(?:{_WORDS})\b"
_LETTERS = frozenset({"beg", "sta", "com", "end", "rol", "abo", "sav", "rel", "pre"})
"""With which they begin."""
_NO_WORDS = r"""(?isx) --[^\n]* | /\*.*?\*/ | \be'[^'\\]*(?:(?:\\.|'')[^'\\]*)*' | '[^']*(?:''[^']*)*' | "[^"]*"
    | \$(\w*)\$.*?\$\1\$ | \bBEGIN\s+ATOMIC\b.*?;\s*END\b"""
"""Comments, texts, names, and the bodies of functions, in which words mean something else.

Texts run by run, not by alternatives for each character: those cost some 110 bytes of memory a character (measured).
"""


def is_sound(body: object) -> bool:
    """Whether `check_body` finds nothing, at a glance: there may be ten thousand, and nearly all of them are SQL and right."""
    if (
        type(body) is not Body
        or type(body.statements) is not tuple
        or body.mode not in _MODES
        or type(body.lock_timeout) not in _SECONDS
        or type(body.statement_timeout) not in _SECONDS
    ):
        return False
    for one in body.statements:
        if type(one) is not Sql or type(one.text) is not str or type(one.file) is not str or type(one.line) is not int:
            return False
    return True


def check_body(offer: Offer[Any], where: str, body: object, author: str = "") -> None:
    """Raises `PluginContractError` for what is no body, or has a field that no executor could carry out."""
    if is_sound(body):
        return
    if not isinstance(body, Body):
        breach(offer, where, f"{author}gave {shown(body)}, want Body")
    if not isinstance(body.statements, tuple):
        breach(offer, where, f"{author}gave Body(statements={shown(body.statements)}), want a tuple of {_STATEMENTS}")
    if body.mode not in _MODES:
        words = ", ".join(map(repr, _MODES))
        breach(offer, where, f"{author}gave Body(mode={shown(body.mode)}), want one of {words}")
    for name in ("lock_timeout", "statement_timeout"):
        expect(offer, f"{where}: {author}Body.{name}", getattr(body, name), int | float | None)
    for statement in body.statements:
        if not isinstance(statement, Statement):
            breach(offer, where, f"{author}gave the statement {shown(statement)}, want {_STATEMENTS}")
        if not _sound(statement):
            _refuse_statement(offer, f"{where}: {author}{type(statement).__name__}", statement)


def _sound(statement: Statement) -> bool:
    """Whether `_refuse_statement` finds nothing, in a glance: there may be many, and all of them right."""
    if isinstance(statement, Call | Piece):
        right = all(callable(getattr(statement, name)) for name in _FUNCTIONS[type(statement)])
    else:
        right = isinstance(statement.text, str)
    return right and isinstance(statement.file, str) and isinstance(statement.line, int)


def _refuse_statement(offer: Offer[Any], where: str, statement: Statement) -> None:
    """Raises `PluginContractError` for the first field that is wrong."""
    for name, wanted in _FUNCTIONS.get(type(statement), {}).items():
        if not callable(found := getattr(statement, name)):
            breach(offer, f"{where}.{name}", f"gave {shown(found)}, want {wanted}")
    if isinstance(statement, Sql | Copy):
        expect(offer, f"{where}.text", statement.text, str)
    for name, kind in _PLACE.items():
        expect(offer, f"{where}.{name}", getattr(statement, name), kind)


def transaction_words(text: str) -> str:
    """The words that begin or end a transaction, at the beginning of one of the text's statements."""
    if ";" not in text and text[:3].isalpha() and text[:3].casefold() not in _LETTERS:  # nearly always, and soon told
        return ""
    if "--" not in text and "/*" not in text and not _may_begin(text):
        return ""
    found = re.search(_CONTROLS, re.sub(_NO_WORDS, " ", text))
    return " ".join(found[1].upper().split()) if found else ""


def _may_begin(text: str) -> bool:
    """Whether one of the words stands where a statement may begin: as `_CONTROLS` finds it, which looks at every character."""
    at = -1
    while True:
        begun = text[at + 1 : at + 33].lstrip()
        # Fewer than three letters: behind many blanks may be more.
        if (len(begun) < 3 or begun[:3].casefold() in _LETTERS) and re.compile(_WORD).match(text, at + 1):  # noqa: PLR2004
            return True
        at = text.find(";", at + 1)
        if at < 0:
            return False
