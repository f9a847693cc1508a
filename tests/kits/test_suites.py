"""What every suite has: no test goes in silence, a failure says what was promised, and no plugin of pytest is needed."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.kits import diagonal
from trek_core.testing import ExecutorSuite, LayoutSuite, LoaderSuite, VersionStoreSuite
from trek_core.testing._sentences import sentences
from trek_core.testing._suite import Suite, needs


class Kit(Suite):
    """As if it were one of the conformance kits."""

    __module__ = "trek_core.testing.made_up"
    capabilities: ClassVar = {"wings": "it flies"}
    number: ClassVar = 1

    def test_l2_the_number_is_one(self) -> None:
        assert self.number == 1, f"the number is {self.number}"

    @needs("wings")
    async def test_it_flies(self) -> None:
        await asyncio.sleep(0)


# --------------------------------------------------------------------------- no test goes in silence
def test_a_suite_that_changes_nothing_is_accepted():
    class TestPlain(Kit):
        def test_of_the_authors_own(self) -> None: ...

    assert diagonal.run(TestPlain) == {"test_l2_the_number_is_one": "passed", "test_it_flies": "passed"}


def test_a_test_of_the_authors_own_may_have_fixtures():
    given: list[object] = []

    class TestPlain(Kit):
        def test_of_the_authors_own(self, tmp_path: object) -> None:
            given.append(tmp_path)

    TestPlain().test_of_the_authors_own(3)
    assert given == [3]
    assert list(inspect.signature(TestPlain.test_of_the_authors_own).parameters) == ["self", "tmp_path"]


def test_an_override_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError) as refused:

        class TestSilent(Kit):
            def test_it_flies(self) -> None: ...

    assert str(refused.value).startswith("TestSilent.test_it_flies hides a test of the conformance kit.\n")
    assert 'without = {"capability": "reason"}' in str(refused.value)
    assert '@pytest.mark.xfail(reason="…")' in str(refused.value)


def test_an_override_by_a_mixin_is_refused_under_the_mixins_name():
    class Silence:
        def test_it_flies(self) -> None: ...

    with pytest.raises(TypeError, match=r"Silence\.test_it_flies hides a test"):

        class TestMixed(Silence, Kit): ...


def test_a_test_that_was_taken_away_is_refused():
    with pytest.raises(TypeError, match=r"TestNone\.test_it_flies hides a test"):

        class TestNone(Kit):
            test_it_flies = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "mark", [pytest.mark.xfail(reason="issue 7"), pytest.mark.skip(reason="no wings yet")], ids=["xfail", "skip"]
)
def test_an_override_that_says_why_is_accepted(mark: Callable[..., Any]):
    class TestHonest(Kit):
        @mark
        def test_it_flies(self) -> None: ...

    assert TestHonest.kit_tests() == Kit.kit_tests()


@pytest.mark.parametrize(
    "mark",
    [pytest.mark.xfail, pytest.mark.skip, pytest.mark.xfail(reason=""), pytest.mark.usefixtures("tmp_path")],
    ids=["xfail", "skip", "empty reason", "another mark"],
)
def test_a_mark_without_a_reason_is_no_reason(mark: Callable[..., Any]):
    with pytest.raises(TypeError, match="hides a test"):

        class TestMute(Kit):
            @mark
            def test_it_flies(self) -> None: ...


# --------------------------------------------------------------------------- what is not there
def test_a_capability_that_is_lacking_skips_its_tests_and_shows_the_reason():
    class TestGrounded(Kit):
        without: ClassVar = {"wings": "it is a mole"}

    outcomes = diagonal.run(TestGrounded)
    assert outcomes["test_it_flies"] == "skipped: without wings: it is a mole"
    assert outcomes["test_l2_the_number_is_one"] == "passed"


def test_an_unknown_capability_is_refused_with_those_there_are():
    with pytest.raises(TypeError, match=r"TestFins\.without names 'fins', .* There are: wings\."):

        class TestFins(Kit):
            without: ClassVar = {"fins": "it is a bird"}


@pytest.mark.parametrize("reason", ["", "  ", None, True])
def test_a_capability_without_a_reason_is_refused(reason: object):
    with pytest.raises(TypeError, match=r"TestMole\.without\['wings'\] needs its reason"):

        class TestMole(Kit):
            without: ClassVar = {"wings": reason}


# --------------------------------------------------------------------------- what a test says
def test_a_failure_shows_what_was_found_and_quotes_the_sentence():
    class TestTwo(Kit):
        number: ClassVar = 2

    with pytest.raises(AssertionError) as failed:
        TestTwo().test_l2_the_number_is_one()
    assert str(failed.value).startswith("the number is 2")
    assert failed.value.__notes__ == [f"The contract, L2: {sentences()['L2']}"]


def test_a_test_that_hangs_fails_after_its_seconds():
    class Hanging(Suite):
        __module__ = "trek_core.testing.made_up"
        seconds: ClassVar = 0.05

        async def test_it_ends(self) -> None:
            await asyncio.Event().wait()

    class TestHanging(Hanging): ...

    outcome = diagonal.run(TestHanging)["test_it_ends"]
    assert outcome == "failed: AssertionError: the test did not come to its end within 0.05 s"


def test_an_async_test_leaves_no_task_behind_and_no_loop():
    ended: list[str] = []

    class Careless(Suite):
        __module__ = "trek_core.testing.made_up"

        async def test_it_ends(self) -> None:
            self.task = asyncio.create_task(self.work())
            await asyncio.sleep(0)

        async def work(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

    class TestCareless(Careless): ...

    assert diagonal.run(TestCareless) == {"test_it_ends": "passed"}
    assert ended == ["cancelled"]


async def test_a_suite_runs_beside_a_running_loop():
    """As with a plugin of pytest whose loop stays open: nothing of it is touched."""
    before = asyncio.get_running_loop()
    outcomes = await asyncio.to_thread(diagonal.run, type("TestPlain", (Kit,), {"__module__": __name__}))
    assert set(outcomes.values()) == {"passed"}
    assert asyncio.get_running_loop() is before


# --------------------------------------------------------------------------- sentences
@pytest.mark.parametrize("suite", [LoaderSuite, LayoutSuite, VersionStoreSuite, ExecutorSuite])
def test_every_capability_is_needed_by_a_test(suite: type[Suite]):
    needed = {name for test in suite.kit_tests() for name in getattr(getattr(suite, test), "needs", ())}
    assert needed == set(suite.capabilities)


@pytest.mark.parametrize("suite", [LoaderSuite, LayoutSuite])
def test_the_example_of_the_docstring_can_be_compiled(suite: type[Suite]):
    example = textwrap.dedent((suite.__doc__ or "").split("::\n", 1)[1].rsplit("\n\n    ", 1)[0])
    assert f"({suite.__name__}):" in example
    compile(example, suite.__name__, "exec")


# --------------------------------------------------------------------------- without pytest
WITHOUT_PYTEST = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pytest", "_pytest"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())

from trek_core.testing import LoaderCase, LoaderSuite
from trek_loaders.sql import trek_register_loaders

class TestSql(LoaderSuite):
    def case(self):
        (loader,) = trek_register_loaders()
        return LoaderCase(loader, good={"1_a.sql": "SELECT 1;"}, bad={"2_b.sql": ""})

for name in TestSql.kit_tests():
    getattr(TestSql(), name)()
print(len(TestSql.kit_tests()), "passed", "pytest" in sys.modules)
"""


def test_the_suites_run_where_pytest_is_not_installed():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PYTEST], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{len(LoaderSuite.kit_tests())} passed False\n", "")
