"""All units in one transaction, in as few queries as can be: `BEGIN` in the first, `COMMIT` at the end of the last.

A migration in Python stands between two queries. Where there is one the driver begins and ends the transaction, so that
`connection.transaction()` in it is a savepoint. In the caller's transaction all of it is one savepoint.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg import _escape, _failure
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._message import WHERE_MARKED, Message
from trek_asyncpg._outlasted import Opened
from trek_asyncpg._patience import STOPPED
from trek_asyncpg._sending import Sending
from trek_asyncpg._several import COMMITTED, set_done
from trek_asyncpg._unit import GONE, Unit, lost_the_race
from trek_asyncpg._watched import watched
from trek_asyncpg._whole_query import Query, queries
from trek_asyncpg._wire import once_free, rows, to_the_end
from trek_core.plugin import (
    Blocked,
    Call,
    Done,
    Failed,
    Failure,
    Lost,
    Result,
    Sql,
    Started,
    dataclass,
    field,
    replace,
    script,
)

if TYPE_CHECKING:
    from asyncpg.transaction import Transaction

    from trek_asyncpg._onlooker import Onlooker
    from trek_asyncpg._types import Connection
    from trek_core.plugin import Statement

SAVEPOINT = "trek_plan"
LEFT = f"{COMMITTED} UNION ALL {WHERE_MARKED}"
BACK = f"ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}"


class Stopped(Exception):
    """The unit of that number failed."""

    def __init__(self, number: int, failure: Failure) -> None:
        self.number, self.failure = number, failure
        super().__init__(failure.message)


@dataclass(slots=True)
class Whole:
    """One transaction of several units.

    most: of so many units a query may be. release: statements that give up the lock behind the COMMIT; empty once they ran.
    onlooker: tells who is in the way; None where nobody can.
    """

    connection: Connection
    units: Sequence[Unit]
    nested: bool
    pooled: bool
    most: int
    release: list[str]
    onlooker: Onlooker | None = None
    _name: str = field(default_factory=lambda: secrets.token_hex(8))
    _transaction: Transaction | None = None
    _number: Opened = field(default_factory=Opened)
    _sending: Sending | None = None
    _committed: bool = False
    _blocked: Blocked | None = None

    async def run(self) -> AsyncGenerator[Result]:
        """`Started` before what is sent together, `Done` of all of them at the end; or one `Failed` or `Lost`."""
        spent: list[tuple[list[int], float]] = []
        cancelled: BaseException | None = None
        begun: set[int] = set()
        try:
            await self._begin()
            for query in self._queries():
                if query.begins:
                    begun.add(query.begins[0])
                    yield Started(self.units[query.begins[0]].action, len(query.begins))
                since = time.monotonic()
                async with contextlib.aclosing(self._watched(query, since)) as waiting:
                    async for blocked in waiting:
                        yield blocked
                spent.append((query.units, time.monotonic() - since))
        except Stopped as stopped:
            yield self._judged(self.units[stopped.number], stopped.failure)
        except BaseException as error:
            await self._clean_up()
            if not self._committed:
                raise
            cancelled = error
        for result in self._done(begun, spent) if self._committed else ():
            yield result
        if cancelled is not None:
            raise cancelled

    def _done(self, begun: set[int], spent: Sequence[tuple[list[int], float]]) -> Iterator[Result]:
        """Each unit, with the seconds of its queries, and how many shared them."""
        seconds, shared = [0.0] * len(self.units), [1] * len(self.units)
        for numbers, lasted in spent:
            for number in numbers:
                seconds[number] += lasted
                shared[number] = max(shared[number], len(numbers))
        for number, unit in enumerate(self.units):
            if number not in begun:
                yield Started(unit.action)
            yield Done(unit.action, seconds[number], shared[number])

    # ----------------------------------------------------------------------- the transaction
    async def _begin(self) -> None:
        try:
            if self.nested:
                # by itself: a parse error runs nothing of its query, and aborts the transaction all the same
                await self.connection.execute(f"SAVEPOINT {SAVEPOINT}")
            elif any(_other(unit) for unit in self.units):
                self._transaction = self.connection.transaction(isolation="read_committed")
                await self._transaction.start()
        except Exception as error:
            await self._clean_up()
            raise self._stopped(0, _failure.of(error)) from error

    def _queries(self) -> Iterator[Query]:
        begin: tuple[Sql, ...] = ()
        end = () if self.pooled else (set_done(self._name),)
        if self.nested:
            end = (Sql(f"RELEASE SAVEPOINT {SAVEPOINT}"),)
        elif not self._transaction:
            begin, end = (script.BEGIN,), (*end, script.COMMIT, *map(Sql, self.release))
        most = 1 if self.pooled else self.most
        return queries(self.units, begin, end, most, settle=not self.nested, marked=not self.pooled)

    async def _watched(self, query: Query, since: float) -> AsyncGenerator[Blocked]:
        """Sends the query, and tells meanwhile who is in the way of it. Raises what sending raises."""
        self._blocked, onlooker = None, self.onlooker
        numbers = [query.other[0]] if query.other else query.units
        if onlooker is None or not numbers:
            await self._send(query)
            return
        action = self.units[numbers[0]].action

        async def look() -> Blocked | None:
            seen = await onlooker.look()
            if seen is None:
                return None
            return Blocked(action, time.monotonic() - since, seen.blockers, phase=seen.phase)

        async with contextlib.aclosing(watched(lambda: self._send(query), look, soon=False)) as told:
            async for one in told:
                if isinstance(one, Blocked):
                    self._blocked = one
                    yield one
                elif error := one.cancelled or one.error:
                    raise error

    async def _send(self, query: Query) -> None:
        if query.other:
            await self._send_other(*query.other)
        elif query.parts:
            await self._send_sql(query)
        if query.last and not self._committed:
            await self._commit()

    async def _send_sql(self, query: Query) -> None:
        message = query.message()
        self._sending = None
        try:
            await self.connection.execute(message.text)
        except Exception as error:
            marker = await self._clean_up()
            if not self._committed:
                raise await self._laid(query, message, marker, error) from error

    async def _send_other(self, number: int, statement: Statement) -> None:
        unit = self.units[number]
        try:
            if isinstance(statement, Call):
                self._number = self._number or await _escape.number_of(unit)
            self._sending = self._sending or Sending(self.connection)
            await self._sending.send([statement])
            if isinstance(statement, Call):
                await _escape.check_same(unit, self._number)
        except Exception as error:
            told = error.failure if isinstance(error, UnitFailed) else None
            failure = told or _failure.of(error, statement=statement)
            await self._clean_up()
            raise self._stopped(number, await _escape.after_failure(unit, self._number, failure)) from error

    async def _commit(self) -> None:
        try:
            if self._transaction:
                await self._transaction.commit()
            elif not self.nested:
                self.release.clear()
            self._committed = True
        except Exception as error:
            await self._clean_up()
            if not self._committed:
                raise self._stopped(len(self.units) - 1, _failure.of(error), ends=True) from error

    async def _clean_up(self) -> int:
        """Rolls back what is open, and reads what the session tells: whether all was committed, and the marker; 0 for none."""
        return await to_the_end(self._undo())

    async def _undo(self) -> int:
        with contextlib.suppress(*GONE, asyncpg.InternalClientError):
            if self._transaction:
                with contextlib.suppress(*GONE):
                    await self._transaction.rollback()
            await once_free(self.connection, BACK if self.nested else "ROLLBACK")
            if not self.pooled:
                found = {name: value for row in await rows(self.connection, LEFT) for name, value in row.items()}
                self._committed = found["done"] == self._name
                return int(found.get("number", 0))
        return 0

    # ----------------------------------------------------------------------- failures
    def _judged(self, unit: Unit, failure: Failure) -> Failed | Lost:
        if failure.sqlstate in STOPPED:
            failure = replace(failure, blocked=self._blocked)
        return Lost(unit.action, failure) if lost_the_race(unit, failure) else Failed(unit.action, failure)

    def _stopped(self, number: int, failure: Failure, among: int = 1, *, ends: bool = False) -> Stopped:
        """A lost connection: before the COMMIT nothing remains; with it, nobody knows. among: of so many one failed."""
        if not self.connection.is_closed():
            return Stopped(number, failure)
        if ends or self.nested:
            return Stopped(0, replace(failure, outcome="unknown", together=len(self.units)))
        return Stopped(number, replace(failure, together=among))

    async def _laid(self, query: Query, message: Message, marker: int, error: Exception) -> Stopped:
        """At a unit and its statement: by the server's position, by the marker, or by asking again."""
        failure = _failure.of(error, message=message)
        number, among = query.units[0], len(query.units)
        if (place := _failure.place(error)) is not None:
            number = query.parts[message.index(place)][0]
        elif marker:
            number, statement = query.marks[marker - 1]
            failure = replace(failure, statement=statement)
        elif found := await self._refused(query, error):
            number, statement = found
            failure = replace(failure, statement=statement)
        elif query.last and not self.connection.is_closed():  # past the last marker there is only the COMMIT
            number = len(self.units) - 1
        return self._stopped(number, failure, among, ends=query.last)

    async def _refused(self, query: Query, error: Exception) -> tuple[int, Sql] | None:
        """The first part whose text the server does not even read, such as one with characters that its encoding lacks.

        Asked in a transaction that has failed, in which nothing can run.
        """
        texts = [part for part in query.parts if part[1] not in (script.BEGIN, script.COMMIT)]
        if not isinstance(error, asyncpg.DataError) or not await self._reads_no(texts):
            return None
        while len(texts) > 1:
            half = texts[: len(texts) // 2]
            texts = half if await self._reads_no(half) else texts[len(half) :]
        return texts[0]

    async def _reads_no(self, parts: Sequence[tuple[int, Sql]]) -> bool:
        with contextlib.suppress(*GONE):
            await self.connection.execute(f"SAVEPOINT {SAVEPOINT}" if self.nested else "BEGIN")
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                await self.connection.execute("SELECT 1 / 0")
            try:
                await self.connection.execute(Message.of(statement for _, statement in parts).text)
            except asyncpg.PostgresError as error:
                return not isinstance(error, asyncpg.InFailedSQLTransactionError)
            finally:
                await self.connection.execute(BACK if self.nested else "ROLLBACK")
        return False


def _other(unit: Unit) -> bool:
    """Whether something of it is no SQL."""
    parts = (*unit.record.begin, *script.statements(unit.action), *unit.record.finish)
    return any(not isinstance(part, Sql) for part in parts)
