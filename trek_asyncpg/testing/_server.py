"""The server of a process that runs tests: a value, shared by all of its tests and event loops."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit


class NoServer(Exception):
    """No PostgreSQL could be had; the message says what was tried, why it failed, and what to install."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server to test on. provider: where it comes from. base: a DSN of a role that may make and drop databases."""

    provider: str
    base: str = field(repr=False)

    def dsn(self, database: str) -> str:
        """The DSN of one of its databases."""
        parts = urlsplit(self.base)
        # urlunsplit drops the empty host of a socket's address
        return urlunsplit(parts._replace(netloc=parts.netloc or "localhost", path=f"/{quote(database, safe='')}"))


_turn = threading.Lock()
_shared: list[Server | NoServer] = []


def server() -> Server:
    """The server that all tests of this process share: found, or started, by the first who asks; stopped at its exit.

    Nothing of an event loop is in it, so every test may have a loop of its own. Workers of pytest-xdist are processes:
    each has its server, unless TREK_TEST_DSN names one for all. Where none can be had it raises `NoServer`, each time.
    """
    with _turn:
        if not _shared:
            _shared.append(_find())
    found = _shared[0]
    if isinstance(found, NoServer):
        raise NoServer(*found.args)
    return found


def _find() -> Server | NoServer:
    from trek_asyncpg.testing._chain import asked  # noqa: PLC0415 - it stands on this module

    stack, owner = ExitStack(), os.getpid()

    def stop() -> None:
        if os.getpid() == owner:  # not at the exit of a fork
            stack.close()

    try:
        found = asked(stack)
    except NoServer as error:
        return error
    atexit.register(stop)
    return found
