"""What an executor's methods give in a suite, checked as a run checks it and told in the words of a kit."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager

from trek_core._blame import GIVEN, Offer, blame, expect
from trek_core._session import Session
from trek_core.contracts import Executor
from trek_core.errors import PluginError
from trek_core.events import LockWaiting, Result
from trek_core.model import Action, Facts, Lock, Locked, Record, Rows, Sql
from trek_core.testing._origin import origin


def executor_named(session: Executor) -> str:
    """The executor, for messages. For a test that fails: it looks through what is installed."""
    return f"{type(session).__name__} of {origin(session)}"


@contextlib.contextmanager
def held(session: Executor) -> Iterator[Offer[Executor]]:
    """A broken contract is an `AssertionError` that says whose method it was, what was found and what is wanted."""
    try:
        yield Offer(session, GIVEN)
    except PluginError as error:
        msg = f"{executor_named(session)}: {error.where}: {error.problem}"
        raise AssertionError(msg) from error


async def read(session: Executor, query: Sql) -> tuple[Facts, Rows | None]:
    """`Executor.read`."""
    with held(session) as offer:
        return await Session(offer).read(query)


@contextlib.asynccontextmanager
async def locked(
    session: Executor, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
) -> AsyncIterator[Locked]:
    """`Executor.lock`. What its end raises, and whether it swallows an error, is for the tests to see."""
    manager = session.lock(locks, timeout, waiting)
    with held(session) as offer:
        expect(offer, "Executor.lock", manager, AbstractAsyncContextManager)
    async with manager as found:
        with held(session) as offer:
            expect(offer, "Executor.lock", found, Locked)
        yield found


async def results(
    session: Executor, units: Iterable[tuple[Action, Record]], *, as_one: bool = False
) -> AsyncGenerator[Result]:
    """`Executor.run`, or `Executor.run_as_one`."""
    where = "Executor.run_as_one" if as_one else "Executor.run"
    with held(session) as offer:
        with blame(offer, where):
            given = session.run_as_one(units) if as_one else session.run(units)
        expect(offer, where, given, AsyncGenerator)
    async with contextlib.aclosing(given):
        while (result := await _next(session, where, given)) is not None:
            yield result


async def _next(session: Executor, where: str, given: AsyncGenerator[Result]) -> Result | None:
    with held(session) as offer:
        with blame(offer, where):
            result = await anext(given, None)
        if result is not None:
            expect(offer, where, result, Result)
        return result
