"""The database's side: facts, the history, and the state that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trek_core._dataclass import dataclass, field
from trek_core._scripts import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What came with the history in the same round trip. Defaults stand where nothing was read."""

    database: str = ""
    schema: str | None = None
    """`current_schema()`: None if no schema of the search_path exists."""
    user: str = ""
    session_user: str = ""
    server_version: int = 0
    """As `server_version_num`: 150018."""
    backend_pid: int = 0
    """The server process that answered. It differs from the connection's own behind a pooler."""
    standby: bool = False
    read_only: bool = False
    isolation: str = "read committed"
    in_transaction: bool = False
    """The caller had a transaction open when trek was called."""
    standard_strings: bool = True
    pooled: bool = False
    """A pooler stands between: session locks and session settings cannot be relied on."""
    server: str = ""
    """What the server says it is, as `version()`."""
    identity: str = ""
    """Of the database, beyond its name: the cluster's system identifier, a slash, the database's oid."""
    no_create: tuple[str, ...] = ()
    """Schemas in which the user may not create anything; asked with the lock where there is no history."""


Row = Mapping[str, Any]
Rows = Sequence[Row]
"""One mapping a history row, decoded from JSON. Their order means nothing: a store sorts."""


ROLLED_BACK = "rolled back"
"""The state of a row that only tells of a failure: nothing of it remains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One line of `trek history`, whatever the table looks like. Times are ISO 8601 text, duration is seconds."""

    revision: str
    verb: Verb = "apply"
    state: str = "done"
    """done, started, failed, step, claim, abandoned, rolled back; a store may have its own."""
    title: str = ""
    checksum: str | None = None
    """The file's; of a step, that of the statements up to and including it (`script.prefix_checksums`)."""
    step: int | None = None
    """Of a row that tells of one statement: its number, from 1. `finished_at` says that it is done. 0 of the row with which
    something outside a transaction begins: only that may go on."""
    xid: str = ""
    """Of a step that is begun and not finished: the transaction that wrote the row, where the store tells. What the
    statement made is newer."""
    started_at: str = ""
    finished_at: str = ""
    duration: float | None = None
    who: str = ""
    application: str = ""
    problem: str = ""
    """What the database said when it failed, where the store keeps that."""
    data: Row = field(default_factory=dict)
    """The raw row."""


@dataclass(frozen=True, slots=True)
class History:
    """The history as it was read. `next` is the next free key, for stores that count, and whose rows are never deleted."""

    exists: bool
    rows: tuple[HistoryRow, ...] = ()
    next: int = 1
    facts: Facts = Facts()
    warnings: tuple[str, ...] = ()
    unwritable: str = ""
    """Why this user may not write it, with the way out; a run that would raises `ReadOnly` with it."""
    database: str | None = None
    """As `Facts.identity`, of the database in which the newest row that tells was written. Empty: none tells; None: the
    store keeps no such thing, and `expect_database = "same"` is refused."""
    lacks: tuple[str, ...] = ()
    """Columns that the table lacks and `VersionStore.prepare` adds."""
    schema: str | None = None
    """Where the table was found, for a store whose table is wherever the search_path says."""


@dataclass(frozen=True, slots=True)
class Resume:
    """How far a run that is gone came with a migration outside a transaction.

    begun: the row with which that began. done: so many statements are done, from the first on. open: the row of the next
    one, if that was begun and its end is not recorded; failed: the run that began it saw a failure.
    checksums: of the statements that are done, and of the open one, as their rows have them.
    """

    begun: HistoryRow
    done: int = 0
    open: HistoryRow | None = None
    failed: bool = False
    checksums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Which revisions are applied, in the order in which that happened.

    rows: the row that made each revision applied (checksum, time). unfinished: begun outside a transaction, never
    completed. current: the node a database stands on, for formats where edges are the truth. resumes: how far each of the
    unfinished came, where the rows tell; read only of a store that says `keeps_steps`.
    """

    applied: tuple[str, ...] = ()
    rows: Mapping[str, HistoryRow] = field(default_factory=dict)
    unfinished: tuple[HistoryRow, ...] = ()
    current: str | None = None
    resumes: Mapping[str, Resume] = field(default_factory=dict)
