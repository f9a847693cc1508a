"""Runs of plain statements, found by one pattern: forty times as fast as the splitter, and to the same end.

Plain: INSERT, UPDATE or DELETE of words, numbers, names and texts, with parentheses to a depth of three. Whatever could
hide a semicolon from the pattern or show it a false one is left to the splitter: E'' and the like, dollar quotes,
comments, backslashes outside of texts, letters beyond ASCII outside of texts. So are the words that trek must know of.
"""

from __future__ import annotations

import re

_SAFE = rb"[A-Za-z0-9_ \t\n\r.,:=+*<>\[\]|]"
_LETTERS = rb"A-Za-z0-9_$&\x80-\xff"
_PLAIN = rb"%b++|(?<![%b])'[^']*+'|\"[^\"]*+\"|-(?!-)" % (_SAFE, _LETTERS)
"""A text or name with doubled quotes is two of them in a row. What stands before a text may not be a letter: E'\\''."""
_BLANKS = rb"[ \t\n\r\f\v]*+"
_FIRST = rb"(?i:insert|update|delete)[ \t\n\r]"
_DEEP = rb"\((?:%b)*+\)" % _PLAIN
_DEEPER = rb"\((?:%b|%b)*+\)" % (_PLAIN, _DEEP)
_DEEPEST = rb"\((?:%b|%b)*+\)" % (_PLAIN, _DEEPER)
_RUN = re.compile(rb"(?:%b%b(?:%b|%b)*+;)++" % (_BLANKS, _FIRST, _PLAIN, _DEEPEST))
_BEGUN = re.compile(rb"%b(?:%b(?:%b|[()])*+(?:(?<![%b])'[^']*+|\"[^\"]*+|-)?)?\Z" % (_BLANKS, _FIRST, _PLAIN, _LETTERS))
_TELLING = (b"set_config", b"pg_settings", b"pg_advisory_unlock_all")
BLANKS = re.compile(_BLANKS)


def run_end(content: bytes, start: int) -> int:
    """Where the plain statements end that begin at `start`, behind the last one's semicolon; `start` if there is none."""
    found = _RUN.match(content, start)
    return found.end() if found else start


def is_begun(content: bytes, start: int) -> bool:
    """Whether the rest of the content is the beginning of a plain statement: more of the file may complete it."""
    return _BEGUN.match(content, start) is not None


def tells(content: bytes) -> bool:
    """Whether a word may stand in it that trek must know of: only the splitter can tell where it stands."""
    folded = content.lower()
    return any(word in folded for word in _TELLING)
