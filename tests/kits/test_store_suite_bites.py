"""Each test of the suite of stores is failed by the store that breaks its promise, and by no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest

from tests.kits import (
    broken_store_reading,
    broken_store_recording,
    broken_store_resuming,
    broken_store_state,
    diagonal,
)
from tests.kits.broken_store import MemoryCase, suite_of
from tests.kits.broken_store_also import ALSO, KeepsANumber
from trek_core.plugin import Action, Facts, History, Record, Rows, Sql
from trek_core.testing import MemoryGround, MemoryStore, StoreCase, VersionStoreSuite

DIAGONAL = {
    **broken_store_reading.DIAGONAL,
    **broken_store_state.DIAGONAL,
    **broken_store_recording.DIAGONAL,
    **broken_store_resuming.DIAGONAL,
}


def test_the_table_has_a_broken_store_for_each_test() -> None:
    assert sorted(DIAGONAL) == sorted(VersionStoreSuite.kit_tests())


@pytest.mark.parametrize("name", DIAGONAL)
def test_a_broken_store_fails_its_test_and_no_other(name: str) -> None:
    outcomes = diagonal.run(suite_of(DIAGONAL[name]))
    assert {test: said for test, said in outcomes.items() if said.startswith("failed: ")}.keys() == {name}, outcomes[
        name
    ]


@pytest.mark.parametrize(("name", "broken"), ALSO, ids=lambda value: getattr(value, "__name__", None))
def test_other_ways_to_break_a_promise_fail_its_test_too(name: str, broken: type[MemoryStore]) -> None:
    assert diagonal.failing(suite_of(broken)) == {name}


ONE_NUMBER = "it keeps one number"
LESS = dict.fromkeys(("names", "rows", "titles", "checksums", "unfinished", "guard"), ONE_NUMBER)


class OneNumber(MemoryCase):
    __test__: ClassVar = False
    store = KeepsANumber
    without: ClassVar[Mapping[str, str]] = LESS

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with super().case() as case:
            yield replace(case, revision=str)


def test_a_store_of_one_number_passes_with_what_it_lacks_declared() -> None:
    outcomes = diagonal.run(OneNumber)
    assert {said for said in outcomes.values() if said != "passed"} == {
        f"skipped: without {one}: {ONE_NUMBER}" for one in LESS
    }


@pytest.mark.parametrize("capability", LESS)
def test_what_a_store_of_one_number_lacks_fails_where_it_is_not_declared(capability: str) -> None:
    less = {name: reason for name, reason in LESS.items() if name != capability}
    assert diagonal.failing(
        type("Boasting", (OneNumber,), {"without": less, "__test__": False, "__module__": __name__})
    )


# --------------------------------------------------------------------------- mistakes that break several promises
class NeverFinishes(MemoryStore):
    def record(self, action: Action, history: History) -> Record:
        return replace(super().record(action, history), finish=())


class Commits(MemoryStore):
    __module__ = "trek_asyncpg.someones_store"  # so that an installed plugin is its origin

    def record(self, action: Action, history: History) -> Record:
        record = super().record(action, history)
        return replace(record, finish=(*record.finish, Sql("COMMIT")))


class MisnamesAColumn(MemoryStore):
    __module__ = "trek_asyncpg.someones_store"

    def history(self, rows: Rows | None, facts: Facts) -> History:
        for row in rows or ():
            row["version"]
        return super().history(rows, facts)


def test_a_store_that_forgets_finish_is_caught_in_a_transaction_and_outside() -> None:
    failed = diagonal.failing(suite_of(NeverFinishes))
    wanted = {name for name in VersionStoreSuite.kit_tests() if name.startswith(("test_s26_", "test_s27_"))}
    assert len(wanted) == 2
    assert wanted <= failed


# --------------------------------------------------------------------------- mistakes of the author of the tests
FIRST = VersionStoreSuite.kit_tests()[0]


def test_a_case_without_its_decorator_is_told_of_it() -> None:
    class Undecorated(VersionStoreSuite):
        async def case(self) -> StoreCase:  # type: ignore[override]
            return StoreCase(MemoryStore(), MemoryGround())

    with pytest.raises(TypeError, match=r"Undecorated\.case\(\) gave .* decorate it with @asynccontextmanager"):
        getattr(Undecorated(), FIRST)()


def test_a_case_that_yields_something_else_is_told_what_is_wanted() -> None:
    class Bare(VersionStoreSuite):
        @asynccontextmanager
        async def case(self) -> AsyncIterator[StoreCase]:
            yield MemoryStore()  # type: ignore[misc]

    with pytest.raises(TypeError, match=r"Bare\.case\(\) yields a MemoryStore, want StoreCase\(store, ground"):
        getattr(Bare(), FIRST)()


@pytest.mark.parametrize(("capability", "field"), [("settings", "other"), ("shape", "other_shape")])
def test_what_a_case_leaves_out_must_be_said(capability: str, field: str) -> None:
    class Short(VersionStoreSuite):
        @asynccontextmanager
        async def case(self) -> AsyncIterator[StoreCase]:
            yield StoreCase(MemoryStore(), MemoryGround())

    class Declared(Short):
        without: ClassVar[Mapping[str, str]] = {capability: "there is none"}

    failed = {name for name, said in diagonal.run(Short).items() if f"StoreCase.{field} is missing" in said}
    assert failed
    assert {name for name, said in diagonal.run(Declared).items() if said.startswith("skipped: ")} == failed


# --------------------------------------------------------------------------- what the messages say
def test_the_message_for_a_store_that_commits_names_it_and_says_what_to_do() -> None:
    said = diagonal.run(suite_of(Commits))["test_s26_a_transactional_migration_is_done_when_its_transaction_is"]
    assert "Commits of plugin 'asyncpg' (trek-migrate " in said
    assert "VersionStore.record: finish: gave the statement COMMIT" in said
    assert "leave that statement out" in said


def test_the_message_for_a_key_error_in_history_names_the_store_and_shows_the_row() -> None:
    said = diagonal.run(suite_of(MisnamesAColumn))["test_s26_a_transactional_migration_is_done_when_its_transaction_is"]
    assert "MisnamesAColumn of plugin 'asyncpg' (trek-migrate " in said
    assert "VersionStore.history raised KeyError: 'version'" in said
    assert "with the keys ('seq', 'revision', " in said
    assert "ConfigError" in said
