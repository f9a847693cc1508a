"""Python's collector of cycles, paused."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """While many small objects are made, which all stay, the collector only looks at them again and again: a fifth of the time.

    For work that awaits nothing: no other task finds it paused.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_MANY = 100  # actions, of which some 40 objects each are made


def settle(actions: int) -> None:
    """What was made while it was paused, and stays as long as the run, goes where the collector seldom looks.

    It would look at all of that twice, a fifth of what a run of a thousand migrations computes. Only where there are many:
    garbage of others that is young now is found later, too.
    """
    if actions >= _MANY and not gc.get_freeze_count():  # else unfreezing would undo what the program froze
        gc.freeze()
        gc.unfreeze()
