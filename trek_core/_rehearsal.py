"""What a rehearsal tells: of each migration whether its way down leaves what was there, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from trek_core._dataclass import dataclass, field
from trek_core._drift import Change, Drift
from trek_core.errors import TrekError

Outcome = Literal["reversible", "irreversible", "no way down", "applied", "differs", "failed", "not reached"]
Way = Literal["up", "down", "up again", "originals"]
BAD = ("differs", "failed", "not reached")
WORDS: Mapping[Way, tuple[str, Mapping[Change, str]]] = {
    "up": ("", {}),
    "down": (
        "after the way down this is not as it was before it was applied:",
        {"appeared": "stays", "vanished": "is missing", "changed": "is another"},
    ),
    "up again": (
        "applied again after the way down it gives something else than the first time:",
        {"appeared": "only now", "vanished": "only the first time", "changed": "is another"},
    ),
    "originals": (
        "the squash does not give what the migrations give that it replaces:",
        {"appeared": "only by the squash", "vanished": "only by what it replaces", "changed": "is another"},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What one migration did.

    outcome: "reversible"; "irreversible", its author says so; "no way down"; "applied", more was not asked; "differs", see
    `drift`; "failed", see `error`; "not reached", since one before it failed. way: where it differs or failed.
    seconds: of its runs, without what looked at the database.
    """

    revision: str
    title: str
    files: tuple[str, ...]
    outcome: Outcome
    way: Way = "up"
    drift: Drift = field(default_factory=Drift)
    error: TrekError | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.outcome not in BAD

    @property
    def name(self) -> str:
        return f"{self.revision} {self.title}".rstrip()

    def __str__(self) -> str:
        """One line; below it what differs, or the error."""
        intro, words = WORDS[self.way]
        told = f"\n{intro}\n{self.drift.text(words)}" if self.drift else f"\n{self.error}" if self.error else ""
        where = f" ({self.way})" if self.outcome == "failed" else ""
        return f"{self.name}: {self.outcome}{where}{told}"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What each migration did, in the order in which they ran; of squashes also whether they give what they replace."""

    steps: tuple[Rehearsed, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Nothing failed, and nothing differs. What has no way down is no failure: see `one_way`."""
        return all(step.ok for step in self.steps)

    @property
    def one_way(self) -> tuple[Rehearsed, ...]:
        """Those without a way down of which nobody says that they are irreversible."""
        return tuple(step for step in self.steps if step.outcome == "no way down")

    def __str__(self) -> str:
        return "\n".join(map(str, (step for step in self.steps if not step.ok))) or "all went as it should"
