"""The native version store: one append-only table, counted by trek.

The plan knows the next `seq`, and each migration's first statement inserts it: two runners cannot both write the same
step, whatever happens to a lock. A row is only ever completed by the run that wrote it; none is deleted. Whoever goes on
with what a dead run left first commits a row "claim", and with it turns the row of that run from "started" to "abandoned":
the dead run, should it still be at work, can then write no step, and not its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Literal

from trek_core.plugin import (
    Action,
    Advisory,
    Catalog,
    ConfigError,
    Facts,
    Guard,
    History,
    HistoryRow,
    Lock,
    Record,
    Row,
    Rows,
    Sql,
    State,
    Statement,
    VersionStore,
    advisory_key,
    create_schema,
    quote_ident,
    quote_literal,
    script,
    state_of,
)

COLUMNS = (
    ("seq", "bigint NOT NULL"),
    ("revision", "text NOT NULL"),
    ("verb", "text NOT NULL"),
    ("title", "text NOT NULL"),
    ("checksum", "text"),
    ("state", "text NOT NULL"),
    ("step", "integer"),
    ("started_at", "timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()"),
    ("finished_at", "timestamptz"),
    ("duration", "double precision"),
    ("who", "text NOT NULL DEFAULT session_user"),
    ("application", "text NOT NULL DEFAULT pg_catalog.current_setting('application_name')"),
    ("backend_pid", "integer NOT NULL DEFAULT pg_catalog.pg_backend_pid()"),
)
_NAMES = tuple(name for name, _ in COLUMNS)
_READ = (*_NAMES, "xid")
NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names, and the guard would not know its own table


@dataclass(frozen=True, slots=True)
class NativeSettings:
    """Where the history lies. `schema` None: "public", whatever the search_path says, so that all runners see one history."""

    schema: str | None = None
    table: str = "trek_history"


class NativeStore(VersionStore):
    """The table `trek_history`. Raises `ConfigError` for names that PostgreSQL would cut."""

    keeps_steps = True

    def __init__(self, settings: NativeSettings | None = None) -> None:
        settings = settings or NativeSettings()
        self.schema, self.table = settings.schema or "public", settings.table
        for name in (self.schema, self.table):
            if not 0 < len(name.encode()) <= NAME_BYTES:
                msg = (
                    f"the history cannot lie in {name!r}: that name has {len(name.encode())} bytes, and PostgreSQL takes "
                    f"1 to {NAME_BYTES}.\nChange the store settings schema or table."
                )
                raise ConfigError(msg)
        self.name = f"{quote_ident(self.schema)}.{quote_ident(self.table)}"
        self.key = _key(self.table)

    @property
    def identity(self) -> str:
        return f"{self.schema}.{self.table}"

    def query(self) -> Sql:
        return Sql(
            "SELECT pg_catalog.json_build_object('head', true,"
            " 'columns', (SELECT pg_catalog.jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a"
            " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"
            " 'key', (SELECT pg_catalog.jsonb_agg(k.conname) FROM pg_catalog.pg_constraint k"
            " WHERE k.conrelid = c.oid AND k.contype = 'p'),"
            " 'hidden', pg_catalog.row_security_active(c.oid),"
            " 'writable', pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE'),"
            " 'published', EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE p.puballtables))"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE n.nspname = {quote_literal(self.schema)} AND c.relname = {quote_literal(self.table)}"
            f" UNION ALL {self._rows()}"
        )

    def _rows(self) -> str:
        """One object, a list a column: half the work of an object a row. What the table lacks is found in `lacking`."""
        lists = ", ".join(f"'{name}', pg_catalog.json_agg(t.{name})" for name in _NAMES)
        lacking = ", ".join(f"NULL::text AS {name}" for name in _NAMES)
        return (
            f"SELECT pg_catalog.json_build_object({lists},"
            " 'xid', pg_catalog.json_agg(CASE WHEN t.finished_at IS NULL THEN t.xid END))"
            f" FROM (SELECT NULL::pg_catalog.xid AS xmin, {lacking}) AS lacking"
            f" CROSS JOIN LATERAL (SELECT xmin::text AS xid, {', '.join(_NAMES)} FROM {self.name}) t"
        )

    def history(self, rows: Rows | None, facts: Facts) -> History:
        head = next((row for row in rows or () if "head" in row), None)
        # The server finds a table by its newest name, and rows by a snapshot that may be older than the table: no head then.
        if rows is None or head is None:
            return History(exists=False, facts=facts)
        self._check(head, facts)
        lists = next(row for row in rows if "head" not in row)
        values = sorted(zip(*(lists[name] or () for name in _READ), strict=True), key=itemgetter(0))
        history = tuple([_row(row) for row in values])
        following = values[-1][0] + 1 if values else 1
        return History(True, history, following, facts, self._warnings(head), self._refusal(head, facts))

    def _check(self, head: Row, facts: Facts) -> None:
        missing = [name for name, _ in COLUMNS if name not in (head["columns"] or ())]
        if missing or head["key"] != [self.key]:
            what = f"lacks {', '.join(missing)}" if missing else f"has no primary key {self.key!r}"
            msg = (
                f"{self.identity} is a table of another shape: it {what}.\n"
                "It is not trek's history, and trek leaves it alone. Name another with the store settings schema and table."
            )
            raise ConfigError(msg)
        if head["hidden"]:
            msg = (
                f"row security hides rows of {self.identity} from {facts.user!r}: the history cannot be trusted.\n"
                f"Migrate as the table's owner, or: ALTER TABLE {self.name} DISABLE ROW LEVEL SECURITY;"
            )
            raise ConfigError(msg)

    def _refusal(self, head: Row, facts: Facts) -> str:
        if head["writable"]:
            return ""
        user = quote_ident(facts.user)
        return (
            f"the user {facts.user!r} may read {self.identity}, but not write it: "
            f"GRANT INSERT, UPDATE ON {self.name} TO {user}; or migrate as another role."
        )

    def _warnings(self, head: Row) -> tuple[str, ...]:
        if not head["published"]:
            return ()
        warning = (
            f"a publication FOR ALL TABLES copies {self.identity} to subscribers, whose tables may be missing there: "
            "publish tables by name"
        )
        return (warning,)

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def locks(self, history: History) -> Sequence[Lock]:  # noqa: ARG002
        return (Advisory(advisory_key(f"trek\0{self.identity}")),)

    def prepare(self, history: History) -> Sequence[Statement]:
        if history.exists:
            return ()
        columns = ",\n  ".join(f"{name} {kind}" for name, kind in COLUMNS)
        table = f"CREATE TABLE {self.name} (\n  {columns},\n  CONSTRAINT {quote_ident(self.key)} PRIMARY KEY (seq)\n)"
        schema = () if self.schema == "public" else (Sql(create_schema(self.schema)),)
        return (*schema, Sql(table))

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        seq = history.next
        guard = Guard(self.schema, self.table, self.key)
        if action.body is None:  # only the history is written
            row = self._insert(seq, action, "done", finished=True)
            begin = (row, *self._abandoned(action, history))
            return Record(begin=begin, guard=guard, history=_used(history, 1))
        if action.mode != "transaction":
            return self._outside(action, history, guard)
        also = self._released(action, seq + 1, history)
        begin = (self._insert(seq, action, "started", finished=False), *also)
        finish = (self._complete(seq, action, "started"),)
        return Record(begin=begin, finish=finish, guard=guard, history=_used(history, len(begin)))

    def _outside(self, action: Action, history: History, guard: Guard) -> Record:
        """Rows around each statement; of an action that resumes around the rest."""
        seq, state = history.next, "claim" if action.resume else "started"
        also = () if action.resume else self._released(action, seq + 1, history)
        begin = (self._insert(seq, action, state, finished=False, step=0), *also, *self._abandoned(action, history))
        steps, body = seq + len(also), script.body_checksum(action)

        def progress(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Statement, ...]:
            if phase == "done":
                return (self._touch(steps + number),)
            row = (steps + number, action.revision, action.verb, action.entry.title, body, "step", number)
            return (self._row(row, finished=phase == "whole"),)

        return Record(
            begin=begin,
            finish=(self._complete(seq, action, state),),
            progress=progress,
            failed=(Sql(f"UPDATE {self.name} SET state = 'failed' WHERE seq = {seq} AND state = '{state}'"),),
            guard=guard,
            history=_used(history, 1 + len(also) + len(script.statements(action))),
        )

    def _released(self, action: Action, seq: int, history: History) -> tuple[Sql, ...]:
        """Reverting a squash that counts as applied releases the revisions it replaces."""
        if action.verb != "revert" or not action.entry.replaces:
            return ()
        applied = {row.revision for row in history.rows}
        released = (revision for revision in action.entry.replaces if revision in applied)
        return tuple(self._unmark(number, revision) for number, revision in enumerate(released, seq))

    def _abandoned(self, action: Action, history: History) -> tuple[Sql, ...]:
        """What runs that are gone left open of a revision: one that is at work all the same cannot complete its row."""
        left = [row for row in history.rows if row.revision == action.revision and row.state in ("started", "claim")]
        return tuple(self._turn(row.data["seq"], action, (row.state, "abandoned")) for row in left)

    def _insert(self, seq: int, action: Action, state: str, *, finished: bool, step: int | None = None) -> Sql:
        values = (seq, action.revision, action.verb, action.entry.title, action.checksum, state, step)
        return self._row(values, finished=finished)

    def _unmark(self, seq: int, revision: str) -> Sql:
        return self._row((seq, revision, "unmark", "", None, "done", None), finished=True)

    def _row(self, values: tuple[object, ...], *, finished: bool) -> Sql:
        """A step's row stands behind its statement, in the same query; with no other finished row anything ran."""
        is_step = bool(values[-1])
        ended = f"pg_catalog.statement_timestamp(), {_NOW}, {_SINCE_QUERY}" if is_step else f"{_NOW}, {_NOW}, 0"
        times = ended if finished else f"{_NOW}, NULL, NULL"
        given = ", ".join(map(quote_literal, values))
        return Sql(
            f"INSERT INTO {self.name} (seq, revision, verb, title, checksum, state, step, started_at, finished_at, duration)"
            f" VALUES ({given}, {times})"
        )

    def _touch(self, seq: int) -> Sql:
        return Sql(f"UPDATE {self.name} AS h SET {_STAMP} WHERE seq = {seq}")

    def _complete(self, seq: int, action: Action, state: str) -> Sql:
        return self._turn(seq, action, (state, "done"), f", {_STAMP}")

    def _turn(self, seq: int, action: Action, states: tuple[str, str], more: str = "") -> Sql:
        """Exactly that row goes from one state to the other; if it is gone, or in another state, a cast fails.

        An INSERT that always meets the row: the server plans it in half the time of an UPDATE that is counted, and a
        migration of a few statements costs it hardly more than that.
        """
        before, after = map(quote_literal, states)
        said = quote_literal(
            f"trek: row {seq} of {self.identity} ({action.verb} {action.revision}) is gone or was changed; found: "
        )
        return Sql(
            f"INSERT INTO {self.name} AS h (seq, revision, verb, title, state) VALUES ({seq}, '', '', '', 'no row')"
            f" ON CONFLICT (seq) DO UPDATE SET state = CASE h.state WHEN {before} THEN {after} ELSE 'state ' || h.state END"
            f"{more} RETURNING CASE h.state WHEN {after} THEN 1 ELSE ({said} || h.state)::integer END"
        )


_NOW = "pg_catalog.clock_timestamp()"
_SINCE_QUERY = f"pg_catalog.date_part('epoch', {_NOW} - pg_catalog.statement_timestamp())"
"""Seconds since the server got the query: the statement's own time, where its row is written by the same query."""
_STAMP = f"finished_at = {_NOW}, duration = pg_catalog.date_part('epoch', {_NOW} - h.started_at)"


def _key(table: str) -> str:
    """The primary key's name, which is an index's too: two histories of one schema need two."""
    name = f"{table}_key"
    return name if len(name.encode()) <= NAME_BYTES else f"trek_{advisory_key(table) % 2**64:x}_key"


def _used(history: History, rows: int) -> History:
    return replace(history, exists=True, next=history.next + rows)


def _row(values: tuple[Any, ...]) -> HistoryRow:
    _, revision, verb, title, checksum, state, step, started, finished, duration, who, application, _, xid = values
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
        data=dict(zip(_READ, values, strict=True)),
    )
