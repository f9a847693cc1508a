"""The sentences E2 to E12 and E41 to E43: reading and locking."""

from __future__ import annotations

import asyncio
import contextlib

from trek_core.errors import ConfigError, ConnectError, LockTimeout
from trek_core.events import LockWaiting
from trek_core.model import Advisory, Locked
from trek_core.testing._executing import locked as locked_by
from trek_core.testing._executing import read
from trek_core.testing._executor_case import BEGIN, FINISH, PATIENCE, ExecutorTests
from trek_core.testing._suite import needs

WORDS = ("plain", "it's", 'a "b" {c}', "\\N back\\slash", "two\nlines\ttab", "Grüße 🐘", " space ")
ONE, TWO = Advisory(7_301), Advisory(7_301 - 2**62)  # a key that is cut to 32 bits is no other


class Reading(ExecutorTests):
    """E2 to E5."""

    async def test_e2_a_row_is_a_mapping_with_the_text_that_was_written(self) -> None:
        async with self.bench() as bench:
            await bench.done(bench.unit(*map(bench.ground.note, WORDS)))
            _, rows = await bench.read()
            found = sorted(row["note"] for row in rows or () if row["note"] in WORDS)
            assert found == sorted(WORDS), f"{bench.who}: read {rows!r}, want a note each of {WORDS!r}"

    async def test_e3_without_the_table_the_rows_are_none(self) -> None:
        async with self.bench() as bench:
            _, rows = await read(bench.session, bench.ground.no_table())
            assert rows is None, f"{bench.who}: read {rows!r} from a table that does not exist, want None"

    async def test_e3_without_the_table_the_session_stays_usable(self) -> None:
        async with self.bench() as bench:
            await read(bench.session, bench.ground.no_table())
            await bench.check_usable("reading a table that does not exist")

    @needs("nested")
    async def test_e3_without_the_table_the_callers_transaction_stays_usable(self) -> None:
        async with self.bench() as bench, bench.ground.transaction(bench.session):
            await bench.done(bench.unit(bench.ground.note("a")))
            await read(bench.session, bench.ground.no_table())
            _, rows = await bench.read()
            found = [row["note"] for row in rows or () if row["note"] not in (BEGIN, FINISH)]
            assert found == ["a"], (
                f"{bench.who}: the caller's transaction wrote 'a', then a table that does not exist was read, and the notes "
                f"are {found}: go back to a savepoint, and no further"
            )

    async def test_e4_the_facts_name_database_and_user(self) -> None:
        async with self.bench() as bench:
            facts, _ = await bench.read()
            named = f"database {facts.database!r}, user {facts.user!r}"
            assert all((facts.database, facts.user)), f"{bench.who}: the facts name {named}; want both names"

    @needs("nested")
    async def test_e4_the_facts_say_whether_the_caller_has_a_transaction_open(self) -> None:
        async with self.bench() as bench:
            async with bench.ground.transaction(bench.session):
                inside, _ = await bench.read()
            outside, _ = await bench.read()
            found = inside.in_transaction, outside.in_transaction
            assert found == (True, False), f"{bench.who}: in_transaction inside and outside of one is {found}"

    async def test_e5_another_refusal_is_a_config_error(self) -> None:
        async with self.bench() as bench:
            with bench.expect(ConfigError, "reading with a query that the database refuses"):
                await read(bench.session, bench.ground.wrong()[0])

    @needs("cut")
    async def test_e5_a_lost_connection_is_a_connect_error(self) -> None:
        async with self.bench() as bench:
            await bench.ground.cut(bench.session)
            with bench.expect(ConnectError, "reading over a connection that was lost"):
                await bench.read()


class Locking(ExecutorTests):
    """E6 to E12."""

    async def test_e6_a_lock_excludes_every_other_session(self) -> None:
        async with self.bench() as bench, bench.ground.session() as other:
            got: list[Locked] = []
            async with bench.lock(ONE, session=other), bench.waiting(ONE, into=got):
                assert not got, f"{bench.who}: a second session got the lock while the first had it"

    async def test_e6_a_lock_excludes_no_other_lock(self) -> None:
        async with self.bench() as bench, bench.lock(ONE):
            assert await bench.is_free(TWO), f"{bench.who}: while a lock is held nobody gets another one"

    @needs("row locks")
    async def test_e6_a_lock_that_is_a_row_excludes_too(self) -> None:
        async with self.bench() as bench:
            lock = await bench.row_lock()
            async with bench.lock(lock):
                assert not await bench.is_free(lock), f"{bench.who}: a second session got the row lock too"
            assert await bench.is_free(lock), f"{bench.who}: the row lock is not released at the end of the block"

    @needs("row locks")
    async def test_e41_the_table_of_a_row_lock_is_made_where_it_is_missing(self) -> None:
        async with self.bench() as bench:
            try:
                async with bench.lock(bench.ground.row_lock()):
                    pass
            except Exception as error:
                msg = f"{bench.who}: the row lock's table is missing, and it raised {type(error).__name__}: {error}"
                raise AssertionError(msg) from error

    @needs("row locks")
    async def test_e42_who_waits_for_a_row_hears_what_it_says(self) -> None:
        heard: list[LockWaiting] = []

        async def hear(waiting: LockWaiting) -> None:
            heard.append(waiting)

        async with self.bench() as bench, bench.ground.session() as other:
            lock, said = await bench.row_lock(), ""
            async with bench.lock(lock, session=other):
                try:
                    await _enter(locked_by(bench.session, (lock,), bench.moment, hear))
                except LockTimeout as error:
                    said = str(error)
            right = heard and all(one.holder and one.age is not None for one in heard) and said.endswith(lock.advice)
            assert right, (
                f"{bench.who}: it heard {heard!r} while it waited for a row, and then {said!r}; want the row's holder and "
                f"age, and at the end {lock.advice!r}"
            )

    @needs("row locks")
    async def test_e43_a_row_that_somebody_else_took_meanwhile_is_left_to_him(self) -> None:
        async with self.bench() as bench, bench.ground.session() as other:
            lock = await bench.row_lock()
            async with contextlib.AsyncExitStack() as theirs:
                async with bench.lock(lock):
                    await bench.ground.break_row_lock()
                    await theirs.enter_async_context(bench.lock(lock, session=other))
                free = await bench.is_free(lock, bench.moment)
            assert not free, f"{bench.who}: it gave up the row of another session, which was not the one that it took"

    async def test_e7_after_the_timeout_it_raises_lock_timeout(self) -> None:
        async with self.bench() as bench, bench.ground.session() as other, bench.lock(ONE, session=other):
            with bench.expect(LockTimeout, "waiting for a lock that somebody else keeps"):
                await asyncio.wait_for(_enter(bench.lock(ONE, timeout=0)), PATIENCE)

    async def test_e7_after_the_timeout_it_holds_nothing(self) -> None:
        async with self.bench() as bench:
            async with bench.ground.session() as other, bench.lock(TWO, session=other):
                with contextlib.suppress(Exception):
                    await _enter(bench.lock(ONE, TWO, timeout=0))
            assert await bench.is_free(ONE), f"{bench.who}: it gave up the second lock, and kept the first"

    async def test_e8_while_it_waits_it_tells(self) -> None:
        heard: list[object] = []

        async def hear(waiting: LockWaiting) -> None:
            heard.append(waiting)

        async with self.bench() as bench, bench.ground.session() as other, bench.lock(ONE, session=other):
            with contextlib.suppress(Exception):
                await _enter(locked_by(bench.session, (ONE,), bench.moment, hear))
            right = heard and all(isinstance(one, LockWaiting) for one in heard)
            assert right, f"{bench.who}: `waiting` heard {heard!r} while it waited, want a LockWaiting"

    async def test_e9_it_says_whether_it_had_to_wait(self) -> None:
        async with self.bench() as bench:
            got: list[Locked] = []
            async with contextlib.AsyncExitStack() as stack:
                other = await stack.enter_async_context(bench.ground.session())
                await stack.enter_async_context(bench.lock(ONE, session=other))
                async with bench.waiting(ONE, into=got) as task:
                    await stack.aclose()
                    await asyncio.wait([task], timeout=PATIENCE)
            async with bench.lock(ONE) as locked:
                found = [one.waited for one in (*got, locked)]
            assert found == [True, False], f"{bench.who}: waited after waiting, and without, is {found}"

    async def test_e9_the_facts_are_complete(self) -> None:
        async with self.bench() as bench:
            await read(bench.session, bench.ground.no_table())
            async with bench.lock(ONE) as locked:
                found = locked.facts
            wanted, _ = await bench.read()
            assert found == wanted, f"{bench.who}: the lock came with {found}, reading with {wanted}"

    async def test_e10_the_end_of_the_block_releases_it(self) -> None:
        async with self.bench() as bench:
            async with bench.lock(ONE, TWO):
                pass
            held = [lock for lock in (ONE, TWO) if not await bench.is_free(lock)]
            assert not held, f"{bench.who}: of two locks {held} are held after the end of their block"

    async def test_e10_an_error_in_the_block_releases_it(self) -> None:
        async with self.bench() as bench:
            with contextlib.suppress(ZeroDivisionError):
                async with bench.lock(ONE):
                    raise ZeroDivisionError
            assert await bench.is_free(ONE), f"{bench.who}: the lock is held after an error in its block"

    async def test_e10_a_cancellation_in_the_block_releases_it(self) -> None:
        async with self.bench() as bench:
            with contextlib.suppress(asyncio.CancelledError):
                async with bench.lock(ONE):
                    raise asyncio.CancelledError
            assert await bench.is_free(ONE), f"{bench.who}: the lock is held after a cancellation in its block"

    async def test_e11_a_cancellation_while_it_waits_leaves_nothing_held(self) -> None:
        async with self.bench() as bench:
            async with (
                bench.ground.session() as other,
                bench.lock(TWO, session=other),
                bench.waiting(ONE, TWO, into=[]),
            ):
                pass
            free = [await bench.is_free(lock) for lock in (ONE, TWO)]
            assert all(free), f"{bench.who}: a lock is held by a session that no longer waits for it"

    @needs("cut")
    async def test_e12_the_lock_of_a_lost_session_is_free(self) -> None:
        async with self.bench() as bench:
            stack = contextlib.AsyncExitStack()
            await stack.enter_async_context(bench.lock(ONE))
            await bench.ground.cut(bench.session)
            free = await bench.is_free(ONE)
            with contextlib.suppress(Exception):
                await stack.aclose()
            assert free, f"{bench.who}: the session was lost, and its lock is held"

    @needs("cut", "row locks")
    async def test_e12_the_row_lock_of_a_lost_session_is_free_after_the_block(self) -> None:
        async with self.bench() as bench:
            lock = await bench.row_lock()
            with contextlib.suppress(Exception):
                async with bench.lock(lock):
                    await bench.ground.cut(bench.session)
            free = await bench.is_free(lock)
            assert free, (
                f"{bench.who}: the session was lost, its block is over, and its row says that it holds the lock"
            )


async def _enter(lock: contextlib.AbstractAsyncContextManager[Locked]) -> None:
    async with lock:
        pass
