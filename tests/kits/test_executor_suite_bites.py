"""Each test of the suite of executors is failed by the executor that breaks its promise, and by no other."""

from __future__ import annotations

import pytest

from tests.kits import (
    broken_executor_as_one,
    broken_executor_outside,
    broken_executor_reading,
    broken_executor_transaction,
    diagonal,
)
from tests.kits.broken_executor import suite_of
from tests.kits.broken_executor_also import ALSO, TellsOfStatementsInTransactions
from trek_core.testing import ExecutorSuite, MemoryExecutor

DIAGONAL = {
    **broken_executor_reading.DIAGONAL,
    **broken_executor_transaction.DIAGONAL,
    **broken_executor_outside.DIAGONAL,
    **broken_executor_as_one.DIAGONAL,
}


def test_the_table_has_a_broken_executor_for_each_test() -> None:
    assert sorted(DIAGONAL) == sorted(ExecutorSuite.kit_tests())


@pytest.mark.parametrize("name", DIAGONAL)
def test_a_broken_executor_fails_its_test_and_no_other(name: str) -> None:
    outcomes = diagonal.run(suite_of(DIAGONAL[name]))
    assert {test for test, said in outcomes.items() if said.startswith("failed: ")} == {name}, outcomes


@pytest.mark.parametrize(("name", "broken"), ALSO, ids=lambda value: getattr(value, "__name__", None))
def test_other_ways_to_break_a_promise_fail_its_test_too(name: str, broken: type[MemoryExecutor]) -> None:
    assert diagonal.failing(suite_of(broken)) == {name}


def test_an_executor_may_tell_of_statements_in_a_transaction() -> None:
    assert diagonal.failing(suite_of(TellsOfStatementsInTransactions)) == set()
