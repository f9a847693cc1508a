"""From the columns of the native store's table, as they come, to rows."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from trek_core.plugin import HistoryRow, replace

READ = (
    *("seq", "revision", "verb", "title", "checksum", "state", "step", "started_at", "finished_at", "duration"),
    *("who", "application", "backend_pid", "xid"),
)
"""The columns, and the transaction of a row that is not finished."""


def from_columns(columns: Mapping[str, Any]) -> tuple[HistoryRow, ...]:
    """The rows by `seq`, from a list a column, or None where the table is empty; `problems` are by `seq` too."""
    values = zip(*(columns[name] or () for name in READ), strict=True)
    rows = [_row(row) for row in sorted(values, key=itemgetter(0))]
    problems = columns["problems"] or {}
    return tuple([replace(row, problem=problems.get(str(row.data["seq"]), "")) for row in rows] if problems else rows)


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
