"""Ctrl-C and SIGTERM: the run is cancelled, and cleans up. Only the command installs handlers, never the library."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENT = 2
"""So many signals cancel: a second one must not cut the cleaning up short. The next one ends the process at once."""


async def stoppable(coroutine: Coroutine[Any, Any, T]) -> T:
    """Raises `KeyboardInterrupt` once a run that was told to stop has come to its end."""
    if threading.current_thread() is not threading.main_thread():  # where nobody may install a handler
        return await coroutine
    stop = _Stop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        stop.install(number)
    try:
        return await coroutine
    except asyncio.CancelledError:
        if stop.heard:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            stop.remove(number)
            signal.signal(number, handler)


class _Stop:
    """Cancels the task that made it."""

    def __init__(self) -> None:
        self.heard = 0
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()

    def install(self, number: signal.Signals) -> None:
        with contextlib.suppress(NotImplementedError):  # on Windows; a loop that waits wakes within a second there
            self._loop.add_signal_handler(number, lambda: None)  # wakes it in every case
        signal.signal(
            number, self._handle
        )  # at once, also where the program does not come back to the loop: a question

    def remove(self, number: signal.Signals) -> None:
        with contextlib.suppress(NotImplementedError):
            self._loop.remove_signal_handler(number)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.heard += 1
        if self.heard > PATIENT or self._task is None:
            raise KeyboardInterrupt
        self._task.cancel()
        self._loop.call_soon_threadsafe(lambda: None)
