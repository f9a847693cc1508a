"""How a run goes about its work: what a user may set, and what holds if nothing is said."""

from __future__ import annotations

from trek_core.plugin import ConfigError, dataclass

TOGETHER = 100
"""More saves nothing that could be measured, and an observer waits longer for news."""
_SHORTEST, _LONGEST = 0.001, 2_147_483.647  # seconds: PostgreSQL keeps timeouts as an int of milliseconds


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How migrations are sent, and how long they wait. Raises `ConfigError` for what cannot be.

    together: how many migrations may share a query; 1 is one at a time. lock_timeout: seconds that each attempt waits for a
    lock; None: trek's own short ones; 0 is no limit. lock_patience: seconds in which a migration that found something
    locked is tried again; 0 tries once. statement_timeout: seconds that each statement may take; None leaves the session's.
    """

    together: int = TOGETHER
    lock_timeout: float | None = None
    lock_patience: float = 60.0
    statement_timeout: float | None = None

    def __post_init__(self) -> None:
        wrong = next((name for name in _WANTED if not _sound(name, getattr(self, name))), None)
        if wrong:
            msg = f"{wrong.replace('_', '-')} is {getattr(self, wrong)!r}, want {_WANTED[wrong]}"
            raise ConfigError(msg)


_TIMEOUT = "seconds from 0.001 to 2147483 (24 days), or 0 for no limit"
_WANTED = {
    "together": "a whole number, 1 or more",
    "lock_timeout": _TIMEOUT,
    "lock_patience": "seconds, 0 or more",
    "statement_timeout": _TIMEOUT,
}


def _sound(name: str, value: object) -> bool:
    if name == "together":
        return isinstance(value, int) and value >= 1
    if value is None:
        return name != "lock_patience"
    if not isinstance(value, int | float):
        return False
    return value >= 0 if name == "lock_patience" else value == 0 or _SHORTEST <= value <= _LONGEST
