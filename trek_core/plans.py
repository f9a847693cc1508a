"""Plan, Report, Status: what a user is shown before, after and in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trek_core._dataclass import dataclass, field
from trek_core.model import Direction, History, HistoryRow, TransactionChoice

if TYPE_CHECKING:
    from trek_core._workspace import Workspace
    from trek_core.model import Action, Record


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered actions from where the database is to the target, and the records around them. Nothing has run yet."""

    target: str
    actions: tuple[Action, ...] = ()
    records: tuple[Record, ...] = ()
    warnings: tuple[str, ...] = ()
    direction: Direction | None = None
    """As asked for: None let trek find out."""
    history: History = field(default=History(exists=False), repr=False)
    """The history it was planned from."""
    origin: Workspace | None = field(default=None, repr=False, compare=False)
    """The files it was planned from, as they were read: what runs is what was shown."""
    transaction: TransactionChoice = "each"
    """What commits: each action by itself, or all of them together."""

    if not TYPE_CHECKING:  # to a type checker every name would be an attribute

        def __getattr__(self, name: str) -> object:
            """`records` of a plan that is `unrecorded`, made now and kept. Raises `PluginError`."""
            if name != "records" or self.origin is None:
                return object.__getattribute__(self, name)
            records = self.origin.records(self)
            object.__setattr__(self, name, records)
            return records

    def __bool__(self) -> bool:
        return bool(self.actions)

    @property
    def goes_down(self) -> bool:
        """Whether a revision is reverted."""
        return any(action.verb == "revert" for action in self.actions)

    @property
    def as_one(self) -> bool:
        """Whether several actions are one transaction: all of them, or none."""
        return self.transaction == "plan" and len(self.actions) > 1

    @property
    def fingerprint(self) -> tuple[tuple[str, str, str | None], ...]:
        """What was shown: verb, revision and checksum of each action."""
        return tuple((action.verb, action.revision, action.checksum) for action in self.actions)

    def sql(self) -> str:
        """The script that carries the plan out, history writes included, for psql in a session of its own.

        It fails before it does anything where the history is not the one of the plan, or a run of trek is at work.
        Raises `PlanError` for what only trek can run, such as a migration in Python, with what to run in which order.
        """
        from trek_core._deploy import render  # noqa: PLC0415 - only when a plan is printed

        return render(self)


def unrecorded(plan: Plan) -> Plan:
    """The same, whose records are made when somebody asks for them.

    Of a database without a history the facts are complete only under the lock: who runs such a plan records it then.
    """
    object.__delattr__(plan, "records")
    return plan


def is_recorded(plan: Plan) -> bool:
    """Whether its records are made already."""
    try:
        object.__getattribute__(plan, "records")
    except AttributeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Ran:
    """One action that was carried out. `seconds` it took, or all the `together` actions of one query took."""

    revision: str
    title: str
    verb: str
    seconds: float
    together: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """What was done. Empty: the database was there already. `seconds` for the whole run, lock and planning included."""

    target: str
    ran: tuple[Ran, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.ran)


RevisionState = Literal["applied", "pending", "changed", "missing", "unfinished", "replaced", "skipped"]
DatabaseState = Literal["uninitialised", "pending", "current", "ahead", "changed", "unfinished"]


@dataclass(frozen=True, slots=True)
class RevisionStatus:
    """One revision: its state, and the history row if it has one.

    progress: how far an unfinished one came, as far as the history tells: "2 of 5 statements done".
    here: whether it is one of these files, or stands for some of them.
    """

    revision: str
    title: str
    state: RevisionState
    row: HistoryRow | None = None
    progress: str = ""
    here: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """Where the database stands. `state` is the worst of what was found."""

    state: DatabaseState
    database: str
    """Empty where there is no history yet: its name comes with the rows."""
    history: str
    """The history's identity: "public.trek_history"."""
    revisions: tuple[RevisionStatus, ...] = ()
    identity: str = ""
    """Of the database, beyond its name; empty where there is no history yet, or the server does not tell."""

    @property
    def ready(self) -> bool:
        """Whether an application with these files may begin: all of them are applied, as they are.

        What other files have done, or are doing, is no matter: so it is for the release that still runs while a newer one
        is rolled out, and builds an index.
        """
        wanting = ("pending", "changed", "unfinished")
        return self.state != "uninitialised" and not any(r.here and r.state in wanting for r in self.revisions)

    @property
    def pending(self) -> tuple[RevisionStatus, ...]:
        return tuple(r for r in self.revisions if r.state == "pending")

    @property
    def applied(self) -> tuple[RevisionStatus, ...]:
        return tuple(r for r in self.revisions if r.state in ("applied", "changed", "missing"))
