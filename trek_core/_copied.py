"""The row of a COPY's data that the database refused: its line, its text, the place of the value."""

from __future__ import annotations

import re

from trek_core.errors import LoadError
from trek_core.model import Copy

_VALUE = re.compile(r': "(.*?)(?:\.\.\.)?"\s*\Z', re.DOTALL)
"""At the end of the context: COPY t, line 3, column id: "x". A long one is cut off with three dots."""


def line_of(copy: Copy, row: int) -> int:
    """The file's line of a row of the data, both from 1."""
    first = copy.data_line or copy.line + copy.text.count("\n") + 1
    return first + row - 1


def row(copy: Copy, number: int) -> str | None:
    """The text of a row (from 1); None if there is none, or if the file is no longer what it was."""
    seen, rest = 1, b""
    try:
        for chunk in copy.chunks():
            lines = chunk.count(b"\n")
            if seen + lines > number:
                found = (rest + chunk).split(b"\n", number - seen + 1)[number - seen]
                return found.decode(errors="replace")
            seen += lines
            rest = (b"" if lines else rest) + chunk[chunk.rfind(b"\n") + 1 :]
    except LoadError:
        return None
    return rest.decode(errors="replace") if seen == number and rest else None


def place(row: str, context: str) -> int:
    """Where in a row the value stands that the context names, in characters from 0; 0 if it cannot be told."""
    found = _VALUE.search(context)
    if found is None or not found[1]:
        return 0
    begin = 0
    for field in row.rstrip("\r").split("\t"):
        if field == found[1]:
            return begin
        begin += len(field) + 1
    return max(0, row.find(found[1]))
