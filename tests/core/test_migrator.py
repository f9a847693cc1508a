"""Migrator, runner and events on a database in memory: what core does by itself, without a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from trek_core import (
    ConfigError,
    Direction,
    LockTimeout,
    MigrationFailed,
    Migrator,
    Observer,
    PlanOutdated,
    ReadOnly,
    Unfinished,
    execute,
    plan,
)
from trek_core.backend import Backend
from trek_core.events import (
    Done,
    Event,
    Failed,
    Failure,
    LockWaiting,
    Lost,
    RunFailed,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
)
from trek_core.model import Facts, Lock, Locked
from trek_core.testing import MemoryConnection, MemoryDatabase, MemoryExecutor, MemoryStore, memory_backend
from trek_core.testing._memory_executor import Unit

THREE = {f"000{n}_{n}.sql": f"up {n};\n-- trek: down\ndown {n};\n" for n in (1, 2, 3)}
HISTORY = "public.trek_history"


class Place:
    """A folder and a database."""

    def __init__(self, path: Path) -> None:
        self.path, self.database = path, MemoryDatabase("shop")
        self.heard: list[Event] = []

    def write(self, files: dict[str, str]) -> Place:
        for name, text in files.items():
            (self.path / name).write_text(text)
        return self

    def migrator(self, executor: type[MemoryExecutor] = MemoryExecutor, lock_wait: float = 5) -> Migrator:
        observers = [Observer("ear", self.hear)]
        backend = memory_backend(self.database, executor=executor)
        return Migrator(backend, self.path, lock_wait=lock_wait, observers=observers)

    async def hear(self, event: Event) -> None:
        self.heard.append(event)

    @property
    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.heard]

    async def until(self, kind: type[Event]) -> None:
        """Waits until such an event was heard."""
        async with asyncio.timeout(5):
            while kind not in self.kinds:
                await asyncio.sleep(0.001)

    async def applied(self) -> list[str]:
        return [revision.revision for revision in (await self.migrator().status()).applied]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path).write(THREE)


# --------------------------------------------------------------------------- up, down, nowhere
async def test_a_plan_says_what_would_run_and_changes_nothing(place: Place) -> None:
    planned = await place.migrator().plan("0002")
    assert [(action.verb, action.revision) for action in planned.actions] == [("apply", "0001"), ("apply", "0002")]
    assert (place.database.ran, HISTORY in place.database.tables, place.heard) == ([], False, [])


async def test_a_plan_that_was_shown_is_carried_out(place: Place) -> None:
    migrator = place.migrator()
    report = await migrator.apply(await migrator.plan())
    assert [(ran.revision, ran.title, ran.verb) for ran in report.ran] == [
        ("0001", "1", "apply"),
        ("0002", "2", "apply"),
        ("0003", "3", "apply"),
    ]
    assert place.database.ran == ["up 1", "up 2", "up 3"]
    assert await place.applied() == ["0001", "0002", "0003"]


async def test_it_finds_the_way_up_and_down_by_itself(place: Place) -> None:
    migrator = place.migrator()
    await migrator.migrate("0003")
    await migrator.migrate("0001")
    await migrator.migrate("0002")
    assert place.database.ran == ["up 1", "up 2", "up 3", "down 3", "down 2", "up 2"]
    assert await place.applied() == ["0001", "0002"]


async def test_to_base_nothing_is_left_applied(place: Place) -> None:
    migrator = place.migrator()
    await migrator.migrate()
    report = await migrator.migrate("base")
    assert [ran.verb for ran in report.ran] == ["revert"] * 3
    assert await place.applied() == []


async def test_nothing_to_do_is_an_empty_report_and_no_event(place: Place) -> None:
    await place.migrator().migrate()
    rows, place.heard = list(place.database.tables[HISTORY].rows), []
    report = await place.migrator().migrate()
    assert (bool(report), report.ran, place.heard) == (False, (), [])
    assert place.database.tables[HISTORY].rows == rows


async def test_the_two_functions_of_door_one_plan_and_execute_on_an_open_session(place: Place) -> None:
    backend = memory_backend(place.database)
    async with backend.connect() as session:
        planned = await plan(session, backend, place.path, target_revision="0001", direction=Direction.up)
        report = await execute(session, backend, planned)
    assert [ran.revision for ran in report.ran] == ["0001"]


@pytest.mark.parametrize(("target", "direction"), [("", None), ("0001", "sideways")])
async def test_a_target_or_direction_that_is_none_is_refused(place: Place, target: str, direction: str | None) -> None:
    with pytest.raises(ConfigError, match=r"''|sideways"):
        await place.migrator().plan(target, direction)


# --------------------------------------------------------------------------- the history
async def test_the_history_holds_a_row_a_step_oldest_first(place: Place) -> None:
    await place.migrator().migrate("0001")
    await place.migrator().migrate("base")
    found = await place.migrator().history()
    assert [(row.revision, row.verb, row.state) for row in found.rows] == [
        ("0001", "apply", "done"),
        ("0001", "revert", "done"),
    ]
    assert found.facts.database == "shop"


async def test_the_status_says_where_the_database_stands(place: Place) -> None:
    assert (await place.migrator().status()).state == "uninitialised"
    await place.migrator().migrate("0001")
    status = await place.migrator().status()
    assert (status.state, status.database, status.history) == ("pending", "shop", HISTORY)
    assert [revision.revision for revision in status.pending] == ["0002", "0003"]
    await place.migrator().migrate()
    assert (await place.migrator().status()).state == "current"


async def test_a_stamp_writes_the_history_and_runs_nothing(place: Place) -> None:
    report = await place.migrator().stamp("0002")
    assert [(ran.revision, ran.verb) for ran in report.ran] == [("0001", "mark"), ("0002", "mark")]
    assert place.database.ran == []
    await place.migrator().migrate()
    assert place.database.ran == ["up 3"]
    await place.migrator().stamp("0001")
    assert (await place.applied(), place.database.ran) == (["0001"], ["up 3"])


@pytest.mark.parametrize(("applied", "runs_again"), [(True, []), (False, ["up 9"])])
async def test_a_repair_decides_what_an_unfinished_migration_is(
    place: Place, applied: bool, runs_again: list[str]
) -> None:
    last = place.path / "0009_last.sql"
    place.write({last.name: "-- trek: no-transaction\nup 9;\nDIVIDE BY ZERO;\n"})
    with pytest.raises(MigrationFailed):
        await place.migrator().migrate()
    with pytest.raises(Unfinished):
        await place.migrator().migrate()
    assert (await place.migrator().status()).state == "unfinished"
    last.write_text("-- trek: no-transaction\nup 9;\n")
    await place.migrator().stamp("0003")
    place.database.tables["public.ran"].rows.clear()
    await place.migrator().repair("0009", applied=applied)
    await place.migrator().migrate()
    assert place.database.ran == runs_again
    assert (await place.migrator().status()).state == "current"


# --------------------------------------------------------------------------- what observers hear
async def test_the_events_of_a_run_come_in_their_order(place: Place) -> None:
    place.write({"0004_out.sql": "-- trek: no-transaction\na;\nb;\n"})
    await place.migrator().migrate("0002")
    assert place.kinds == [RunStarted, Started, Done, Started, Done, RunFinished]
    place.heard.clear()
    report = await place.migrator().migrate()
    assert place.kinds == [RunStarted, Started, Done, Started, StatementDone, StatementDone, Done, RunFinished]
    assert place.heard[-1] == RunFinished(report)


async def test_a_failure_is_reported_with_what_was_done_before_it(place: Place) -> None:
    place.write({"0002_2.sql": "up 2;\nDIVIDE BY ZERO;\nup 22;"})
    with pytest.raises(MigrationFailed, match="0002 2 failed: division by zero") as caught:
        await place.migrator().migrate()
    assert [ran.revision for ran in caught.value.report.ran] == ["0001"]
    assert (caught.value.action.revision, caught.value.failure.outcome) == ("0002", "rolled back")
    assert caught.value.__cause__ is caught.value.failure.cause
    assert place.database.ran == ["up 1"]
    assert place.kinds == [RunStarted, Started, Done, Started, Failed, RunFailed]


async def test_a_cancelled_run_leaves_nothing_and_can_be_run_again(place: Place) -> None:
    place.write({"0002_2.sql": "up 2;\nSLEEP 60;"})
    run = asyncio.create_task(place.migrator().migrate())
    await place.until(Done)
    await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert place.kinds == [RunStarted, Started, Done, Started, RunFailed]
    assert place.database.ran == ["up 1"]
    place.write(THREE)
    assert [ran.revision for ran in (await place.migrator(lock_wait=0).migrate()).ran] == ["0002", "0003"]


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


async def test_a_loss_inside_the_callers_transaction_is_no_reason_to_plan_again(place: Place) -> None:
    await place.migrator().migrate("0001")
    connection = MemoryConnection(place.database)
    session = AlwaysLost(connection)
    backend = Backend(lambda: contextlib.nullcontext(session), store=MemoryStore())
    place.write({"0002_2.sql": "DIVIDE BY ZERO;"})
    with connection.transaction(), pytest.raises(PlanOutdated, match="another runner was faster with 0002"):
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
