"""The registry: a row of `changes` for each change that is deployed, what it requires, its tags, and all that happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import HistoryRow, Record, Sql, dataclass, quote_ident, quote_literal, replace, state_of
from trek_loaders.formats._store import LAST, ToolStore
from trek_loaders.formats._table import do, marked_at, moment
from trek_loaders.formats.sqitch._layout import CHANGE
from trek_loaders.formats.sqitch._plan import Change, Line, id_of
from trek_loaders.formats.sqitch._registry import VERSION, created

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trek_core.plugin import Action, Catalog, Entry, History, Row, State, VersionStore
    from trek_loaders.formats._settings import SqitchSettings

LOCK = 75474063
_EPOCH = "1970-01-01T00:00:00Z"


def make_store(settings: SqitchSettings) -> VersionStore:
    """The registry of the settings, or `sqitch`."""
    return SqitchStore(settings)


@dataclass(frozen=True, slots=True)
class _Who:
    """Who deploys, as SQL."""

    name: str
    mail: str

    @classmethod
    def of(cls, settings: SqitchSettings) -> _Who:
        name = "current_user" if settings.user_name is None else quote_literal(settings.user_name)
        mail = (
            "pg_catalog.concat(current_user, '@localhost')"
            if settings.user_email is None
            else quote_literal(settings.user_email)
        )
        return cls(name, mail)

    @property
    def both(self) -> str:
        return f"{self.name}, {self.mail}"


class SqitchStore(ToolStore):
    """Each change with all that belongs to it is written in the change's own transaction, where it has one."""

    tool = "Sqitch"
    table = "changes"
    schema = "sqitch"
    sum = "script_hash"
    own_keys = (LOCK,)
    columns: ClassVar = {
        "change_id": ("text",),
        "script_hash": ("text",),
        "change": ("text",),
        "project": ("text",),
        "note": ("text",),
        "committed_at": (),
        "committer_name": ("text",),
        "planned_at": (),
    }

    def __init__(self, settings: SqitchSettings) -> None:
        super().__init__(settings)
        self.who, self.project = _Who.of(settings), settings.project

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: moment(row["committed_at"])):
            yield HistoryRow(
                revision=row["change"],
                title=row["note"],
                checksum=row["script_hash"],
                started_at=row["committed_at"],
                finished_at=row["committed_at"],
                who=row["committer_name"],
                data=row,
            )

    def state(self, history: History, catalog: Catalog) -> State:
        """Of the plan's own project: others share the registry. A change that the plan does not have goes by its id."""
        changes = (entry.meta.get(CHANGE) for entry in catalog.entries)
        project = next((one.project for one in changes if isinstance(one, Change)), self.project)
        rows = (row for row in history.rows if row.data["project"] == project)
        return state_of(replace(history, rows=tuple(_known(row, catalog, project) for row in rows)), catalog)

    def prepare(self, history: History) -> Sequence[Sql]:
        if history.exists:
            return ()
        schema = self.place.where(history)
        release = f"INSERT INTO {quote_ident(schema)}.releases (version, installer_name, installer_email)"
        return self.place.made(history, (*created(schema), f"{release} VALUES ({VERSION}, {self.who.both})"))

    def create(self, name: str) -> Iterable[str]:  # noqa: ARG002 - `prepare` makes all of its tables
        return ()

    # ----------------------------------------------------------------------- writing
    def unmoved(self, history: History) -> Sql:
        """For a script that somebody runs later, or elsewhere: it fails unless what was deployed last is deployed there."""
        last = [row.data["change_id"] for row in history.rows][-LAST:]
        table = f"{self._tables(history)}.changes"
        there = [f"EXISTS (SELECT FROM {table} WHERE change_id = {quote_literal(one)})" for one in last]
        return self.place.check(history, " AND ".join(there) or "true", self.another)

    def record(self, action: Action, history: History) -> Record:
        """In a transaction the rows come first, so that of two runners one loses; outside one they come after the script."""
        change = self._change(action.entry, action.revision)
        away = action.verb in ("revert", "unmark")
        ids = [change.id, *(id_of(self.project, name) for name in action.entry.replaces)]
        table = f"{self._tables(history)}.changes"
        there = f"EXISTS (SELECT FROM {table} WHERE change_id IN ({', '.join(map(quote_literal, ids))}))"
        still = there if away else f"NOT {there}"
        writes = tuple(self._taken(history, change, ids) if away else self._written(history, change, action))
        guard, following = self.place.guard(history), replace(history, exists=True)
        message = f"{action.name} is {'no longer' if away else 'already'} in the registry: another runner was faster"
        if action.body is None:
            return Record(begin=(do(*self._marked(action, table, change, there, writes)),), history=following)
        if action.mode == "transaction":
            step = self.place.step(history, still, message, *writes)
            return Record(begin=(step,), guard=guard, history=following)
        late = (
            f"{action.name} ran outside a transaction, and meanwhile another runner recorded the same: nothing was recorded. "
            "Look at what both did to the database, then set the registry right with trek stamp."
        )
        failed = (Sql(self._event(history, "fail", change)),) if history.exists and not away else ()
        check, finish = self.place.check(history, still, message), self.place.late(history, still, late, *writes)
        return Record(begin=(check,), finish=(finish,), failed=failed, guard=guard, history=following)

    def _marked(self, action: Action, table: str, change: Change, there: str, writes: Iterable[str]) -> Iterator[str]:
        """A change that is there keeps what hangs on it: only the hash of its script is put right."""
        if action.verb == "unmark":
            yield from writes
            return
        mine = f"WHERE change_id = {quote_literal(change.id)}"
        body = "".join(f"{statement};\n" for statement in writes)
        put_right = f"UPDATE {table} SET script_hash = {quote_literal(action.checksum)} {mine};"
        yield f"IF {there} THEN {put_right}\nELSE {body}END IF"

    def _written(self, history: History, change: Change, action: Action) -> Iterator[str]:
        name, line, planned = self._tables(history), change.line, _planned(change.line)
        known = (change.project, change.uri or None)
        yield (
            f"INSERT INTO {name}.projects (project, uri, creator_name, creator_email) "
            f"VALUES ({_listed(*known)}, {self.who.both}) ON CONFLICT (project) DO NOTHING"
        )
        yield (
            f"INSERT INTO {name}.changes (change_id, script_hash, change, project, note, committer_name, committer_email, "
            f"planned_at, planner_name, planner_email, committed_at) VALUES "
            f"({_listed(change.id, action.checksum, line.name, change.project, line.note)}, {self.who.both}, {planned}, "
            f"{marked_at(action)[0]})"
        )
        needs = [("require", one, found) for one, found in change.required.items()]
        for kind, one, found in (*needs, *(("conflict", one, None) for one in line.conflicts)):
            yield f"INSERT INTO {name}.dependencies VALUES ({_listed(change.id, kind, one, found)})"
        for tag in change.tags:
            yield (
                f"INSERT INTO {name}.tags (tag_id, tag, project, change_id, note, committer_name, committer_email, "
                f"planned_at, planner_name, planner_email) VALUES "
                f"({_listed(tag.id, f'@{tag.line.name}', change.project, change.id, tag.line.note)}, {self.who.both}, "
                f"{_planned(tag.line)})"
            )
        yield self._event(history, "deploy", change)

    def _taken(self, history: History, change: Change, ids: Sequence[str]) -> Iterator[str]:
        for table in ("tags", "dependencies", "changes"):
            yield f"DELETE FROM {self._tables(history)}.{table} WHERE change_id IN ({_listed(*ids)})"
        yield self._event(history, "revert", change)

    def _event(self, history: History, kind: str, change: Change) -> str:
        line = change.line
        tags = (f"@{tag.line.name}" for tag in change.tags)
        lists = ", ".join(f"ARRAY[{_listed(*one)}]::text[]" for one in (line.requires, line.conflicts, tags))
        return (
            f"INSERT INTO {self._tables(history)}.events (event, change_id, change, project, note, requires, conflicts, tags, "
            f"committer_name, committer_email, planned_at, planner_name, planner_email) VALUES "
            f"({_listed(kind, change.id, line.name, change.project, line.note)}, {lists}, {self.who.both}, {_planned(line)})"
        )

    def _change(self, entry: Entry, revision: str) -> Change:
        """The plan's; of another layout one that no plan tells of, and of a change without a file its id."""
        found = entry.meta.get(CHANGE)
        if isinstance(found, Change):
            return found
        gone = not entry.files and len(revision) == len(id_of("", "")) and revision.isalnum()
        number = revision if gone else id_of(self.project, revision)
        line = Line(revision, 0, _EPOCH, "trek", "trek@localhost", entry.title)
        return Change(line, number, self.project, "", {})

    def _tables(self, history: History) -> str:
        return quote_ident(self.place.where(history))


def _known(row: HistoryRow, catalog: Catalog, project: str) -> HistoryRow:
    """The row under the revision of its change."""
    entry = catalog.get(row.data["change_id"])
    if entry is not None:
        return replace(row, revision=entry.revision)
    return (
        row if row.data["change_id"] == id_of(project, row.revision) else replace(row, revision=row.data["change_id"])
    )


def _planned(line: Line) -> str:
    return f"{quote_literal(line.time)}, {_listed(line.planner, line.mail)}"


def _listed(*values: object) -> str:
    return ", ".join(map(quote_literal, values))
