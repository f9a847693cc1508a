"""What observers hear, and that none of them can fail a run."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, two, write
from trek_asyncpg import migrate
from trek_core import ConfigError, MigrationFailed, Observer
from trek_core.events import Done, Failed, RunFailed, RunFinished, RunStarted, Started, StatementDone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from trek_core.events import Event


class Ear:
    """Keeps what it hears, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.observer = Observer("ear", self.hear)

    async def hear(self, event: Event) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


async def test_the_events_of_a_run_come_in_their_order(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    write(
        tmp_path,
        {"3_c.sql": "-- trek: no-transaction\nCREATE TABLE c (id int);\nCREATE INDEX CONCURRENTLY i ON c (id);"},
    )
    report = await migrate(connection, two(tmp_path), observers=[ear.observer])
    outside = [Started, StatementDone, StatementDone, Done]
    assert ear.kinds == [RunStarted, Started, Done, Started, Done, *outside, RunFinished]
    first, last = ear.events[0], ear.events[-1]
    assert isinstance(first, RunStarted)
    assert [action.revision for action in first.plan.actions] == ["1", "2", "3"]
    assert isinstance(last, RunFinished)
    assert last.report == report


async def test_nothing_to_do_is_no_run(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    await migrate(connection, two(tmp_path))
    await migrate(connection, two(tmp_path), observers=[ear.observer])
    assert ear.events == []


async def test_a_failure_is_heard_and_then_that_the_run_failed(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    folder = write(tmp_path, {"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 1/0;", "3_c.sql": "SELECT 1;"})
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder, observers=[ear.observer])
    assert ear.kinds == [RunStarted, Started, Done, Started, Failed, RunFailed]
    failure, last = ear.events[-2:]
    assert isinstance(failure, Failed)
    assert failure.failure is failed.value.failure
    assert isinstance(last, RunFailed)
    assert last.error is failed.value


async def test_a_cancelled_run_is_heard_to_have_failed_by_observers_that_take_their_time(
    connection: Connection, tmp_path: Path
) -> None:
    begun, heard = asyncio.Event(), []

    async def slowly(event: Event) -> None:
        await asyncio.sleep(0.01)
        heard.append(event)
        if isinstance(event, Started):
            begun.set()

    folder = write(tmp_path, {"1_a.sql": "SELECT pg_sleep(30);"})
    run = asyncio.create_task(migrate(connection, folder, observers=[Observer("slow", slowly)]))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [type(event) for event in heard] == [RunStarted, Started, RunFailed]
    assert isinstance(heard[-1].error, asyncio.CancelledError)


@pytest.mark.parametrize("kind", [RunStarted, Started, Done])
async def test_a_cancellation_in_one_observer_leaves_no_other_without_the_event_and_the_end(
    connection: Connection, tmp_path: Path, kind: type
) -> None:
    ear = Ear()

    async def give_up(event: Event) -> None:
        if isinstance(event, kind):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await migrate(connection, two(tmp_path), observers=[Observer("tired", give_up), ear.observer])
    assert ear.kinds[0] is RunStarted
    assert ear.kinds[-2:] == [kind, RunFailed]


async def test_a_cancellation_at_the_end_leaves_it_the_end(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()

    async def give_up(event: Event) -> None:
        if isinstance(event, RunFinished):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await migrate(connection, two(tmp_path), observers=[Observer("tired", give_up), ear.observer])
    assert [kind for kind in ear.kinds if kind in (RunFinished, RunFailed)] == [RunFinished]


@pytest.mark.parametrize("text", ["CREATE TABLE taken (id int);", "CREATE TYPE taken AS ENUM ('a');"])
async def test_a_body_that_looks_like_a_lost_race_is_heard_as_a_failure(
    connection: Connection, tmp_path: Path, text: str
) -> None:
    ear = Ear()
    await connection.execute(text)
    with pytest.raises(MigrationFailed):
        await migrate(connection, write(tmp_path, {"1_a.sql": text}), observers=[ear.observer])
    assert ear.kinds == [RunStarted, Started, Failed, RunFailed]


@pytest.mark.parametrize("raised", [ValueError("ouch"), ConfigError("ouch"), TimeoutError("ouch")], ids=repr)
async def test_an_observer_that_raises_fails_nothing_and_is_logged_with_its_name(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture, raised: Exception
) -> None:
    async def fall_over(event: Event) -> None:
        raise raised

    ear = Ear()
    with caplog.at_level(logging.WARNING, "trek"):
        observers = [Observer("the clumsy one", fall_over), ear.observer]
        assert len((await migrate(connection, two(tmp_path), observers=observers)).ran) == 2
    assert await applied(connection) == ["1", "2"]
    assert len(ear.events) == 6
    said = [record.getMessage() for record in caplog.records if record.name == "trek"]
    assert len(said) == 6
    assert all("the clumsy one" in line and "ouch" in line for line in said)
