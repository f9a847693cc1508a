"""Stores in memory with one mistake each: in what they write."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from trek_core.plugin import ROLLED_BACK, Action, Call, Catalog, Facts, History, Record, Rows, State, Statement
from trek_core.testing import MemoryConnection, MemoryDatabaseError, MemoryStore
from trek_core.testing._memory_store import Insert


class CountsOneRow(MemoryStore):
    """A migration outside a transaction has a row for each of its statements."""

    def used(self, history: History, rows: int) -> History:
        return super().used(history, 1)


class SortsNumbersAsTexts(MemoryStore):
    def history(self, rows: Rows | None, facts: Facts) -> History:
        history = super().history(rows, facts)
        return replace(history, rows=tuple(sorted(history.rows, key=lambda row: str(row.data["seq"]))))


# --------------------------------------------------------------------------- what remains of a failure
class WritesBesides(MemoryStore):
    """Announces the migration outside its transaction, and takes that back when it is done."""

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        if action.body is None or action.mode != "transaction" or not history.exists:
            return record
        announced = {"seq": -history.next}
        announce = self.besides(history.next, action, announced)

        async def take_back(connection: MemoryConnection) -> None:
            await MemoryConnection(connection.database).delete(self.table, announced)

        finish = (*record.finish, Call(take_back, "take back"))
        return replace(record, begin=(announce, *record.begin), finish=finish)

    def besides(self, seq: int, action: Action, values: Mapping[str, object]) -> Call:
        """Inserts the row, with other values, on a connection of its own."""
        insert = self.insert(seq, action, "step", finished=False)
        assert isinstance(insert, Call)
        assert isinstance(insert.function, Insert)
        row = {**insert.function.values, "started_at": "", "finished_at": "", "duration": None, **values}

        async def write(connection: MemoryConnection) -> None:
            await MemoryConnection(connection.database).insert(self.table, row)

        return Call(write, "write")


class CommitsByItself(WritesBesides):
    """Writes one more row in `finish`, on a connection of its own."""

    def record(self, action: Action, history: History) -> Record:
        record = MemoryStore.record(self, action, history)
        if action.body is None or action.mode != "transaction" or not history.exists:
            return record
        audit = self.besides(history.next, action, {"seq": history.next + 0.5})
        return replace(record, finish=(*record.finish, audit))


class TakesANoteForWork(MemoryStore):
    """Keeps a row of what was rolled back, and takes it for something unfinished."""

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        if action.body is None or action.mode != "transaction":
            return record
        return replace(record, failed=(self.insert(history.next, action, ROLLED_BACK),))

    def state(self, history: History, catalog: Catalog) -> State:
        rows = (replace(row, state="failed") if row.state == ROLLED_BACK else row for row in history.rows)
        return super().state(replace(history, rows=tuple(rows)), catalog)


# --------------------------------------------------------------------------- names
class ComposesRevisions(MemoryStore):
    def insert(self, seq: int, action: Action, state: str, **options: Any) -> Statement:
        composed = replace(action.entry, revision=unicodedata.normalize("NFC", action.revision))
        return super().insert(seq, replace(action, entry=composed), state, **options)


class StripsTitles(MemoryStore):
    def insert(self, seq: int, action: Action, state: str, **options: Any) -> Statement:
        stripped = replace(action.entry, title=action.entry.title.strip())
        return super().insert(seq, replace(action, entry=stripped), state, **options)


class LowersChecksums(MemoryStore):
    def insert(self, seq: int, action: Action, state: str, **options: Any) -> Statement:
        lower = action.checksum and action.checksum.lower()
        return super().insert(seq, replace(action, checksum=lower), state, **options)


# --------------------------------------------------------------------------- what is done when
class UnmarksOnlyToRepair(MemoryStore):
    """Without anything that failed there is nothing to unmark, it thinks."""

    def record(self, action: Action, history: History) -> Record:
        if action.verb == "unmark" and all(row.state == "done" for row in history.rows):
            return Record(history=history)
        return super().record(action, history)


class ForgetsFinish(MemoryStore):
    """Nothing completes the row of a transaction. It takes a row that began for applied, and says that it is unfinished."""

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return replace(record, finish=()) if action.mode == "transaction" else record

    def state(self, history: History, catalog: Catalog) -> State:
        outside = {row.revision for row in history.rows if row.state == "step"}
        rows = tuple(row if row.revision in outside else replace(row, state="done") for row in history.rows)
        found = super().state(replace(history, rows=rows), catalog)
        return replace(found, unfinished=super().state(history, catalog).unfinished)


class HurriesOutside(MemoryStore):
    """Outside a transaction it writes that all is done before the last statement, if that is a function."""

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        body = action.body.statements if action.body else ()
        if action.mode != "autocommit" or record.progress is None or not isinstance(body[-1], Call) or len(body) < 3:
            return record
        progress, last = record.progress, len(body)

        def hurried(number: int, phase: Literal["begin", "done", "whole"]) -> tuple[Statement, ...]:
            done = record.finish if number == last and phase != "done" else ()
            return (*progress(number, phase), *done)

        return replace(record, progress=hurried, finish=())


# --------------------------------------------------------------------------- two at once
class ReplacesTheTable(MemoryStore):
    def prepare(self, history: History) -> Sequence[Statement]:
        async def create_or_replace(connection: MemoryConnection) -> None:
            await connection.hold(self.table)
            try:
                await connection.rows(self.table)
            except MemoryDatabaseError:
                await connection.create(self.table, key="seq")
            await connection.delete(self.table, {})

        return (Call(create_or_replace, "create or replace"),) if super().prepare(history) else ()


class GuardsNoWayUp(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return record if action.verb == "revert" else replace(record, guard=None, afterwards=None)


class GuardsNoWayDown(MemoryStore):
    """As one does that deletes the row of what is reverted, and writes none."""

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return replace(record, guard=None) if action.verb == "revert" else record


class BeginsBehind(MemoryStore):
    def behind(self, seq: int, action: Action) -> Statement:
        return self.insert(seq, action, "started")


@dataclass(frozen=True, slots=True)
class Append(Insert):
    """Takes a number that nobody else has."""

    async def __call__(self, connection: MemoryConnection) -> None:
        values = {**self.values, "seq": self.values["seq"] + connection.pid / 1e6}
        await Insert(self.table, values, self.finished)(connection)


class AppendsBehind(MemoryStore):
    def behind(self, seq: int, action: Action) -> Statement:
        insert = super().behind(seq, action)
        assert isinstance(insert, Call)
        assert isinstance(insert.function, Insert)
        return Call(Append(self.table, insert.function.values, insert.function.finished), insert.name)


DIAGONAL: dict[str, type[MemoryStore]] = {
    "test_s21_several_actions_of_a_plan_are_recorded_each": CountsOneRow,
    "test_s21_a_long_plan_comes_back_in_its_order": SortsNumbersAsTexts,
    "test_s22_of_a_failed_body_no_trace_remains": WritesBesides,
    "test_s22_a_failure_in_a_transaction_changes_no_state": TakesANoteForWork,
    "test_s22_of_a_transaction_that_is_rolled_back_no_trace_remains": CommitsByItself,
    "test_s23_revisions_come_back_as_they_were_given": ComposesRevisions,
    "test_s23_titles_come_back_as_they_were_given": StripsTitles,
    "test_s23_checksums_come_back_as_they_were_given": LowersChecksums,
    "test_s25_the_history_is_written_without_a_body": UnmarksOnlyToRepair,
    "test_s26_a_transactional_migration_is_done_when_its_transaction_is": ForgetsFinish,
    "test_s27_a_migration_outside_a_transaction_is_done_after_its_last_statement": HurriesOutside,
    "test_s20_of_two_that_make_the_table_at_once_one_fails": ReplacesTheTable,
    "test_s24_of_two_that_write_the_same_step_one_loses_before_its_body": GuardsNoWayUp,
    "test_s24_of_two_that_revert_at_once_one_loses_before_its_body": GuardsNoWayDown,
    "test_s35_a_record_in_one_statement_says_the_same": BeginsBehind,
    "test_s35_of_two_that_record_in_one_statement_one_loses": AppendsBehind,
}
