"""The reference version store: one row a step in a table of a database in memory, written by `Call`s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from trek_core import script
from trek_core._folding import state_of
from trek_core.contracts import Catalog, VersionStore
from trek_core.errors import ConfigError
from trek_core.model import (
    Action,
    Advisory,
    Body,
    Call,
    Facts,
    Guard,
    History,
    HistoryRow,
    Lock,
    Record,
    Row,
    Rows,
    Sql,
    State,
    Statement,
)
from trek_core.testing._memory_connection import MemoryConnection
from trek_core.testing._memory_database import NO_DATA, MemoryDatabaseError, constraint
from trek_core.text import advisory_key

COLUMNS: tuple[str, ...] = (
    "seq",
    "revision",
    "verb",
    "title",
    "checksum",
    "state",
    "step",
    "started_at",
    "finished_at",
    "duration",
)


class MemoryStore(VersionStore):
    """The table `table` ("schema.name"). A row is counted by trek (`seq`), so that two runners cannot write the same."""

    keeps_steps = True

    def __init__(self, table: str = "public.trek_history") -> None:
        self.table = table

    @property
    def identity(self) -> str:
        return self.table

    def query(self) -> Sql:
        return Sql(f"TABLE {self.table}")

    def history(self, rows: Rows | None, facts: Facts) -> History:
        if rows is None:
            return History(exists=False, facts=facts)
        for row in rows:
            if missing := [name for name in COLUMNS if name not in row]:
                msg = f"{self.table} is a table of another shape: it lacks {', '.join(missing)}. Name another table."
                raise ConfigError(msg)
        found = sorted(rows, key=lambda row: int(row["seq"]))
        following = int(found[-1]["seq"]) + 1 if found else 1
        return History(True, tuple(map(self.row, found)), following, facts)

    def row(self, data: Row) -> HistoryRow:
        """A row as `trek history` shows it."""
        return HistoryRow(
            revision=data["revision"],
            verb=data["verb"],
            state=data["state"],
            title=data["title"],
            checksum=data["checksum"],
            step=data["step"],
            started_at=data["started_at"],
            finished_at=data["finished_at"],
            duration=data["duration"],
            data=data,
        )

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def locks(self, history: History) -> Sequence[Lock]:  # noqa: ARG002
        return (Advisory(advisory_key(f"trek\0{self.identity}")),)

    def prepare(self, history: History) -> Sequence[Statement]:
        return () if history.exists else (Call(CreateTable(self.table), f"create {self.table}"),)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        seq, guard = history.next, Guard(*constraint(self.table))
        if action.body is None:
            begin = self.insert(seq, action, "done", finished=True), *self.abandoned(action, history)
            return Record(begin=begin, guard=guard, history=self.used(history, 1))
        if action.mode == "transaction":
            begin, finish = (self.insert(seq, action, "started"),), (self.complete(seq, "started", "done"),)
            behind = self.behind(seq, action) if history.exists else None
            return Record(begin=begin, finish=finish, afterwards=behind, guard=guard, history=self.used(history, 1))
        return self.outside(action, action.body, history, guard)

    def outside(self, action: Action, body: Body, history: History, guard: Guard) -> Record:
        """Rows around each statement; of an action that resumes around the rest."""
        seq, state = history.next, "claim" if action.resume else "started"
        checksums = script.prefix_checksums(action)

        def progress(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Statement, ...]:
            return self.progress(seq + number, replace(action, checksum=checksums[number - 1]), number, phase)

        return Record(
            begin=(self.insert(seq, action, state, step=0), *self.abandoned(action, history)),
            finish=(self.complete(seq, state, "done"),),
            progress=progress,
            failed=(self.complete(seq, state, "failed"),),
            guard=guard,
            history=self.used(history, 1 + len(body.statements)),
        )

    def abandoned(self, action: Action, history: History) -> tuple[Statement, ...]:
        """What runs that are gone left open of a revision: one that is at work all the same cannot complete its row."""
        left = [row for row in history.rows if row.revision == action.revision and row.state in ("started", "claim")]
        return tuple(self.complete(row.data["seq"], row.state, "abandoned") for row in left)

    def progress(
        self, seq: int, action: Action, number: int, phase: Literal["begin", "done", "whole"]
    ) -> tuple[Statement, ...]:
        """A row for each statement outside a transaction: what began is written before, what is done after it."""
        if phase == "done":
            return (self.complete(seq, "step", "step"),)
        return (self.insert(seq, action, "step", step=number, finished=phase == "whole"),)

    def used(self, history: History, rows: int) -> History:
        """The history as a record leaves it that wrote so many rows."""
        return replace(history, exists=True, next=history.next + rows)

    def insert(
        self, seq: int, action: Action, state: str, *, step: int | None = None, finished: bool = False
    ) -> Statement:
        title = f"statement {step} of {action.entry.title}" if step else action.entry.title
        values = (seq, action.revision, action.verb, title, action.checksum, state, step)
        row = dict(zip(COLUMNS, values, strict=False))
        return Call(Insert(self.table, row, finished), f"row {seq} of {self.table}")

    def behind(self, seq: int, action: Action) -> Statement:
        """The row of what is done: nothing was written in front of it."""
        return self.insert(seq, action, "done", finished=True)

    def complete(self, seq: int, before: str, state: str) -> Statement:
        """Turns the row from one state to another, with the time; a step's stays what it is."""
        return Call(Complete(self.table, seq, before, state), f"row {seq} of {self.table} is {state}")


# --------------------------------------------------------------------------- functions that compare equal
@dataclass(frozen=True, slots=True)
class CreateTable:
    """Makes the table. Not "if it is missing": a race must be seen."""

    table: str

    async def __call__(self, connection: MemoryConnection) -> None:
        await connection.create(self.table, key="seq")


@dataclass(frozen=True, slots=True)
class Insert:
    """Writes a row, with the time as it is then."""

    table: str
    values: Mapping[str, Any]
    finished: bool

    async def __call__(self, connection: MemoryConnection) -> None:
        now = _now()
        ended = {"finished_at": now, "duration": 0.0} if self.finished else {"finished_at": "", "duration": None}
        await connection.insert(self.table, {**self.values, "started_at": now, **ended})


@dataclass(frozen=True, slots=True)
class Complete:
    """Ends exactly one row; none, and it fails: somebody deleted or changed it."""

    table: str
    seq: int
    before: str
    state: str

    async def __call__(self, connection: MemoryConnection) -> None:
        where = {"seq": self.seq, "state": self.before}
        begun = [row["started_at"] for row in await connection.rows(self.table) if where.items() <= row.items()]
        if not begun:
            raise MemoryDatabaseError(NO_DATA, f"trek: row {self.seq} of {self.table} is gone or was changed")
        now = _now()
        duration = (datetime.fromisoformat(now) - datetime.fromisoformat(begun[0])).total_seconds()
        await connection.update(self.table, where, {"state": self.state, "finished_at": now, "duration": duration})


def _now() -> str:
    return datetime.now(UTC).isoformat()
