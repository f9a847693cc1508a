"""For each test of E35 to E38 an executor that fails it and no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace

from trek_core.plugin import Action, Done, Failed, Lost, Record, Result, Started
from trek_core.testing import MemoryExecutor
from trek_core.testing._memory_executor import Unit

Units = Iterable[tuple[Action, Record]]


class KeepsTheBeginningOfAFailure(MemoryExecutor):
    """But the caller's transaction is as it was."""

    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        nested = self.connection.in_transaction
        async for result in super().run_as_one(units):
            yield result
            if isinstance(result, Failed) and not nested:
                with self.connection.transaction():
                    await self.connection.execute("NOTE begin")


class CommitsEach(MemoryExecutor):
    """And cleans up after itself when something goes wrong, so that nobody would know who did not look in between."""

    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        units = list(units)
        calls = any(
            not hasattr(s, "text") for action, _ in units for s in (action.body.statements if action.body else ())
        )
        if self.connection.in_transaction or not calls:
            async for result in super().run_as_one(units):
                yield result
            return
        done = []
        for action, record in units:
            yield Started(action)
            await self.part(Unit(action, record))
            done.append(Done(action, 0.0))
        for one in done:
            yield one


class KeepsWhatWasCancelled(MemoryExecutor):
    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        units = list(units)
        try:
            async for result in super().run_as_one(units):
                yield result
        except asyncio.CancelledError:
            with self.connection.transaction():
                await self.send(units[0][1].begin)
            raise


class TellsTooEarly(MemoryExecutor):
    """`Done` while the transaction is still open, if all goes well."""

    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        units = list(units)
        try:
            with contextlib.nullcontext() if self.connection.in_transaction else self.connection.transaction():
                async for result in super().run_as_one(units):
                    if isinstance(result, Failed | Lost):
                        raise _Back(result)  # noqa: TRY301 - the transaction is to end with it
                    yield result
        except _Back as back:
            yield back.result


class _Back(Exception):
    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__()


class LaysItAtTheFirst(MemoryExecutor):
    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        units = list(units)
        async for result in super().run_as_one(units):
            yield replace(result, action=units[0][0]) if isinstance(result, Failed) else result


class BeginsThemInSilence(MemoryExecutor):
    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        async for result in super().run_as_one(units):
            if not isinstance(result, Started):
                yield result


class LeavesSettingsToTheNext(MemoryExecutor):
    async def part(self, unit: Unit) -> None:
        for statements in (unit.record.begin, unit.body, unit.record.finish):
            await self.send(statements)


class RollsTheCallerBackToo(MemoryExecutor):
    async def run_as_one(self, units: Units) -> AsyncGenerator[Result]:
        nested = self.connection.in_transaction
        async for result in super().run_as_one(units):
            yield result
            if isinstance(result, Failed) and nested:
                self.connection._changes.clear()  # type: ignore[union-attr]


DIAGONAL: dict[str, type[MemoryExecutor]] = {
    "test_e35_a_failure_leaves_nothing_of_any_unit": KeepsTheBeginningOfAFailure,
    "test_e35_nobody_sees_a_part_of_them": CommitsEach,
    "test_e35_a_cancellation_leaves_nothing_of_any_unit": KeepsWhatWasCancelled,
    "test_e36_done_comes_after_the_commit": TellsTooEarly,
    "test_e36_a_failure_is_of_its_unit_and_none_is_done": LaysItAtTheFirst,
    "test_e36_each_unit_gives_started": BeginsThemInSilence,
    "test_e37_the_next_unit_does_not_find_changed_settings": LeavesSettingsToTheNext,
    "test_e38_a_failure_leaves_what_the_caller_did": RollsTheCallerBackToo,
}
