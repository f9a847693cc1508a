"""The suite of executors on a class of executors in memory, and what the broken ones share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from trek_core.plugin import Lock, Locked, LockWaiting, Mode, Result
from trek_core.testing import ExecutorSuite, Ground, MemoryExecutor, MemoryGround
from trek_core.testing._memory_executor import Unit

Waiting = Callable[[LockWaiting], Awaitable[None]]


class MemoryCase(ExecutorSuite):
    moment = 0.02
    executor: type[MemoryExecutor] = MemoryExecutor

    def ground(self) -> contextlib.AbstractAsyncContextManager[Ground]:
        return contextlib.nullcontext(MemoryGround(executor=self.executor))


def suite_of(executor: type[MemoryExecutor]) -> type[ExecutorSuite]:
    return type(f"Suite of {executor.__name__}", (MemoryCase,), {"executor": executor, "__module__": __name__})


class Leaky(MemoryExecutor):
    """Leaves a transaction open, whenever it is told to."""

    left: contextlib.AbstractContextManager[None] | None = None

    def leave_one_open(self) -> None:
        if not (self.connection.in_transaction or self.connection.closed):
            self.left = self.connection.transaction()
            self.left.__enter__()


class Keeper(MemoryExecutor):
    """Keeps its locks from the moment on at which `keeps` is set."""

    keeps = False

    async def release(self, lock: Lock) -> None:
        if not self.keeps:
            await super().release(lock)


class KeepsAfter(Keeper):
    """Keeps its locks after blocks that end with one of those errors."""

    errors: tuple[type[BaseException], ...] = ()

    @asynccontextmanager
    async def lock(self, locks: Sequence[Lock], timeout: float, waiting: Waiting) -> AsyncIterator[Locked]:
        async with super().lock(locks, timeout, waiting) as locked:
            try:
                yield locked
            except self.errors:
                self.keeps = True
                raise


class LeavesSettings(MemoryExecutor):
    """Puts settings back, but not after migrations of one mode."""

    leaves: Mode
    mode: Mode

    def carry_out(self, unit: Unit) -> AsyncGenerator[Result]:
        self.mode = unit.action.mode
        return super().carry_out(unit)

    @contextmanager
    def same_settings(self) -> Iterator[None]:
        with contextlib.nullcontext() if self.mode == self.leaves else super().same_settings():
            yield
