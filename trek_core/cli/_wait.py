"""`--wait`: of `trek status` until the database is ready, as an init container wants it; of `trek migrate` until it answers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from trek_core.cli._output import complain
from trek_core.errors import ConnectError

if TYPE_CHECKING:
    from trek_core import Migrator, Status

PAUSE = 1.0  # seconds between two looks, each of them one connection and one round trip
HOPEFUL = ("uninitialised", "pending", "unfinished")
"""States that end by themselves, when somebody else migrates. The others need a person, or another folder."""


async def until_ready(migrator: Migrator, seconds: float, *, quiet: bool) -> Status:
    """The status once it is ready or beyond hope, or as it is when the time is over; quiet does not tell what it waits for.

    Raises what `status` raises; `ConnectError` only when the time is over.
    """
    end, told = time.monotonic() + seconds, ""
    while True:
        over = time.monotonic() >= end
        try:
            found = await migrator.status()
        except ConnectError as error:
            if over:
                raise
            news = str(error)
        else:
            if found.ready or over or found.state not in HOPEFUL:
                return found
            news = f"{found.state}, {len(found.pending)} pending"
        if news != told and not quiet:
            told = news
            complain(f"waiting: {news}")
        await asyncio.sleep(max(0.0, min(PAUSE, end - time.monotonic())))


async def until_connected(migrator: Migrator, seconds: float, *, quiet: bool) -> None:
    """Returns once there is a session. Raises `ConnectError` when the time is over."""
    end, told = time.monotonic() + seconds, ""
    while True:
        over = time.monotonic() >= end
        try:
            async with migrator.backend.connect():
                return
        except ConnectError as error:
            if over:
                raise
            if str(error) != told and not quiet:
                told = str(error)
                complain(f"waiting: {told}")
        await asyncio.sleep(max(0.0, min(PAUSE, end - time.monotonic())))
