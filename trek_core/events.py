"""What observers hear, and what an executor answers while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core._dataclass import dataclass
from trek_core.model import Action, Statement

if TYPE_CHECKING:
    from trek_core.plans import Plan, Report


# --------------------------------------------------------------------------- waiting
@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that stands in the way. `age`: seconds of its transaction; `query`: its last one, shortened.

    pid 0: a prepared transaction. What the role may not see is empty.
    """

    pid: int
    user: str = ""
    application: str = ""
    state: str = ""
    age: float | None = None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """An action waits for what other sessions hold: `waited` seconds so far, in so many `attempts`.

    phase: what an index build waits for, in the database's words. unseen: why it is not known who is in the way.
    """

    action: Action
    waited: float
    blockers: tuple[Blocker, ...] = ()
    attempts: int = 1
    phase: str = ""
    unseen: str = ""


# --------------------------------------------------------------------------- an executor's answers
@dataclass(frozen=True, slots=True)
class Failure:
    """Why a unit failed. `position` counts characters from 0 in the statement's text. `cause` is the driver's exception.

    statement: a `Piece` where only that is known. row: of a `Copy`, the line of its data (from 1) that the database names.
    """

    cause: BaseException
    message: str
    statement: Statement | None = None
    position: int | None = None
    sqlstate: str = ""
    detail: str = ""
    hint: str = ""
    context: str = ""
    outcome: str = "rolled back"
    """rolled back: nothing of it remains. ended: it ended its transaction itself, and nothing of that remains. partial:
    outside a transaction, what ran before stays. unknown: the connection was lost before the answer came. committed: it was
    lost, and the history has the action, as another session read. unfinished: of an action that resumes nothing was done
    now, since it is not certain what the run before left; `message` says what was found."""
    left: str = ""
    """What the statement left behind, by name: "the INVALID index public.b_id"."""
    together: int = 1
    """Where the connection was lost: how many actions it is the failure of, this one and those after it in the same query."""
    row: int | None = None
    blocked: Blocked | None = None
    """What it waited for, where that is why it failed."""


@dataclass(frozen=True, slots=True)
class Started:
    """An action begins. `together`: so many, this one and the next ones, are sent as one query, and heard of after it."""

    action: Action
    together: int = 1


@dataclass(frozen=True, slots=True)
class StatementDone:
    """Statement `number` of `total` (from 1) of an action that runs a statement at a time; `seconds` it took."""

    action: Action
    number: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """An action is done and recorded. `seconds` it took, or all the `together` actions of one query took."""

    action: Action
    seconds: float
    together: int = 1


@dataclass(frozen=True, slots=True)
class Failed:
    """An action failed."""

    action: Action
    failure: Failure


@dataclass(frozen=True, slots=True)
class Lost:
    """The action's guard said that another runner was faster; nothing of the action ran."""

    action: Action
    failure: Failure


Result = Started | StatementDone | Blocked | Done | Failed | Lost


# --------------------------------------------------------------------------- the rest of what observers hear
@dataclass(frozen=True, slots=True)
class RunStarted:
    """There is something to do; the lock is not held yet."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class LockWaiting:
    """Somebody else holds the migration lock. `waited` seconds so far; age is the holder's transaction or session, seconds.

    holder: what a lock that is a row says of who has it; the age is the row's then.
    """

    waited: float
    pid: int | None = None
    user: str = ""
    application: str = ""
    age: float | None = None
    holder: str = ""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run came to its end without an error."""

    report: Report


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run ended with an error, which is raised once every observer heard of it. A cancellation is one too."""

    error: BaseException


Event = RunStarted | LockWaiting | Result | RunFinished | RunFailed
