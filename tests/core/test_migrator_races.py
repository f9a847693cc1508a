"""Runs beside one another, and sessions that are not as they should be, on a database in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.memory_place import HISTORY, THREE, Place
from trek_core import (
    LockTimeout,
    MigrationFailed,
    Migrator,
    PlanOutdated,
    ReadOnly,
)
from trek_core.backend import Backend
from trek_core.events import (
    Failure,
    LockWaiting,
    Lost,
    Started,
    StatementDone,
)
from trek_core.model import Facts, Lock, Locked
from trek_core.testing import MemoryConnection, MemoryExecutor, MemoryStore
from trek_core.testing._memory_executor import Unit


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path).write(THREE)


# --------------------------------------------------------------------------- when the database moves
async def test_a_plan_that_is_outdated_is_not_carried_out(place: Place) -> None:
    planned = await place.migrator().plan("0002")
    await place.migrator().migrate("0003")
    with pytest.raises(PlanOutdated, match="revert 0003"):
        await place.migrator().apply(planned)
    assert place.database.ran == ["up 1", "up 2", "up 3"]


async def test_of_a_plan_that_somebody_began_the_rest_is_carried_out(place: Place) -> None:
    await place.migrator().migrate("0001")
    planned = await place.migrator().plan("0003")
    await place.migrator().migrate("0002")
    report = await place.migrator().apply(planned)
    assert [ran.revision for ran in report.ran] == ["0003"]


async def test_a_second_runner_waits_for_the_first_and_finds_nothing_left(place: Place) -> None:
    place.write({"0002_2.sql": "SLEEP 0.05;"})
    first, second = await asyncio.gather(place.migrator().migrate(), place.migrator().migrate())
    assert [ran.revision for ran in first.ran] == ["0001", "0002", "0003"]
    assert second.ran == ()
    assert LockWaiting in place.kinds
    assert Lost not in place.kinds


async def test_who_waits_too_long_for_the_lock_is_told_who_holds_it(place: Place) -> None:
    place.write({"0001_1.sql": "SLEEP 60;"})
    first = asyncio.create_task(place.migrator().migrate())
    await place.until(Started)
    with pytest.raises(LockTimeout) as caught:
        await place.migrator(lock_wait=0.02).migrate()
    assert caught.value.holder is not None
    assert caught.value.holder.pid == 1
    first.cancel()
    await asyncio.wait([first])
    assert place.database.ran == []


async def test_a_plan_waits_for_a_runner_in_the_middle_of_a_migration_outside_a_transaction(place: Place) -> None:
    place.write({"0001_1.sql": "-- trek: no-transaction\nup 1;\nSLEEP 0.05;"})
    first = asyncio.create_task(place.migrator().migrate())
    await place.until(StatementDone)
    assert not await place.migrator().plan()
    await first


class Unlocked(MemoryExecutor):
    """Behind a pooler: no lock can be relied on."""

    @asynccontextmanager
    async def lock(
        self, locks: Sequence[Lock], timeout: float, waiting: Callable[[LockWaiting], Awaitable[None]]
    ) -> AsyncIterator[Locked]:
        yield Locked(waited=False, facts=self.facts())


@pytest.mark.parametrize("before", ["base", "0001"])
async def test_without_a_lock_the_guard_lets_one_runner_through_and_the_other_plans_again(
    place: Place, before: str
) -> None:
    """At "base" both make the table as well."""
    await place.migrator().migrate(before)
    place.write({"0002_2.sql": "up 2;\nSLEEP 0.02;"})
    reports = await asyncio.gather(*(place.migrator(Unlocked).migrate() for _ in range(3)))
    assert sorted(place.database.ran) == ["up 1", "up 2", "up 3"]
    assert sorted(ran.revision for report in reports for ran in report.ran)[-2:] == ["0002", "0003"]
    assert Lost in place.kinds
    assert await place.applied() == ["0001", "0002", "0003"]


class AlwaysLost(MemoryExecutor):
    def is_lost(self, unit: Unit, failure: Failure) -> bool:
        return True


async def test_a_loss_that_the_history_does_not_show_is_the_migrations_own_failure(place: Place) -> None:
    place.write({"0001_1.sql": "DIVIDE BY ZERO;"})
    with pytest.raises(MigrationFailed, match="division by zero"):
        await place.migrator(AlwaysLost).migrate()


async def test_a_loss_that_the_history_does_not_show_is_the_migrations_own_inside_the_callers_transaction_too(
    place: Place,
) -> None:
    """Where it shows one: tests/run/test_guard.py."""
    await place.migrator().migrate("0001")
    connection = MemoryConnection(place.database)
    session = AlwaysLost(connection)
    backend = Backend(lambda: contextlib.nullcontext(session), store=MemoryStore())
    place.write({"0002_2.sql": "DIVIDE BY ZERO;"})
    with connection.transaction(), pytest.raises(MigrationFailed, match="division by zero"):
        await Migrator(backend, place.path).migrate()
    assert place.database.ran == ["up 1"]


async def test_the_callers_rollback_undoes_the_run(place: Place) -> None:
    connection = MemoryConnection(place.database)
    backend = Backend(lambda: contextlib.nullcontext(MemoryExecutor(connection)), store=MemoryStore())
    with contextlib.suppress(ZeroDivisionError), connection.transaction():
        report = await Migrator(backend, place.path).migrate()
        assert len(report.ran) == 3
        raise ZeroDivisionError
    assert (place.database.ran, HISTORY in place.database.tables) == ([], False)


async def test_a_history_that_lost_rows_meanwhile_stops_the_run(place: Place) -> None:
    await place.migrator().migrate("0002")
    planned = await place.migrator().plan("0003")
    place.database.tables[HISTORY].rows.pop()
    with pytest.raises(PlanOutdated, match="the history lost rows"):
        await place.migrator().apply(planned)


class Standby(MemoryExecutor):
    def facts(self) -> Facts:
        return replace(super().facts(), standby=True)


async def test_on_a_standby_plans_can_be_shown_and_nothing_is_written(place: Place) -> None:
    assert await place.migrator(Standby).plan()
    with pytest.raises(ReadOnly, match="standby"):
        await place.migrator(Standby).migrate()
    assert (place.database.ran, place.heard, HISTORY in place.database.tables) == ([], [], False)
