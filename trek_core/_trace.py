"""`TREK_TRACE_PLUGINS=1`: what is found, what it offers, and each call of what it offered, as lines on stderr.

Every line is ``trek: plugin 'NAME' (DISTRIBUTION VERSION): WHAT``, as in messages. WHAT is "found MODULE", "given",
"blocked" or "offers OBJECT", or for a call its place and how long it took: "VersionStore.query: 0.1 ms", and at the end
", raised KeyError: 'x'" if it did. A call within another stands before that one, moved to the right by two spaces.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from trek_core.errors import plugin_words
from trek_core.text import without_password

if TYPE_CHECKING:
    from typing import Protocol

    class Origin(Protocol):
        """Whose it is: `distribution` is "name version", or empty."""

        @property
        def plugin(self) -> str: ...
        @property
        def distribution(self) -> str: ...


_SILENT = nullcontext()
_depth: ContextVar[int] = ContextVar("depth of calls of plugins", default=0)


class Switch:
    """Looked at before every call of a plugin, so it is no question to the environment."""

    on = False


def look() -> None:
    """Asks the environment: once a host, when its plugins are loaded."""
    Switch.on = os.environ.get("TREK_TRACE_PLUGINS", "") not in ("", "0")


def note(origin: Origin, what: str) -> None:
    """A line, if lines are wanted."""
    if Switch.on:
        _write(origin, what)


def call(origin: Origin, where: str, secret: str = "") -> AbstractContextManager[None]:
    """Around a call: a line at its end. `secret` is a DSN, whose password is not shown in what it raised."""
    return _timed(origin, where, secret) if Switch.on else _SILENT


@contextmanager
def _timed(origin: Origin, where: str, secret: str) -> Iterator[None]:
    token = _depth.set(_depth.get() + 1)
    begun, ending = time.perf_counter(), ""
    try:
        yield
    except BaseException as error:
        ending = f", {without_password(raised(error), secret).splitlines()[0]}"
        raise
    finally:
        lasted = time.perf_counter() - begun
        _depth.reset(token)
        _write(origin, f"{where}: {lasted * 1000:.1f} ms{ending}")


def _write(origin: Origin, what: str) -> None:
    line = f"trek: {'  ' * _depth.get()}{plugin_words(origin.plugin, origin.distribution)}: {what}\n"
    # closed, or none at all in a frozen program: no run fails for it
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(line)


def raised(error: BaseException) -> str:
    """The words "raised KeyError: 'x'", whatever the exception's own `__str__` does."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - foreign code, and we are already reporting its failure
        text = ""
    return f"raised {type(error).__name__}" + (f": {text}" if text else "")
