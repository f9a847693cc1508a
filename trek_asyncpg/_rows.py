"""From the columns of the native store's table, as they come, to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from trek_core.plugin import HistoryRow

READ = (
    *("seq", "revision", "verb", "title", "checksum", "state", "step", "started_at", "finished_at", "duration"),
    *("who", "application", "backend_pid", "xid"),
)
"""The columns, and the transaction of a row that is not finished."""


def from_columns(columns: Mapping[str, Sequence[Any] | None]) -> tuple[HistoryRow, ...]:
    """The rows by `seq`, from a list a column, or None where the table is empty."""
    values = zip(*(columns[name] or () for name in READ), strict=True)
    return tuple([_row(row) for row in sorted(values, key=itemgetter(0))])


def _row(values: tuple[Any, ...]) -> HistoryRow:
    """`data` is written out: of ten thousand rows that is a third of the time."""
    seq, revision, verb, title, checksum, state, step, started, finished, duration, who, application, pid, xid = values
    return HistoryRow(
        revision=revision,
        verb=verb,
        state=state,
        title=f"statement {step} of {title}" if step else title,
        checksum=checksum,
        step=step,
        xid=xid or "",
        started_at=started,
        finished_at=finished or "",
        duration=duration,
        who=who,
        application=application,
        data={
            "seq": seq,
            "revision": revision,
            "verb": verb,
            "title": title,
            "checksum": checksum,
            "state": state,
            "step": step,
            "started_at": started,
            "finished_at": finished,
            "duration": duration,
            "who": who,
            "application": application,
            "backend_pid": pid,
            "xid": xid,
        },
    )
