"""The sentences of `Executor.run_as_one`: several migrations in one transaction."""

from __future__ import annotations

import asyncio
import contextlib

from trek_core.events import Done, Failed, Result, Started
from trek_core.testing._drive import told
from trek_core.testing._executing import results as results_of
from trek_core.testing._executor_case import BEGIN, FINISH, PATIENCE, Bench, ExecutorTests, Unit, cancelled
from trek_core.testing._suite import needs


async def run_as_one(bench: Bench, *units: Unit) -> list[Result]:
    return [result async for result in results_of(bench.session, units, as_one=True)]


class AsOne(ExecutorTests):
    """E35 to E38."""

    @needs("as one")
    async def test_e35_a_failure_leaves_nothing_of_any_unit(self) -> None:
        async with self.bench() as bench:
            await run_as_one(bench, bench.unit(bench.ground.note("a")), bench.failing(bench.ground.note("b")))
            notes = await bench.ground.notes()
            assert not notes, f"{bench.who}: the second of two units in one transaction failed, and {notes} remain"

    @needs("as one")
    async def test_e35_nobody_sees_a_part_of_them(self) -> None:
        async with self.bench() as bench:
            seen: list[str] = []
            await run_as_one(bench, bench.unit(bench.ground.note("a")), bench.unit(bench.look(seen)))
            left = await bench.left()
            assert not seen, f"{bench.who}: between two units of one transaction somebody else saw {seen}"
            assert left == ["a"], f"{bench.who}: after two units in one transaction {left} remain, want ['a']"

    @needs("as one")
    async def test_e35_a_cancellation_leaves_nothing_of_any_unit(self) -> None:
        async with self.bench() as bench:
            slow = bench.unit(bench.ground.sleep(PATIENCE * 4))
            run = asyncio.create_task(run_as_one(bench, bench.unit(bench.ground.note("a")), slow))
            await asyncio.sleep(bench.moment)
            await cancelled(run)
            notes = await bench.ground.notes()
            assert not notes, f"{bench.who}: units in one transaction were cancelled, and {notes} remain"
            await bench.check_usable("a cancellation of units in one transaction")

    @needs("as one")
    async def test_e36_done_comes_after_the_commit(self) -> None:
        async with self.bench() as bench:
            units = bench.unit(bench.ground.note("a")), bench.unit(bench.ground.note("b"))
            async with contextlib.aclosing(results_of(bench.session, units, as_one=True)) as results:
                seen = [await bench.left() async for result in results if isinstance(result, Done)]
            assert seen == [["a", "b"]] * 2, f"{bench.who}: at each Done somebody else saw {seen}, want a and b twice"

    @needs("as one")
    async def test_e36_a_failure_is_of_its_unit_and_none_is_done(self) -> None:
        async with self.bench() as bench:
            first, second = bench.unit(bench.ground.note("a")), bench.failing()
            results = await run_as_one(bench, first, second, bench.unit(bench.ground.note("c")))
            last = results[-1] if results else None
            right = isinstance(last, Failed) and last.action.revision == second[0].revision
            assert right, f"{bench.who}: the second unit of one transaction is wrong: {told(results)}, want it Failed"
            assert not any(isinstance(result, Done) for result in results), (
                f"{bench.who}: {told(results)}, want no Done"
            )

    @needs("as one")
    async def test_e36_each_unit_gives_started(self) -> None:
        async with self.bench() as bench:
            units = bench.unit(bench.ground.note("a")), bench.unit(bench.ground.note("b"))
            results = await run_as_one(bench, *units)
            started = [result.action.revision for result in results if isinstance(result, Started)]
            wanted = [action.revision for action, _ in units]
            assert started == wanted, f"{bench.who}: Started came for {started}, want {wanted}"

    @needs("as one", "settings")
    async def test_e37_the_next_unit_does_not_find_changed_settings(self) -> None:
        async with self.bench() as bench:
            before, seen = await bench.ground.setting(bench.session), list[str]()
            changing = bench.unit(bench.ground.change_setting())
            await run_as_one(bench, changing, bench.unit(bench.see_setting(seen)))
            assert seen == [before], (
                f"{bench.who}: a unit of one transaction left the next the setting {seen}, not {before!r}"
            )

    @needs("as one", "nested")
    async def test_e38_a_failure_leaves_what_the_caller_did(self) -> None:
        async with self.bench() as bench, bench.ground.transaction(bench.session):
            await bench.done(bench.unit(bench.ground.note("callers")))
            await run_as_one(bench, bench.unit(bench.ground.note("a")), bench.failing())
            _, rows = await bench.read()
            found = [row["note"] for row in rows or () if row["note"] not in (BEGIN, FINISH)]
            assert found == ["callers"], (
                f"{bench.who}: after a failure the caller's transaction holds {found}, want its own"
            )
