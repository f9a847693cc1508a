"""Executors and providers of another shape."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from trek_asyncpg import AsyncpgExecutor
from trek_core.plugin import Action, Done, Executor, ExecutorProvider, Facts, Record, Result, Rows, Sql


class SyncRead(AsyncpgExecutor):
    def read(self, query: Sql) -> tuple[Facts, Rows | None]:  # error: mypy pyright
        return Facts(), None


class RowsOnly(AsyncpgExecutor):
    async def read(self, query: Sql) -> Rows:  # error: mypy pyright
        return []


class OneAtATime(AsyncpgExecutor):
    async def run(self, units: tuple[Action, Record]) -> AsyncGenerator[Result]:  # error: mypy pyright
        yield Done(units[0], 0.1)


class GivesAList(AsyncpgExecutor):
    async def run(self, units: Iterable[tuple[Action, Record]]) -> list[Result]:  # error: mypy pyright
        return []


class GivesActions(AsyncpgExecutor):
    async def run(self, units: Iterable[tuple[Action, Record]]) -> AsyncGenerator[Result]:
        for action, _ in units:
            yield action  # error: mypy pyright


class Lacks(Executor):
    @property
    def connection(self) -> object:
        return None


Lacks()  # error: mypy pyright


async def session(dsn: str, settings: object) -> Executor:
    raise NotImplementedError


@asynccontextmanager
async def dsn_alone(dsn: str) -> AsyncGenerator[Executor]:
    raise NotImplementedError
    yield


@asynccontextmanager
async def facts(dsn: str, settings: object) -> AsyncGenerator[Facts]:
    yield Facts()


async def undecorated(dsn: str, settings: object) -> AsyncGenerator[Executor]:
    raise NotImplementedError
    yield


ExecutorProvider("session", ("x",), session)  # error: mypy pyright
ExecutorProvider("alone", ("x",), dsn_alone)  # error: mypy pyright
ExecutorProvider("facts", ("x",), facts)  # error: mypy pyright
ExecutorProvider("undecorated", ("x",), undecorated)  # error: mypy pyright
ExecutorProvider("class", ("x",), AsyncpgExecutor)  # error: mypy pyright


@dataclass(frozen=True)
class AsRole:
    role: str = ""


@dataclass(frozen=True)
class Timeout:
    seconds: float = 10.0


@asynccontextmanager
async def as_role(dsn: str, settings: AsRole) -> AsyncGenerator[Executor]:
    raise NotImplementedError
    yield


ExecutorProvider("without", ("x",), as_role)  # error: mypy pyright
ExecutorProvider("other", ("x",), as_role, Timeout)  # error: mypy pyright
ExecutorProvider("text", "x", as_role, AsRole)  # error: mypy pyright
