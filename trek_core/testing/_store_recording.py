"""What a store writes around the body of a migration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trek_core.model import ROLLED_BACK, Call, HistoryRow, State, Verb
from trek_core.testing._drive import action, carry_out, entry, told
from trek_core.testing._store_case import Bench, StoreTests, in_one_statement
from trek_core.testing._suite import needs

NAMES = (
    "it's; -- /* ",
    'say "x"',
    "back\\slash\\",
    "100%s %(x)s {y} {0} :z $1 ?",
    "$$ $trek$ $_$",
    "line\nend\r\n\ttab",
    " spaces ",
    "NULL",
    "日本語 🐘",
    "\u00e9",
    "e\u0301",
)
"""What a program that builds texts gets wrong. The last two look the same and are two names."""
MANY = 300
_VERBS: tuple[Verb, ...] = ("apply", "mark")


class RecordingTests(StoreTests):
    """S21 to S23, S25 to S27 and S35."""

    async def test_s21_several_actions_of_a_plan_are_recorded_each(self) -> None:
        async with self.bench() as bench:
            note = bench.ground.note("x")
            steps = (action("c", verb="mark"), action("d", note), action("d", note, verb="revert"))
            await bench.done(action("a", note), action("b", note, note, mode=self.modes[-1]), *steps)
            found = await bench.applied()
            assert found == ("a", "b", "c"), (
                f"{bench.who}: of one plan (a, b, c marked, d, d reverted) applied is {found}, want ('a', 'b', 'c'). "
                "`Record.history` must be the history as the record leaves it."
            )

    async def test_s21_a_long_plan_comes_back_in_its_order(self) -> None:
        async with self.bench() as bench:
            names = tuple(f"r{number}" for number in range(1, MANY + 1))
            await bench.done(*map(action, names))
            found = await bench.applied()
            wrong = next((pair for pair in zip(found, names, strict=False) if pair[0] != pair[1]), None)
            assert found == names, (
                f"{bench.who}: of a plan of {MANY} actions {len(found)} are applied; the first that differs (found, wanted) "
                f"is {wrong}. Sort by a number, not by its text or by a time that two rows can share."
            )

    # ----------------------------------------------------------------------- failures
    async def test_s22_of_a_failed_body_no_trace_remains(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            before = (await bench.history()).rows
            await bench.fails("b")
            await _check_no_trace(bench, before, "a body that failed in a transaction")

    async def test_s22_a_failure_in_a_transaction_changes_no_state(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            before = _told(await bench.state())
            await bench.fails("b")
            after = _told(await bench.state())
            assert after == before, (
                f"{bench.who}: 'b' failed in a transaction: applied and unfinished are {after}, want {before}, as before"
            )

    @needs("transaction")
    async def test_s22_of_a_transaction_that_is_rolled_back_no_trace_remains(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            before = (await bench.history()).rows
            ((made, record),) = await bench.units(action("b", bench.ground.note("b")))
            late = replace(record, finish=(*record.finish, bench.ground.wrong()[0]))
            results = await carry_out(bench.session, [(made, late)])
            await _check_no_trace(bench, before, f"a transaction that failed behind `Record.finish` ({told(results)})")

    # ----------------------------------------------------------------------- names
    @needs("names")
    async def test_s23_revisions_come_back_as_they_were_given(self) -> None:
        async with self.bench() as bench:
            assert bench.case.revision is None, (
                'StoreCase.revision is there for a store that does not take every text: without = {"names": "reason"}'
            )
            for name in NAMES:
                await bench.done(action(name, bench.ground.note("x")))
            _check_names(bench, "revisions", set(await bench.applied()))

    @needs("titles")
    async def test_s23_titles_come_back_as_they_were_given(self) -> None:
        async with self.bench() as bench:
            for number, name in enumerate(NAMES):
                of, verb = entry(str(number), title=name), _VERBS[number % 2]
                await bench.done(action(of, bench.ground.note("x"), verb=verb))
            _check_names(bench, "titles", {row.title for row in (await bench.history()).rows})

    @needs("checksums")
    async def test_s23_checksums_come_back_as_they_were_given(self) -> None:
        async with self.bench() as bench:
            names = bench.sums(len(NAMES)) if bench.case.checksum else NAMES
            for number, name in enumerate(names):
                verb = _VERBS[number % 2]
                await bench.done(action(str(number), bench.ground.note("x"), verb=verb, checksum=name))
            _check_names(bench, "checksums", {row.checksum or "" for row in (await bench.history()).rows}, names)

    # ----------------------------------------------------------------------- what is done when
    async def test_s25_the_history_is_written_without_a_body(self) -> None:
        async with self.bench() as bench:
            steps: tuple[tuple[Verb, tuple[str, ...]], ...] = (("mark", ("a",)), ("unmark", ()))
            for verb, want in steps:
                await bench.done(action("a", verb=verb))
                found = await bench.applied()
                assert found == want, f"{bench.who}: after {verb} of 'a' applied is {found}, want {want}"

    async def test_s26_a_transactional_migration_is_done_when_its_transaction_is(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            await _check_done(bench, "in a transaction")

    async def test_s35_a_record_in_one_statement_says_the_same(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            before = _told(await bench.state())
            await carry_out(bench.session, in_one_statement(await bench.units(action("b", bench.ground.note("b")))))
            (applied, unfinished), state = before, _told(await bench.state())
            wanted = ((*applied, "b"), unfinished)
            assert state == wanted, (
                f"{bench.who}: 'b' was recorded by `Record.afterwards`: applied and unfinished are {state}, want {wanted}"
            )

    @needs("outside")
    async def test_s27_a_migration_outside_a_transaction_is_done_after_its_last_statement(self) -> None:
        async with self.bench() as bench, bench.ground.session() as watching:
            applied: list[str] = []

            async def look(connection: Any) -> None:  # noqa: ARG001 - a Call's signature
                applied.extend((await bench.state(watching)).applied)

            body = (bench.ground.note("1"), bench.ground.note_outside("2"), Call(look, "look"))
            await bench.done(action("a", *body, mode="autocommit"))
            assert not applied, (
                f"{bench.who}: while its last statement ran, outside a transaction, 'a' was applied already"
            )
            await _check_done(bench, "outside a transaction")


async def _check_done(bench: Bench, where: str) -> None:
    state = await bench.state()
    left = [row.revision for row in state.unfinished]
    right = tuple(state.applied) == ("a",) and not left
    assert right, (
        f"{bench.who}: 'a' came to its end {where}, and applied is {state.applied}, want ('a',), unfinished are {left}, "
        "want none. Complete the row in `Record.finish`, with an UPDATE that fails if it finds no row."
    )


def _told(state: State) -> tuple[tuple[str, ...], list[str]]:
    return tuple(state.applied), [row.revision for row in state.unfinished]


async def _check_no_trace(bench: Bench, before: tuple[HistoryRow, ...], what: str) -> None:
    left = [row for row in (await bench.history()).rows if row not in before and row.state != ROLLED_BACK]
    assert not left, (
        f"{bench.who}: {what} left {left!r} in the history, want nothing. Write on the executor's connection."
    )


_CAPABILITIES = {"revisions": "names"}


def _check_names(bench: Bench, what: str, found: set[str], names: Sequence[str] = NAMES) -> None:
    gone, other = sorted(set(names) - found), sorted(found - set(names))
    assert not gone, (
        f"{bench.who}: of its {what} {gone!r} did not come back, and {other!r} did instead. Quote, and do no more.\n"
        f'Where the table has no column for them: without = {{"{_CAPABILITIES.get(what, what)}": "reason"}}'
    )
