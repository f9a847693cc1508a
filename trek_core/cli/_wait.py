"""`--wait`: of `trek status` until the database is ready, as an init container wants it; of `trek migrate` until it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from trek_core.cli._output import complain
from trek_core.errors import ConnectError

if TYPE_CHECKING:
    from trek_core import Migrator, Status

T = TypeVar("T")
PAUSE = 1.0  # seconds between two looks, each of them one connection and one round trip
HOPEFUL = ("uninitialised", "pending", "unfinished")
"""States that end by themselves, when somebody else migrates. The others need a person, or another folder."""


async def until_ready(migrator: Migrator, seconds: float, *, quiet: bool) -> Status:
    """The status once it is ready or beyond hope, or as it is when the time is over; quiet does not tell what it waits for.

    Raises what `status` raises; `ConnectError` only when the time is over.
    """

    async def look(over: bool) -> Status | str:
        found = await migrator.status()
        ended = found.ready or over or found.state not in HOPEFUL
        return found if ended else f"{found.state}, {len(found.pending)} pending"

    return await _until(look, seconds, quiet=quiet)


async def until_connected(migrator: Migrator, seconds: float, *, quiet: bool) -> None:
    """Returns once there is a session. Raises `ConnectError` when the time is over."""

    async def look(over: bool) -> bool:  # noqa: ARG001 - as `_until` asks
        async with migrator.backend.connect():
            return True

    await _until(look, seconds, quiet=quiet)


async def _until(look: Callable[[bool], Awaitable[T | str]], seconds: float, *, quiet: bool) -> T:
    """What a look gives in the end; a text is what it waits for. It is told whether it is the last one."""
    end, told = time.monotonic() + seconds, ""
    while True:
        over = time.monotonic() >= end
        try:
            found = await look(over)
        except ConnectError as error:
            if over:
                raise
            found = str(error)
        if not isinstance(found, str):
            return found
        if found != told and not quiet:
            told = found
            complain(f"waiting: {found}")
        await asyncio.sleep(max(0.0, min(PAUSE, end - time.monotonic())))
