"""How long, and how often, a migration waits for what other sessions hold.

While it waits for a table everybody who comes later waits behind it, readers too. So it waits in short attempts, all below
`deadlock_timeout`, at which the server would choose a victim, and leaves the table alone in between. There is no last
attempt without a timeout. Only a running autovacuum needs a longer one: the server ends it for whoever waits that long.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from trek_core.plugin import Action, Blocked, Failure, dataclass, field

if TYPE_CHECKING:
    from trek_asyncpg._onlooker import Seen
    from trek_asyncpg._settings import RunSettings

STEPS = (0.05, 0.1, 0.1, 0.2)  # seconds: of the first attempts; all others are as long as the last of these
DEADLOCK_TIMEOUT = 1.0  # seconds: the server's, until it is known
BELOW = 0.8  # of the deadlock timeout
LOCKED = "55P03"  # lock_not_available
RETRIED = (LOCKED, "40001", "40P01")  # and: serialization_failure, deadlock_detected
STOPPED = (*RETRIED, "57014")  # query_canceled, which a statement timeout says while it waits
REST = 5  # so many times as long as readers were held up they are left alone
JITTER = 0.1  # seconds: of the first pause; it doubles
LONGEST_PAUSE = 2.0  # seconds, of the rest and of the jitter alike


@dataclass(slots=True)
class Patience:
    """The attempts of one migration."""

    action: Action
    settings: RunSettings
    repeats: bool
    """Not in the caller's transaction, and not outside of one: there an attempt that failed would leave something."""
    deadlock_timeout: float = DEADLOCK_TIMEOUT
    attempts: int = 1
    """With the one that is under way."""
    seen: Seen | None = None
    """Who stood in the way when last somebody did."""
    _begun: float = field(default_factory=time.monotonic)
    _instead: float | None = None
    _vacuums: set[int] = field(default_factory=set)

    @property
    def lock_timeout(self) -> float | None:
        """Seconds, of the attempt that is under way or comes next; 0, no limit, only where the user says so.

        None: the session's own.
        """
        own = self._own_timeout()
        if own is not None or not self.repeats:
            return own
        step = STEPS[min(self.attempts, len(STEPS)) - 1]
        return self._instead or min(step, BELOW * self.deadlock_timeout)

    def _own_timeout(self) -> float | None:
        """What the migration says, else in a transaction what the user says."""
        own = self.action.body.lock_timeout if self.action.body else None
        return self.settings.lock_timeout if own is None and self.action.mode == "transaction" else own

    def pause(self, failure: Failure) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        left = self._begun + self.settings.lock_patience - time.monotonic()
        if failure.sqlstate not in RETRIED or left <= 0 or not self.repeats:
            return None
        stall = (self.lock_timeout or 0.0) if failure.sqlstate == LOCKED else 0.0
        jitter = min(JITTER * 2**self.attempts, LONGEST_PAUSE)
        pause = min(REST * stall, LONGEST_PAUSE) + random.uniform(0, jitter)  # noqa: S311
        return min(pause, left)

    def again(self) -> None:
        """The next attempt begins."""
        self.attempts += 1
        self._instead = self._for_vacuum()

    def _for_vacuum(self) -> float | None:
        """A longer attempt, once for each autovacuum that is all that stands in the way."""
        vacuums = self.seen.vacuums if self.seen else frozenset()
        if vacuums <= self._vacuums:
            return None
        self._vacuums |= vacuums
        return self.deadlock_timeout + 0.25

    def report(self, unseen: str) -> Blocked:
        """How it stands. unseen: why nobody could be asked who is in the way."""
        waited, seen = time.monotonic() - self._begun, self.seen
        if seen is None:
            return Blocked(self.action, waited, attempts=self.attempts, unseen=unseen)
        return Blocked(self.action, waited, seen.blockers, self.attempts, seen.phase)
