"""The in-memory reference executor is held to the kit, nothing left out."""

from __future__ import annotations

import contextlib

from trek_core.testing import ExecutorSuite, Ground, MemoryGround


class TestMemoryExecutor(ExecutorSuite):
    moment = 0.02

    def ground(self) -> contextlib.AbstractAsyncContextManager[Ground]:
        return contextlib.nullcontext(MemoryGround())


def test_nothing_is_left_out() -> None:
    assert TestMemoryExecutor.without == {}
