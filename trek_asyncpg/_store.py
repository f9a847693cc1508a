"""The native version store: one append-only table, counted by trek.

The plan knows the next `seq`, and each migration's first statement inserts it: two runners cannot both write the same
step, whatever happens to a lock. A row is only ever completed by the run that wrote it; none is deleted. Whoever goes on
with what a dead run left first commits a row "claim", and with it turns the row of that run from "started" to "abandoned":
the dead run, should it still be at work, can then write no step, and not its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from trek_asyncpg._history import HistoryTable
from trek_core.plugin import (
    ROLLED_BACK,
    Catalog,
    Facts,
    Form,
    History,
    HistoryRow,
    Rows,
    Sql,
    State,
    Statement,
    VersionStore,
    advisory_key,
    dataclass,
    quote_literal,
    replace,
    state_of,
)

if TYPE_CHECKING:
    from trek_core.plugin import Action, Guard, Lock, Record


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
        self._table = HistoryTable(settings.schema or "public", settings.table)
        self.name = self._table.name

    @property
    def identity(self) -> str:
        return self._table.identity

    def query(self) -> Sql:
        return self._table.query()

    def history(self, rows: Rows | None, facts: Facts) -> History:
        return self._table.history(rows, facts)

    def state(self, history: History, catalog: Catalog) -> State:
        return state_of(history, catalog)

    def locks(self, history: History) -> Sequence[Lock]:  # noqa: ARG002
        from trek_core.plugin import Advisory  # noqa: PLC0415 - what writes is imported when there is something to write

        return (Advisory(advisory_key(f"trek\0{self.identity}")),)

    def prepare(self, history: History) -> Sequence[Statement]:
        if not history.exists:
            return self._table.made()
        return (Sql(self._table.altered(history.lacks)),) if history.lacks else ()

    def unmoved(self, history: History) -> Sql:
        """For a script that somebody runs later, or elsewhere: it fails unless the table holds these rows."""
        return self._table.unmoved(history)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        from trek_core.plugin import Guard, Record  # noqa: PLC0415 - as above

        seq = history.next
        guard = Guard(self._table.schema, self._table.table, self._table.key)
        if action.body is None:  # only the history is written
            row = self._insert(history, action, "done", finished=True, told=action.told)
            begin = (row, *self._abandoned(action, history))
            return Record(begin=begin, guard=guard, history=_used(history, 1))
        if action.mode != "transaction":
            return self._outside(action, history, guard)
        also = self._released(action, seq + 1, history)
        row = self._insert(history, action, "started", finished=False)
        return Record(
            begin=(row, *also),
            finish=(self._complete(seq, "started"),),
            afterwards=None if also or seq == 1 else self._behind(action, history),
            failed=(_noted(self.name, row),),
            guard=guard,
            history=_used(history, 1 + len(also)),
        )

    def _outside(self, action: Action, history: History, guard: Guard) -> Record:
        """Rows around each statement; of an action that resumes around the rest."""
        from trek_core.plugin import Record, script  # noqa: PLC0415 - as above

        seq, state = history.next, "claim" if action.resume else "started"
        also = () if action.resume else self._released(action, seq + 1, history)
        begin = (self._insert(history, action, state, finished=False, step=0), *also, *self._abandoned(action, history))
        steps, known = seq + len(also), script.prefix_checksums(action)
        begun = f"seq = {seq} AND state = '{state}'"

        def progress(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Statement, ...]:
            if phase == "done":
                return (self._touch(steps + number),)
            row = (steps + number, action.revision, action.verb, action.entry.title, known[number - 1], "step", number)
            return (self._row(row, history, finished=phase == "whole"),)

        return Record(
            begin=begin,
            finish=(self._complete(seq, state),),
            progress=progress,
            failed=(Sql(f"UPDATE {self.name} SET state = 'failed', problem = $problem WHERE {begun}"),),
            guard=guard,
            history=_used(history, 1 + len(also) + len(script.statements(action))),
        )

    def _released(self, action: Action, seq: int, history: History) -> tuple[Sql, ...]:
        """Reverting a squash that counts as applied releases the revisions it replaces."""
        if action.verb != "revert" or not action.entry.replaces:
            return ()
        applied = {row.revision for row in history.rows}
        released = (revision for revision in action.entry.replaces if revision in applied)
        return tuple(self._unmark(number, revision, history) for number, revision in enumerate(released, seq))

    def _abandoned(self, action: Action, history: History) -> tuple[Sql, ...]:
        """What runs that are gone left open of a revision: one that is at work all the same cannot complete its row."""
        left = [row for row in history.rows if row.revision == action.revision and row.state in ("started", "claim")]
        return tuple(self._turn(row.data["seq"], (row.state, "abandoned")) for row in left)

    def _insert(
        self,
        history: History,
        action: Action,
        state: str,
        *,
        finished: bool,
        step: int | None = None,
        told: HistoryRow | None = None,
    ) -> Sql:
        values = (history.next, action.revision, action.verb, action.entry.title, action.checksum, state, step)
        return self._row(values, history, finished=finished, told=told)

    def _behind(self, action: Action, history: History) -> Sql:
        """The row of what is done, behind it. The guard is late then, but nobody else is at work under the lock."""
        values = (action.revision, action.verb, action.entry.title, action.checksum, history.facts.identity or None)
        form = _following(self.name, self.identity, counted=_may_take_rows(action))
        return form.filled(tuple(map(quote_literal, (*values, history.next))))

    def _unmark(self, seq: int, revision: str, history: History) -> Sql:
        return self._row((seq, revision, "unmark", "", None, "done", None), history, finished=True)

    def _row(
        self, values: tuple[object, ...], history: History, *, finished: bool, told: HistoryRow | None = None
    ) -> Sql:
        """A step's row stands behind its statement, in the same query; with no other finished row anything ran."""
        known = tuple(map(quote_literal, (*values, history.facts.identity or None)))
        if told and (times := _times(told)):
            return Sql(_inserted(self.name, times).filled(known).text)  # no two of them are alike
        return _inserting(self.name, (_STEP if values[-1] else _AT_ONCE) if finished else _OPEN).filled(known)

    def _touch(self, seq: int) -> Sql:
        return Sql(f"UPDATE {self.name} AS h SET {_STAMP} WHERE seq = {seq}")

    def _complete(self, seq: int, state: str) -> Sql:
        return self._turn(seq, (state, "done"), f", {_STAMP}")

    def _turn(self, seq: int, states: tuple[str, str], more: str = "") -> Sql:
        """Exactly that row goes from one state to the other; if it is gone, or in another state, a cast fails."""
        return _turning(self.name, self.identity, states, more).filled((str(seq),))


_TAKES = r"(?i)\b(?:trigger|rule|select|execute|call|do)\b"
_NOW = "pg_catalog.clock_timestamp()"
_SINCE_QUERY = f"pg_catalog.date_part('epoch', {_NOW} - pg_catalog.statement_timestamp())"
"""Seconds since the server got the query: the statement's own time, where its row is written by the same query."""
_OPEN, _AT_ONCE = f"{_NOW}, NULL, NULL", f"{_NOW}, {_NOW}, 0"
_STEP = f"pg_catalog.statement_timestamp(), {_NOW}, {_SINCE_QUERY}"
"""What a new row says of times: begun, done as soon as it is written, and a step's, whose statement stands before it."""
_ROLLED_BACK = quote_literal(ROLLED_BACK)
_STAMP = f"finished_at = {_NOW}, duration = pg_catalog.date_part('epoch', {_NOW} - h.started_at)"


def _inserted(table: str, times: str) -> Form:
    given = ("seq", "revision", "verb", "title", "checksum", "state", "step", "database")
    begin = f"INSERT INTO {table} ({', '.join(given)}, started_at, finished_at, duration) VALUES ("
    return Form((begin, *[", "] * (len(given) - 1), f", {times})"))


_inserting = cache(_inserted)


@cache
def _following(table: str, identity: str, *, counted: bool) -> Form:
    """A row that is done, begun when the query came or the row before it was done. If that row is gone, a cast fails.

    counted: it also fails if this row was taken away as it was written. To look costs as much as to write it.
    """
    given = ("revision", "verb", "title", "checksum", "database")
    gone = quote_literal(f" of {identity} is gone or was changed; found: no row")
    begin = f"INSERT INTO {table} ({', '.join(given)}, seq, state, started_at, finished_at, duration) SELECT "
    row = (
        f", t.seq, 'done', COALESCE(t.begun, ('trek: row ' || (t.seq - 1)::text || {gone})::timestamptz), t.ended,"
        " pg_catalog.date_part('epoch', t.ended - t.begun) FROM (SELECT s.seq, (SELECT"
        f" GREATEST(pg_catalog.statement_timestamp(), p.finished_at) FROM {table} p WHERE p.seq = s.seq - 1) AS begun,"
        f" {_NOW} AS ended FROM (SELECT "
    )
    first, last = ("WITH w AS (", f" RETURNING 1) {_kept(identity)}") if counted else ("", "")
    return Form((first + begin, *[", "] * (len(given) - 1), row, "::bigint AS seq) s) t" + last))


def _may_take_rows(action: Action) -> bool:
    """Whether the body may have put a trigger or a rule on the history: it names one, or calls functions that may."""
    statements = action.body.statements if action.body else ()
    return any(re.search(_TAKES, one.text) for one in statements if isinstance(one, Sql))


@cache
def _turning(table: str, identity: str, states: tuple[str, str], more: str) -> Form:
    """An INSERT that always meets the row: the server plans it in half the time of an UPDATE that is counted, and a
    migration of a few statements costs it hardly more than that.
    """
    before, after = map(quote_literal, states)
    row, gone = map(quote_literal, ("trek: row ", f" of {identity} is gone or was changed; found: "))
    turned = (
        f", '', '', '', 'no row') ON CONFLICT (seq) DO UPDATE SET state = CASE h.state WHEN {before} THEN {after}"
        f" ELSE 'state ' || h.state END{more}"
        f" RETURNING CASE h.state WHEN {after} THEN 1 ELSE ({row} || h.seq::text || {gone} || h.state)::integer END)"
        f" {_kept(identity)}"
    )
    return Form((f"WITH w AS (INSERT INTO {table} AS h (seq, revision, verb, title, state) VALUES (", turned))


def _kept(identity: str) -> str:
    """Behind what writes a row: fails where a trigger that the migration itself made took it away."""
    lacks = quote_literal(f"trek: a trigger of {identity} took a row away; rows written: ")
    return (
        f"SELECT CASE pg_catalog.count(*) WHEN 1 THEN 1 ELSE ({lacks} || pg_catalog.count(*)::text)::integer END FROM w"
    )


def _noted(table: str, row: Sql) -> Sql:
    """Of what was rolled back, with its row. What fails in the same way again and again, at each start, has one note."""
    _, revision, verb, title, checksum, _, _, database = row.literals
    same = f"(l.state, l.revision, l.verb, l.problem) = ({_ROLLED_BACK}, n.revision, n.verb, n.problem)"
    return Sql(
        f"INSERT INTO {table} AS h (seq, revision, verb, title, checksum, state, started_at, finished_at, database, problem)"
        f" SELECT COALESCE(l.seq, 0) + CASE WHEN {same} THEN 0 ELSE 1 END, n.revision, n.verb, n.title, n.checksum,"
        f" {_ROLLED_BACK}, pg_catalog.now(), {_NOW}, n.database, n.problem"
        f" FROM (VALUES ({revision}, {verb}, {title}, {checksum}, {database}, $problem))"
        " AS n (revision, verb, title, checksum, database, problem)"
        f" LEFT JOIN LATERAL (SELECT * FROM {table} ORDER BY seq DESC LIMIT 1) l ON true"
        " ON CONFLICT (seq) DO UPDATE SET finished_at = EXCLUDED.finished_at"
    )


def _times(told: HistoryRow) -> str:
    """When it was applied, as another history says; empty where that does not tell."""
    from datetime import datetime  # noqa: PLC0415 - as above

    begun, ended = told.started_at or told.finished_at, told.finished_at or told.started_at
    try:
        for time in (begun, ended):
            datetime.fromisoformat(time)
    except ValueError:
        return ""
    return f"{quote_literal(begun)}::timestamptz, {quote_literal(ended)}::timestamptz, {quote_literal(told.duration)}"


def _used(history: History, rows: int) -> History:
    return replace(history, exists=True, next=history.next + rows)
