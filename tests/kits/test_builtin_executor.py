"""The kit of executors, on the one that trek brings."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest

from trek_asyncpg.testing import ground
from trek_core.plugin import Done, History, Record
from trek_core.testing import ExecutorSuite, Ground
from trek_core.testing._drive import action, carry_out

if TYPE_CHECKING:
    from trek_asyncpg.testing import Server


class TestAsyncpg(ExecutorSuite):
    """Each test on each version of PostgreSQL that TREK_TEST_PG names."""

    @pytest.fixture(autouse=True)
    def _on(self, server: Server) -> None:
        self.server = server

    def ground(self) -> AbstractAsyncContextManager[Ground]:
        return ground(at=self.server)


async def test_a_python_body_may_be_the_first_that_writes_in_its_transaction(server: Server) -> None:
    """As with a store that keeps its history outside of the database."""
    async with ground(at=server) as empty, empty.session() as session:
        unit = (action("a", empty.call("first")), Record(history=History(exists=True)))
        results = await carry_out(session, [unit])
        assert isinstance(results[-1], Done), results
        assert await empty.notes() == ["first"]
