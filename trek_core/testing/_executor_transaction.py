"""The sentences of `Executor.run` on migrations in a transaction, and on what holds for all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from trek_core.events import Blocked, Done, Failed, Result, Started, StatementDone
from trek_core.model import Advisory, Call
from trek_core.testing._drive import told
from trek_core.testing._executing import results as results_of
from trek_core.testing._executor_case import AFTERWARDS, BEGIN, FINISH, PATIENCE, Bench, ExecutorTests, cancelled
from trek_core.testing._suite import needs


class Transactions(ExecutorTests):
    """E13 to E16, E26 to E30, E33, E34, E45, E46 and E48."""

    async def test_e13_a_unit_gives_started_first_and_one_outcome_last(self) -> None:
        async with self.bench() as bench:
            first, second = bench.unit(bench.ground.note("a")), bench.failing()
            results = [one for one in await bench.run(first, second) if not isinstance(one, StatementDone)]
            found = [(type(result).__name__, result.action.revision) for result in results]
            one, two = first[0].revision, second[0].revision
            wanted = [("Started", one), ("Done", one), ("Started", two), ("Failed", two)]
            assert found == wanted, f"{bench.who}: gave {found}, want {wanted}"

    async def test_e14_begin_body_and_finish_run_in_this_order(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.unit(bench.ground.note("a"), bench.ground.note("b")))
            notes, wanted = await bench.ground.notes(), [BEGIN, "a", "b", FINISH]
            assert notes == wanted, f"{bench.who}: the notes came in the order {notes}, want {wanted}"

    async def test_e14_nobody_sees_a_part_of_them(self) -> None:
        async with self.bench() as bench:
            seen: list[str] = []
            await bench.done(bench.unit(bench.ground.note("a"), finish=[bench.look(seen)]))
            assert not seen, f"{bench.who}: between body and finish somebody else saw {seen}"

    async def test_e48_a_record_in_one_statement_stands_alone_behind_the_body(self) -> None:
        async with self.bench() as bench, bench.lock(Advisory(1)):
            await bench.done(*map(bench.in_one_statement, "ab"))
            notes = await bench.ground.notes()
            allowed = [[*one, *two] for one in _either("a") for two in _either("b")]
            right = AFTERWARDS not in notes or notes in allowed
            assert right, f"{bench.who}: under the lock the notes are {notes}, want one of {allowed}"

    async def test_e48_a_record_in_one_statement_needs_the_lock(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.in_one_statement("a"))
            notes = await bench.ground.notes()
            assert AFTERWARDS not in notes, (
                f"{bench.who}: without the lock the notes are {notes}, want {BEGIN} … {FINISH}"
            )

    async def test_e48_a_record_in_one_statement_needs_a_body_of_sql(self) -> None:
        async with self.bench() as bench, bench.lock(Advisory(1)):
            await bench.done(bench.in_one_statement("a", bench.look([])))
            notes = await bench.ground.notes()
            assert AFTERWARDS not in notes, (
                f"{bench.who}: of a body with a Call the notes are {notes}, want {BEGIN} … {FINISH}"
            )

    async def test_e15_nothing_of_a_failed_unit_remains(self) -> None:
        async with self.bench() as bench:
            for last in (bench.ground.wrong()[0], Call(_fail, "fail")):
                await bench.fails(bench.unit(bench.ground.note("a"), last))
                notes = await bench.ground.notes()
                assert not notes, f"{bench.who}: of a unit that failed at {last!r} {notes} remain"

    async def test_e15_what_was_done_before_a_failure_remains(self) -> None:
        async with self.bench() as bench:
            await bench.fails(bench.unit(bench.ground.note("a")), bench.failing())
            left = await bench.left()
            assert "a" in left, f"{bench.who}: a unit was done, the next failed, and of the first remains {left}"

    async def test_e16_after_a_failure_no_other_unit_begins(self) -> None:
        async with self.bench() as bench:
            for mode in self.modes:
                results = await bench.run(bench.failing(mode=mode), bench.unit(bench.ground.note("second")))
                self._check_stopped(bench, results)

    async def test_e16_after_a_loss_no_other_unit_begins(self) -> None:
        async with self.bench() as bench:
            results = await bench.run(bench.losing(), bench.unit(bench.ground.note("second")))
            self._check_stopped(bench, results)

    def _check_stopped(self, bench: Bench, results: list[Result]) -> None:
        revisions = {result.action.revision for result in results}
        assert len(revisions) == 1, f"{bench.who}: the first unit ended badly, and it went on to {told(results)}"

    async def test_e26_a_unit_without_a_body_only_writes_its_record(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.unit(verb="mark"))
            notes = sorted(await bench.ground.notes())
            assert notes == [BEGIN, FINISH], f"{bench.who}: a unit without a body left {notes}, want its record"

    # ----------------------------------------------------------------------- afterwards
    async def test_e27_after_the_end_the_session_is_usable(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.unit(bench.ground.note("a")))
            await bench.check_usable("a unit that was done")

    async def test_e27_after_a_failure_the_session_is_usable(self) -> None:
        for mode in self.modes:
            async with self.bench() as bench:
                await bench.run(bench.failing(mode=mode))
                await bench.check_usable(f"a failure in mode {mode!r}")
        async with self.bench() as bench:
            await bench.run(bench.losing())
            await bench.check_usable("a violation of the guard")

    async def test_e27_after_a_cancellation_the_session_is_usable(self) -> None:
        async with self.bench() as bench:
            await self._cancel(bench)
            await bench.check_usable("a cancellation")

    async def test_e27_after_aclose_the_session_is_usable(self) -> None:
        async with self.bench() as bench:
            units = bench.unit(bench.ground.note("a")), bench.unit(bench.ground.note("b"))
            async with contextlib.aclosing(results_of(bench.session, units)) as results:
                async for result in results:
                    if not isinstance(result, Started):
                        break
            await bench.check_usable("aclose in the middle of a run")

    async def test_e28_a_cancelled_unit_leaves_nothing(self) -> None:
        async with self.bench() as bench:
            await self._cancel(bench)
            left = await bench.left()
            assert not left, f"{bench.who}: of a unit that was cancelled {left} remain"

    async def _cancel(self, bench: Bench) -> None:
        run = asyncio.create_task(bench.run(bench.unit(bench.ground.note("a"), bench.ground.sleep(PATIENCE * 4))))
        await asyncio.sleep(bench.moment)
        await cancelled(run)

    # ----------------------------------------------------------------------- settings
    @needs("settings")
    async def test_e29_settings_are_as_they_were(self) -> None:
        async with self.bench() as bench:
            before = await bench.ground.setting(bench.session)
            await bench.done(bench.unit(bench.ground.change_setting()))
            after = await bench.ground.setting(bench.session)
            assert after == before, f"{bench.who}: a body changed a setting from {before!r} to {after!r}, and it stays"

    async def test_e30_the_lock_timeout_of_a_body_holds_for_it(self) -> None:
        async with self.bench() as bench, bench.ground.held():
            unit = bench.unit(bench.ground.hold(), lock_timeout=bench.moment / 5)
            results: list[Result] = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE), contextlib.aclosing(results_of(bench.session, [unit])) as coming:
                    async for result in coming:
                        results.append(result)
                        if _ended_an_attempt(result):
                            break
            assert any(map(_ended_an_attempt, results)), (
                f"{bench.who}: with a lock_timeout it waited for a lock all the time that it was held: {told(results)}"
            )

    async def test_e30_the_lock_timeout_of_a_body_holds_no_longer(self) -> None:
        async with self.bench() as bench:
            async with bench.ground.held():
                units = (
                    bench.unit(bench.ground.note("a"), lock_timeout=bench.moment / 5),
                    bench.unit(bench.ground.hold()),
                )
                run = asyncio.create_task(bench.run(*units))
                await asyncio.sleep(bench.moment)
            results = await run
            done = isinstance(results[-1], Done)
            assert done, f"{bench.who}: the body after the one with a lock_timeout has it too: {told(results)}"

    async def test_e45_the_statement_timeout_of_a_body_holds_for_it(self) -> None:
        async with self.bench() as bench:
            begun = time.monotonic()
            await bench.fails(bench.unit(bench.ground.sleep(PATIENCE), statement_timeout=bench.moment / 5))
            took = time.monotonic() - begun
            assert took < PATIENCE, f"{bench.who}: a statement that sleeps ran on until its end, for {took:.1f} s"

    async def test_e45_the_statement_timeout_of_a_body_holds_for_no_other(self) -> None:
        async with self.bench() as bench:
            first = bench.unit(bench.ground.note("a"), statement_timeout=bench.moment * 0.8)
            results = await bench.run(first, bench.unit(bench.ground.sleep(bench.moment)))
            done = isinstance(results[-1], Done)
            assert done, f"{bench.who}: the body after the one with a statement_timeout has it too: {told(results)}"

    async def test_e46_a_unit_that_was_blocked_started_once_and_has_its_outcome(self) -> None:
        async with self.bench() as bench:
            async with bench.ground.held():
                run = asyncio.create_task(bench.run(bench.unit(bench.ground.hold())))
                await asyncio.sleep(bench.moment)
            results = await run
            started = sum(isinstance(result, Started) for result in results)
            assert started <= 1, f"{bench.who}: a unit that waited for a lock gave Started {started} times"
            ended = isinstance(results[-1], Done)
            assert ended, f"{bench.who}: a unit waited for a lock and got it, and {told(results)}; want Done"

    # ----------------------------------------------------------------------- the caller's transaction
    @needs("nested")
    async def test_e33_the_callers_rollback_undoes_the_run(self) -> None:
        async with self.bench() as bench:
            async with bench.ground.transaction(bench.session):
                await bench.done(bench.unit(bench.ground.note("a")))
            notes = await bench.ground.notes()
            assert not notes, f"{bench.who}: after the caller's rollback {notes} remain"

    @needs("nested")
    async def test_e33_a_failure_leaves_the_callers_transaction_usable(self) -> None:
        async with self.bench() as bench, bench.ground.transaction(bench.session):
            await bench.fails(bench.unit(bench.ground.note("a")), bench.failing(bench.ground.note("b")))
            _, rows = await bench.read()
            found = [row["note"] for row in rows or () if row["note"] not in (BEGIN, FINISH)]
            assert found == ["a"], f"{bench.who}: the first unit was done, the second failed, and {found} remain"

    @needs("cut")
    async def test_e34_the_outcome_of_a_lost_connection_is_unknown(self) -> None:
        async with self.bench() as bench:
            run = asyncio.create_task(bench.fails(bench.unit(bench.ground.sleep(PATIENCE * 4))))
            await asyncio.sleep(bench.moment)
            await bench.ground.cut(bench.session)
            failure = await run
            found = failure.outcome
            assert found == "unknown", (
                f"{bench.who}: the connection was lost, and the outcome is {found!r}, want 'unknown'"
            )


async def _fail(connection: Any) -> None:  # noqa: ARG001 - a call's signature
    msg = "a call that fails"
    raise LookupError(msg)


def _either(body: str) -> tuple[list[str], list[str]]:
    return [BEGIN, body, FINISH], [body, AFTERWARDS]


def _ended_an_attempt(result: Result) -> bool:
    """An executor may try again, and say so in between."""
    return isinstance(result, Failed) or (isinstance(result, Blocked) and result.attempts > 1)
