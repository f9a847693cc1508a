r"""SQL as psql must be given it, so that what the server gets is what trek would send.

psql reads text as the server does, but for two things outside of strings, names, bodies and comments: a colon in front of a
name puts a variable in (`a[1:n]`, and psql always has some), and a semicolon ends a query, also where several statements
are to be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from trek_core._dataclass import dataclass, replace
from trek_core.model import Copy, Piece, Sql
from trek_core.text import quote_literal

COPY_END, LINE_END = "\\.", "\n"
_WORD = r"[^\W\d][\w$]*"
_NO_WORD = r"(?<![\w$\x80-\U0010ffff])"
_TOKEN = re.compile(
    rf"""(?P<comment>--[^\r\n]*) | (?P<block>/\*) | (?P<escape>{_NO_WORD}[eE]') | (?P<string>') | (?P<name>")
      | (?P<dollar>{_NO_WORD}\$(?:[^\W\d]\w*)?\$) | (?P<word>{_WORD})
      | (?P<cast>::|:=) | (?P<colon>:(?=[\w'"{{\x80-\U0010ffff])) | (?P<mark>[();])""",
    re.VERBOSE,
)
_ENDS = {"escape": re.compile(r"\\.|''|'", re.DOTALL), "string": re.compile(r"''|'"), "name": re.compile(r'""|"')}
_EDGE = re.compile(r"/\*|\*/")
_GAP = re.compile(r"[ \t\f\v]*(?:--[^\r\n]*)?[\r\n](?:\s|--[^\r\n]*[\r\n])*'")
"""Between two parts of one string, the second of which has backslashes as well."""
_RISKY = re.compile(r"""[eE]'|:[\w'"{\x80-\U0010ffff]""")
_ROWS = re.compile(r"^\s*(?:WITH|SELECT|VALUES)\b|\bRETURNING\b", re.IGNORECASE)
"""What may give rows; where it does not after all, nothing is lost."""
_ITS_OWN = re.compile(r"client_encoding|\bNAMES\b|standard_conforming_strings", re.IGNORECASE)
SESSION = (Sql("SET client_encoding = 'UTF8'"), Sql("SET standard_conforming_strings = on"))
"""How the script is written. A run of trek sends a query before what it sets could change how it is read."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, a mark, or `joint`: the gap in a string of several parts, with the quotes around it."""

    kind: str
    word: str
    start: int
    end: int


def written(statement: Sql | Copy | Piece) -> str:
    """A statement with its end, and of a COPY its data."""
    if isinstance(statement, Copy):
        data = b"".join(statement.chunks()).decode()
        return f"{_ended(statement.text)}\n{data}{'' if data.endswith(LINE_END) or not data else LINE_END}{COPY_END}"
    text = statement.read() if isinstance(statement, Piece) else statement.text
    undone = statement.changes_settings and statement not in SESSION and _ITS_OWN.search(text)
    return "\n".join((_ended(text), *(sql.text + ";" for sql in SESSION if undone)))


def as_message(text: str) -> str:
    r"""Several statements as one query: semicolons that would cut it become `\;`."""
    found, depth, atomic, at = [], 0, 0, 0
    before = ""
    text = _spaced(text.rstrip().rstrip(";"))
    for token in _tokens(text):
        word = token.word.lower()
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "atomic" and before == "begin":
            atomic = 1
        elif atomic:
            atomic += {"case": 1, "end": -1}.get(word, 0)
        if word == ";" and depth <= 0 and not atomic:
            found += [text[at : token.start], "\\;"]
            at = token.end
        before = word
    return _closed("".join((*found, text[at:])))


def comment(text: str) -> str:
    """A line of comment, whatever characters the text has: a file's name may hold a line end."""
    return "-- " + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unless(condition: str, message: str) -> Sql:
    """Fails with that message unless the condition holds."""
    raised = f"RAISE EXCEPTION USING MESSAGE = {quote_literal(message)}"
    return _block(f"BEGIN IF ({condition}) IS NOT TRUE THEN {raised}; END IF; END")


def quiet(statement: Sql) -> Sql:
    """The same without its rows, which psql would print between those of the migrations; an error of it is still one."""
    if not _ROWS.search(statement.text):
        return statement
    text = quote_literal(statement.text) if "$sql$" in statement.text else f"$sql${statement.text}$sql$"
    return replace(statement, text=_block(f"BEGIN EXECUTE {text}; END").text)


def _block(code: str) -> Sql:
    return Sql(f"DO {quote_literal(code)}" if "$trek$" in code else f"DO $trek$ {code} $trek$")


def _ended(text: str) -> str:
    return _closed(_spaced(text))


def _closed(text: str) -> str:
    """A bare semicolon would be swallowed by a comment at the end."""
    return text + ("\n;" if "--" in text.rpartition("\n")[2] else ";")


def _spaced(text: str) -> str:
    """A space behind each colon that psql would take for a variable's: to the server it means nothing there.

    Strings with escapes in several parts become one: psql forgets at the end of a line that the next part has escapes too.
    """
    if not _RISKY.search(text):
        return text
    found, at = [], 0
    for token in _tokens(text):
        if token.kind == "colon":
            found += [text[at : token.end], " "]
            at = token.end
        elif token.kind == "joint":
            found.append(text[at : token.start])
            at = token.end
    return "".join((*found, text[at:]))


def _tokens(text: str) -> Iterator[_Token]:
    """What stands outside of strings, quoted names, bodies and comments: words, parentheses, semicolons, colons; and joints."""
    at = 0
    while match := _TOKEN.search(text, at):
        kind = match.lastgroup or ""
        at = _end(text, kind, match)
        while kind == "escape" and (gap := _GAP.match(text, at)):
            yield _Token("joint", "", at - 1, gap.end())
            at = _quote_end(text, kind, gap.end())
        if kind in ("word", "colon", "mark"):
            yield _Token(kind, match[0], match.start(), match.end())


def _end(text: str, kind: str, match: re.Match[str]) -> int:
    if kind == "block":
        return _block_end(text, match.start())
    if kind == "dollar":
        end = text.find(match[0], match.end())
        return len(text) if end < 0 else end + len(match[0])
    return _quote_end(text, kind, match.end()) if kind in _ENDS else match.end()


def _quote_end(text: str, kind: str, at: int) -> int:
    mark = '"' if kind == "name" else "'"
    return next((piece.end() for piece in _ENDS[kind].finditer(text, at) if piece[0] == mark), len(text))


def _block_end(text: str, at: int) -> int:
    depth = 0
    for edge in _EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)
