"""Work, and looking meanwhile at what it waits for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import Generic, TypeVar

from trek_core.plugin import dataclass

T = TypeVar("T")
E = TypeVar("E")
SOON = (0.02, 0.03, 0.05, *[0.1] * 100)
"""Seconds between looks in a short attempt: the wait may come late in it, and is over soon."""
LATER = (1.0, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How the work ended: with a value or an error. cancelled: what cancelled the run meanwhile, to be raised in the end."""

    value: T | None = None
    error: BaseException | None = None
    cancelled: asyncio.CancelledError | None = None


async def kept(work: Callable[[], Awaitable[T]]) -> Outcome[T]:
    """The work's outcome, whatever it raises."""
    try:
        return Outcome(await work())
    except BaseException as error:  # noqa: BLE001 - whoever reads the outcome raises it
        return Outcome(error=error)


async def watched(
    work: Callable[[], Awaitable[T]], look: Callable[[], Awaitable[E | None]], *, soon: bool
) -> AsyncGenerator[E | Outcome[T]]:
    """What looking found, then the outcome. A cancellation of the run is one of the work, which is waited for.

    soon: look at once and often until something was found; else after a second, then now and then.
    """
    task = asyncio.create_task(kept(work))
    cancelled: asyncio.CancelledError | None = None
    pauses = _pauses(SOON if soon else ())
    try:
        while not (await asyncio.wait({task}, timeout=next(pauses)))[0]:
            if (found := await _unless_done(task, look)) is not None:
                yield found
                pauses = _pauses(())
    except asyncio.CancelledError as error:
        cancelled = error
    except GeneratorExit:
        if cancelled := await _end(task):
            raise cancelled from None
        raise
    cancelled = await _end(task) or cancelled
    outcome: Outcome[T] = Outcome(error=asyncio.CancelledError()) if task.cancelled() else task.result()
    yield Outcome(outcome.value, outcome.error, cancelled)


def _pauses(first: Iterable[float]) -> Iterator[float]:
    return itertools.chain(first, LATER, itertools.repeat(5.0))


async def _unless_done(task: asyncio.Task[Outcome[T]], look: Callable[[], Awaitable[E | None]]) -> E | None:
    """What looking finds, if the work is not done before."""
    looking = asyncio.ensure_future(look())
    try:
        await asyncio.wait({task, looking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not looking.done():
            looking.cancel()
    return looking.result() if looking.done() else None


async def _end(task: asyncio.Task[Outcome[T]]) -> asyncio.CancelledError | None:
    """Cancels what is not done, and waits for it; each cancellation that comes meanwhile is passed on, the last given back."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
