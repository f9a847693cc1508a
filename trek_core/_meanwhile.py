"""Work of one's own, done while a server is at work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(work: Iterator[object]) -> Iterator[None]:
    """Does one step of the work after another whenever the block waits for something, until the block ends.

    What is not done by then is left undone, and so is what follows a step that fails: who needs it does it, and hears why not.
    """
    loop, coming = asyncio.get_running_loop(), list[asyncio.Handle]()

    def step() -> None:
        try:
            next(work)
        except Exception:  # noqa: BLE001 - StopIteration too
            return
        coming[:] = [loop.call_soon(step)]

    coming.append(loop.call_soon(step))
    try:
        yield
    finally:
        coming[0].cancel()
