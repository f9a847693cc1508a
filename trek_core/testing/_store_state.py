"""What a store concludes: what is applied, what is unfinished, what was edited."""

from __future__ import annotations

import contextlib

from trek_core.events import StatementDone
from trek_core.model import Mode, Row, Verb
from trek_core.testing._drive import action, changed, entry
from trek_core.testing._executing import results as results_of
from trek_core.testing._store_case import Bench, StoreTests
from trek_core.testing._suite import needs


class StateTests(StoreTests):
    """S11 to S17."""

    async def test_s11_what_was_applied_is_in_the_order_in_which_it_happened(self) -> None:
        async with self.bench() as bench:
            names = ("zebra", "ape", "mole")
            for name in names:
                await bench.done(action(name, bench.ground.note(name)))
            found = await bench.applied()
            assert found == names, f"{bench.who}: applied is {found}, want {names}, in the order in which that happened"

    @needs("rows")
    async def test_s11_each_applied_revision_has_its_row(self) -> None:
        async with self.bench() as bench:
            for name in ("a", "b"):
                await bench.done(action(name, bench.ground.note(name)))
            for files in (True, False):
                state = await bench.state(files=files)
                found = {name: row.revision for name, row in state.rows.items()}
                right = found == {"a": "a", "b": "b"} and tuple(state.applied) == ("a", "b")
                assert right, (
                    f"{bench.who}: {'with' if files else 'without'} their files in the folder applied is {state.applied}, "
                    f"and State.rows tells of {found}; want a row of 'a' and of 'b'"
                )

    async def test_s12_what_was_reverted_may_be_applied_again(self) -> None:
        async with self.bench() as bench:
            for name in ("a", "b"):
                await bench.done(action(name, bench.ground.note(name)))
            await bench.done(action("b", bench.ground.note("not b"), verb="revert"))
            found = await bench.applied()
            assert found == ("a",), f"{bench.who}: after 'b' was reverted applied is {found}, want ('a',)"
            await bench.done(action("b", bench.ground.note("b")))
            found = await bench.applied()
            assert found == ("a", "b"), f"{bench.who}: 'b' was applied again, and applied is {found}, want ('a', 'b')"

    @needs("outside", "unfinished")
    async def test_s13_what_failed_outside_a_transaction_is_unfinished(self) -> None:
        modes: tuple[Mode, ...] = ("autocommit", "message")
        for mode in modes:
            async with self.bench() as bench:
                await bench.fails("a", mode=mode)
                await _check_unfinished(bench, f"'a' failed outside a transaction, in mode {mode!r}")
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            await bench.fails("a", mode="autocommit", verb="revert")
            left = [row.revision for row in (await bench.state()).unfinished]
            assert left == ["a"], (
                f"{bench.who}: the revert of 'a' failed outside a transaction, and unfinished is {left}"
            )

    @needs("outside", "unfinished")
    async def test_s13_what_was_interrupted_outside_a_transaction_is_unfinished(self) -> None:
        async with self.bench() as bench:
            made = action("a", bench.ground.note("1"), bench.ground.note("2"), mode="autocommit")
            async with contextlib.aclosing(results_of(bench.session, await bench.units(made))) as results:
                async for result in results:
                    if isinstance(result, StatementDone):
                        break
            await _check_unfinished(bench, "'a' was interrupted between two statements (`Record.failed` did not run)")

    @needs("outside")
    async def test_s34_a_store_that_keeps_no_trace_of_what_failed_outside_a_transaction_says_so(self) -> None:
        async with self.bench() as bench:
            if bench.store.keeps_begun:
                lacks = "unfinished" in self.without
                assert not lacks, (
                    f"{bench.who}: `without` has 'unfinished', and the store does not say keeps_begun = False"
                )
                return
            await bench.done(action("a", bench.ground.note("a")))
            await bench.fails("b", mode="autocommit")
            state = await bench.state()
            left = [row.revision for row in state.unfinished]
            assert tuple(state.applied) == ("a",), (
                f"{bench.who}: 'b' failed, and applied is {state.applied}, want ('a',)"
            )
            assert not left, (
                f"{bench.who}: says keeps_begun = False, 'b' failed outside a transaction, unfinished is {left}"
            )

    @needs("outside", "unfinished")
    async def test_s14_a_repair_decides(self) -> None:
        async with self.bench() as bench:
            repairs: tuple[tuple[str, Verb], ...] = (("a", "mark"), ("b", "unmark"))
            for name, verb in repairs:
                await bench.fails(name, mode="autocommit")
                await bench.done(action(name, verb=verb))
            state = await bench.state()
            left = [row.revision for row in state.unfinished]
            right = tuple(state.applied) == ("a",) and not left
            assert right, (
                f"{bench.who}: 'a' failed and was marked, 'b' failed and was unmarked: applied is {state.applied}, want "
                f"('a',), and unfinished are {left}, want none"
            )

    async def test_s15_a_reverted_squash_takes_along_what_it_replaces(self) -> None:
        async with self.bench() as bench:
            for name in ("a", "b"):
                await bench.done(action(name, bench.ground.note(name)))
            squash = entry("c", replaces=("a", "b"))
            await bench.done(action(squash, bench.ground.note("none"), verb="revert"))
            found = await bench.applied()
            assert not found, (
                f"{bench.who}: 'c', which replaces 'a' and 'b', was reverted, and applied is {found}, want ()"
            )

    # ----------------------------------------------------------------------- edited files
    async def test_s16_a_row_is_unchanged_for_the_checksum_that_was_written(self) -> None:
        async with self.bench() as bench:
            before, written, other = bench.sums(3)
            row = await _written(bench, before, written)
            for checksums in ((written,), (other, written), ()):
                said = changed(bench.store, checksums, row)
                assert not said, (
                    f"{bench.who}: {written!r} was written, and for {checksums} it says that the file was edited"
                )

    @needs("checksums")
    async def test_s17_a_row_is_changed_for_another_checksum(self) -> None:
        async with self.bench() as bench:
            before, written, *others = bench.sums(4)
            row = await _written(bench, before, written)
            said = changed(bench.store, tuple(others), row)
            assert said, f"{bench.who}: {written!r} was written, and for {others} it says that nothing changed"


async def _check_unfinished(bench: Bench, what: str) -> None:
    state = await bench.state()
    found = [row.revision for row in state.unfinished]
    right = found == ["a"] and not state.applied
    assert right, f"{bench.who}: {what}: unfinished is {found}, want ['a'], and applied is {state.applied}, want ()"


async def _written(bench: Bench, before: str, checksum: str) -> Row:
    """The raw row of a migration with that checksum, as a plan asks about it. It was applied before with another one."""
    await bench.done(action("a", bench.ground.note("a"), checksum=before))
    await bench.done(action("a", bench.ground.note("not a"), verb="revert"))
    await bench.done(action("a", bench.ground.note("a"), checksum=checksum))
    rows = (await bench.state()).rows
    assert "a" in rows, f"{bench.who}: 'a' was applied, and State.rows has no row of it"
    return rows["a"].data
