"""What a run writes to the log, and that it sets nothing up."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.run.folders import sleeping, two, until, write
from trek_asyncpg import migrate
from trek_core import MigrationFailed, Migrator, Rules
from trek_core._event_facts import NAMES, facts_of
from trek_core.testing import memory_backend

if TYPE_CHECKING:
    from tests.run.folders import Connection
    from tests.support.databases import Database

PAGE = Path(__file__).parents[2] / "docs/logging.md"
ROW = re.compile(r"^\| `(\w+)` \| ([A-Z]+) \| .*? \| (.*) \|$", re.MULTILINE)
OUTSIDE = "-- trek: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (id);"
OF_A_MIGRATION = {"revision", "title", "verb", "mode"}


def documented() -> dict[str, tuple[str, set[str]]]:
    """Level and fields of each event of the page; what stands in brackets explains one."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {event: (level, set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", said)))) for event, level, said in rows}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name.removeprefix("trek_"): value for name, value in vars(record).items() if name.startswith("trek_")}


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(fields(record)["event"], record.levelname) for record in caplog.records if record.name == "trek.run"]


def hold_to_the_page(caplog: pytest.LogCaptureFixture) -> None:
    for record in caplog.records:
        found = fields(record)
        level, names = documented()[found.pop("event")]
        names |= OF_A_MIGRATION | {"sqlstate", "outcome"} if found.get("type") == "MigrationFailed" else set()
        assert (record.levelname, set(found) - {"database"}) == (level, names)
        assert "database" in found
        assert json.dumps(found)
        assert "\n" not in record.getMessage()


async def test_every_migration_is_told_with_its_fields(
    connection: Connection, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trek")
    await migrate(connection, write(Path(two(tmp_path)), {"3_i.sql": OUTSIDE}))
    one = [("started", "DEBUG"), ("done", "INFO")]
    outside = [("started", "DEBUG"), ("statement_done", "DEBUG"), ("done", "INFO")]
    assert told(caplog) == [("run_started", "INFO"), *one, *one, *outside, ("run_finished", "INFO")]
    hold_to_the_page(caplog)
    (first, *_) = [fields(record) for record in caplog.records if fields(record)["event"] == "done"]
    assert (first["revision"], first["title"], first["verb"], first["together"]) == ("1", "a", "apply", 2)
    assert first["database"] == database.name
    assert re.fullmatch(r"applied 3 i \(\d+\.\d{3} s\)", caplog.records[-2].getMessage())


async def test_nothing_to_do_is_nothing_to_tell(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(connection, two(tmp_path))
    caplog.set_level(logging.DEBUG, "trek")
    caplog.clear()
    await migrate(connection, two(tmp_path))
    assert told(caplog) == []


async def test_a_failure_is_a_warning_without_the_rows_that_its_detail_quotes(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "trek")
    body = "CREATE TABLE t (word text UNIQUE); INSERT INTO t VALUES ('secret'), ('secret');"
    with pytest.raises(MigrationFailed, match="secret"):
        await migrate(connection, write(tmp_path, {"1_t.sql": body}))
    assert told(caplog)[-2:] == [("failed", "DEBUG"), ("run_failed", "WARNING")]
    hold_to_the_page(caplog)
    last = fields(caplog.records[-1])
    assert (last["revision"], last["sqlstate"], last["outcome"]) == ("1", "23505", "rolled back")
    assert not any("secret" in f"{record.getMessage()} {fields(record)}" for record in caplog.records)


async def test_who_waits_for_the_lock_says_who_has_it_and_a_cancellation_is_told(
    database: Database, connection: Connection, other: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = await database.connect(server_settings={"application_name": "the first"})
    running = asyncio.create_task(migrate(first, write(tmp_path, {"1_slow.sql": "SELECT pg_sleep(60);"})))
    await until(lambda: sleeping(other), "the first one runs")
    caplog.set_level(logging.INFO, "trek")
    second = asyncio.create_task(migrate(connection, tmp_path))

    async def waits() -> bool:
        return ("lock_waiting", "WARNING") in told(caplog)

    await until(waits, "the second one waits")
    for run in (second, running):
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    hold_to_the_page(caplog)
    (waiting, *_) = [record for record in caplog.records if fields(record)["event"] == "lock_waiting"]
    assert fields(waiting)["pid"] == first.get_server_pid()
    assert "the first" in waiting.getMessage()
    assert caplog.records[-1].getMessage() == "the run was cancelled"


async def test_a_table_that_is_locked_is_a_warning_with_who_has_it(
    connection: Connection, other: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await other.execute("CREATE TABLE a (id int)")
    caplog.set_level(logging.INFO, "trek")
    async with other.transaction():
        await other.execute("LOCK TABLE a; SELECT 'secret'")
        run = asyncio.create_task(migrate(connection, write(tmp_path, {"1_a.sql": "DROP TABLE a;"})))

        async def seen() -> bool:
            return any(fields(record).get("blockers") for record in caplog.records)

        await until(seen, "the one in its way is seen")
    await run
    hold_to_the_page(caplog)
    (seen_, *_) = [found for record in caplog.records if (found := fields(record)).get("blockers")]
    assert seen_["blockers"][0]["pid"] == other.get_server_pid()
    assert "secret" not in caplog.text + str(seen_)


async def test_what_the_rules_let_pass_with_a_warning_is_one(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(connection, write(tmp_path, {"2_b.sql": "SELECT 1;"}))
    write(tmp_path, {"1_a.sql": "SELECT 1;"})
    await migrate(connection, tmp_path, rules=Rules(out_of_order="warn"))
    assert told(caplog) == [("plan_warning", "WARNING")]
    hold_to_the_page(caplog)
    assert "1" in caplog.text


def test_every_event_of_the_page_is_one_that_comes() -> None:
    assert set(documented()) == {*NAMES.values(), "plan_warning"}


def test_an_event_of_a_later_release_has_no_facts() -> None:
    assert facts_of(object()) == {}  # type: ignore[arg-type]


async def test_a_filter_that_raises_fails_no_run(tmp_path: Path) -> None:
    def raises(record: logging.LogRecord) -> bool:
        raise KeyError(record.name)

    log = logging.getLogger("trek.run")
    log.addFilter(raises)
    try:
        assert len((await Migrator(memory_backend(), write(tmp_path, {"1_a.sql": "SELECT 1;"})).migrate()).ran) == 1
    finally:
        log.removeFilter(raises)


QUIET = """
import asyncio, logging, sys
from trek_asyncpg import migrate
asyncio.run(migrate(*sys.argv[1:]))
print([type(handler).__name__ for handler in logging.getLogger("trek").handlers], logging.root.handlers)
print(logging.getLogger("trek").level, logging.getLogger("trek").propagate, "trek_core._log" in sys.modules)
"""


def test_nothing_is_set_up_and_nothing_is_shown_where_nobody_logs(database: Database, tmp_path: Path) -> None:
    command = [sys.executable, "-c", QUIET, database.dsn, two(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("['NullHandler'] []\n0 True True\n", "")
