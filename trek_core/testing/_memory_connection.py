"""A connection with a database in memory: transactions, savepoints, waiting for locks, settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trek_core.model import Rows
from trek_core.script import SEPARATOR
from trek_core.testing import _memory_words
from trek_core.testing._memory_database import (
    CONNECTION_LOST,
    DUPLICATE_TABLE,
    LOCK_NOT_AVAILABLE,
    NOTES,
    QUERY_CANCELED,
    SYNTAX_ERROR,
    UNDEFINED_TABLE,
    UNIQUE_VIOLATION,
    MemoryDatabase,
    MemoryDatabaseError,
    Table,
    Tables,
    constraint,
)

Change = Callable[[Tables], None]
SETTINGS = {"lock_timeout": "0", "statement_timeout": "0", "memory": "found"}


class MemoryConnection:
    """A session. Its transaction is a list of changes that nobody else sees; the end applies them, or forgets them.

    Every statement is atomic, gives the other sessions a turn, and raises `MemoryDatabaseError`.
    """

    def __init__(self, database: MemoryDatabase) -> None:
        database.connections += 1
        self.database, self.pid = database, database.connections
        self.settings = dict(SETTINGS)
        self._changes: list[Change] | None = None
        self._local: dict[str, str] = {}  # what SET LOCAL changed, as it was before
        self._locks: set[Hashable] = set()  # until the end of the transaction
        self._session_locks: set[Hashable] = set()
        self._gone = asyncio.Event()

    @property
    def in_transaction(self) -> bool:
        return self._changes is not None

    @property
    def closed(self) -> bool:
        return self._gone.is_set()

    # ----------------------------------------------------------------------- statements
    async def execute(self, query: str) -> None:
        """One simple query. Several statements, glued with `script.SEPARATOR`, are one transaction."""
        statements = query.split(SEPARATOR)
        if len(statements) == 1:
            await self._timed(query)
            return
        with self.transaction():
            for statement in statements:
                await self._timed(statement)

    async def _timed(self, statement: str) -> None:
        """At most as long as the setting statement_timeout says."""
        try:
            async with asyncio.timeout(self._seconds("statement_timeout")):
                await _memory_words.run(self, statement)
        except TimeoutError:
            raise MemoryDatabaseError(QUERY_CANCELED, "canceling statement due to statement timeout") from None

    async def query(self, text: str) -> Rows:
        """The rows of a statement that has some; any other is refused, and changes nothing."""
        with self.transaction():
            rows = await _memory_words.run(self, text)
            if rows is None:
                raise MemoryDatabaseError(SYNTAX_ERROR, f"{text!r} gives no rows", position=0)
            return rows

    async def copy(self, data: str) -> None:
        """Notes by the COPY protocol: one a line."""
        with self.transaction():
            for line in data.splitlines():
                await self.insert(NOTES, {"note": line})

    async def rows(self, table: str) -> Rows:
        """What this session sees of a table."""
        await self.turn()
        return self._table(table).rows

    async def create(self, table: str, key: str) -> None:
        """A new table. Waits for another session that makes it too, then fails if that one did."""
        with self.transaction():
            await self.hold(table)
            if table in self._view():
                raise MemoryDatabaseError(DUPLICATE_TABLE, f'relation "{table}" already exists')
            self._change(lambda tables: tables.update({table: Table(key)}))

    async def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """A new row. Waits for another session that writes the same key, then fails if that one did."""
        with self.transaction():
            await self.turn()
            if key := self._table(table).key:
                await self.hold((table, row[key]))
                if any(other[key] == row[key] for other in self._table(table).rows):
                    said = f"duplicate key value violates unique constraint: {key} = {row[key]!r} in {table}"
                    raise MemoryDatabaseError(UNIQUE_VIOLATION, said, key=constraint(table))
            self._change(lambda tables: tables[table].rows.append(dict(row)))

    async def update(self, table: str, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
        """Changes the rows that have the values of `where`; how many those are."""
        with self.transaction():
            await self.turn()
            found = [row for row in self._table(table).rows if where.items() <= row.items()]
            self._change(lambda tables: _update(tables[table], where, values))
            return len(found)

    async def delete(self, table: str, where: Mapping[str, Any]) -> None:
        with self.transaction():
            await self.turn()
            self._change(lambda tables: _delete(tables[table], where))

    async def sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            return
        self._check_open()

    async def turn(self) -> None:
        """As long as a round trip takes: others go on meanwhile."""
        self._check_open()
        await asyncio.sleep(0)
        self._check_open()

    # ----------------------------------------------------------------------- transactions
    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN … COMMIT, or ROLLBACK after any exception; inside a transaction a savepoint."""
        self._check_open()
        outermost = self._changes is None
        changes = self._changes = [] if self._changes is None else self._changes
        mark, settings = len(changes), dict(self.settings)
        try:
            yield
            self._check_open()
        except BaseException:
            del changes[mark:]
            self.settings = settings
            raise
        else:
            for change in changes if outermost else ():
                change(self.database.tables)
        finally:
            if outermost:
                self._end()

    def _end(self) -> None:
        self._changes = None
        self.settings.update(self._local)
        self._local.clear()
        self.database.unlock(*self._locks)
        self._locks.clear()

    def _change(self, change: Change) -> None:
        assert self._changes is not None  # every statement has a transaction
        self._changes.append(change)

    def _view(self) -> Tables:
        tables = {name: Table(table.key, list(table.rows)) for name, table in self.database.tables.items()}
        for change in self._changes or ():
            change(tables)
        return tables

    def _table(self, name: str) -> Table:
        if (table := self._view().get(name)) is not None:
            return table
        raise MemoryDatabaseError(UNDEFINED_TABLE, f'relation "{name}" does not exist')

    # ----------------------------------------------------------------------- settings and locks
    def set(self, name: str, value: str, *, local: bool = False) -> None:
        """SET, or SET LOCAL. It is undone with its transaction."""
        if local:
            self._local.setdefault(name, self.settings.get(name, ""))
        self.settings[name] = value

    def _seconds(self, name: str) -> float | None:
        """A setting that is a time; None: there is no limit."""
        milliseconds = re.fullmatch(r"(\d+)(?:ms)?", self.settings[name])
        return int(milliseconds[1]) / 1000 or None if milliseconds else None

    async def hold(self, name: Hashable) -> None:
        """A lock until the end of the transaction. Waits for it, at most as long as the setting lock_timeout says."""
        with self.transaction():
            await self.turn()
            try:
                async with asyncio.timeout(self._seconds("lock_timeout")):
                    while not self.database.try_lock(name, self):
                        await self.database.unlocked()
                        self._check_open()
            except TimeoutError:
                raise MemoryDatabaseError(LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout") from None
            self._locks.add(name)

    def try_lock(self, name: Hashable) -> bool:
        """A lock of the session, or inside a transaction of that. False, without waiting, if somebody else holds it."""
        self._check_open()
        if got := self.database.try_lock(name, self):
            (self._locks if self.in_transaction else self._session_locks).add(name)
        return got

    def unlock(self, name: Hashable) -> None:
        """Releases a lock of the session."""
        if name in self._session_locks:
            self._session_locks.remove(name)
            self.database.unlock(name)

    # ----------------------------------------------------------------------- the end
    def close(self) -> None:
        """Rolls back and releases everything, whether the client wished it or the connection was cut."""
        self._gone.set()
        if self._changes is not None:
            self._changes.clear()
        self.database.unlock(*self._locks, *self._session_locks)

    def _check_open(self) -> None:
        if self.closed:
            raise MemoryDatabaseError(CONNECTION_LOST, "the connection was lost")


def _update(table: Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    table.rows[:] = [{**row, **values} if where.items() <= row.items() else row for row in table.rows]


def _delete(table: Table, where: Mapping[str, Any]) -> None:
    table.rows[:] = [row for row in table.rows if not where.items() <= row.items()]
