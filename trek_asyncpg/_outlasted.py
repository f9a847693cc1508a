"""A server ends the session of a transaction that lasts too long, or waits too long for its client, which nobody tells:
the driver reads no message that it did not ask for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from trek_core.plugin import Failure, dataclass, field, replace

SETTINGS = {
    "idle_in_transaction_session_timeout": "waits so long for its client",
    "transaction_timeout": "lasts so long",  # since PostgreSQL 17
}


def _limit(name: str) -> str:
    now = f"pg_catalog.current_setting('{name}', true)"
    seconds = f"pg_catalog.date_part('epoch', {now}::pg_catalog.interval)"
    return f"'{name}', pg_catalog.jsonb_build_array({now}, {seconds})"


LIMITS = f"pg_catalog.jsonb_build_object({', '.join(map(_limit, SETTINGS))})"
"""An SQL expression: each as it is set and in seconds; 0 is none, and null is unknown to the server."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The transaction in which a body in Python runs, once its number is known. limits: as `LIMITS` tells."""

    number: str = ""
    limits: Mapping[str, tuple[str | None, float | None]] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    def __bool__(self) -> bool:
        return bool(self.number)


def told(failure: Failure, opened: Opened) -> Failure:
    """The failure of a body whose connection is closed: with the limit that can have ended it, and the way around."""
    lasted = time.monotonic() - opened.since
    for name, (shown, seconds) in opened.limits.items():
        if seconds and seconds <= lasted:
            why = f"{name} is {shown}, and the server ends the session of a transaction that {SETTINGS[name]}"
            off = f"await connection.execute('SET LOCAL {name} = 0')"
            hint = f"Begin it with `{off}`, or do what takes long in a file that is marked no_transaction = True."
            return replace(failure, message=f"{failure.message}; {why}", hint=hint)
    return failure
