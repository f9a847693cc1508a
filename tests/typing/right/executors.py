"""Executors: one that borrows AsyncpgExecutor, one that is written anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from trek_asyncpg import AsyncpgExecutor
from trek_core.plugin import (
    Action,
    Done,
    Executor,
    ExecutorProvider,
    Facts,
    Failed,
    Failure,
    Lock,
    Locked,
    LockWaiting,
    NoSettings,
    Record,
    Result,
    Rows,
    Sql,
    Started,
    TrekHooks,
    hookimpl,
)

CONNECTIONS: dict[str, Any] = {}


class Loud(AsyncpgExecutor):
    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        facts, rows = await super().read(query)
        return facts, rows


class Written(Executor):
    @property
    def connection(self) -> dict[str, str]:
        return {}

    async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
        return Facts(database="one"), [{"query": query.text}]

    @asynccontextmanager
    async def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AsyncGenerator[Locked]:
        await waiting(LockWaiting(timeout))
        yield Locked(waited=bool(locks), facts=Facts())

    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        for action, record in units:
            yield Started(action)
            if record.guard:
                yield Failed(action, Failure(OSError(), "gone"))
                return
            yield Done(action, 0.1)


@asynccontextmanager
async def written(dsn: str, settings: NoSettings) -> AsyncGenerator[Written]:
    yield Written()


@asynccontextmanager
async def given(dsn: str, settings: NoSettings) -> AsyncGenerator[Executor]:
    yield Loud(CONNECTIONS[dsn])


class Executors(TrekHooks):
    @hookimpl
    def trek_register_executors(self) -> Iterable[ExecutorProvider]:
        yield ExecutorProvider("given", ("given",), given)
        yield ExecutorProvider("written", ("written",), written)


plugin = Executors()
