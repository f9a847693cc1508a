"""Around a statement outside a transaction: was what it left made by it, and is what it made sound."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from trek_asyncpg import _failure, _objects
from trek_asyncpg._concurrent import Target, target
from trek_asyncpg._failure import UnitFailed
from trek_asyncpg._objects import Index
from trek_asyncpg._unit import GONE, Unit
from trek_core.plugin import Failure, Resume, Sql, Statement, dataclass, quote_literal, replace

DROP_WAIT = "10s"  # a drop that waits longer would stop everybody who comes after it


# --------------------------------------------------------------------------- going on with what a run left
async def look(unit: Unit, statement: Statement, resume: Resume) -> Found:
    """What became of the statement that was begun. Raises `UnitFailed`, outcome "unfinished", where that is not certain."""
    at = target(statement.text) if isinstance(statement, Sql) else Target("unknown")
    found = await _found(unit, at, resume.open.xid if resume.open else "", failed=resume.failed)
    if found.question:
        raise UnitFailed(_question(f"statement {resume.done + 1} was begun: {found.question}", statement))
    return found


async def clear(unit: Unit, statement: Statement, found: Found) -> None:
    """Removes what the statement left, or ends what it began. Raises `UnitFailed`."""
    for command in found.commands:
        await _limited(unit, command, statement)


@dataclass(frozen=True, slots=True)
class Found:
    """ended: the statement is done, once the commands have run; else it may run again. question: why neither is certain."""

    ended: bool = False
    commands: tuple[str, ...] = ()
    question: str = ""


async def _found(unit: Unit, at: Target, since: str, *, failed: bool) -> Found:
    if at.kind == "again":
        return Found()
    if at.kind in ("build", "reindex"):
        return await _built(unit, at, since)
    if at.kind == "detach":
        return await _detached(unit, at, since, failed=failed)
    if at.kind in ("drop", "create", "remove"):  # one that failed fails again, and says why
        there = await _objects.exists(unit.connection, at)
        return Found(ended=not failed and there == (at.kind == "create"))
    return Found(question="trek cannot see in the database whether it ended")


async def _built(unit: Unit, at: Target, since: str) -> Found:
    if pid := await _objects.builder(unit.connection, at):
        return Found(question=f"server process {pid} builds an index there now; wait for it, and run again")
    indexes = await _objects.indexes(unit.connection, at, since)
    if at.kind == "reindex":
        return Found(
            commands=_drops([index for index in indexes if not index.valid and index.own and _is_debris(index)])
        )
    if at.name:
        return _named(at, indexes)
    return _unnamed(at, [index for index in indexes if index.own])


def _named(at: Target, indexes: Sequence[Index]) -> Found:
    index = next(iter(indexes), None)
    if index is None or (index.valid and not index.own):  # then it cannot have been built: the server says so again
        return Found()
    if not index.own:
        return Found(question=_stranger(index))
    if index.unique != at.unique:
        return Found(question=f"the index {index.name} was made since, and is another one: {index.definition}")
    return Found(ended=True) if index.valid else Found(commands=_drops([index]))


def _unnamed(at: Target, made: Sequence[Index]) -> Found:
    """The server chose the name: whatever was made on the table since must be what was asked for."""
    if others := [index for index in made if not _objects.same(index, at)]:
        listed = "; ".join(index.definition for index in others)
        return Found(question=f"since then there was made on the table: {listed}; trek cannot tell by whom")
    valid = [index for index in made if index.valid]
    return Found(ended=bool(valid), commands=_drops([index for index in made if not index.valid]))


async def _detached(unit: Unit, at: Target, since: str, *, failed: bool) -> Found:
    how = await _objects.partition(unit.connection, at, since)
    if how == "pending":
        return Found(ended=True, commands=(f"ALTER TABLE {at.of} DETACH PARTITION {at.name} FINALIZE",))
    if how == "pending before":
        return Found(question=f"somebody began to detach {at.name} before it, and has not finished (FINALIZE)")
    return Found(ended=how == "detached" and not failed)


# --------------------------------------------------------------------------- before, and after
@asynccontextmanager
async def watched(unit: Unit, statement: Statement) -> AsyncIterator[None]:
    """Around a concurrent build: nothing INVALID of that name before it, none after it. Raises `UnitFailed`."""
    at = target(statement.text) if isinstance(statement, Sql) and statement.refuses_block else Target("unknown")
    if at.kind not in ("build", "reindex"):
        yield
        return
    since = await _objects.moment(unit.connection)
    if at.kind == "build" and at.name and (there := await _invalid(unit, at, since)):
        raise UnitFailed(_unsound(_stranger(there[0]), there[0], statement))
    try:
        yield
    except UnitFailed as failed:
        raise UnitFailed(replace(failed.failure, left=await _left(unit, at, since))) from failed.failure.cause
    if broken := [index for index in await _invalid(unit, at, since) if index.own or _of_target(at)]:
        problem = f"the server reported success, and the index {broken[0].name} is INVALID: no query uses it"
        raise UnitFailed(_unsound(problem, broken[0], statement))


def _of_target(at: Target) -> bool:
    """Whether all that is looked at is what the statement itself names."""
    return bool(at.name) and at.what in ("index", "table")


async def _invalid(unit: Unit, at: Target, since: str) -> list[Index]:
    return [index for index in await _objects.indexes(unit.connection, at, since) if not index.valid]


async def _left(unit: Unit, at: Target, since: str) -> str:
    """What a build that failed left, for its message; nothing where the connection is gone too."""
    with contextlib.suppress(*GONE):
        if names := [index.name for index in await _invalid(unit, at, since) if index.own]:
            return f"the INVALID index {', '.join(names)}"
    return ""


def _stranger(index: Index) -> str:
    return (
        f"the INVALID index {index.name} was there before it, and trek drops none that it did not make: "
        f"DROP INDEX CONCURRENTLY {index.name}; then run again"
    )


def _is_debris(index: Index) -> bool:
    return "_cc" in index.name


def _drops(indexes: Sequence[Index]) -> tuple[str, ...]:
    return tuple(f"DROP INDEX CONCURRENTLY {index.name}" for index in indexes)


# --------------------------------------------------------------------------- failures, and the limit
def _unsound(problem: str, index: Index, statement: Statement) -> Failure:
    hint = f"An INVALID index is what a build that failed leaves. DROP INDEX CONCURRENTLY {index.name} removes it."
    return Failure(RuntimeError(problem), problem, statement, hint=hint)


def _question(problem: str, statement: Statement, cause: Exception | None = None) -> Failure:
    return Failure(cause or RuntimeError(problem), problem, statement, outcome="unfinished")


async def _limited(unit: Unit, command: str, statement: Statement) -> None:
    """Runs a command that waits for locks, for so long and no longer."""
    before = await _objects.lock_timeout(unit.connection)
    await _set_limit(unit, DROP_WAIT)
    try:
        await unit.connection.execute(command)
    except GONE as error:
        if _failure.is_lost_connection(error):
            raise UnitFailed(_failure.of(error)) from error
        raise UnitFailed(_question(f"{command} was refused: {_failure.of(error).message}", statement, error)) from error
    finally:
        if not unit.connection.is_closed():
            await _set_limit(unit, before)


async def _set_limit(unit: Unit, value: str) -> None:
    await unit.connection.execute(f"SELECT pg_catalog.set_config('lock_timeout', {quote_literal(value)}, false)")
