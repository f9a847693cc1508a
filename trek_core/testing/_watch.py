"""Sees what a function does besides computing: files, connections, processes, output."""

from __future__ import annotations

import contextlib
import io
import reprlib
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from types import FrameType

_IMPORTING = "<frozen importlib._bootstrap"
_EVENTS = (
    "ftplib.",
    "glob.",
    "http.",
    "os.",
    "pathlib.",
    "shutil.",
    "socket.",
    "sqlite3.",
    "subprocess.",
    "tempfile.",
    "urllib.",
)
"""Where the names of Python's audit events for I/O begin, apart from "open"."""

_watched: dict[int, list[str]] = {}


def watch(work: Callable[[], object]) -> list[str]:
    """What the function did ("opened '/etc/hosts' (shop.load, line 12)"), in this thread, whatever it raised.

    The import of a module does not count: its file is no input.
    """
    _install()
    deeds: list[str] = []
    printed = io.StringIO()
    _watched[threading.get_ident()] = deeds
    try:
        with contextlib.suppress(Exception), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            work()
    finally:
        del _watched[threading.get_ident()]
    return [*deeds, *([f"printed {reprlib.repr(printed.getvalue())}"] if printed.getvalue() else [])]


@cache
def _install() -> None:
    """Once a process: an audit hook cannot be taken away."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    deeds = _watched.get(threading.get_ident())
    if deeds is None or not (event == "open" or event.startswith(_EVENTS)):
        return
    if event == "open" and arguments[2] == 0:  # the compiler itself, which wants a line for its SyntaxError
        return
    frames = list(_frames())
    if not any(frame.f_code.co_filename.startswith(_IMPORTING) for frame in frames):
        deeds.append(f"{_deed(event, arguments)}{_place(frames)}")


def _frames() -> Iterator[FrameType]:
    """From what raised the event outwards, as far as the watched function."""
    frame = sys._getframe(2)  # noqa: SLF001 - inspect.stack() would open the sources
    while frame.f_code is not watch.__code__ and frame.f_back is not None:
        yield frame
        frame = frame.f_back


def _deed(event: str, arguments: tuple[object, ...]) -> str:
    if event == "open":
        return f"opened {arguments[0]!r}"
    return f"called {event}({', '.join(map(reprlib.repr, arguments[:2]))})"


def _place(frames: list[FrameType]) -> str:
    """The innermost place that is not in Python's own library."""
    for frame in frames:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in sys.stdlib_module_names:
            return f" ({module}, line {frame.f_lineno})"
    return ""
