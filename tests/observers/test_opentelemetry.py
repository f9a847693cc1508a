"""What OpenTelemetry is told of runs: read back from the SDK's exporter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.run.folders import two, until_sleeping, write
from trek_asyncpg import migrate
from trek_core import LockTimeout, MigrationFailed, Migrator, Plan, Report
from trek_core.plugin import (
    Action,
    Entry,
    Failure,
    LockWaiting,
    Lost,
    RunFailed,
    RunFinished,
    RunStarted,
    Script,
    Started,
)
from trek_core.testing import memory_backend
from trek_observers.opentelemetry import observer, trek_register_observers

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.run.folders import Connection
    from tests.support.databases import Database

OUTSIDE = "-- trek: no-transaction\nCREATE TABLE c (id int);\nCREATE INDEX CONCURRENTLY i ON c (id);"


class Told:
    """An observer, and the spans that came of it, in the order in which they ended."""

    def __init__(self, **attributes: str) -> None:
        self.exporter, self.provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.observers = [observer(self.provider, attributes)]

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def tree(self) -> list[tuple[str, str | None]]:
        """Each span's name and its parent's, in the order in which they ended."""
        names = {span.context.span_id: span.name for span in self.spans if span.context}
        return [(span.name, names[span.parent.span_id] if span.parent else None) for span in self.spans]


def attributes(span: ReadableSpan, *names: str) -> list[object]:
    assert span.attributes is not None
    return [span.attributes.get(name) for name in names]


@pytest.fixture
def told() -> Told:
    return Told()


# ----------------------------------------------------------------------- success
async def test_a_run_has_a_span_and_below_it_one_a_migration(
    connection: Connection, tmp_path: Path, told: Told
) -> None:
    await migrate(connection, two(tmp_path), observers=told.observers)
    assert told.tree() == [("trek apply", "trek run"), ("trek apply", "trek run"), ("trek run", None)]
    first, second, run = told.spans
    names = ("trek.revision", "trek.title", "trek.verb", "trek.mode", "trek.outcome")
    assert attributes(first, *names) == ["1", "a", "apply", "transaction", "done"]
    assert attributes(second, "trek.revision", "db.system.name") == ["2", "postgresql"]
    assert attributes(run, "trek.target", "trek.planned", "trek.outcome", "db.system.name") == [
        "head",
        2,
        "done",
        "postgresql",
    ]
    assert all(span.status.is_ok or span.status.is_unset for span in told.spans)


async def test_the_database_is_named_where_the_history_told_it(
    connection: Connection, database: Database, tmp_path: Path, told: Told
) -> None:
    down = "SELECT 1;\n-- trek: down\nSELECT 2;"
    await migrate(connection, write(tmp_path, {"1_a.sql": down, "2_b.sql": down}))
    await migrate(connection, str(tmp_path), "base", observers=told.observers)
    assert [attributes(span, "db.namespace") for span in told.spans] == [[database.name]] * 3
    assert [span.name for span in told.spans] == ["trek revert", "trek revert", "trek run"]


async def test_statements_are_children_of_their_migration_and_took_their_time(
    connection: Connection, tmp_path: Path, told: Told
) -> None:
    await migrate(connection, write(tmp_path, {"3_c.sql": OUTSIDE}), observers=told.observers)
    assert told.tree() == [("trek statement", "trek apply")] * 2 + [("trek apply", "trek run"), ("trek run", None)]
    one, two_, migration, _ = told.spans
    names = ("trek.statement.number", "trek.statement.total", "trek.revision")
    assert [attributes(span, *names) for span in (one, two_)] == [[1, 2, "3"], [2, 2, "3"]]
    for span in (one, two_):
        assert span.start_time is not None
        assert span.end_time is not None
        assert migration.start_time is not None
        assert span.start_time < span.end_time


async def test_nothing_to_do_gives_no_span(connection: Connection, tmp_path: Path, told: Told) -> None:
    await migrate(connection, two(tmp_path))
    await migrate(connection, str(tmp_path), observers=told.observers)
    assert told.spans == []


async def test_given_attributes_are_on_every_span(connection: Connection, tmp_path: Path) -> None:
    told = Told(**{"shop.team": "payments"})
    await migrate(connection, write(tmp_path, {"3_c.sql": OUTSIDE}), observers=told.observers)
    assert [attributes(span, "shop.team") for span in told.spans] == [["payments"]] * 4


async def test_a_run_in_memory_is_told_of_in_the_same_way(tmp_path: Path, told: Told) -> None:
    folder = write(tmp_path, {"1_a.py": "async def upgrade(connection): pass"})
    await Migrator(memory_backend(), folder, observers=told.observers).migrate()
    assert told.tree() == [("trek apply", "trek run"), ("trek run", None)]


# ----------------------------------------------------------------------- what ends otherwise
async def test_a_failed_migration_ends_its_span_and_the_run_s_with_the_message(
    connection: Connection, tmp_path: Path, told: Told
) -> None:
    with pytest.raises(MigrationFailed):
        await migrate(connection, write(tmp_path, {"1_a.sql": "SELECT 1/0;"}), observers=told.observers)
    assert trace.get_current_span() is trace.INVALID_SPAN
    failed, run = told.spans
    assert [(s.status.status_code.name, s.status.description) for s in (failed, run)] == [
        ("ERROR", "division by zero")
    ] * 2
    names = ("trek.outcome", "db.response.status_code", "error.type")
    assert attributes(failed, *names) == ["rolled back", "22012", "22012"]
    assert attributes(run, *names) == ["failed", None, "MigrationFailed"]
    (event,) = failed.events
    assert (event.name, dict(event.attributes or {})) == (
        "exception",
        {"exception.type": "DivisionByZeroError", "exception.message": "division by zero"},
    )


async def test_no_span_holds_text_of_the_sql_or_the_rows(connection: Connection, tmp_path: Path, told: Told) -> None:
    texts = {
        "1_a.sql": "CREATE TABLE a (secret text UNIQUE); INSERT INTO a VALUES ('hunter2');",
        "2_b.sql": "INSERT INTO a VALUES ('hunter2');",
    }
    with pytest.raises(MigrationFailed, match="hunter2"):  # the message of the command shows the line
        await migrate(connection, write(tmp_path, texts), observers=told.observers)
    assert len(told.spans) == 3
    assert not [span for span in told.spans if "hunter2" in span.to_json() or "INSERT" in span.to_json()]


async def test_a_cancelled_run_ends_all_its_spans(
    connection: Connection, other: Connection, tmp_path: Path, told: Told
) -> None:
    folder = write(tmp_path, {"1_a.sql": "SELECT pg_sleep(60);"})
    run = asyncio.create_task(migrate(connection, folder, observers=told.observers))
    await until_sleeping(other)
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    assert told.tree() == [("trek apply", "trek run"), ("trek run", None)]
    assert [attributes(span, "trek.outcome", "error.type") for span in told.spans] == [
        ["cancelled", "CancelledError"]
    ] * 2


async def test_waiting_for_the_lock_is_an_event_of_the_run(
    connection: Connection, other: Connection, tmp_path: Path, told: Told
) -> None:
    folder = write(tmp_path, {"1_a.sql": "SELECT pg_sleep(60);"})
    first = asyncio.create_task(migrate(other, folder))
    async with asyncio.timeout(15):
        while not await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
            await asyncio.sleep(0.02)
    with pytest.raises(LockTimeout):
        await migrate(connection, folder, observers=told.observers, lock_wait=0.3)
    assert trace.get_current_span() is trace.INVALID_SPAN
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    (run,) = told.spans
    waits = [event for event in run.events if event.name == "trek lock waiting"]
    assert waits
    assert {"trek.lock.waited", "trek.lock.holder.pid"} <= set(waits[0].attributes or {})
    assert attributes(run, "trek.outcome", "error.type") == ["failed", "LockTimeout"]


# ----------------------------------------------------------------------- several runs, several observers
async def test_two_runs_at_once_do_not_mix(tmp_path: Path, told: Told) -> None:
    async def one(name: str) -> None:
        code = "import asyncio\nasync def upgrade(connection):\n    for _ in range(5): await asyncio.sleep(0)\n"
        folder = write(tmp_path / name, {f"1_{name}.py": code, f"2_{name}.py": code})
        await Migrator(memory_backend(), folder, observers=told.observers).migrate()

    await asyncio.gather(one("left"), one("right"))
    runs = {span.context.span_id: span for span in told.named("trek run") if span.context}
    children: dict[int, set[object]] = {span_id: set() for span_id in runs}
    for span in told.named("trek apply"):
        assert span.parent is not None
        children[span.parent.span_id].update(attributes(span, "trek.title"))
    assert sorted(map(sorted, children.values())) == [["left"], ["right"]]


async def test_spans_made_in_a_migration_are_its_children_and_afterwards_nothing_is_current(
    tmp_path: Path, told: Told
) -> None:
    code = "import opentelemetry_probe\nasync def upgrade(connection): opentelemetry_probe.span()\n"
    seen: list[int] = []
    probe = type(sys)("opentelemetry_probe")
    probe.span = lambda: seen.append(trace.get_current_span().get_span_context().span_id)
    sys.modules["opentelemetry_probe"] = probe
    try:
        folder = write(tmp_path, {"1_a.py": code})
        twice = [*told.observers, *Told().observers]  # the end comes to them in the order of the beginning
        await Migrator(memory_backend(), folder, observers=twice).migrate()
    finally:
        del sys.modules["opentelemetry_probe"]
    (migration,) = told.named("trek apply")
    assert migration.context is not None
    assert seen == [migration.context.span_id]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_a_run_inside_a_span_of_the_caller_is_its_child(tmp_path: Path, told: Told) -> None:
    folder = write(tmp_path, {"1_a.py": "async def upgrade(connection): pass"})
    with told.provider.get_tracer("caller").start_as_current_span("start of the service"):
        await Migrator(memory_backend(), folder, observers=told.observers).migrate()
    assert told.tree()[1:] == [("trek run", "start of the service"), ("start of the service", None)]


async def test_a_run_inside_a_migration_is_its_child_and_the_outer_one_goes_on(tmp_path: Path, told: Told) -> None:
    inner = Migrator(
        memory_backend(),
        write(tmp_path / "in", {"1_in.py": "async def upgrade(connection): pass"}),
        observers=told.observers,
    )
    probe = type(sys)("opentelemetry_probe")
    probe.run = inner.migrate
    sys.modules["opentelemetry_probe"] = probe
    code = "import opentelemetry_probe\nasync def upgrade(connection): await opentelemetry_probe.run()\n"
    try:
        folder = write(tmp_path / "out", {"1_out.py": code, "2_out.py": "async def upgrade(connection): pass"})
        await Migrator(memory_backend(), folder, observers=told.observers).migrate()
    finally:
        del sys.modules["opentelemetry_probe"]
    assert told.tree() == [
        ("trek apply", "trek run"),
        ("trek run", "trek apply"),
        ("trek apply", "trek run"),
        ("trek apply", "trek run"),
        ("trek run", None),
    ]
    assert [attributes(span, "trek.title") for span in told.named("trek apply")] == [["in"], ["out"], ["out"]]


async def test_a_step_that_another_runner_did_is_lost_and_no_error(told: Told) -> None:
    def load(tree: object) -> Script:
        return Script(None)

    action = Action(entry=Entry(revision="1", load=load), verb="apply", mode="transaction", body=None, index=0)
    lost = Lost(action, Failure(ValueError("duplicate key"), "duplicate key"))
    for event in (RunStarted(Plan("head", (action,))), Started(action), lost, RunFinished(Report("head"))):
        await told.observers[0].notify(event)
    step, run = told.spans
    assert attributes(step, "trek.outcome", "error.type") == ["lost", None]
    assert attributes(run, "trek.outcome", "error.type") == ["done", None]


async def test_what_comes_outside_of_a_run_is_ignored(told: Told) -> None:
    for event in (LockWaiting(1.0), RunFailed(ValueError("too late"))):
        await told.observers[0].notify(event)
    assert told.spans == []


# ----------------------------------------------------------------------- the extra
def test_the_plugin_offers_one_observer() -> None:
    (offered,) = trek_register_observers()
    assert offered.name == "opentelemetry"


def test_without_opentelemetry_nothing_is_on_offer_and_with_it_nothing_is_imported_before_a_run() -> None:
    code = (
        "import sys; import trek_observers.opentelemetry as o; print(len(o.trek_register_observers()),"
        " 'opentelemetry.trace' in sys.modules); sys.modules['opentelemetry'] = None;"
        " print(len(o.trek_register_observers()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1", "False", "0"]


@pytest.mark.parametrize("provider", [None, "sdk_tracer_provider"])
def test_a_run_imports_it_where_somebody_in_the_process_did_or_the_environment_names_a_provider(
    tmp_path: Path, provider: str | None
) -> None:
    folder = write(tmp_path, {"1_a.py": "async def upgrade(connection): pass"})
    code = (
        "import asyncio, sys; from trek_core import Migrator; from trek_core.testing import memory_backend;"
        " import trek_observers.opentelemetry as o;"
        " asyncio.run(Migrator(memory_backend(), sys.argv[1], observers=[o.observer()]).migrate());"
        " print('opentelemetry.trace' in sys.modules)"
    )
    named = {} if provider is None else {"OTEL_PYTHON_TRACER_PROVIDER": provider}
    command, environment = [sys.executable, "-c", code, str(folder)], {**os.environ, **named}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert done.stdout.split() == [str(provider is not None)]
