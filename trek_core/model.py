"""The values that plugins and users exchange. Frozen, without I/O, importable by everybody.

How they follow one another::

    File -> Source -> Script(Body(Statement)) -> Entry -> Hop -> Action + Record -> Plan -> Report
    history rows -> HistoryRow -> History -> State
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from trek_core.contracts import Tree

Mode = Literal["transaction", "autocommit", "message"]
"""transaction: one BEGIN … COMMIT; autocommit: a statement at a time, outside a transaction block;
message: each `Sql` is one simple query, never cut."""

Verb = Literal["apply", "revert", "rerun", "mark", "unmark", "repair"]
"""apply, revert and rerun carry a body out; mark, unmark and repair only write the history."""


class Direction(enum.Enum):
    """The way a plan may go. Where it is left out, trek finds out."""

    up = "up"
    down = "down"


# --------------------------------------------------------------------------- files and scripts
@dataclass(frozen=True, slots=True)
class File:
    """One file of a tree: `path` below `root`, with forward slashes."""

    path: str
    root: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.root}/{self.path}" if self.root else self.path


@dataclass(frozen=True, slots=True)
class Source:
    """What a loader is given: a file, the bytes that were hashed, and the direction where the file's name says it.

    `direction` None means that the content itself says what is up and what is down.
    """

    file: File
    content: bytes
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Sql:
    """One SQL statement (or, in mode "message", several), and where it stands.

    `line` and `column` count from 1, `offset` counts characters from the beginning of the decoded file.
    `file` is empty for SQL that trek or a store wrote. The last four are what the splitter saw.
    """

    text: str
    file: str = ""
    line: int = 1
    column: int = 1
    offset: int = 0
    refuses_block: str = ""
    """The words that make a transaction block refuse it ("CREATE INDEX CONCURRENTLY"), or nothing."""
    controls_transaction: str = ""
    """The words that begin or end a transaction ("COMMIT"), or nothing."""
    changes_settings: bool = False
    """SET, RESET, set_config, DISCARD, DO or CALL: the session's settings may differ afterwards."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A `COPY … FROM STDIN` and the data that follows it in the file, without the line that ends it."""

    text: str
    data: str
    file: str = ""
    line: int = 1
    column: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """An async function of the executor's connection. `name`, `file` and `line` are for messages."""

    function: Callable[[Any], Awaitable[object]]
    name: str
    file: str = ""
    line: int = 1


Statement = Sql | Copy | Call


@dataclass(frozen=True, slots=True)
class Body:
    """One direction of a migration.

    mode: None lets trek decide: "autocommit" if a transaction block refuses one of the statements, else "transaction".
    lock_timeout: seconds; None leaves the session's own.
    """

    statements: tuple[Statement, ...]
    mode: Mode | None = None
    lock_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """What loading gives. `down` None: there is no way back; `irreversible`: its author said so."""

    up: Body | None
    down: Body | None = None
    irreversible: bool = False


# --------------------------------------------------------------------------- entries
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One revision as the layout arranged it.

    parents: revisions that must be applied first. load: reads and parses, when asked.
    checksums: the first is written, any of them is accepted, () means that the format keeps none.
    replaces: a squash. rerun: Flyway's R__, Liquibase's runOnChange. recorded False: leaves no trace in the history.
    skip: the reason why this entry does not count here. meta: a layout's word to the store of the same format.
    """

    revision: str
    load: Callable[[Tree], Script]
    title: str = ""
    parents: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    checksums: Callable[[Tree], tuple[str, ...]] = lambda tree: ()
    aliases: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    rerun: Literal["never", "changed", "always"] = "never"
    recorded: bool = True
    skip: str | None = None
    meta: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that is no migration, and why."""

    file: File
    reason: str


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A layout's answer: the entries in order (that order breaks ties), and what it left out."""

    entries: tuple[Entry, ...]
    ignored: tuple[Ignored, ...] = ()


Choice = Literal["refuse", "warn", "allow"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What to do when the files and the history disagree. A format has its defaults, the user the last word.

    out_of_order: a pending migration is older than an applied one. missing: applied, but its file is gone.
    changed: applied, but its file was edited since.
    """

    out_of_order: Choice = "refuse"
    missing: Choice = "refuse"
    changed: Choice = "refuse"


# --------------------------------------------------------------------------- the database's side
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


Row = Mapping[str, Any]
Rows = Sequence[Row]
"""One mapping a history row, decoded from JSON. Their order means nothing: a store sorts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One line of `trek history`, whatever the table looks like. Times are ISO 8601 text, duration is seconds."""

    revision: str
    verb: Verb = "apply"
    state: str = "done"
    """done, started, failed, step, claim; a store may have its own."""
    title: str = ""
    checksum: str | None = None
    started_at: str = ""
    finished_at: str = ""
    duration: float | None = None
    who: str = ""
    application: str = ""
    data: Row = field(default_factory=dict)
    """The raw row."""


@dataclass(frozen=True, slots=True)
class History:
    """The history as it was read. `next` is the next free key, for stores that count."""

    exists: bool
    rows: tuple[HistoryRow, ...] = ()
    next: int = 1
    facts: Facts = Facts()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Which revisions are applied, in the order in which that happened.

    rows: the row that made each revision applied (checksum, time). unfinished: begun outside a transaction, never
    completed. current: the node a database stands on, for formats where edges are the truth.
    """

    applied: tuple[str, ...] = ()
    rows: Mapping[str, HistoryRow] = field(default_factory=dict)
    unfinished: tuple[HistoryRow, ...] = ()
    current: str | None = None


# --------------------------------------------------------------------------- plans
@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step of a route, before its script is loaded. `before` and `after` are the heads of the applied set.

    load overrides the entry's own loading and gives the body to run: for formats whose edges have scripts of their own.
    """

    entry: Entry
    verb: Verb
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    load: Callable[[Tree], Body] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A planner's answer: the steps, and what the user should hear although it was allowed."""

    hops: tuple[Hop, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step of a plan, ready to run. `body` is None for the verbs that only write the history."""

    entry: Entry
    verb: Verb
    mode: Mode
    body: Body | None
    index: int
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    checksum: str | None = None

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

    In a transaction: begin, body, finish. Outside one begin and finish are each atomic by themselves, `progress(n, phase)`
    stands around statement n (from 1) and `failed` follows a failure. `history` is what the next action's record starts
    from: `next` is advanced, rows need not be.
    """

    begin: tuple[Statement, ...] = ()
    finish: tuple[Statement, ...] = ()
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
    """A lock that is a row: `take` returns a row if and only if it got the lock. Its table exists."""

    take: Sql
    release: Sql


Lock = Advisory | RowLock
