"""What every suite has: its own event loop, declared omissions, tests that cannot be removed in silence."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ClassVar, TypeVar

from trek_core.testing._given import UnusableError, told
from trek_core.testing._sentences import sentences

Test = TypeVar("Test", bound=Callable[..., Any])
_NUMBER = re.compile(r"test_([a-z]\d+)_")


class Suite:
    """The base of the suites. A subclass outside of trek is a test class: its name begins with Test, as pytest wants it.

    capabilities: what an implementation may lack -> what that means. without: what this one lacks -> the reason, which
    the skipped tests show. seconds: after which an async test that hangs fails.
    """

    capabilities: ClassVar[Mapping[str, str]] = {}
    without: ClassVar[Mapping[str, str]] = {}
    seconds: ClassVar[float] = 60.0
    __test__: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        ours = cls.__module__.startswith("trek_core.testing.")
        cls.__test__ = vars(cls).get("__test__", not ours)  # a suite that is only imported is no test class
        for name, test in list(vars(cls).items()):
            if name.startswith("test_") and inspect.isfunction(test) and not _wants_fixtures(test):
                setattr(cls, name, _runnable(test))
        if not ours:
            _refuse_silence(cls)
            _check_omissions(cls)

    @classmethod
    def kit_tests(cls) -> tuple[str, ...]:
        """The names of the suite's own tests, in their order."""
        suites = [base for base in cls.__mro__ if base.__module__.startswith("trek_core.testing.")]
        return tuple(dict.fromkeys(name for suite in suites for name in vars(suite) if name.startswith("test_")))


def needs(*capabilities: str) -> Callable[[Test], Test]:
    """Marks a test that is skipped, with the declared reason, where the implementation lacks one of those."""

    def mark(test: Test) -> Test:
        test.needs = capabilities  # type: ignore[attr-defined]
        return test

    return mark


def _runnable(test: Callable[..., Any]) -> Callable[[Suite], None]:
    """The test as a plain function, whatever async plugin pytest has; a failure quotes the contract's sentence."""

    def run(self: Suite) -> None:
        _skip_if_lacking(self, getattr(test, "needs", ()))
        try:
            result = test(self)
            if inspect.iscoroutine(result):
                _run(result, self.seconds)
        except UnusableError:
            raise
        except Exception as error:
            if (number := _NUMBER.match(test.__name__)) and (sentence := sentences().get(number[1].upper())):
                error.add_note(f"The contract, {number[1].upper()}: {sentence}")
            raise

    functools.update_wrapper(run, test)
    vars(run).pop("__wrapped__")  # pytest's plugins would find the coroutine function behind it
    return run


def _run(work: Coroutine[Any, Any, None], seconds: float) -> None:
    """On a loop of its own, which is nobody's current one: asyncio.run() would leave the thread without."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_within(work, seconds))
    finally:
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _within(work: Awaitable[None], seconds: float) -> None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        msg = f"the test did not come to its end within {seconds:g} s"
        raise AssertionError(msg) from error


def _wants_fixtures(test: Callable[..., Any]) -> bool:
    """An author's own test, which pytest is to call."""
    return len(inspect.signature(test).parameters) > 1


def _skip_if_lacking(suite: Suite, needed: tuple[str, ...]) -> None:
    for capability in needed:
        if reason := suite.without.get(capability):
            import pytest  # noqa: PLC0415 - the suites can be imported, and run, without it

            pytest.skip(f"without {capability}: {reason}")


# --------------------------------------------------------------------------- at the making of a test class
def _refuse_silence(cls: type[Suite]) -> None:
    for name in cls.kit_tests():
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner.__module__.startswith("trek_core.testing.") or _says_why(getattr(owner, name)):
            continue
        msg = (
            f"{owner.__name__}.{name} hides a test of the conformance kit.\nDeclare what is not there: "
            f'without = {{"capability": "reason"}}; or mark the override: @pytest.mark.xfail(reason="…").'
        )
        raise TypeError(msg)


def _says_why(test: object) -> bool:
    marks = getattr(test, "pytestmark", ())
    return any(mark.name in ("xfail", "skip") and mark.kwargs.get("reason") for mark in marks)


def _check_omissions(cls: type[Suite]) -> None:
    if not isinstance(cls.without, Mapping):
        msg = f'{cls.__name__}.without is {told(cls.without)}, want a dict: without = {{"capability": "reason"}}'
        raise TypeError(msg)
    for name, reason in cls.without.items():
        if name not in cls.capabilities:
            known = ", ".join(cls.capabilities) or "none"
            msg = f"{cls.__name__}.without names {name!r}, which is no capability of its suite. There are: {known}."
            raise TypeError(msg)
        if not isinstance(reason, str) or not reason.strip():
            msg = f"{cls.__name__}.without[{name!r}] needs its reason, as text: it is shown with each skipped test"
            raise TypeError(msg)
