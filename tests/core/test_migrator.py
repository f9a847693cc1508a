"""Migrator, runner and events on a database in memory: what core does by itself, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.core.memory_place import HISTORY, THREE, Place
from trek_core import (
    ConfigError,
    Direction,
    MigrationFailed,
    Migrator,
    execute,
    plan,
)
from trek_core.events import (
    Done,
    Failed,
    RunFailed,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
)
from trek_core.model import Body, Script, Source, Sql
from trek_core.plugin import Backend, Executor, Loader, TrekHooks, hookimpl
from trek_core.testing import MemoryConnection, MemoryExecutor, MemoryStore, memory_backend


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


async def test_an_authors_plugin_runs_without_a_server(place: Place) -> None:
    def load(source: Source) -> Script:
        lines = source.content.decode().splitlines()
        return Script(Body(tuple(Sql(line, str(source.file), number) for number, line in enumerate(lines, 1))))

    class Plugin(TrekHooks):
        @hookimpl
        def trek_register_loaders(self) -> Iterable[Loader]:
            yield Loader("lines", (".lines",), load)

    place.write({"0004_4.lines": "up 4\nup 44"})
    await Migrator(memory_backend(place.database, plugins=[Plugin()]), place.path).migrate()
    assert place.database.ran == ["up 1", "up 2", "up 3", "up 4", "up 44"]


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
    with pytest.raises(MigrationFailed, match="at statement 2 of 2"):  # it goes on there, and fails again
        await place.migrator().migrate()
    assert place.database.ran.count("up 9") == 1
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


async def test_an_executor_that_swallows_what_a_run_raises_hides_no_failure(place: Place) -> None:
    @asynccontextmanager
    async def swallow() -> AsyncGenerator[Executor]:
        with suppress(Exception):
            yield MemoryExecutor(MemoryConnection(place.database))

    place.write({"0001_1.sql": "DIVIDE BY ZERO"})
    backend = Backend(swallow, store=MemoryStore())
    with pytest.raises(MigrationFailed):
        await Migrator(backend, place.path).migrate()
