"""An executor's session as a run uses it: what it raises is its plugin's fault, what it gives is checked."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from trek_core import _trace
from trek_core._blame import Offer, blame, breach, expect, shown
from trek_core._door import later
from trek_core.contracts import Executor
from trek_core.errors import ConfigError, plugin_words
from trek_core.model import Facts, Rows, Sql

if TYPE_CHECKING:
    from trek_core import _records, events
    from trek_core._recording import Units
    from trek_core.events import LockWaiting, Result
    from trek_core.model import Action, Lock, Locked, Record

else:
    _records, events = later("_records", "events")

log = logging.getLogger("trek")
log.addHandler(logging.NullHandler())  # who sets up no logging is told nothing
T = TypeVar("T")
QUERY = (
    "either it did not decode the row, or the store's query does not give one JSON object a row, as to_jsonb(t) does"
)


class Session:
    """The methods of `Executor`, blamed. What happens inside a lock, or between two results, is not the executor's."""

    def __init__(self, offer: Offer[Executor]) -> None:
        self._offer, self.executor = offer, offer.value

    @cached_property
    def _usual(self) -> tuple[type, ...]:
        return events.Started, events.Done

    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        where = "Executor.read"
        with blame(self._offer, where):
            given = await self.executor.read(query)
        if not isinstance(given, tuple) or len(given) != 2 or not isinstance(given[0], Facts):  # noqa: PLR2004
            breach(self._offer, where, f"gave {shown(given)}, want a tuple of Facts and rows")
        if given[1] is not None:
            self._check_rows(given[1])
        return given

    def _check_rows(self, rows: object) -> None:
        if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
            breach(self._offer, "Executor.read: rows", f"gave {shown(rows)}, want a list of mappings, or None")
        wrong = next((row for row in rows if not isinstance(row, Mapping)), self)
        if wrong is not self:
            breach(self._offer, "Executor.read: rows", f"gave the row {shown(wrong)}, want a mapping: {QUERY}")

    def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Locked]:
        where = "Executor.lock"

        def begin() -> AbstractAsyncContextManager[Locked]:
            manager = self.executor.lock(locks, timeout, waiting)
            expect(self._offer, where, manager, AbstractAsyncContextManager)
            return manager

        return inside(self._offer, (where, f"{where}: releasing"), begin, _records.Locked)

    def check_runs_as_one(self) -> None:
        """Raises `ConfigError` for an executor that commits each migration by itself, and has nothing else."""
        if type(self.executor).run_as_one is Executor.run_as_one:
            whose = plugin_words(self._offer.plugin, self._offer.distribution)
            msg = (
                f'transaction = "plan" was asked for, and the executor {type(self.executor).__name__} of {whose} commits '
                'each migration by itself: it has no run_as_one.\nNothing was changed. Say transaction = "each".'
            )
            raise ConfigError(msg)

    async def run(
        self, units: Units | Sequence[tuple[Action, Record]], *, as_one: bool = False
    ) -> AsyncGenerator[Result]:
        where, done, last = "Executor.run_as_one" if as_one else "Executor.run", 0, None
        with blame(self._offer, where):
            results = self.executor.run_as_one(units) if as_one else self.executor.run(units)
        expect(self._offer, where, results, AsyncGenerator)
        ended: BaseException | None = None
        try:
            while (result := await self._next(where, results)) is not None:
                done, last = done + isinstance(result, events.Done), result
                yield result
        except BaseException as error:
            ended = error
            raise
        finally:
            with _ending(self._offer, f"{where}: closing", ended):
                await results.aclose()
        if done < len(units) and not isinstance(last, events.Failed | events.Lost):
            breach(self._offer, where, _stopped(done, len(units), last))

    async def _next(self, where: str, results: AsyncGenerator[Result]) -> Result | None:
        if _trace.Switch.on:
            with blame(self._offer, where):
                result = await anext(results, None)
        else:
            try:
                result = await anext(results, None)
            except Exception:
                with blame(self._offer, where):
                    raise
        if result is not None and type(result) not in self._usual:
            expect(self._offer, where, result, events.Result)
        return result


@asynccontextmanager
async def inside(
    offer: Offer[Any],
    where: tuple[str, str],
    begin: Callable[[], AbstractAsyncContextManager[T]],
    wanted: type,
    *,
    secret: str = "",
) -> AsyncIterator[T]:
    """What a plugin's context manager gives, checked. `where` names its beginning and its end; `secret` is a DSN.

    What the block raises goes through the plugin's hands: it is not its fault, and the plugin cannot swallow it.
    """
    with blame(offer, where[0], secret=secret):
        manager = begin()
        value = await manager.__aenter__()
    ended: BaseException | None = None
    try:
        expect(offer, where[0], value, wanted)
        yield value
    except BaseException as error:
        ended = error
        raise
    finally:
        with _ending(offer, where[1], ended, secret=secret):
            await manager.__aexit__(type(ended) if ended else None, ended, ended.__traceback__ if ended else None)


@contextmanager
def _ending(offer: Offer[Any], where: str, ended: BaseException | None, *, secret: str = "") -> Iterator[None]:
    """What a plugin raises while it cleans up is only logged after `ended`: a failed migration or a cancellation goes on."""
    try:
        with blame(offer, where, secret=secret):
            try:
                yield
            except BaseException as raised:
                if raised is not ended:
                    raise
    except Exception as raised:
        if ended is None:
            raise
        log.warning("%s", raised, exc_info=raised)


def _stopped(done: int, total: int, last: Result | None) -> str:
    after = type(last).__name__ if last else "nothing"
    return (
        f"ended after {after} with {done} of {total} actions done, want Done for each, or Failed or Lost for the last.\n"
        "What it did besides is not known: `trek status` shows where the database stands."
    )
