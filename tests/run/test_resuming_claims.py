"""Who goes on with what a run left: a plan that was shown, one of several runners, never the run that stood still."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.run.deaths import begins, died_at, folder_with, planned, ran, stops
from tests.run.folders import applied, clean
from trek_asyncpg import AsyncpgBackend, AsyncpgExecutor, migrate
from trek_asyncpg._store import NativeStore
from trek_core import MigrationFailed, Migrator, PlanOutdated, Report, Unfinished
from trek_core.events import Done, Failed, Lost, StatementDone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database
    from trek_core import Plan
    from trek_core.events import Result
    from trek_core.plugin import History, Lock


# ------------------------------------------------------------------ plans
async def test_a_plan_that_was_shown_is_carried_out_from_where_it_is(connection: Connection, tmp_path: Path) -> None:
    folder = await folder_with(connection, tmp_path, "VACUUM b")
    migrator = Migrator(AsyncpgBackend(connection), folder)
    fresh = await migrator.plan()
    await stops(connection, fresh, 1)
    resuming = await migrator.plan()
    assert [one.revision for one in (await migrator.apply(fresh)).ran] == ["2"]
    assert await ran(connection) == ["before", "after"]
    assert not await migrator.apply(resuming)


async def test_a_plan_that_would_do_again_what_was_shown_as_done_is_outdated(
    connection: Connection, tmp_path: Path
) -> None:
    folder = await died_at(connection, tmp_path, "VACUUM b")
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    await migrator.repair("2", applied=False)
    with pytest.raises(PlanOutdated):
        await migrator.apply(plan)
    assert await ran(connection) == ["before"]


# ------------------------------------------------------------------ two runners
async def carry_out(connection: Connection, plan: Plan) -> list[Result]:
    """A plan on an executor of its own, without lock or second look."""
    executor = AsyncpgExecutor(connection)
    await executor.read(plan.origin.store.value.query())
    async with contextlib.aclosing(executor.run(zip(plan.actions, plan.records, strict=True))) as results:
        return [result async for result in results]


@pytest.mark.parametrize("begun", [False, True])
async def test_of_two_that_resume_without_a_lock_one_goes_on(
    database: Database, connection: Connection, tmp_path: Path, *, begun: bool
) -> None:
    folder = await folder_with(connection, tmp_path, "CREATE INDEX CONCURRENTLY b_p ON b (p)")
    plan = await planned(connection, folder)
    await stops(connection, plan, 1)
    if begun:
        await begins(connection, plan, 2)
    plan = await planned(connection, folder)
    runners = [await database.connect() for _ in range(3)]
    everyone = await asyncio.gather(*(carry_out(runner, plan) for runner in runners))
    ends = [results[-1] for results in everyone]
    assert [type(end) for end in ends].count(Done) == 1
    others = [end for end in ends if not isinstance(end, Done)]  # who looked late saw the index being built, and asks
    assert all(
        isinstance(end, Lost) or (begun and isinstance(end, Failed) and end.failure.outcome == "unfinished")
        for end in others
    ), others
    assert await ran(connection) == ["before", "after"]
    assert await applied(connection) == ["1", "2"]


async def test_a_run_that_stood_still_can_neither_go_on_nor_end(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = await folder_with(connection, tmp_path, "VACUUM b")
    plan = await planned(connection, folder)
    executor = AsyncpgExecutor(connection)
    await executor.read(plan.origin.store.value.query())
    async with contextlib.aclosing(executor.run(zip(plan.actions, plan.records, strict=True))) as results:
        async for result in results:
            if isinstance(result, StatementDone) and result.number == 2:
                break
        await migrate(other, folder)
        assert isinstance([result async for result in results][-1], Lost | Failed)
    assert await ran(other) == ["before", "after"]
    assert await applied(other) == ["1", "2"]
    await clean(connection)


async def test_two_runs_at_once_after_a_death(database: Database, connection: Connection, tmp_path: Path) -> None:
    folder = await died_at(connection, tmp_path, "CREATE INDEX CONCURRENTLY b_p ON b (p)")
    runners = [await database.connect() for _ in range(4)]
    reports = await asyncio.gather(*(migrate(runner, folder) for runner in runners))
    assert sum(len(report.ran) for report in reports) == 1
    assert await ran(connection) == ["before", "after"]


# ------------------------------------------------------------------ histories as they were before
async def test_a_history_of_the_version_before_is_resumed_too(connection: Connection, tmp_path: Path) -> None:
    """Its rows know no statements but those that began, and have the file's checksum in all of them."""
    folder = await died_at(connection, tmp_path, "CREATE INDEX CONCURRENTLY b_p ON b (p)")
    await connection.execute("UPDATE trek_history SET step = NULL WHERE state <> 'step'")
    begun = "(SELECT checksum FROM trek_history WHERE revision = '2' AND state = 'started')"
    await connection.execute(f"UPDATE trek_history SET checksum = {begun} WHERE state = 'step'")
    await migrate(connection, folder)
    assert await ran(connection) == ["before", "after"]
    assert [row.title for row in (await Migrator(AsyncpgBackend(connection), folder).history()).rows] == [
        "start",
        "work",
        "statement 1 of work",
        "statement 2 of work",
        "work",
        "statement 2 of work",
        "statement 3 of work",
    ]


class NoLocks(NativeStore):
    """Then nothing proves that the other run is gone: the key alone decides."""

    def locks(self, history: History) -> Sequence[Lock]:
        return ()


async def test_two_runs_at_once_without_a_lock(database: Database, connection: Connection, tmp_path: Path) -> None:
    folder = await folder_with(connection, tmp_path, "VACUUM b")
    await stops(connection, await planned(connection, folder), 1)
    runners = [await database.connect() for _ in range(4)]
    runs = (migrate(runner, folder, store=NoLocks()) for runner in runners)
    ended = await asyncio.gather(*runs, return_exceptions=True)
    done = [report for report in ended if isinstance(report, Report) and report]
    assert len(done) == 1, ended
    others = [one for one in ended if one is not done[0]]
    assert all(
        isinstance(one, Unfinished | MigrationFailed) or one == Report("head", seconds=one.seconds) for one in others
    )
    assert await ran(connection) == ["before", "after"]
    assert await applied(connection) == ["1", "2"]
