"""What is no SQL: a function, and COPY … FROM STDIN with its data."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trek_core.plugin import Call, Copy, LoadError

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

UTF8 = ("UTF8", "UNICODE", "SQLASCII")
"""In which the bytes of a file are sent as they are."""
ROOM = 1 << 21
"""Bytes that a Unix socket is to hold. It has 200 kB, of which most must be gone before more goes in: the server waits."""
_SIZE = socket.SOL_SOCKET, socket.SO_SNDBUF


async def send_alone(connection: Connection, statement: Copy | Call) -> None:
    """Raises whatever it raises."""
    if isinstance(statement, Copy):
        await _copy_in(connection, statement)
    else:
        await statement.function(connection)


async def _copy_in(connection: Connection, copy: Copy) -> None:
    """The statement as it stands, and its data: two round trips. Raises what the server or the file's reading says.

    asyncpg's own `copy_to_table` makes a statement of its own, without WITH, FREEZE or a column list of this one's kind.
    """
    encoding = connection.get_settings().client_encoding
    if re.sub(r"[\W_]", "", encoding).upper() not in UTF8:  # as the server compares the names
        problem = f"the data are UTF-8, and client_encoding is {encoding} here"
        raise LoadError(copy.file, copy.line, problem, "Leave out the SET client_encoding, or set it to 'UTF8'.")
    send = connection._copy_in  # type: ignore[union-attr]  # noqa: SLF001 - nothing public keeps the statement
    with _room(connection):
        await send(copy.text, _bytes(copy), None)


async def _bytes(copy: Copy) -> AsyncIterator[bytes]:
    for chunk in copy.chunks():
        yield chunk


@contextmanager
def _room(connection: Connection) -> Iterator[None]:
    """So much is on its way that the server finds the next row while the file is read. TCP makes its own room."""
    end = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]  # noqa: SLF001 - as above
    if sys.platform != "linux" or connection.is_closed() or end.family != socket.AF_UNIX:
        yield
        return
    before = end.getsockopt(*_SIZE) // 2  # Linux tells twice of what it is told
    end.setsockopt(*_SIZE, max(ROOM, before))
    try:
        yield
    finally:
        if not connection.is_closed():
            end.setsockopt(*_SIZE, before)
