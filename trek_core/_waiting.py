"""Words for who is in the way of a migration: the command's progress and the message of a failure have the same."""

from __future__ import annotations

from collections.abc import Iterator

from trek_core.events import Blocked, Blocker

LOCKED = "55P03"  # lock_not_available
MOST = 5  # blockers that are listed


def blocker_words(blocker: Blocker) -> str:
    """Like: server process 4711 of app, psql, idle in transaction, 63 s: SELECT …"""
    if not blocker.pid:
        return "a prepared transaction (pg_prepared_xacts names it)"
    parts = [f"server process {blocker.pid}" + (f" of {blocker.user}" if blocker.user else "")]
    parts += [blocker.application, blocker.state, "" if blocker.age is None else f"{blocker.age:.0f} s"]
    query = f": {blocker.query}" if blocker.query else ""
    text = ", ".join(filter(None, parts)) + query
    return "".join(c if c.isprintable() else " " for c in text)  # a query is anybody's text


def in_the_way(blocked: Blocked) -> Iterator[str]:
    """A line for each blocker, or why there is none."""
    for blocker in blocked.blockers[:MOST]:
        yield f"  {blocker_words(blocker)}"
    if len(blocked.blockers) > MOST:
        yield f"  and {len(blocked.blockers) - MOST} more"
    if not blocked.blockers:
        yield f"  nobody was seen{f': {blocked.unseen}' if blocked.unseen else ''}"


def how_often(blocked: Blocked) -> str:
    """Like: Tried 14 times in 60.2 s. In the way when last it was seen:"""
    times = "once" if blocked.attempts == 1 else f"{blocked.attempts} times"
    return f"Tried {times} in {blocked.waited:.1f} s. In its way, when last somebody looked:"


def way_round(sqlstate: str, blocked: Blocked | None) -> str:
    """What to do about a lock that is held by others, whole lines; empty if that was not the reason."""
    if sqlstate != LOCKED and not (blocked and blocked.blockers):
        return ""
    first = next((blocker for blocker in blocked.blockers if blocker.pid), None) if blocked else None
    if first is None:
        end = "pg_stat_activity shows sessions and their transactions: end what is in the way."
    elif first.state.startswith("idle"):
        end = f"To end that transaction, and its session with it: SELECT pg_terminate_backend({first.pid});"
    else:
        end = (
            f"To end its query: SELECT pg_cancel_backend({first.pid}); or its session: "
            f"SELECT pg_terminate_backend({first.pid});"
        )
    return f"{end}\n{_longer(blocked) if blocked else ''}"


def _longer(blocked: Blocked) -> str:
    if blocked.attempts > 1:
        return "Or be more patient: lock-patience (lock_patience=… in Python) has the seconds.\n"
    return "Or let it wait longer: lock-timeout (lock_timeout=… in Python) has the seconds.\n"
