"""Stores in memory with one mistake each: in what they conclude."""

from __future__ import annotations

from dataclasses import replace

from trek_core.plugin import Catalog, History, Row, State
from trek_core.testing import MemoryStore
from trek_core.testing._drive import catalog as catalog_of


class SortsByName(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        return replace(state, applied=tuple(sorted(state.applied, key=lambda name: (len(name), name))))


class KeepsTheLastRow(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        return replace(state, rows={name: state.rows[name] for name in state.applied[-1:]})


class NeverForgetsAReversal(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        reverted = {row.revision for row in history.rows if row.verb == "revert"}
        return replace(state, applied=tuple(name for name in state.applied if name not in reverted))


class OverlooksWhatFailed(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        return replace(state, unfinished=super().state(_without("failed", history), catalog).unfinished)


class OverlooksWhatBegan(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        return replace(state, unfinished=super().state(_without("started", history), catalog).unfinished)


class SaysThatItKeepsNothing(MemoryStore):
    keeps_begun = False


class ForgivesNothing(MemoryStore):
    """What failed is unfinished until it is applied, whatever a repair says."""

    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        failed = {row.revision: row for row in history.rows if row.state in ("failed", "started")}
        left = tuple(row for name, row in failed.items() if name not in state.applied and row not in state.unfinished)
        return replace(state, unfinished=(*state.unfinished, *left))


class KnowsNoSquash(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        return super().state(history, catalog_of())


class KnowsOneChecksum(MemoryStore):
    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        return bool(checksums) and row["checksum"] != checksums[0]


class NeverLooks(MemoryStore):
    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        return False


DIAGONAL: dict[str, type[MemoryStore]] = {
    "test_s11_what_was_applied_is_in_the_order_in_which_it_happened": SortsByName,
    "test_s11_each_applied_revision_has_its_row": KeepsTheLastRow,
    "test_s12_what_was_reverted_may_be_applied_again": NeverForgetsAReversal,
    "test_s13_what_failed_outside_a_transaction_is_unfinished": OverlooksWhatFailed,
    "test_s13_what_was_interrupted_outside_a_transaction_is_unfinished": OverlooksWhatBegan,
    "test_s34_a_store_that_keeps_no_trace_of_what_failed_outside_a_transaction_says_so": SaysThatItKeepsNothing,
    "test_s14_a_repair_decides": ForgivesNothing,
    "test_s15_a_reverted_squash_takes_along_what_it_replaces": KnowsNoSquash,
    "test_s16_a_row_is_unchanged_for_the_checksum_that_was_written": KnowsOneChecksum,
    "test_s17_a_row_is_changed_for_another_checksum": NeverLooks,
}


def _without(state: str, history: History) -> History:
    return replace(history, rows=tuple(row for row in history.rows if row.state != state))
