"""What observers hear, and that none of them can fail a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.run.folders import applied, two, write
from trek_asyncpg import migrate
from trek_core import ConfigError, MigrationFailed, Observer
from trek_core.events import Done, Failed, RunFinished, RunStarted, Started, StatementDone

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


async def test_a_failure_is_heard_and_nothing_after_it(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    folder = write(tmp_path, {"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 1/0;", "3_c.sql": "SELECT 1;"})
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder, observers=[ear.observer])
    assert ear.kinds == [RunStarted, Started, Done, Started, Failed]
    last = ear.events[-1]
    assert isinstance(last, Failed)
    assert last.failure is failed.value.failure


@pytest.mark.parametrize("text", ["CREATE TABLE taken (id int);", "CREATE TYPE taken AS ENUM ('a');"])
async def test_a_body_that_looks_like_a_lost_race_is_heard_as_a_failure(
    connection: Connection, tmp_path: Path, text: str
) -> None:
    ear = Ear()
    await connection.execute(text)
    with pytest.raises(MigrationFailed):
        await migrate(connection, write(tmp_path, {"1_a.sql": text}), observers=[ear.observer])
    assert ear.kinds == [RunStarted, Started, Failed]


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
