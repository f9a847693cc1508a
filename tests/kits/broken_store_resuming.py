"""Stores in memory with one mistake each: in what they tell of a run that died, and in how another goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from trek_core.plugin import Action, Catalog, History, Record, State, Statement
from trek_core.testing import MemoryStore


class ForgetsWhatWasBegun(MemoryStore):
    def state(self, history: History, catalog: Catalog) -> State:
        state = super().state(history, catalog)
        return replace(state, resumes={name: replace(one, open=None) for name, one in state.resumes.items()})


class TellsTheFilesChecksumOfEachStep(MemoryStore):
    def progress(
        self, seq: int, action: Action, number: int, phase: Literal["begin", "done", "whole"]
    ) -> tuple[Statement, ...]:
        return super().progress(seq, replace(action, checksum="file"), number, phase)


class ClaimsANumberFarAway(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        return super().record(action, replace(history, next=history.next + 100) if action.resume else history)


class LeavesTheOtherItsEnd(MemoryStore):
    def abandoned(self, action: Action, history: History) -> tuple[Statement, ...]:
        return ()


class NeverEndsWhatResumed(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return replace(record, finish=()) if action.resume else record


DIAGONAL: dict[str, type[MemoryStore]] = {
    "test_s28_a_store_tells_how_far_it_came": ForgetsWhatWasBegun,
    "test_s28_and_which_statements_these_are": TellsTheFilesChecksumOfEachStep,
    "test_s29_whoever_had_begun_it_can_write_no_step": ClaimsANumberFarAway,
    "test_s29_nor_its_end": LeavesTheOtherItsEnd,
    "test_s30_after_its_finish_it_is_done": NeverEndsWhatResumed,
}
