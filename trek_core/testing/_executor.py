"""The conformance kit of executors."""

from __future__ import annotations

from trek_core.testing._executor_as_one import AsOne
from trek_core.testing._executor_failures import Failures
from trek_core.testing._executor_outside import Outside
from trek_core.testing._executor_reading import Locking, Reading
from trek_core.testing._executor_transaction import Transactions


class ExecutorSuite(Reading, Locking, Transactions, Failures, Outside, AsOne):
    """Holds an executor to its contract, the sentences E2 to E48 of `Executor`. A complete test module::

        from contextlib import asynccontextmanager

        from trek_asyncpg.testing import PostgresGround, ground
        from trek_core.testing import ExecutorSuite
        from trek_mine import connect


        class MyGround(PostgresGround):
            def session(self):
                return connect(self.database.dsn)


        class TestMine(ExecutorSuite):
            def ground(self):
                return ground(MyGround)

    A `Ground` is an empty database and the words that the suite builds its migrations of. What the executor lacks is
    declared, and skipped: ``without = {"copy": "it has no COPY protocol"}``; `capabilities` lists what may be lacking.
    """
