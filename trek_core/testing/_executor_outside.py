"""The sentences of `Executor.run` on migrations outside a transaction, on messages and on COPY."""

from __future__ import annotations

from typing import Literal

from trek_core.events import StatementDone
from trek_core.model import HistoryRow, Piece, Resume, Sql, Statement
from trek_core.script import SEPARATOR
from trek_core.testing._drive import told
from trek_core.testing._executor_case import BEGIN, FINISH, ExecutorTests
from trek_core.testing._suite import needs


class Outside(ExecutorTests):
    """E20 to E23, E29, E31, E32, E39, E40."""

    @needs("outside")
    async def test_e20_what_ran_before_a_failure_stays(self) -> None:
        async with self.bench() as bench:
            await bench.fails(bench.failing(bench.ground.note("a"), mode="autocommit"))
            left = await bench.left()
            assert "a" in left, f"{bench.who}: the second statement failed outside a transaction, and {left} remain"

    @needs("outside")
    async def test_e20_the_outcome_of_a_failure_is_partial(self) -> None:
        async with self.bench() as bench:
            failure = await bench.fails(bench.failing(bench.ground.note("a"), mode="autocommit"))
            assert failure.outcome == "partial", f"{bench.who}: the outcome is {failure.outcome!r}, want 'partial'"

    @needs("outside")
    async def test_e21_a_statement_that_refuses_a_transaction_runs_in_none(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.unit(bench.ground.note_outside("a"), mode="autocommit"))
            left = await bench.left()
            assert left == ["a"], f"{bench.who}: a statement that refuses a transaction left {left}, want a"

    @needs("outside")
    async def test_e22_progress_stands_around_every_statement(self) -> None:
        async with self.bench() as bench:

            def progress(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Statement, ...]:
                return (bench.ground.note(f"{phase} {number}"),)

            body = bench.ground.call("a"), bench.ground.note("b")  # what is no SQL stands alone too
            failed = [bench.ground.note("failed")]
            await bench.done(bench.unit(*body, mode="autocommit", progress=progress, failed=failed))
            notes = await bench.ground.notes()
            wanted = [BEGIN, "begin 1", "a", "done 1", "b", "whole 2", FINISH]
            assert notes == wanted, f"{bench.who}: around a call and a statement it wrote {notes}, want {wanted}"

    @needs("outside")
    async def test_e22_failed_follows_a_failure(self) -> None:
        async with self.bench() as bench:
            failed = [bench.ground.note("failed")]
            await bench.fails(bench.failing(mode="autocommit", failed=failed))
            notes = await bench.ground.notes()
            assert "failed" in notes, (
                f"{bench.who}: a unit failed, and its record's `failed` did not run: notes {notes}"
            )
            assert FINISH not in notes, f"{bench.who}: a unit failed, and its record's `finish` ran: notes {notes}"

    @needs("outside")
    async def test_e23_every_statement_is_told_with_its_number(self) -> None:
        async with self.bench() as bench:
            results = await bench.done(bench.unit(bench.ground.note("a"), bench.ground.note("b"), mode="autocommit"))
            found = [(result.number, result.total) for result in results if isinstance(result, StatementDone)]
            assert found == [(1, 2), (2, 2)], f"{bench.who}: told of statements {found}, want 1 of 2 and 2 of 2"

    @needs("outside", "settings")
    async def test_e29_settings_are_as_they_were_outside_a_transaction(self) -> None:
        async with self.bench() as bench:
            before = await bench.ground.setting(bench.session)
            change = bench.ground.change_setting()
            for unit in (bench.unit(change, mode="autocommit"), bench.failing(change, mode="autocommit")):
                ended = told(await bench.run(unit))
                after = await bench.ground.setting(bench.session)
                assert after == before, (
                    f"{bench.who}: a body ({ended}) changed a setting from {before!r} to {after!r}, and it stays"
                )

    @needs("outside")
    async def test_e39_what_resumes_runs_the_rest_and_nothing_else(self) -> None:
        async with self.bench() as bench:
            body = bench.ground.note("a"), bench.ground.note("b"), bench.ground.call("c")
            resume = Resume(HistoryRow(revision="x"), done=1)
            await bench.done(bench.unit(*body, mode="autocommit", resume=resume))
            notes = await bench.ground.notes()
            wanted = [BEGIN, "b", "c", FINISH]
            assert notes == wanted, f"{bench.who}: with 1 of 3 done it wrote {notes}, want {wanted}"

    @needs("outside")
    async def test_e40_where_it_is_not_certain_nothing_runs(self) -> None:
        async with self.bench() as bench:
            body = bench.ground.note("a"), bench.ground.call("b")
            row = HistoryRow(revision="x", state="step", step=2)
            resume = Resume(HistoryRow(revision="x"), done=1, open=row)
            failure = await bench.fails(bench.unit(*body, mode="autocommit", resume=resume))
            notes = await bench.ground.notes()
            right = failure.outcome == "unfinished" and not notes
            assert right, (
                f"{bench.who}: nobody knows whether a function that was begun has ended, and the outcome is "
                f"{failure.outcome!r}, want 'unfinished', and it wrote {notes}, want nothing"
            )

    @needs("message")
    async def test_e31_a_message_is_never_cut(self) -> None:
        async with self.bench() as bench:
            both = Sql(f"{bench.ground.note('a').text}{SEPARATOR}{bench.ground.wrong()[0].text}")
            await bench.fails(bench.unit(both, mode="message"))
            left = await bench.left()
            assert not left, f"{bench.who}: the second statement of one query failed, and {left} of the first remain"

    @needs("copy")
    async def test_e32_a_copy_sends_its_data(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.unit(bench.ground.copy(("a", "b"))))
            left = await bench.left()
            assert left == ["a", "b"], f"{bench.who}: the data of a COPY left {left}, want a and b"

    async def test_e32_a_piece_sends_the_statements_that_it_reads(self) -> None:
        async with self.bench() as bench:
            first, last = bench.ground.note("a"), bench.ground.note("b")
            piece = Piece(lambda: f"{first.text}{SEPARATOR}{last.text}", lambda: (first, last))
            await bench.done(bench.unit(piece))
            left = await bench.left()
            assert left == ["a", "b"], f"{bench.who}: a piece of two statements left {left}, want a and b"
