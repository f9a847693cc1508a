"""Two runners at once, which no lock keeps apart: as behind a pooler, or after a lock was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from trek_core.events import Done, Lost, Result
from trek_core.model import Action, Call, Mode, Record, Verb
from trek_core.testing._drive import action, carry_out, told
from trek_core.testing._store_case import Bench, StoreTests, in_one_statement
from trek_core.testing._suite import needs

BUSY = 0.05  # seconds that a body takes, so that the other runner comes to its own


class RaceTests(StoreTests):
    """S20, S24 and S35."""

    async def test_s20_of_two_that_make_the_table_at_once_one_fails(self) -> None:
        async with self.bench() as bench:
            ran: list[str] = []
            *both, late = [await bench.units(action(name, _busy(ran, name))) for name in ("a", "b", "c")]
            ended = [*await _at_once(bench, both), (await carry_out(bench.session, late))[-1]]
            done = [name for name, result in zip("abc", ended, strict=True) if isinstance(result, Done)]
            assert len(done) == 1, (
                f"{bench.who}: of two runners that made the table at once and a late one, {_ends(ended)}. One wins "
                "and the others fail: CREATE TABLE without IF NOT EXISTS, in `prepare`."
            )
            applied = await bench.applied()
            assert list(applied)[-1:] == done, (  # a history of one version has applied those before it as well
                f"{bench.who}: of those that made the table {done} won, and applied is {applied}"
            )

    @needs("guard")
    async def test_s24_of_two_that_write_the_same_step_one_loses_before_its_body(self) -> None:
        modes = self.modes if "unfinished" not in self.without else self.modes[:1]  # a row before the body shows it
        for mode in modes:
            await self._race("apply", mode)

    @needs("guard")
    async def test_s24_of_two_that_revert_at_once_one_loses_before_its_body(self) -> None:
        await self._race("revert", "transaction")

    @needs("guard")
    async def test_s35_of_two_that_record_in_one_statement_one_loses(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            both = [in_one_statement(await bench.units(action("b", _busy([], name)))) for name in ("one", "two")]
            if any(record.begin for units in both for _, record in units):  # it has no such statement
                return
            ended = await _at_once(bench, both)
            kinds = sorted(type(result).__name__ for result in ended)
            assert kinds == [Done.__name__, Lost.__name__], (
                f"{bench.who}: of two runners that write the same step, {_ends(ended)}: want a Done and a Lost, by the unique "
                "key that `Record.guard` names, from `Record.afterwards` as well"
            )

    async def _race(self, verb: Verb, mode: Mode) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            ran: list[str] = []
            step = "b" if verb == "apply" else "a"
            both = [await bench.units(action(step, _busy(ran, name), verb=verb, mode=mode)) for name in ("one", "two")]
            ended = await _at_once(bench, both)
            kinds = sorted(type(result).__name__ for result in ended)
            assert kinds == [Done.__name__, Lost.__name__], (
                f"{bench.who}: of two runners that {verb} at once in mode {mode!r}, {_ends(ended)}: want a Done and a Lost, "
                "by the unique key that `Record.guard` names"
            )
            assert len(ran) == 1, (
                f"{bench.who}: both runners ran the body before one lost: write the row in `Record.begin`"
            )


def _busy(ran: list[str], name: str) -> Call:
    async def work(connection: Any) -> None:  # noqa: ARG001 - a Call's signature
        ran.append(name)
        await asyncio.sleep(BUSY)

    return Call(work, f"work of {name}")


def _ends(ended: Iterable[Result]) -> str:
    return " and ".join(told([result]) for result in ended)


async def _at_once(bench: Bench, both: Iterable[list[tuple[Action, Record]]]) -> list[Result]:
    """What each of two sessions says last."""
    one, two = both
    async with bench.ground.session() as other:
        results = await asyncio.gather(carry_out(bench.session, one), carry_out(other, two))
    return [result[-1] for result in results]
