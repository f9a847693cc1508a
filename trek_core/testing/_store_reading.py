"""What a store finds in the database: the query, the history, the identity and its locks."""

from __future__ import annotations

import copy
from dataclasses import replace

from trek_core._bodies import transaction_words
from trek_core.contracts import Executor, VersionStore
from trek_core.errors import ConfigError, LockTimeout
from trek_core.events import Done
from trek_core.model import History, Record, RowLock, Rows, Sql
from trek_core.testing._drive import action, carry_out, locks, prepared, run, told, understood
from trek_core.testing._drive import history as history_of
from trek_core.testing._executing import locked
from trek_core.testing._executor_case import PATIENCE, unheard
from trek_core.testing._store_case import Bench, StoreTests
from trek_core.testing._store_statements import answers, statements_of
from trek_core.testing._suite import needs


class ReadingTests(StoreTests):
    """S2 to S10, S18, S19, S32 and S33."""

    async def test_s2_asked_twice_it_answers_the_same_and_changes_nothing(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            facts, rows = await bench.read()
            before = copy.deepcopy(rows)
            asked = [answers(bench, rows, facts) for _ in range(2)]
            for method in asked[0]:
                wrong = f"{bench.who}: {method} gave {asked[1][method]!r}, and to the same question before {asked[0][method]!r}"
                assert asked[0][method] == asked[1][method], wrong
            assert rows == before, f"{bench.who}: its methods changed the rows that they were given: {rows!r}"
            now = (await bench.read())[1]
            assert _sorted(now) == _sorted(before), f"{bench.who}: asking its methods changed the history to {now!r}"

    async def test_s3_no_statement_begins_or_ends_a_transaction(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            for where, statement in statements_of(bench, await bench.history()):
                word = transaction_words(statement.text)
                assert not word, (
                    f"{bench.who}: {where} gives the statement {word}: {statement.text!r}\nThe executor begins and ends "
                    "transactions, so that a row and its migration are one. Leave that statement out."
                )

    async def test_s32_what_has_a_form_is_that_form_filled(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            for where, statement in statements_of(bench, await bench.history()):
                form = statement.form if isinstance(statement, Sql) else None
                filled = form.filled(statement.literals).text if form and isinstance(statement, Sql) else statement.text
                assert statement.text == filled, (
                    f"{bench.who}: {where} gives {statement.text!r}, and its form filled with its literals is {filled!r}. "
                    "An executor may send either: make such a statement with Form.filled."
                )

    # ----------------------------------------------------------------------- identity and locks
    async def test_s4_the_identity_is_a_text_that_names_the_table(self) -> None:
        async with self.bench() as bench:
            found = bench.store.identity
            right = isinstance(found, str) and bool(found.strip())
            assert right, f"{bench.who}: identity is {found!r}, want the table's name, as messages show it"

    @needs("settings")
    async def test_s4_another_table_has_another_identity(self) -> None:
        async with self.bench() as bench:
            one, two = bench.store.identity, _other(bench).identity
            assert one != two, (
                f"{bench.who}: both identities are {one!r}: two tables, and one run would wait for the other"
            )

    @needs("settings")
    async def test_s4_another_table_is_another_history(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            other = _other(bench)
            results = await run(bench.session, other, bench.placed(action("b", bench.ground.note("b"))))
            assert isinstance(results[-1], Done), f"{bench.who}: with another table {told(results)}"
            for store, want in ((bench.store, ["a"]), (other, ["b"])):
                found = bench.revisions(await history_of(bench.session, store))
                assert found == want, f"{bench.who}: {store.identity} has {found}, want {want}"

    async def test_s18_stores_of_one_identity_have_the_same_locks(self) -> None:
        async with self.bench() as bench, self.bench() as again:
            one, two = [
                locks(b.store, replace(await b.history(), facts=(await bench.history()).facts)) for b in (bench, again)
            ]
            same = bench.store.identity == again.store.identity
            assert not same or one == two, (
                f"{bench.who}: two stores of {bench.store.identity!r} lock {one!r} and {two!r}: their runs would not wait for "
                "one another. Make the lock's key of the identity: advisory_key(self.identity)."
            )

    @needs("settings", "locks")
    async def test_s18_stores_of_two_identities_share_no_lock(self) -> None:
        async with self.bench() as bench:
            none = await bench.history()
            one, two = (set(locks(store, none)) for store in (bench.store, _other(bench)))
            assert not one & two, f"{bench.who}: the stores of two tables share the locks {one & two!r}"

    async def test_s33_a_lock_that_is_a_row_has_one_holder_and_is_free_after_him(self) -> None:
        async with self.bench() as bench, bench.ground.session() as other:
            rows = [lock for lock in locks(bench.store, await bench.history()) if isinstance(lock, RowLock)]
            async with locked(bench.session, rows, PATIENCE, unheard):
                held = [lock for lock in rows if await _is_free(other, lock)]
            kept = [lock for lock in rows if not await _is_free(other, lock)]
            assert not held, f"{bench.who}: while a session holds {held!r}, another one gets it"
            assert not kept, f"{bench.who}: a session gave up {kept!r}, and another one does not get it"

    # ----------------------------------------------------------------------- the query
    async def test_s5_without_a_table_there_is_no_history(self) -> None:
        async with self.bench() as bench:
            found = await bench.history()
            right = not found.exists and not found.rows
            assert right, f"{bench.who}: in an empty database it finds {found!r}, want History(exists=False)"

    async def test_s6_the_query_sees_what_another_session_committed(self) -> None:
        async with self.bench() as bench, bench.ground.session() as watching:
            await bench.done(action("a", bench.ground.note("a")))
            seen = [await bench.history(watching) for _ in range(2)]
            assert seen[0].rows == seen[1].rows, (
                f"{bench.who}: the query, asked twice, gave {seen[0]!r} and {seen[1]!r}"
            )
            await bench.done(action("b", bench.ground.note("b")))
            found = bench.revisions(await bench.history(watching))
            assert "b" in found, f"{bench.who}: another session recorded 'b', and this one still finds {found}"

    # ----------------------------------------------------------------------- the history
    async def test_s7_an_empty_table_is_a_history_without_rows(self) -> None:
        async with self.bench() as bench:
            await _prepare(bench)
            found = await bench.history()
            right = found.exists and not found.rows
            assert right, (
                f"{bench.who}: of its table without rows it says {found!r}, want History(exists=True, rows=())"
            )

    @needs("rows")
    async def test_s8_the_rows_come_in_any_order_and_the_history_is_oldest_first(self) -> None:
        async with self.bench() as bench:
            names = ["a", "b", "c", "d"]
            for name in names:
                await bench.done(action(name, bench.ground.note(name)))
            facts, rows = await bench.read()
            for shuffled in (rows, *_shuffled(rows)):
                found = bench.revisions(understood(bench.store, shuffled, facts))
                assert found == names, f"{bench.who}: the history is {found}, want {names}, oldest first; sort the rows"

    @needs("shape")
    async def test_s9_a_table_of_another_shape_is_refused_by_name(self) -> None:
        async with self.bench() as bench:
            assert bench.case.other_shape, _missing("other_shape", "shape", 'Sql("CREATE TABLE … (shoe_size integer)")')
            made = action("other shape", bench.case.other_shape)
            results = await carry_out(bench.session, [(made, Record(history=History(exists=False)))])
            assert isinstance(results[-1], Done), f"the statement other_shape: {told(results)}"
            try:
                found: object = await bench.history()
            except ConfigError as error:
                found = str(error)
                right = bench.store.identity in found
                assert right, f"{bench.who}: the message lacks the table's name, {bench.store.identity!r}: {found}"
            else:
                msg = f"{bench.who}: of a table of another shape it says {found!r}, want a ConfigError: it is not the store's"
                raise AssertionError(msg)

    async def test_s10_the_history_has_the_facts_that_were_given(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            facts, rows = await bench.read()
            given = replace(facts, database="elsewhere", backend_pid=facts.backend_pid + 1)
            for some in (None, rows):
                found = understood(bench.store, some, given).facts
                assert found == given, f"{bench.who}: History.facts are {found!r}, and it was given {given!r}"

    # ----------------------------------------------------------------------- making the table
    async def test_s19_a_table_that_was_made_needs_no_preparation(self) -> None:
        async with self.bench() as bench:
            await bench.done(action("a", bench.ground.note("a")))
            left = prepared(bench.store, await bench.history())
            assert not left, f"{bench.who}: prepare made the table, and of that table it still gives {left!r}"


async def _prepare(bench: Bench) -> None:
    """The table alone: what is usually in front of the first record."""
    begin = prepared(bench.store, History(exists=False, facts=(await bench.history()).facts))
    unit = (action("nothing", verb="mark"), Record(begin=begin, history=History(exists=False)))
    results = await carry_out(bench.session, [unit])
    assert isinstance(results[-1], Done), f"{bench.who}: prepare: {told(results)}"


async def _is_free(session: Executor, lock: RowLock) -> bool:
    try:
        async with locked(session, [lock], 0, unheard):
            return True
    except LockTimeout:
        return False


def _other(bench: Bench) -> VersionStore:
    assert bench.case.other is not None, _missing("other", "settings", f"{type(bench.store).__name__}(…)")
    return bench.case.other


def _missing(field: str, capability: str, example: str) -> str:
    return (
        f"StoreCase.{field} is missing. Give it: {field}={example}; or say why there is none: "
        f'without = {{"{capability}": "reason"}}.'
    )


def _shuffled(rows: Rows | None) -> tuple[Rows, ...]:
    return () if rows is None else (rows[::-1], [*rows[1::2], *rows[::2]])


def _sorted(rows: Rows | None) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows or ())
