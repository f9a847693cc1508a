"""The units of one transaction as queries: SQL glued together as far as it goes, what is no SQL between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from trek_asyncpg._before import Before
from trek_asyncpg._message import Message, forget, mark
from trek_asyncpg._settings import RunSettings
from trek_asyncpg._unit import Unit
from trek_core.plugin import Action, Record, Sql, Statement, dataclass, field, script

if TYPE_CHECKING:
    from trek_asyncpg._types import Connection

MOST_BYTES = 1_000_000
"""Of one query: driver and server hold all of it in memory."""


async def whole_units(
    connection: Connection,
    pairs: Iterable[tuple[Action, Record]],
    settings: RunSettings,
    before: Before,
) -> list[Unit]:
    """Each puts back what would outlive it in the transaction: its timeouts, and the settings that its body changes.

    Of lock timeouts only those that somebody asked for: trek's own short ones are for what can be tried again.
    Raises `UnitFailed` before anything was sent.
    """
    found = []
    for action, record in pairs:
        body, nested = action.body, connection.is_in_transaction()
        lock = settings.lock_timeout if body is None or body.lock_timeout is None else body.lock_timeout
        statement = (
            settings.statement_timeout if body is None or body.statement_timeout is None else body.statement_timeout
        )
        limits, changes = script.limits(lock, statement), script.changes_settings(body)
        unit = Unit(connection, action, record, (), nested, mark=not before.pooled, limits=limits)
        if limits or changes:
            unit = await (before.restored(unit) if changes else before.timed(unit))
        found.append(unit)
    return found


@dataclass(slots=True)
class Query:
    """What is sent at once: SQL of several units, or (`other`) one statement that is none.

    parts: each with the number of its unit. begins: the units that begin in it. marks: what each marker (less one) stands for.
    last: the transaction ends in it.
    """

    marked: bool
    parts: list[tuple[int, Sql]] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    marks: list[tuple[int, Sql | None]] = field(default_factory=list)
    other: tuple[int, Statement] | None = None
    last: bool = False
    size: int = 0

    def add(self, number: int, statement: Sql) -> None:
        self.parts.append((number, statement))
        self.size += len(statement.text)

    def mark(self, number: int, statement: Sql | None) -> None:
        """From here on the marker says: this statement, or (None) what stands around the body of the unit."""
        if self.marked:
            self.marks.append((number, statement))
            self.add(number, Sql(f"SELECT {mark(len(self.marks), len(self.marks) - 1)}"))

    def close(self) -> Query:
        if self.marks:
            self.add(self.parts[-1][0], Sql(f"SELECT {forget(len(self.marks))}"))
        return self

    @property
    def units(self) -> list[int]:
        """The units that it is about, in order."""
        return [self.other[0]] if self.other else sorted({number for number, _ in self.parts})

    def message(self) -> Message:
        return Message.of(statement for _, statement in self.parts)


def queries(
    units: Sequence[Unit], begin: Sequence[Sql], end: Sequence[Sql], most: int, *, settle: bool, marked: bool
) -> Iterator[Query]:
    """In order, between what begins the transaction and what ends it, at most so many units to a query.

    settle: constraints that wait are checked after each unit. marked: without it a failure is laid at its query's first unit.
    """
    query = Query(marked, parts=[(0, statement) for statement in begin])
    for number, unit in enumerate(units):
        if len(query.begins) >= most or (number and query.parts and not marked):
            yield query.close()
            query = Query(marked)
        query.begins.append(number)
        for statement, of_body in _parts(unit, number, settle=settle):
            if not isinstance(statement, Sql):
                yield query.close()
                yield Query(marked, other=(number, statement))
                query = Query(marked)
                continue
            if query.parts and query.size + len(statement.text) > MOST_BYTES:
                yield query.close()
                query = Query(marked)
            if of_body or not query.marks or query.marks[-1] != (number, None):
                query.mark(number, statement if of_body else None)
            query.add(number, statement)
    query.close().last = True
    for statement in end:
        query.add(len(units) - 1, statement)
    yield query


def _parts(unit: Unit, number: int, *, settle: bool) -> Iterator[tuple[Statement, bool]]:
    """Everything of one unit, and whether it is of its body."""
    settles = settle and unit.action.body is not None
    for statement in (*(script.DEFER if settles and number else ()), *unit.opening):
        yield statement, False
    for statement in script.statements(unit.action):
        yield statement, True
    for statement in (*(script.settle(unit.action) if settles else ()), *unit.restore, *unit.record.finish):
        yield statement, False
