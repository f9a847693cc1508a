"""Writing to stdout and stderr: whole lines, at once, and without failing a run because nobody reads them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

MINUTE = 60.0


def tolerate() -> None:
    """A character that a terminal's encoding lacks is shown escaped instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """A line on stdout, flushed."""
    _write(sys.stdout, text + "\n")


def complain(text: str) -> None:
    """A line on stderr."""
    _write(sys.stderr, text + "\n")


def warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        complain(f"warning: {warning}")


def document(value: object) -> None:
    """The one JSON document of --json."""
    import json  # noqa: PLC0415 - only where it is asked for

    say(json.dumps(value, indent=2, ensure_ascii=False))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:  # the reader is gone (`trek history | head`): the run goes on, unheard
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


# --------------------------------------------------------------------------- colours
def coloured(stream: TextIO) -> bool:
    """NO_COLOR says no and FORCE_COLOR yes, where they are not empty; else a terminal has colours unless it is dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def styled(word: str, colour: str = "") -> str:
    """The word for stdout, in that colour or the one of the state that it names, where stdout has colours."""
    colour = colour or _style(word)
    return click.style(word, fg=colour) if colour and coloured(sys.stdout) else word


# --------------------------------------------------------------------------- words for people
def lasted(seconds: float) -> str:
    """A duration: "12 ms", "1.24 s", "2 min 5 s"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), round(MINUTE))
    return f"{minutes} min {rest} s"


def count(number: int, noun: str) -> str:
    """The number and its noun: "1 migration", "3 migrations"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plain(text: str) -> str:
    """The text on one line and without control characters, which a file's name or a row may hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# --------------------------------------------------------------------------- tables
def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: rich on a terminal that has the room, else columns that no width cuts."""
    cells = [[plain(cell) for cell in row] for row in rows]
    if not (sys.stdout.isatty() and _rich_table(headings, cells)):
        say("\n".join(_columns([[heading.upper() for heading in headings], *cells])))


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True))
        yield cells.rstrip()


def _padded(cell: str, width: int) -> str:
    return styled(cell) + " " * (width - len(cell))


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the terminal has the room for it, with some columns folded: rich leaves out what it finds no room for."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only on a terminal
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    room = console.width - GAP * len(headings)
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    folded = [min(width, FOLDED.get(name, LEAST)) for name, width in zip(headings, widths, strict=True)]
    least = [full if name in WHOLE else part for name, full, part in zip(headings, widths, folded, strict=True)]
    if sum(least) > room:
        return False
    tight = sum(widths) > room
    shown = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name, part in zip(headings, folded, strict=True):
        fixed = part if tight and name in FOLDED else None
        shown.add_column(name, overflow="fold", no_wrap=name in WHOLE, width=fixed)
    telling = [heading in ("state", "verb") for heading in headings]  # a title may be such a word, too
    for row in rows:
        shown.add_row(*(Text(c, style=_style(c) if tells else "") for c, tells in zip(row, telling, strict=True)))
    console.print("", shown)
    return True


def _style(cell: str) -> str:
    return STYLES.get(cell.partition(" (")[0], "")


WHOLE = ("revision", "verb", "state", "took")
"""Columns that a narrow terminal does not fold, so that the others have the room."""
FOLDED = {"when": len("2026-11-23")}
"""How wide a column is that a narrow terminal folds at a place of its own."""
LEAST, GAP = 6, 2
"""The narrowest that any other column becomes, and the columns of the terminal between two."""
STYLES = {
    "applied": "green",
    "done": "green",
    "current": "green",
    "pending": "yellow",
    "uninitialised": "yellow",
    "started": "yellow",
    "revert": "yellow",
    "changed": "red",
    "missing": "red",
    "unfinished": "red",
    "failed": "red",
    "rolled back": "red",
    "ahead": "red",
}
