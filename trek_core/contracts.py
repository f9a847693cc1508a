"""What plugins implement. Hooks only register such objects; everything awaited is a method of one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from trek_core.model import (
    Action,
    Arrangement,
    Direction,
    Entry,
    Facts,
    File,
    History,
    Hop,
    Lock,
    Locked,
    Record,
    Row,
    Rows,
    Rules,
    Script,
    Source,
    Sql,
    State,
    Statement,
)

if TYPE_CHECKING:
    from trek_core.events import Event, LockWaiting, Result

T_co = TypeVar("T_co", covariant=True)


class Tree(Protocol):
    """The files of one or more folders: names at once, bytes when asked for. Core reads, once, and keeps what it read."""

    @property
    def files(self) -> tuple[File, ...]: ...
    @property
    def facts(self) -> Facts: ...
    def read(self, file: File) -> bytes:
        """The file's bytes. Raises `LoadError` when it cannot be read."""
        ...

    def load(self, file: File, direction: Direction | None = None) -> Script:
        """The script that the loader registered for the file's suffix makes of it. Raises `LoadError`."""
        ...

    def suffix(self, file: File) -> str:
        """The registered suffix that fits the file's name, the longest; empty if no loader takes it."""
        ...


class Catalog(Protocol):
    """All entries of a tree as a graph."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """In the layout's order."""
        ...

    def get(self, revision: str) -> Entry | None:
        """The entry of that revision or alias."""
        ...


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes a script of the content of one kind of file. Conformance kit: `trek_core.testing.LoaderSuite`.

    suffixes: with their dot (".sql"); the longest that fits a name wins (".sql.j2" before ".j2").
    load: pure, without I/O; raises `LoadError` for a bad file and nothing else.
    """

    name: str
    suffixes: tuple[str, ...]
    load: Callable[[Source], Script]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a tree becomes entries, in order. Pure: it reads through the tree only.

    arrange: raises `LoadError` or `PlanError` for what it cannot arrange; a file that looks like a migration and that it
    cannot take is an error, never skipped. smells: "looks like goose because …" if the folder is another tool's.
    route: only where edges, not sets, are the truth; it gets catalog, state, target and direction.
    new: the files `trek new TITLE` writes: name -> content, from the arrangement, the title and the kind ("sql", "py").
    """

    arrange: Callable[[Tree], Arrangement]
    rules: Rules = field(default_factory=Rules)
    smells: Callable[[Tree], str | None] = lambda tree: None
    route: Callable[[Catalog, State, str, Direction | None], Sequence[Hop]] | None = None
    new: Callable[[Arrangement, str, str], Mapping[str, str]] | None = None


class VersionStore(ABC):
    """A history table. Pure: it writes SQL and reads rows, it never runs anything. Kit: `VersionStoreSuite`."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What a run locks and messages name: "public.trek_history"."""

    @abstractmethod
    def query(self) -> Sql:
        """One SELECT that reads everything, one JSON object a row (`to_jsonb(t)`), every name qualified."""

    @abstractmethod
    def history(self, rows: Rows | None, facts: Facts) -> History:
        """The rows as a history; None: there is no table. Raises `ConfigError` for a table of another shape.

        A table that was made a moment ago may be found although nothing of it, its own row in the catalogue included, is in
        the rows yet: that is no table either.
        """

    @abstractmethod
    def state(self, history: History, catalog: Catalog) -> State:
        """Which revisions are applied."""

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        """Whether an applied file was edited since. `checksums` are the entry's, `row` is the raw row."""
        written = row.get("checksum")
        return bool(checksums) and written is not None and written not in checksums

    @abstractmethod
    def locks(self, history: History) -> Sequence[Lock]:
        """What to hold during a run, in this order."""

    @abstractmethod
    def prepare(self, history: History) -> Sequence[Statement]:
        """What makes the table, or brings it up to date; nothing when it is as it should be.

        Runs in front of the first record's `begin`, in the same transaction. No IF NOT EXISTS: a race must be seen.
        """

    @abstractmethod
    def record(self, action: Action, history: History) -> Record:
        """The statements around the action's body. `history` is as the action before left it (`Record.history`)."""


class Executor(ABC):
    """One open session with a database. Kit: `ExecutorSuite`."""

    @property
    @abstractmethod
    def connection(self) -> Any:
        """What a `Call` is given."""

    @abstractmethod
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        """Facts and rows in one round trip; None if the table does not exist, with the facts that the driver knows then.

        Leaves a caller's transaction usable.
        """

    @abstractmethod
    def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Locked]:
        """Holds the locks. Raises `LockTimeout` after `timeout` seconds.

        Tells `waiting` who holds it. Released whatever happens, cancellation included.
        """

    @abstractmethod
    def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        """Carries the units out in order and stops after the first that fails or is lost.

        Each unit gives `Started`, perhaps `StatementDone`, and one of `Done`, `Failed` and `Lost`. It may glue statements
        together, never cut one. Afterwards, also when cancelled, the connection is usable and as it was.
        """


@dataclass(frozen=True, slots=True)
class NoSettings:
    """A provider that takes no settings."""


@dataclass(frozen=True, slots=True)
class Provider(Generic[T_co]):
    """Offers a layout or a version store under a name.

    settings: a dataclass; its fields are the keys that the configuration may set, others are errors.
    create: makes the object from an instance of `settings`.
    """

    name: str
    create: Callable[[Any], T_co]
    settings: type = NoSettings


@dataclass(frozen=True, slots=True)
class ExecutorProvider:
    """Offers an executor for DSNs of some schemes ("postgresql", "postgres", "embedded").

    connect: opens a session for a DSN and an instance of `settings`; closes it at the end. Raises `ConnectError`.
    """

    name: str
    schemes: tuple[str, ...]
    connect: Callable[[str, Any], AbstractAsyncContextManager[Executor]]
    settings: type = NoSettings


@dataclass(frozen=True, slots=True)
class Observer:
    """Hears every event of a run. It cannot fail one: what it raises is logged with the plugin's name."""

    name: str
    notify: Callable[[Event], Awaitable[None]]
