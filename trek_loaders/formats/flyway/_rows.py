"""Rows of the table: as lines of a history, and as trek writes them."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING

from trek_core.plugin import HistoryRow, PlanError, dataclass, quote_literal, replace
from trek_loaders.formats._table import marked_at
from trek_loaders.formats.flyway._versions import (
    BASELINE,
    REPEATABLE,
    abbreviated,
    plain,
    repeatable,
    same,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trek_core.plugin import Action, Catalog, History, Row, Verb

SCHEMA_MADE = "<< Flyway Schema Creation >>"
RENAMED = "trek_renamed"
"""The key that a row gets whose description is not the file's."""
_OF_BASELINES = ("_BASELINE", "_STATE_SCRIPT")
_MARKERS = ("SCHEMA", "BASELINE")
_TAKES_AWAY: dict[str, Verb] = {"DELETE": "unmark"}
_LONGEST_VERSION, _LONGEST_SCRIPT = 50, 1000
_CHECKSUM = re.compile(r"-?[0-9]{1,10}")


# --------------------------------------------------------------------------- reading
def line(row: Row) -> HistoryRow:
    """A row as a line of the history."""
    time = row["installed_on"] or ""
    kind, done = row["type"], bool(row["success"])
    verb: Verb = _TAKES_AWAY.get(kind, "revert" if kind.startswith("UNDO") else "apply")
    return HistoryRow(
        revision=_revision(row),
        verb="mark" if kind in _MARKERS else verb,
        state="done" if done else "failed",
        title=row["description"],
        checksum=None if row["checksum"] is None else str(row["checksum"]),
        started_at=time,
        finished_at=time if done else "",
        duration=row["execution_time"] / 1000,
        who=row["installed_by"],
        data=row,
    )


def _revision(row: Row) -> str:
    version, kind, description = row["version"], str(row["type"]), str(row["description"])
    if version is None:
        return description if kind == "SCHEMA" else repeatable(description)
    return f"{BASELINE if kind.endswith(_OF_BASELINES) else ''}{version}"


def is_marker(row: HistoryRow) -> bool:
    """Whether it tells of no migration: the schema was made, or the baseline is somewhere."""
    return row.data["type"] in _MARKERS


def resolved(row: HistoryRow, catalog: Catalog) -> HistoryRow:
    """The row under the name that its file has, and marked if the file has another description."""
    version = version_of(row.revision)
    entry = catalog.get(row.revision)
    if entry is None and version is not None:
        prefix = row.revision[: -len(version)]
        entry = catalog.get(prefix + plain(version))
    if entry is None:
        return row
    renamed = abbreviated(entry.title) != row.title
    data = {**row.data, RENAMED: entry.title} if renamed else row.data
    return row if entry.revision == row.revision and not renamed else replace(row, revision=entry.revision, data=data)


def rank_of(history: History) -> int:
    """Of the last row, 0 where there is none."""
    return history.rows[-1].data["installed_rank"] if history.rows else 0


def recorded(history: History) -> Iterator[HistoryRow]:
    """The rows that were read, without those that this plan will write: a plan may have ten thousand of them."""
    return takewhile(lambda row: "success" in row.data, history.rows)


def of(action: Action, rows: Iterable[HistoryRow]) -> list[HistoryRow]:
    """The rows of the action's revision, and of what it replaces."""
    names = {same(name) for name in (action.revision, *action.entry.replaces)}
    return [row for row in rows if same(row.revision) in names and not is_marker(row)]


# --------------------------------------------------------------------------- writing
@dataclass(frozen=True, slots=True)
class NewRow:
    """What is known of a row before it is written."""

    rank: int
    version: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    at: str = "pg_catalog.clock_timestamp()"

    @classmethod
    def of(cls, action: Action, rank: int) -> NewRow:
        """Raises `PlanError` for what the table cannot keep."""
        entry, revision = action.entry, action.revision
        again = revision.startswith(REPEATABLE)
        version = None if again else version_of(revision)
        if not again and (version is None or len(version) > _LONGEST_VERSION):
            raise _refused(
                revision, f"versions of digits and dots, {_LONGEST_VERSION} characters at most, and {revision!r}"
            )
        if action.checksum is not None and not _CHECKSUM.fullmatch(action.checksum):
            raise _refused(revision, f"checksums of 32 bits, and {action.checksum[:20]!r}")
        description = revision.removeprefix(REPEATABLE).replace("_", " ") if again else abbreviated(entry.title)
        return cls(
            rank,
            version,
            description,
            "SQL_BASELINE" if revision.startswith(BASELINE) else "SQL",
            _script(entry.files[0].path if entry.files else revision),
            None if action.checksum is None else int(action.checksum),
            marked_at(action)[0],
        )

    def insert(self, table: str, *, success: bool = True) -> str:
        known = map(quote_literal, (self.rank, self.version, self.description, self.type, self.script, self.checksum))
        return (
            f"INSERT INTO {table} (installed_rank, version, description, type, script, checksum, installed_by, installed_on, "
            f"execution_time, success) VALUES ({', '.join(known)}, current_user, {self.at}, 0, "
            f"{quote_literal(success)})"
        )

    def update(self, table: str) -> str:
        known = {"description": self.description, "type": self.type, "checksum": self.checksum, "success": True}
        values = ", ".join(f"{name} = {quote_literal(value)}" for name, value in known.items())
        return f"UPDATE {table} SET {values} WHERE installed_rank = {self.rank}"

    def line(self) -> HistoryRow:
        """The row as far as the next action of the plan must know it."""
        data = {
            "installed_rank": self.rank,
            "version": self.version,
            "description": self.description,
            "type": self.type,
        }
        return HistoryRow(revision=_revision(data), title=self.description, data=data)


def _script(path: str) -> str:
    return path if len(path) <= _LONGEST_SCRIPT else "..." + path[3:_LONGEST_SCRIPT]


def _refused(revision: str, what: str) -> PlanError:
    message = f"Flyway's table keeps {what} is none. Take another store, or name the files as Flyway wants them."
    return PlanError(message, (revision,))
