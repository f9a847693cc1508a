"""One unit or several in one simple query, each a transaction of its own.

The answer tells of the last statement only; after an error two things in the session tell the rest:

* `trek.done`, a setting made in each transaction. A SET that is not LOCAL comes and goes with its transaction, so it names
  exactly the last unit that was committed, also where the answer to its COMMIT never came.
* The mark, which survives the rollback: the statement that was running. Where the server refused the query and there is
  neither, nothing of it ran, which is so after an error of the parser, who reads all of it first.

No COMMIT of such a query can be answered with ROLLBACK: an error ends the query, so that a COMMIT is only reached in a
sound transaction.

Of several only the last one's COMMIT waits for the disk and for standbys, where the others come before it, and nothing is told
of any of them until then. After an error what was committed is brought there by itself.

Where there are several, what a store writes around each is prepared, and what marks them is a cursor. A function that a
body calls may take both away from the session, which the server then says: what was not committed is sent singly.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import asyncpg

from trek_asyncpg import _failure
from trek_asyncpg._marks import Cursor, Locks, Marks
from trek_asyncpg._message import Message
from trek_asyncpg._prepared import Prepared
from trek_asyncpg._session import DONE
from trek_asyncpg._unit import GONE, Unit, only_sql
from trek_asyncpg._wire import rows, to_the_end
from trek_core.plugin import (
    Done,
    Failure,
    Result,
    Sql,
    Started,
    Statement,
    dataclass,
    field,
    quote_literal,
    replace,
    script,
)

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

CHAIN = Sql("COMMIT AND CHAIN")
"""COMMIT and the next BEGIN, with the same isolation, in one statement."""
HURRIED = Sql("SET LOCAL synchronous_commit = off")
"""Its commit waits for nothing: with a disk that takes 4 ms, a thousand migrations took four seconds more (measured)."""
FLUSH = "SELECT pg_catalog.pg_logical_emit_message(true, 'trek', '')"
"""Writes something, anybody may, so that its own commit waits until all that was committed before is on the disk."""
COMMITTED = f"SELECT pg_catalog.jsonb_build_object('done', pg_catalog.current_setting('{DONE}', true))"
TAKEN_AWAY = ("26000", "34000")
"""No such prepared statement, no such cursor."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went. The first `done` units are committed, and nothing remains of the others, unless `failure` says otherwise.

    failure: of the unit after those. again: if None failed, the parts of the query's units that must be sent anew.
    cancelled: to be raised once what was done is told. whole: the query came to its end, what follows the units included.
    """

    done: int
    failure: Failure | None = None
    again: tuple[slice, ...] = ()
    cancelled: BaseException | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What the session tells after an error: how many units are committed, and the mark; 0 if nothing ran."""

    done: int
    mark: int


@dataclass(slots=True)
class Query:
    """The query, and the ways back: from a part of the text, and from a mark (less one), to a unit and its statement.

    unmarked: the first statements that have no mark of their own, by their units.
    """

    units: Sequence[Unit]
    name: str
    """`trek.done` may still name an earlier query of the session."""
    marking: Marks
    prepared: Prepared
    parts: list[tuple[int, Sql]] = field(default_factory=list)
    marks: list[tuple[int, Sql | None]] = field(default_factory=list)
    unmarked: dict[int, Sql] = field(default_factory=dict)
    message: Message = field(default_factory=lambda: Message.of(()))

    @classmethod
    def of(cls, units: Sequence[Unit], prepared: Prepared) -> Query:
        name = f"trek_{secrets.token_hex(8)}"
        query = cls(units, name, Cursor(name) if len(units) > 1 else Locks(), prepared)
        steps = sum(len(script.statements(unit.action)) + 1 for unit in units)
        query.marks.append((0, None))
        query.parts.extend((0, part) for part in (*query.marking.opening(steps), script.BEGIN))
        for number, unit in enumerate(units):
            query.parts.extend((number, part) for part in query._unit(number, unit))
        query.message = Message.of((*(part for _, part in query.parts), *query.marking.closing()))
        return query

    def _unit(self, number: int, unit: Unit) -> Iterator[Sql]:
        last = number + 1 == len(self.units)
        if not last:
            yield HURRIED
        yield from self._around(unit.opening)
        yield from self._body(number, unit)
        yield self._mark(number, None)
        yield set_done(f"{self.name}:{number + 1}")
        if unit.action.body is not None:
            yield script.SETTLE
        yield from self._around(unit.closing)
        yield script.COMMIT if last else CHAIN

    def _body(self, number: int, unit: Unit) -> Iterator[Sql]:
        """A mark before each statement; before the first none, where only what cannot fail stands between it and the COMMIT."""
        statements = only_sql(script.statements(unit.action))
        for place, statement in enumerate(statements):
            if place or not number or not unit.opens_bare:
                yield self._mark(number, statement)
            else:
                self.unmarked[number] = statement
            yield statement

    def _around(self, statements: Sequence[Statement]) -> Iterator[Sql]:
        for statement in only_sql(statements):
            if statement.form is None or len(self.units) == 1:
                yield statement
            else:
                yield from self.prepared.executed(statement.form, statement.literals)

    def _mark(self, number: int, statement: Sql | None) -> Sql:
        self.marks.append((number, statement))
        return self.marking.step()

    async def left(self, connection: Connection) -> Left:
        """What the session tells after a rollback; what was committed is on the disk then."""
        mark = await self.marking.found(connection)
        name, _, number = str((await rows(connection, COMMITTED))[0]["done"] or "").partition(":")
        done = int(number) if name == self.name else 0
        if done:
            with contextlib.suppress(*GONE):
                await connection.execute(FLUSH)
        return Left(done, mark)

    def lacks(self, error: Exception) -> bool:
        """Whether a body took away what was prepared, or the cursor."""
        if not isinstance(error, asyncpg.PostgresError) or error.sqlstate not in TAKEN_AWAY:
            return False
        return self.name in str(error) or self.prepared.name in str(error)


def set_done(value: str) -> Sql:
    return Sql(f"SET {DONE} = {quote_literal(value)}")


async def run(query: Query, after: Iterable[str] = (), meanwhile: Callable[[], object] = int) -> Ended:
    """Never raises what the server says, and leaves no transaction, no mark and nothing prepared behind.

    after: statements to run once all of the units are committed. meanwhile: called when the query is sent, while the
    server works on it; raises nothing.
    """
    message = query.message.followed(after)
    soon = asyncio.get_running_loop().call_soon(meanwhile)  # `execute` sends before it first waits
    try:
        await query.units[0].connection.execute(message.text)
    except BaseException as error:  # noqa: BLE001 - it becomes a failure, or is raised once what was done is told
        return await _after(query, message, error)
    finally:
        soon.cancel()
    return Ended(len(query.units), whole=True)


async def _after(query: Query, message: Message, error: BaseException) -> Ended:
    cancelled = None if isinstance(error, Exception) else error
    finding = asyncio.ensure_future(_left(query))
    try:
        await to_the_end(finding)
    except asyncio.CancelledError as another:  # one more is as good as one
        cancelled = cancelled or another
    left = finding.result()
    if cancelled is None and isinstance(error, Exception):
        return _judged(query, message, left, error)
    return Ended(left.done if left else 0, cancelled=cancelled)


async def _left(query: Query) -> Left | None:
    """Rolls back what is open and reads what the session tells; None if it can no longer be asked."""
    unit = query.units[0]
    try:
        await unit.roll_back()
        return None if unit.connection.is_closed() else await query.left(unit.connection)
    except Exception:  # noqa: BLE001 - the driver's, or the server's: whatever it is, nothing is known
        return None
    finally:
        await take_away(unit.connection, query.prepared)


async def take_away(connection: Connection, prepared: Prepared) -> None:
    for statement in prepared.away:
        with contextlib.suppress(*GONE):
            await connection.execute(statement)
    prepared.names.clear()


def _judged(query: Query, message: Message, left: Left | None, error: Exception) -> Ended:
    total = len(query.units)
    if left is None or not _agree(query, left, error):
        done = 0 if left is None else left.done
        return Ended(done, replace(_failure.of(error), outcome="unknown", together=total - done))
    if left.done == total:  # only the answer did not come
        return Ended(total)
    at = _unit_at(query, message, error)
    if total > 1 and (again := _again(query, left, at, error)):
        return Ended(left.done, again=again)
    return Ended(left.done, _failed(query, message if at == left.done else None, left, error))


def _again(query: Query, left: Left, at: int | None, error: Exception) -> tuple[slice, ...]:
    """What must be sent anew, and how: of it nothing ran, or nothing remains."""
    total = len(query.units)
    if isinstance(error, TimeoutError) or query.lacks(error):  # the driver's own, meant for one of them
        return _singly(left.done, total)
    if left.mark or at == 0:
        return ()
    if at is None:
        return _singly(left.done, total)
    return () if left.done else (slice(at), slice(at, at + 1), slice(at + 1, total))


def _singly(first: int, end: int) -> tuple[slice, ...]:
    return tuple(slice(number, number + 1) for number in range(first, end))


def _unit_at(query: Query, message: Message, error: Exception) -> int | None:
    """The unit at the server's position, if it names one."""
    place = _failure.place(error)
    part = len(query.parts) if place is None else message.index(place)
    return query.parts[part][0] if part < len(query.parts) else None


def _agree(query: Query, left: Left, error: Exception) -> bool:
    """Whether setting and mark tell the same: a statement of the unit after the done ones, or the end of the last of them.

    Neither is there before the query and after its end. Where the server refused it, it did not come to its end.
    """
    if not left.mark:
        return left.done > 0 or isinstance(error, asyncpg.PostgresError)
    unit, statement = query.marks[left.mark - 1]
    return unit == left.done or (unit == left.done - 1 and statement is None)


def _failed(query: Query, message: Message | None, left: Left, error: Exception) -> Failure:
    """Of the unit after the done ones, laid at a statement by the server's position or by the mark."""
    failure = _failure.of(error, message=message)
    if failure.statement is not None:
        return failure
    unit, statement = query.marks[left.mark - 1] if left.mark else (left.done, None)
    return replace(failure, statement=statement if unit == left.done else query.unmarked.get(left.done))


def told(units: Sequence[Unit], ended: Ended, seconds: float, *, failing: bool) -> Iterator[Result]:
    """The results of those that are done, and that the next one began if it failed."""
    together = min(ended.done + 1, len(units))
    for number, unit in enumerate(units[: ended.done + failing]):
        if number:
            yield Started(unit.action)
        if number < ended.done:
            yield Done(unit.action, seconds, together)
