"""The functions that a caller hung on the connection: a migration in Python may add some and forget them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trek_asyncpg._types import Connection

_SETS = ("_log_listeners", "_termination_listeners", "_query_loggers")
"""asyncpg adds to these and takes away from them, and has no way to list them; nor to `_listeners`."""


@contextmanager
def kept(connection: Connection) -> Iterator[list[str]]:
    """After the block the connection calls whom it called before: listeners of all kinds and query loggers.

    Gives a list in which the channels stand afterwards that were heard by nobody before.
    """
    sets = {name: set(found) for name in _SETS if isinstance(found := getattr(connection, name, None), set)}
    channels = {name: set(callbacks) for name, callbacks in _channels(connection).items()}
    added: list[str] = []
    try:
        yield added
    finally:
        if not connection.is_closed():  # else it has told everybody, and forgotten them
            for name, before in sets.items():
                _become(getattr(connection, name), before)
            heard = _channels(connection)
            added += [name for name in heard if name not in channels]
            heard.clear()
            heard.update(channels)


def _channels(connection: Connection) -> dict[str, set[Any]]:
    found = getattr(connection, "_listeners", None)
    return found if isinstance(found, dict) else {}


def _become(callbacks: set[Any], before: set[Any]) -> None:
    callbacks.clear()
    callbacks.update(before)
