"""Every numbered sentence of the contracts has its test: in a conformance kit, or, where trek is its subject, here."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from trek_core import testing
from trek_core.testing._sentences import sentences
from trek_core.testing._suite import Suite

OURS = {
    "P1",
    "P2",
    "P3",
    "P4",
    "P5",
    "P6",
    "L1",
    "A1",
    "S1",
    "S31",
    "E1",
    "O1",
    "O2",
    "O3",
    "O4",
    "O5",
    "T1",
    "T2",
    "T3",
}
"""The sentences that no author of a plugin can test: their subject is trek, or a whole installation."""
_NUMBER = re.compile(r"test_([a-z]\d+)_[a-z]")
SUITES = [suite for suite in vars(testing).values() if inspect.isclass(suite) and issubclass(suite, Suite)]


def numbers(names: list[str]) -> set[str]:
    return {found[1].upper() for name in names if (found := _NUMBER.match(name))}


def promised() -> set[str]:
    """The numbers of the tests beside this one."""
    modules = [ast.parse(path.read_text()) for path in Path(__file__).parent.glob("test_*.py")]
    functions = [
        node for module in modules for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return numbers([function.name for function in functions])


def test_every_promise_of_trek_has_its_test_here() -> None:
    assert promised() == OURS


def test_every_other_sentence_has_its_test_in_a_kit() -> None:
    assert {suite.__name__ for suite in SUITES} == {"ExecutorSuite", "LayoutSuite", "LoaderSuite", "VersionStoreSuite"}
    carried = {number for suite in SUITES for number in numbers(list(suite.kit_tests()))}
    assert carried == set(sentences()) - OURS


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_every_test_of_a_kit_carries_a_number(suite: type[Suite]) -> None:
    assert [name for name in suite.kit_tests() if not _NUMBER.match(name)] == []


def test_the_numbers_of_a_contract_have_no_gap() -> None:
    for letter in {number[0] for number in sentences()}:
        found = sorted(int(number[1:]) for number in sentences() if number[0] == letter)
        assert found == list(range(1, len(found) + 1)), letter
