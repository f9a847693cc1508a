"""What an executor is given: actions, the records around them, locks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

from trek_core._dataclass import dataclass
from trek_core._entries import Entry
from trek_core._history import Facts, History, HistoryRow, Resume, Row
from trek_core._scripts import Body, Mode, Sql, Statement, Verb
from trek_core.text import quote_literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step of a plan, ready to run. `body` is None for the verbs that only write the history.

    resume: what a run that is gone left; the statements that it says are done are not to run again.
    told: of a mark, what another history says of it: a store that has columns for times keeps these.
    """

    entry: Entry
    verb: Verb
    mode: Mode
    body: Body | None
    index: int
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    checksum: str | None = None
    resume: Resume | None = None
    told: HistoryRow | None = None

    @property
    def revision(self) -> str:
        return self.entry.revision

    @property
    def name(self) -> str:
        """Revision and title: "0003 backfill"."""
        return f"{self.revision} {self.entry.title}".rstrip()


@dataclass(frozen=True, slots=True)
class Guard:
    """The key that two runners cannot both write: a unique violation of exactly this means that somebody was faster."""

    schema: str
    table: str
    constraint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The statements a store puts around a body.

    In a transaction: begin, body, finish. Outside one begin and finish are each atomic by themselves, and `progress(n, phase)`
    stands around statement n (from 1). `failed` follows a failure, that of a transaction in another one; `$problem` in the
    text of its `Sql` is what the database said, as a literal. `history` is what the next action's record starts from: `next`
    is advanced, rows need not be.
    """

    begin: tuple[Statement, ...] = ()
    finish: tuple[Statement, ...] = ()
    afterwards: Statement | None = None
    """All of it in one statement, behind the body: in place of begin and finish under the run's lock, where nobody else can
    have begun the same. It fails where the history is not the one that it was made from."""
    progress: Callable[[int, Literal["begin", "done", "whole"]], tuple[Statement, ...]] | None = None
    """begin and done: before and after a statement that refuses a transaction block. whole: with one that does not,
    in the same simple query."""
    failed: tuple[Statement, ...] = ()
    guard: Guard | None = None
    history: History


@dataclass(frozen=True, slots=True)
class Advisory:
    """A session advisory lock, polled; a transaction-level one inside the caller's transaction."""

    key: int


@dataclass(frozen=True, slots=True)
class RowLock:
    """A lock that is a row. It is committed by itself and outlives its session: whoever took it must give it up.

    take: gives the row, as one JSON object, if and only if it got the lock. release: gives up the row that `take` gave, which
    is `$row` in its text, and no other. make: makes the table; run where `take` does not find it, in one transaction.
    holder: one JSON object, with the `name` of who has the lock and its `age` in seconds. advice: what to do about a row whose
    holder is gone, a sentence.
    """

    take: Sql
    release: Sql
    make: tuple[Sql, ...] = ()
    holder: Sql | None = None
    advice: str = ""

    def released(self, row: Row) -> str:
        """The text of `release` for the row that `take` gave."""
        return self.release.text.replace("$row", quote_literal(json.dumps(dict(row))))


Lock = Advisory | RowLock


@dataclass(frozen=True, slots=True)
class Locked:
    """How a lock was got: whether it had to be waited for, and the facts as they are now, complete."""

    waited: bool
    facts: Facts
