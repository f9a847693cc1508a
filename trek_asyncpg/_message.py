"""One simple query made of many statements, and the way back from a position in it to a statement."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from trek_core.plugin import Sql, dataclass, replace, script

MARKER_CLASS = 0x7472656B  # "trek"


@dataclass(frozen=True, slots=True)
class Message:
    """The text to send, the statements in it, and where each begins, in characters."""

    text: str
    statements: tuple[Sql, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, statements: Iterable[Sql]) -> Message:
        """Glued with newline, semicolon, newline: a bare semicolon would be swallowed by a trailing comment."""
        parts, starts, at = tuple(statements), [], 0
        for part in parts:
            starts.append(at)
            at += len(part.text) + len(script.SEPARATOR)
        return cls(script.SEPARATOR.join(part.text for part in parts), parts, tuple(starts))

    def followed(self, by: Iterable[str]) -> Message:
        """With more behind it, of which nobody asks where it stands."""
        return replace(self, text=script.SEPARATOR.join((self.text, *by)))

    def index(self, position: int) -> int:
        """Which statement stands at a position (from 0, in characters of the text)."""
        return bisect.bisect_right(self.starts, position) - 1

    def find(self, position: int) -> tuple[Sql, int]:
        """The statement at a position, and the position in it."""
        index = self.index(position)
        return self.statements[index], position - self.starts[index]


def marked(body: Sequence[Sql]) -> Iterable[Sql]:
    """The body with a marker before each statement, so that a failure whose position the server does not send has a name.

    A marker is a shared session advisory lock, moved on from statement to statement: it survives the rollback, can be
    read in pg_locks, needs no object, blocks nobody (measured: 1.05 times one query without).
    """
    for number, statement in enumerate(body, 1):
        yield Sql(f"SELECT {mark(number, number - 1)}")
        yield statement
    yield Sql(f"SELECT {forget(len(body))}")


def mark(number: int, before: int = 0) -> str:
    """An SQL expression list that sets a marker and takes away the one before; 0 is none."""
    return f"pg_catalog.pg_try_advisory_lock_shared({MARKER_CLASS}, {number})" + (
        f", {forget(before)}" if before else ""
    )


def forget(number: int) -> str:
    """An SQL expression that takes a marker away."""
    return f"pg_catalog.pg_advisory_unlock_shared({MARKER_CLASS}, {number})"


WHERE_MARKED = (
    "SELECT pg_catalog.jsonb_build_object('number', l.objid::bigint, 'gone', pg_catalog.pg_advisory_unlock_shared("
    f"{MARKER_CLASS}, l.objid::bigint::integer)) FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory'"
    f" AND l.objsubid = 2 AND l.classid = {MARKER_CLASS} AND l.pid = pg_catalog.pg_backend_pid()"
)
"""Reads the marker that a failure left, and removes it."""
