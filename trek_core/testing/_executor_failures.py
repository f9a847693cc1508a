"""The sentences of `Executor.run` on failures, and on functions among the statements."""

from __future__ import annotations

from typing import Any

from trek_core.events import Failed, Lost
from trek_core.model import Call, Guard
from trek_core.testing._drive import told
from trek_core.testing._executor_case import ExecutorTests
from trek_core.testing._suite import needs


class Failures(ExecutorTests):
    """E17 to E19, E24, E25, E44 and E47."""

    async def test_e17_a_failure_names_the_statement(self) -> None:
        async with self.bench() as bench:
            wrong, _ = bench.ground.wrong()
            body = bench.ground.note("a"), bench.ground.note("b")
            named = (await bench.fails(bench.unit(body[0], wrong, body[1]))).statement
            assert named == wrong, f"{bench.who}: the failure is laid at {named!r}, want {wrong!r}"
            named = (await bench.fails(bench.unit(*body, finish=[wrong]))).statement
            assert named in (None, wrong), f"{bench.who}: a failure in `Record.finish` is laid at {named!r}"

    async def test_e17_a_failure_has_the_databases_message_and_sqlstate(self) -> None:
        async with self.bench() as bench:
            wrong, sqlstate = bench.ground.wrong()
            failure = await bench.fails(bench.unit(wrong))
            assert failure.sqlstate == sqlstate, f"{bench.who}: sqlstate is {failure.sqlstate!r}, want {sqlstate!r}"
            said = failure.message and failure.message in str(failure.cause)
            assert said, f"{bench.who}: the message is {failure.message!r}, and the database said {failure.cause}"

    @needs("position")
    async def test_e18_a_failure_has_its_place_in_the_statement(self) -> None:
        async with self.bench() as bench:
            statement, place = bench.ground.unknown_word()
            failure = await bench.fails(bench.unit(bench.ground.note("a"), statement))
            found = failure.position
            assert found == place, f"{bench.who}: the place in {statement.text!r} is {found}, want {place}"

    async def test_e19_a_violation_of_the_guard_is_lost(self) -> None:
        async with self.bench() as bench:
            for mode in self.modes:
                results = await bench.run(bench.losing(mode))
                lost = results and isinstance(results[-1], Lost)
                assert lost, f"{bench.who}: the guard was violated in mode {mode!r}, and {told(results)}; want Lost"

    async def test_e19_any_other_unique_violation_is_failed(self) -> None:
        async with self.bench() as bench:
            statements, guard = bench.ground.twice()
            other = Guard(guard.schema, guard.table, f"{guard.constraint}_of_history")
            results = await bench.run(bench.unit(*statements, guard=other))
            failed = results and isinstance(results[-1], Failed)
            assert failed, f"{bench.who}: a key that is not the guard was violated, and {told(results)}; want Failed"

    async def test_e47_failed_is_written_behind_the_rollback(self) -> None:
        async with self.bench() as bench:
            await bench.fails(bench.failing(bench.ground.note("a"), failed=[bench.ground.note("failed")]))
            left = await bench.left()
            assert left == ["failed"], f"{bench.who}: a unit whose record has `failed` failed, and {left} remain"

    async def test_e47_what_becomes_of_it_changes_no_result(self) -> None:
        async with self.bench() as bench:
            wrong = bench.ground.wrong()[0]
            failure = await bench.fails(bench.failing(failed=[bench.ground.note("failed"), wrong]))
            assert failure.outcome == "rolled back", (
                f"{bench.who}: `failed` failed too: the outcome is {failure.outcome!r}"
            )
            left = await bench.left()
            assert "failed" not in left, f"{bench.who}: `failed` failed at its second statement, and {left} remain"

    async def test_e24_a_call_gets_the_connection(self) -> None:
        given: list[object] = []

        async def take(connection: Any) -> None:
            given.append(connection)

        async with self.bench() as bench:
            await bench.done(bench.unit(Call(take, "take")))
            right = len(given) == 1 and given[0] is bench.session.connection
            assert right, f"{bench.who}: the call was given {given!r}, want [{bench.session.connection!r}]"

    async def test_e24_a_call_runs_in_its_place(self) -> None:
        async with self.bench() as bench:
            word, call = bench.ground.note, bench.ground.call
            await bench.done(bench.unit(word("a"), call("b"), word("c")))
            left = await bench.left()
            assert left == ["a", "b", "c"], f"{bench.who}: statement, call and statement left {left}, want a, b, c"

    async def test_e24_a_call_runs_inside_the_units_transaction(self) -> None:
        async with self.bench() as bench:
            await bench.fails(bench.failing(bench.ground.call("called")))
            left = await bench.left()
            assert "called" not in left, f"{bench.who}: the unit failed, and what its call did remains"

    async def test_e44_a_call_may_read_what_its_transaction_has_written(self) -> None:
        async with self.bench() as bench:
            seen, others = list[str](), list[str]()

            async def look(connection: Any) -> None:  # noqa: ARG001 - a call's signature
                _, rows = await bench.read()
                seen.extend(row["note"] for row in rows or ())
                others.extend(await bench.ground.notes())

            await bench.done(bench.unit(Call(look, "look"), begin=[bench.ground.note("a")]))
            assert "a" in seen, f"{bench.who}: a call that read saw {seen}, want what was written before it: a"
            assert not others, f"{bench.who}: after a call had read, somebody else saw {others} before the commit"

    async def test_e25_an_exception_of_a_call_is_failed(self) -> None:
        error = LookupError("the call's own error")

        async def fail(connection: Any) -> None:  # noqa: ARG001 - a call's signature
            raise error

        async with self.bench() as bench:
            failure = await bench.fails(bench.unit(bench.ground.note("a"), Call(fail, "fail")))
            assert failure.cause is error, f"{bench.who}: the cause is {failure.cause!r}, want {error!r}"
            right = isinstance(failure.statement, Call) and failure.statement.function is fail
            assert right, f"{bench.who}: the failure is laid at {failure.statement!r}, want the call"
