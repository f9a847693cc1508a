"""Stores in memory with one mistake each: in what they find in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.kits.broken_store import TABLE
from trek_core.plugin import (
    Action,
    Advisory,
    Facts,
    Form,
    History,
    Lock,
    Record,
    RowLock,
    Rows,
    Sql,
    Statement,
    advisory_key,
)
from trek_core.testing import MemoryStore


class CountsItsLocks(MemoryStore):
    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.asked = 0

    def locks(self, history: History) -> Sequence[Lock]:
        self.asked += 1
        return (Advisory(advisory_key(f"{self.table} {self.asked}")),)


class BeginsATransaction(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        if action.verb != "rerun":
            return record
        return replace(record, begin=(Sql("-- anew\nSTART TRANSACTION"), *record.begin))


class FillsInOtherValues(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        if action.verb != "rerun":
            return record
        filled = Form(("STEP ", " AGAIN")).filled(("1",))
        return replace(record, begin=(replace(filled, literals=("2",)), *record.begin))


class HasNoName(MemoryStore):
    @property
    def identity(self) -> str:
        return "" if self.table == TABLE else self.table


class HasOneNameForAll(MemoryStore):
    @property
    def identity(self) -> str:
        return "trek_history"

    def locks(self, history: History) -> Sequence[Lock]:
        return (Advisory(advisory_key(self.table)),)


class HasOneTableForAll(MemoryStore):
    def __init__(self, table: str) -> None:
        super().__init__(TABLE)
        self.called = table

    @property
    def identity(self) -> str:
        return self.called


class LocksItself(MemoryStore):
    def locks(self, history: History) -> Sequence[Lock]:
        return (Advisory(id(self)),)


class LocksAlike(MemoryStore):
    def locks(self, history: History) -> Sequence[Lock]:
        return (Advisory(4711),)


class KeepsItsRow(MemoryStore):
    def locks(self, history: History) -> Sequence[Lock]:
        row = RowLock(Sql("TAKE it"), Sql("NOTE it"), (Sql("MAKE ROW LOCKS"),))
        return (*super().locks(history), *([] if self.table != TABLE else [row]))


class FindsATableInNothing(MemoryStore):
    def history(self, rows: Rows | None, facts: Facts) -> History:
        return super().history(rows or [], facts)

    def prepare(self, history: History) -> Sequence[Statement]:
        return super().prepare(replace(history, exists=bool(history.rows)))


class RemembersWhatASessionFound(MemoryStore):
    """It forgets only when that session asks it to write."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.found: dict[int, Rows | None] = {}

    def history(self, rows: Rows | None, facts: Facts) -> History:
        return super().history(self.found.setdefault(facts.backend_pid, rows), facts)

    def prepare(self, history: History) -> Sequence[Statement]:
        self.found.pop(history.facts.backend_pid, None)
        return super().prepare(history)

    def record(self, action: Action, history: History) -> Record:
        self.found.pop(history.facts.backend_pid, None)
        return super().record(action, history)


class TakesAnEmptyTableForNone(MemoryStore):
    def history(self, rows: Rows | None, facts: Facts) -> History:
        return super().history(rows or None, facts)


class TrustsTheOrderOfRows(MemoryStore):
    def history(self, rows: Rows | None, facts: Facts) -> History:
        return replace(super().history(rows, facts), rows=tuple(map(self.row, rows or ())))


class RaisesKeyError(MemoryStore):
    def history(self, rows: Rows | None, facts: Facts) -> History:
        for row in rows or ():
            row["seq"]
        return super().history(rows, facts)


class LosesTheFacts(MemoryStore):
    def history(self, rows: Rows | None, facts: Facts) -> History:
        return replace(super().history(rows, facts), facts=Facts(backend_pid=facts.backend_pid))


class PreparesForEver(MemoryStore):
    def prepare(self, history: History) -> Sequence[Statement]:
        return super().prepare(history) or (Sql(f"COMMENT ON TABLE {self.table} IS 'ours'"),)


DIAGONAL: dict[str, type[MemoryStore]] = {
    "test_s2_asked_twice_it_answers_the_same_and_changes_nothing": CountsItsLocks,
    "test_s3_no_statement_begins_or_ends_a_transaction": BeginsATransaction,
    "test_s32_what_has_a_form_is_that_form_filled": FillsInOtherValues,
    "test_s4_the_identity_is_a_text_that_names_the_table": HasNoName,
    "test_s4_another_table_has_another_identity": HasOneNameForAll,
    "test_s4_another_table_is_another_history": HasOneTableForAll,
    "test_s18_stores_of_one_identity_have_the_same_locks": LocksItself,
    "test_s18_stores_of_two_identities_share_no_lock": LocksAlike,
    "test_s33_a_lock_that_is_a_row_has_one_holder_and_is_free_after_him": KeepsItsRow,
    "test_s5_without_a_table_there_is_no_history": FindsATableInNothing,
    "test_s6_the_query_sees_what_another_session_committed": RemembersWhatASessionFound,
    "test_s7_an_empty_table_is_a_history_without_rows": TakesAnEmptyTableForNone,
    "test_s8_the_rows_come_in_any_order_and_the_history_is_oldest_first": TrustsTheOrderOfRows,
    "test_s9_a_table_of_another_shape_is_refused_by_name": RaisesKeyError,
    "test_s10_the_history_has_the_facts_that_were_given": LosesTheFacts,
    "test_s19_a_table_that_was_made_needs_no_preparation": PreparesForEver,
}
