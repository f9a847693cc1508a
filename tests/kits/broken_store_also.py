"""More stores with one mistake each, and the test that sees it; and right ones that are unlike trek's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from trek_core.plugin import (
    Action,
    Call,
    Catalog,
    ConfigError,
    Facts,
    History,
    HistoryRow,
    Record,
    Rows,
    State,
    Statement,
)
from trek_core.testing import MemoryConnection, MemoryStore


class KeepsTheFirstRow(MemoryStore):
    """Of a revision that was applied twice."""

    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        first = {row.revision: row for row in reversed(history.rows)}
        return replace(state, rows={name: first[name] for name in state.applied})


class KnowsOnlyTheFolder(MemoryStore):
    """A revision whose files are gone was never applied, it thinks."""

    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        here = tuple(name for name in state.applied if catalog.get(name))
        return replace(state, applied=here, rows={name: state.rows[name] for name in here})


class TakesAFailedRevertForNothing(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        return replace(state, unfinished=tuple(row for row in state.unfinished if row.verb != "revert"))


class TakesAMessageForATransaction(MemoryStore):
    """It writes that it is done in front of the body: if that fails the row is rolled back, it thinks."""

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        if action.mode != "message":
            return record
        begin = (self.insert(history.next, action, "done", finished=True),)
        return replace(record, begin=begin, finish=(), progress=None, failed=())


class GuardsOnlyTransactions(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return record if action.mode == "transaction" else replace(record, guard=None)


class CountsNoMarks(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return replace(record, history=history) if action.body is None else record


class MarksWithoutTitle(MemoryStore):
    def insert(self, seq: int, action: Action, state: str, **options: Any) -> Statement:
        if action.verb == "mark":
            action = replace(action, entry=replace(action.entry, title=""))
        return super().insert(seq, action, state, **options)


class MarksWithoutChecksum(MemoryStore):
    def insert(self, seq: int, action: Action, state: str, **options: Any) -> Statement:
        return super().insert(
            seq, replace(action, checksum=None) if action.verb == "mark" else action, state, **options
        )


# --------------------------------------------------------------------------- right, and unlike trek's own
@dataclass(frozen=True, slots=True)
class Stand:
    """Leaves one row: where the database stands."""

    table: str
    revision: tuple[str, ...]

    async def __call__(self, connection: MemoryConnection) -> None:
        await connection.delete(self.table, {})
        for revision in self.revision:
            await connection.insert(self.table, {"seq": 1, "revision": int(revision)})


class KeepsANumber(MemoryStore):
    """One row with the number of the revision that came last: as in many a framework."""

    keeps_steps = keeps_begun = False

    def history(self, rows: Rows | None, facts: Facts) -> History:
        if any("revision" not in row for row in rows or ()):
            msg = f"{self.table} is a table of another shape"
            raise ConfigError(msg)
        stands = tuple(HistoryRow(revision=str(row["revision"]), data=row) for row in rows or ())
        return History(rows is not None, stands, facts=facts)

    def state(self, history: History, catalog: Catalog) -> State:
        here = {row.revision: row for row in history.rows}
        names = [entry.revision for entry in catalog.entries]
        return State(tuple(names[: names.index(next(iter(here))) + 1] if here else ()), here)

    def record(self, action: Action, history: History) -> Record:
        finish = Call(Stand(self.table, action.after), f"stand on {action.after}")
        return Record(finish=(finish,), history=replace(history, exists=True))


ALSO: tuple[tuple[str, type[MemoryStore]], ...] = (
    ("test_s11_each_applied_revision_has_its_row", KnowsOnlyTheFolder),
    ("test_s13_what_failed_outside_a_transaction_is_unfinished", TakesAFailedRevertForNothing),
    ("test_s13_what_failed_outside_a_transaction_is_unfinished", TakesAMessageForATransaction),
    ("test_s16_a_row_is_unchanged_for_the_checksum_that_was_written", KeepsTheFirstRow),
    ("test_s21_several_actions_of_a_plan_are_recorded_each", CountsNoMarks),
    ("test_s23_titles_come_back_as_they_were_given", MarksWithoutTitle),
    ("test_s23_checksums_come_back_as_they_were_given", MarksWithoutChecksum),
    ("test_s24_of_two_that_write_the_same_step_one_loses_before_its_body", GuardsOnlyTransactions),
)
