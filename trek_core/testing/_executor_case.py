"""What the suite of executors works with: a ground, a session under test, and units made up of the ground's words."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Literal

from trek_core.contracts import Executor
from trek_core.errors import TrekError
from trek_core.events import Done, Failed, Failure, LockWaiting, Result
from trek_core.model import (
    Action,
    Call,
    Facts,
    Guard,
    History,
    Lock,
    Locked,
    Mode,
    Record,
    Resume,
    RowLock,
    Rows,
    Statement,
    Verb,
)
from trek_core.testing import _drive
from trek_core.testing._drive import told
from trek_core.testing._executing import executor_named, locked, read
from trek_core.testing._given import entered
from trek_core.testing._ground import Ground
from trek_core.testing._suite import Suite

PATIENCE = 3.0  # seconds: what only a broken executor keeps a test waiting
BEGIN, FINISH, AFTERWARDS = "begin", "finish", "afterwards"

Unit = tuple[Action, Record]


class Bench:
    """A ground and a session under test. Every record leaves the notes "begin" and "finish", as a store leaves its row."""

    def __init__(self, ground: Ground, session: Executor, moment: float) -> None:
        self.ground, self.session, self.moment = ground, session, moment
        self._numbers = itertools.count(1)

    @property
    def who(self) -> str:
        """The executor, for messages. Asked for only by a test that fails: it looks through what is installed."""
        return executor_named(self.session)

    # ----------------------------------------------------------------------- units
    def unit(
        self,
        *body: Statement,
        mode: Mode = "transaction",
        verb: Verb = "apply",
        lock_timeout: float | None = None,
        statement_timeout: float | None = None,
        begin: Sequence[Statement] | None = None,
        finish: Sequence[Statement] = (),
        progress: Callable[[int, Literal["begin", "done", "whole"]], tuple[Statement, ...]] | None = None,
        failed: Sequence[Statement] = (),
        afterwards: Statement | None = None,
        guard: Guard | None = None,
        resume: Resume | None = None,
    ) -> Unit:
        """A made-up migration. `begin` stands instead of the note, `finish` in front of it."""
        made = _drive.action(f"{next(self._numbers):04}", *body, verb=verb, mode=mode)
        limited = made.body and replace(made.body, lock_timeout=lock_timeout, statement_timeout=statement_timeout)
        action = replace(made, body=limited, resume=resume)
        record = Record(
            begin=(self.ground.note(BEGIN),) if begin is None else tuple(begin),
            finish=(*finish, self.ground.note(FINISH)),
            afterwards=afterwards,
            progress=progress,
            failed=tuple(failed),
            guard=guard,
            history=History(exists=True),
        )
        return action, record

    def failing(self, *before: Statement, mode: Mode = "transaction", failed: Sequence[Statement] = ()) -> Unit:
        """A unit whose last statement the database refuses."""
        return self.unit(*before, self.ground.wrong()[0], mode=mode, failed=failed)

    def in_one_statement(self, note: str, *more: Statement) -> Unit:
        """A unit whose record may be written by one statement as well."""
        return self.unit(self.ground.note(note), *more, afterwards=self.ground.note(AFTERWARDS))

    def losing(self, mode: Mode = "transaction") -> Unit:
        """A unit that violates its guard before its body runs."""
        statements, guard = self.ground.twice()
        return self.unit(self.ground.note("body"), begin=statements, guard=guard, mode=mode)

    async def run(self, *units: Unit) -> list[Result]:
        return await _drive.carry_out(self.session, units)

    async def done(self, *units: Unit) -> list[Result]:
        """Every one of the units must come to its end."""
        results = await self.run(*units)
        ended = [result for result in results if isinstance(result, Done)]
        assert len(ended) == len(units), f"{self.who}: {told(results)}, and all of it should have been done"
        return results

    async def fails(self, *units: Unit) -> Failure:
        """The last of the units must fail; why it did."""
        results = await self.run(*units)
        last = results[-1] if results else None
        assert isinstance(last, Failed), f"{self.who}: {told(results)}, and it should have failed"
        return last.failure

    # ----------------------------------------------------------------------- looking
    async def read(self) -> tuple[Facts, Rows | None]:
        return await read(self.session, self.ground.all_notes())

    async def left(self) -> list[str]:
        """The notes that somebody else sees, without those of the records."""
        return [note for note in await self.ground.notes() if note not in (BEGIN, FINISH)]

    def look(self, seen: list[str]) -> Call:
        """A step of a migration at which somebody else looks at the notes."""

        async def somebody_looks(connection: Any) -> None:  # noqa: ARG001 - a call's signature
            seen.extend(await self.ground.notes())

        return Call(somebody_looks, "somebody else looks")

    def see_setting(self, seen: list[str]) -> Call:
        """A step of a migration that looks at the session's setting."""

        async def look(connection: Any) -> None:  # noqa: ARG001 - a call's signature
            seen.append(await self.ground.setting(self.session))

        return Call(look, "look at the setting")

    async def check_usable(self, after: str) -> None:
        """The session must be without a transaction, and work."""
        facts, _ = await self.read()
        assert not facts.in_transaction, f"{self.who}: after {after} a transaction is open"
        await self.done(self.unit(self.ground.note("usable")))
        left = await self.left()
        assert "usable" in left, f"{self.who}: what ran after {after} is not committed: notes {left}"

    @contextmanager
    def expect(self, wanted: type[TrekError], what: str) -> Iterator[None]:
        """Such an error must be raised."""
        try:
            yield
        except Exception as error:
            if isinstance(error, wanted):
                return
            msg = f"{self.who}: {what} raised {type(error).__name__}: {error}; want {wanted.__name__}"
            raise AssertionError(msg) from error
        msg = f"{self.who}: {what} raised nothing, want {wanted.__name__}"
        raise AssertionError(msg)

    # ----------------------------------------------------------------------- locks
    def lock(self, *locks: Lock, timeout: float = PATIENCE, session: Executor | None = None) -> Any:
        return locked(session or self.session, locks, timeout, unheard)

    async def row_lock(self) -> RowLock:
        """The ground's, with its table."""
        lock = self.ground.row_lock()
        async with self.ground.session() as session:
            await _drive.carry_out(session, [self.unit(*lock.make)])
        return lock

    async def is_free(self, lock: Lock, timeout: float = 0) -> bool:
        """Whether a new session gets the lock, at once or after that many seconds."""
        try:
            async with self.ground.session() as session, self.lock(lock, timeout=timeout, session=session):
                return True
        except (TrekError, TimeoutError):
            return False

    @asynccontextmanager
    async def waiting(self, *locks: Lock, into: list[Locked]) -> AsyncIterator[asyncio.Task[None]]:
        """The session under test, in a task, has begun to wait for the locks; `into` gets what it gets."""

        async def wait() -> None:
            async with self.lock(*locks) as got:
                into.append(got)

        task = asyncio.create_task(wait())
        await asyncio.sleep(self.moment)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


class ExecutorTests(Suite):
    """The base of the parts of `ExecutorSuite`. moment: seconds after which what was begun is at work, or waits."""

    moment: ClassVar[float] = 0.25
    capabilities: ClassVar = {
        "as one": "several migrations in one transaction: `run_as_one`",
        "copy": "data of a COPY … FROM STDIN",
        "cut": "a connection that can be lost",
        "message": 'mode "message": several statements in one query',
        "nested": "a transaction that the caller has open",
        "outside": "migrations outside a transaction",
        "position": "the database says where in a statement it found a mistake",
        "row locks": "a migration lock that is a row",
        "settings": "settings of a session, beyond its transactions",
    }

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes of migrations that a test should try."""
        return ("transaction",) if "outside" in self.without else ("transaction", "autocommit")

    def ground(self) -> AbstractAsyncContextManager[Ground]:
        """An empty database and its words. Called once a test; what it gives is closed at the test's end."""
        msg = f"{type(self).__name__} lacks its one method: ground(), an async context manager of a Ground"
        raise NotImplementedError(msg)

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[Bench]:
        async with (
            entered(self, "ground", Ground, "a Ground") as ground,
            entered(ground, "session", Executor, "an Executor") as session,
        ):
            yield Bench(ground, session, self.moment)


async def unheard(waiting: LockWaiting) -> None:
    """Nobody wants to hear of the waiting."""


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancels it, and waits until it is over."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
