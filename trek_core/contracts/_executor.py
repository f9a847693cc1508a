"""Executors: an open session with a database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from trek_core.model import Facts, Rows, Sql

if TYPE_CHECKING:
    from trek_core.events import LockWaiting, Result
    from trek_core.model import Action, Lock, Locked, Record


class Executor(ABC):
    """One open session with a database. Kit: `trek_core.testing.ExecutorSuite`.

    E1. trek uses a session from one task, one call at a time.
    """

    @property
    @abstractmethod
    def connection(self) -> Any:
        """What a `Call` is given."""

    @abstractmethod
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        """Facts and rows in one round trip; None if the table does not exist, with the facts that the driver knows then.

        E2. `read` gives one mapping a row, decoded, whatever characters its texts have.
        E3. Without the table the rows are None, and the session stays usable.
        E4. The facts name database and user, and say whether the caller has a transaction open.
        E5. Any other refusal of the query is a `ConfigError`; a lost connection is a `ConnectError`.
        """

    @abstractmethod
    def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Locked]:
        """Holds the locks, in their order. Polls: a session that waits blocks nobody.

        A run that comes to its end inside the block may give them up with its last unit: nothing follows that needs them.
        The row of a session that was lost is given up on another one, when its server is known to work no more.

        E6. A lock excludes every other session that asks for it, and no other lock.
        E7. After `timeout` seconds of waiting it raises `LockTimeout`, and holds nothing.
        E8. While it waits it tells `waiting`.
        E9. `Locked.waited` says whether somebody else had the lock; `Locked.facts` are complete.
        E10. The lock is released at the end of the block, after an error in it, and after a cancellation in it.
        E11. A cancellation while it waits leaves nothing held.
        E12. The lock of a session that was lost is free; one that is a row is free after the end of the block.
        E41. The table of a lock that is a row is made if it is missing.
        E42. While it waits for a row, `LockWaiting.holder` and `age` are what `RowLock.holder` gives, and the `LockTimeout`
            ends with `RowLock.advice`.
        E43. It gives up the row that it took, and none that somebody else took after him.
        """

    @abstractmethod
    def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        """Carries the units out in order and stops after the first that fails or is lost.

        It may glue statements together, never cut one, prepare what has a `form`, and send several units as one query, each
        a transaction of its own: what becomes of those is told after it, `Started.together` says how many they are,
        `Done.together` how many share the seconds, `Failure.together` of how many the outcome is unknown.
        While a unit waits for what other sessions hold it may give `Blocked`, and it may begin a transaction that was rolled
        back for that reason again.

        E13. Each unit gives `Started` first, and one of `Done`, `Failed` and `Lost` last.
        E14. In a transaction begin, body and finish run in this order, and nobody sees a part of them.
        E15. After a failure in a transaction only what `failed` writes remains of the unit, and what was done before it does.
        E16. After the first unit that fails or is lost no other begins.
        E17. `Failure.statement` is what failed, None where it is none of the body's; `message`, `sqlstate` the database's.
        E18. `Failure.position` is the place in the statement's text where the database gives one.
        E19. A violation of `Record.guard` is `Lost`, and any other unique violation is `Failed`.
        E20. Outside a transaction what ran before a failure stays, and the outcome is "partial".
        E21. Outside a transaction a statement that refuses a transaction block runs in none.
        E22. Outside a transaction `progress` stands around every statement, in its phases, and `failed` follows a failure.
        E23. Outside a transaction every statement gives `StatementDone`, with its number and how many there are.
        E24. A `Call` is awaited with `connection`, in its place among the statements and inside the unit's transaction.
        E25. An exception of a `Call` is `Failed`, with the exception as `cause` and the `Call` as `statement`.
        E26. A unit without a body only writes its record.
        E27. After the end, a failure, a cancellation or `aclose` the session is usable, and no transaction is open.
        E28. A cancelled unit leaves nothing of its transaction.
        E29. Settings of the session that a body changed are as they were.
        E30. The lock timeout of a body holds for that body and no longer.
        E31. In mode "message" each `Sql` is one simple query, never cut.
        E32. A `Copy` sends its data, and a `Piece` the statements that it reads.
        E33. A transaction of the caller is left open, usable, and undone by the caller's rollback.
        E34. A unit whose connection is lost is `Failed`, and the outcome is "unknown".
        E39. Of an action that resumes `begin` runs, then the statements that are not done yet, and no other.
        E40. If it is not certain whether the open statement (`Resume.open`) is done, nothing runs and nothing is written: the
            unit is `Failed`, the outcome "unfinished", and `Failure.message` says what was found.
        E44. A `Call` may await `read` of its session: it gives what the transaction has written so far, and leaves it open.
        E45. The statement timeout of a body holds for each statement of that body, and for no other.
        E46. A unit that gives `Blocked` gives `Started` once, before it, and its outcome all the same.
        E47. After a failure in a transaction of trek's own `failed` runs in another one, and changes no result.
        E48. `Record.afterwards` runs only in place of begin and finish: behind a body of SQL in a transaction, under the lock.
        """

    def run_as_one(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        """Carries the units out in order in one transaction: all of them, or none. All are in mode "transaction".

        An executor may leave it out: then `transaction = "plan"` is refused. In all that is not said here it is as `run`.

        E35. `run_as_one` leaves nothing of any unit after a failure, a loss, a cancellation or `aclose`, and nobody sees a
            part of them.
        E36. Of several units in one transaction each gives `Started` before it or its query is sent, and `Done` after the
            COMMIT; where one gives `Failed` or `Lost`, none gives `Done`.
        E37. What one unit's body did to the settings, and its lock timeout, the next unit of the transaction does not find.
        E38. After a failure of `run_as_one` in a transaction of the caller what the caller did remains, and nothing of a unit.
        """
        raise NotImplementedError
