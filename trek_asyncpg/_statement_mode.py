"""PgBouncer's statement mode, which has no transactions over several queries: found before the first write."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING

from trek_asyncpg._unit import GONE
from trek_asyncpg._wire import once_free, to_the_end
from trek_core.plugin import ConfigError, Sql, dataclass, script

if TYPE_CHECKING:
    from trek_asyncpg._lock import Held
    from trek_asyncpg._onlooker import Second
    from trek_asyncpg._types import Connection
    from trek_core.plugin import Action, Record, Result

    Pairs = Sequence[tuple[Action, Record]]
    Run = Callable[[Pairs], AsyncGenerator[Result]]

SAID = "statement pooling mode"


@dataclass(frozen=True, slots=True)
class Question:
    """Put to the pooler under the lock. second: opens another connection."""

    connection: Connection
    held: Held
    second: Second

    async def before(self, run: Run, pairs: Pairs, *, as_one: bool) -> AsyncGenerator[Result]:
        """The results of the run, unless it needs what the pooler does not have. Raises `ConfigError` then."""
        if what := _over_several_queries(pairs, as_one=as_one):
            await self._ask(what)
        async with contextlib.aclosing(run(pairs)) as results:
            async for result in results:
                yield result

    async def _ask(self, what: str) -> None:
        """Two round trips. A pooler in statement mode ends the connection at a BEGIN; else all is as it was."""
        try:
            await self.connection.execute("BEGIN")
        except GONE as error:
            if SAID not in str(error):  # the run meets it too, and knows what to make of it
                return
            await self._give_up()
            msg = (
                f"{what}, and PgBouncer runs in statement mode, which has no such transactions: {error}\n"
                "Nothing was changed. Give trek a direct DSN, or PgBouncer pool_mode = transaction."
            )
            raise ConfigError(msg) from error
        finally:
            if not self.connection.is_closed():
                with contextlib.suppress(*GONE):
                    await to_the_end(once_free(self.connection, "ROLLBACK"))

    async def _give_up(self) -> None:
        """Locks that are rows stay when the connection goes, on which nothing has run but the question."""
        if self.held.release:
            async with self.second() as other:
                for statement in self.held.release:
                    await other.execute(statement)
            self.held.release = []


def _over_several_queries(pairs: Pairs, *, as_one: bool) -> str:
    """What is a transaction of several queries; behind a pooler each migration is at least one."""
    if as_one and len(pairs) > 1:
        return f"the plan is one transaction of {len(pairs)} queries or more"
    found = (action.name for action, record in pairs if not _is_sql(action, record))
    name = next(found, "")
    return f"{name} is a transaction of several queries" if name else ""


def _is_sql(action: Action, record: Record) -> bool:
    return all(isinstance(part, Sql) for part in (*record.begin, *script.statements(action), *record.finish))
