"""What trek promises to executors, stores and observers. Each test carries the number of its sentence."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.promises.stage import Stage, Watched
from trek_core import MigrationFailed, Migrator, Observer, TrekError
from trek_core.cli._live import Live
from trek_core.cli._progress import Lines
from trek_core.plugin import Done, Facts, History, PluginHost, RunFailed, RunFinished, RunStarted, Started
from trek_core.testing import MemoryExecutor, MemoryStore, memory_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trek_core.plugin import Event, Lock, Rows, Sql

TWO = {"1_a.told": "one;\n-- trek: down\nback one;\n", "2_b.told": "two;\n-- trek: down\nback two;\n"}
PLAN = ["state", "record", "record", "prepare"]
READ = ["query", "history"]
FOLDER = ["smells", "arrange"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path).write(TWO)


def without_observers(calls: list[str]) -> list[str]:
    return [call for call in calls if call[0].islower()]


# --------------------------------------------------------------------------- stores
async def test_s1_the_methods_of_a_store_are_called_in_their_order(stage: Stage) -> None:
    await stage.migrator().plan()
    assert stage.calls == [*READ, *FOLDER, *PLAN]


async def test_s1_changed_is_asked_between_state_and_record(stage: Stage) -> None:
    await stage.migrate("1")
    stage.calls.clear()
    await stage.migrator().plan()
    assert stage.calls == [*READ, *FOLDER, "state", "changed", "record", "prepare"]


async def test_s1_record_is_asked_once_an_action_and_prepare_after_the_last(stage: Stage) -> None:
    stage.write({f"{n}_more.told": "more;" for n in range(3, 9)})
    await stage.migrator().plan()
    assert stage.calls[-7:] == [*["record"] * 6, "prepare"]
    assert stage.calls.count("record") == 8


async def test_s1_under_the_lock_a_store_reads_again(stage: Stage) -> None:
    await stage.migrate("1")
    stage.calls.clear()
    await stage.migrate()
    planned = ["state", "changed", "record", "prepare"]
    assert without_observers(stage.calls) == [*READ, *FOLDER, *planned, "locks", *READ]


async def test_s1_under_the_lock_a_store_is_asked_all_again_where_the_history_is_another(stage: Stage) -> None:
    await stage.migrate("1")
    shown = await stage.migrator().plan()
    await stage.migrate()
    await stage.migrate("1")  # the same is to be done again, and the history has more to tell
    stage.calls.clear()
    await stage.migrator().apply(shown)
    assert without_observers(stage.calls) == ["locks", *READ, "state", "changed", "record", "prepare"]


async def test_s1_of_a_first_run_record_is_asked_once_with_the_facts_that_came_with_the_lock(stage: Stage) -> None:
    await stage.migrate()
    assert without_observers(stage.calls) == [*READ, *FOLDER, "state", "locks", *["record"] * 2, "prepare"]


async def test_s1_the_executor_runs_what_a_store_gives(stage: Stage) -> None:
    await stage.migrate()
    assert [row["revision"] for row in stage.database.tables["public.trek_history"].rows] == ["1", "2"]


@pytest.mark.parametrize("needs", [True, False])
async def test_s31_a_store_that_needs_facts_is_given_all_of_them_where_there_is_no_table(
    stage: Stage, needs: bool
) -> None:
    class Terse(MemoryExecutor):
        """Knows little where there is no table, as a driver that was told so by an error."""

        async def read(self, query: Sql) -> tuple[Facts, Rows | None]:
            if query.text.startswith("SELECT"):
                return self.facts(), []
            facts, rows = await super().read(query)
            return (Facts() if rows is None else facts), rows

    seen: list[Facts] = []

    class Curious(MemoryStore):
        needs_facts = needs

        def history(self, rows: Rows | None, facts: Facts) -> History:
            seen.append(facts)
            return super().history(rows, facts)

        def locks(self, history: History) -> Sequence[Lock]:
            seen.append(history.facts)
            return super().locks(history)

    stage.executor = Terse
    backend = memory_backend(stage.database, layout="told", store=Curious(), plugins=[("stage", stage)], executor=Terse)
    await Migrator(backend, stage.folder).migrate()
    assert {facts.database for facts in seen} == ({"shop"} if needs else {""})


# --------------------------------------------------------------------------- executors
@pytest.fixture
def watched(stage: Stage) -> type[Watched]:
    stage.executor = cls = type("Fresh", (Watched,), {"tasks": set(), "inside": [], "overlapping": []})
    return cls


@pytest.mark.parametrize("text", ["three;", "DIVIDE BY ZERO;", "-- trek: no-transaction\nthree;\nfour;"])
async def test_e1_a_session_is_used_from_one_task_one_call_at_a_time(
    stage: Stage, watched: type[Watched], text: str
) -> None:
    stage.write({"3_c.told": text})
    try:
        await stage.migrate()
    except MigrationFailed:
        assert "DIVIDE" in text
    assert watched.tasks == {asyncio.current_task()}
    assert watched.overlapping == []


async def test_e1_a_session_is_used_from_one_task_after_a_cancellation_too(
    stage: Stage, watched: type[Watched]
) -> None:
    begun = asyncio.Event()

    async def hear(event: Event) -> None:
        if isinstance(event, Started) and event.action.revision == "3":
            begun.set()

    stage.write({"3_c.told": "SLEEP 30;"})
    run = asyncio.create_task(stage.migrate(observers=[Observer("mine", hear)]))
    await begun.wait()
    await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert watched.tasks == {run}
    assert (watched.overlapping, watched.inside) == ([], [])


# --------------------------------------------------------------------------- observers
WHERE: contextvars.ContextVar[str] = contextvars.ContextVar("where", default="nowhere")


async def test_o1_every_event_is_awaited_in_order_in_the_task_of_the_run(stage: Stage) -> None:
    seen: list[tuple[Any, type]] = []

    async def hear(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append((asyncio.current_task(), type(event)))

    await stage.migrate(observers=[Observer("mine", hear)])
    assert {task for task, _ in seen} == {asyncio.current_task()}
    assert [kind for _, kind in seen] == [RunStarted, Started, Done, Started, Done, RunFinished]
    assert [type(event) for event in stage.heard] == [kind for _, kind in seen]


async def test_o1_a_context_variable_that_an_observer_sets_lasts_for_the_run(stage: Stage) -> None:
    seen: list[str] = []

    async def hear(event: Event) -> None:
        seen.append(WHERE.get())
        if isinstance(event, RunStarted):
            WHERE.set("in the run")

    await asyncio.create_task(stage.migrate(observers=[Observer("mine", hear)]))
    assert seen == ["nowhere", *["in the run"] * 5]


async def test_o1_an_event_is_told_before_the_run_goes_on(stage: Stage) -> None:
    ran: list[list[str]] = []

    async def hear(event: Event) -> None:
        await asyncio.sleep(0.001)
        ran.append(list(stage.database.ran))

    await stage.migrate(observers=[Observer("mine", hear)])
    assert ran == [[], [], ["one"], ["one"], ["one", "two"], ["one", "two"]]


def fails(text: str) -> Callable[[Stage], None]:
    return lambda stage: stage.write({"2_b.told": text}) and None


async def ends(stage: Stage) -> str:
    try:
        await stage.migrate()
    except BaseException as error:  # noqa: BLE001 - a cancellation too
        return type(error).__name__
    return ""


def locked(stage: Stage) -> None:
    stage.calls.clear()

    def locks(history: object) -> tuple[()]:
        raise asyncio.CancelledError

    stage.noting = lambda name, function: locks if name == "locks" else function  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda stage: None, ""),
        (fails("DIVIDE BY ZERO;"), "MigrationFailed"),
        (fails("-- trek: no-transaction\none;\nDIVIDE BY ZERO;"), "MigrationFailed"),
        (locked, "CancelledError"),
    ],
    ids=["finished", "failed", "failed outside a transaction", "cancelled"],
)
async def test_o2_every_run_started_is_followed_by_one_end_which_is_the_last_event(
    stage: Stage, spoil: Callable[[Stage], None], error: str
) -> None:
    spoil(stage)
    assert await ends(stage) == error
    kinds = [type(event) for event in stage.heard]
    assert kinds[0] is RunStarted
    assert [kind for kind in kinds if kind in (RunFinished, RunFailed)] == [kinds[-1]]
    assert kinds[-1] is (RunFailed if error else RunFinished)


async def test_o2_the_end_of_a_failed_run_has_the_error_that_is_raised(stage: Stage) -> None:
    stage.write({"2_b.told": "DIVIDE BY ZERO;"})
    with pytest.raises(MigrationFailed) as raised:
        await stage.migrate()
    last = stage.heard[-1]
    assert isinstance(last, RunFailed)
    assert last.error is raised.value


async def test_o3_what_notify_raises_is_logged_with_plugin_and_version_and_the_run_goes_on(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trek_core._blame import Offer

    async def raises(event: Event) -> None:
        raise KeyError(type(event).__name__)

    noisy = Offer(Observer("noisy", raises), "acme", "acme-log 1.2")
    own = PluginHost.observers
    monkeypatch.setattr(PluginHost, "observers", lambda host: (noisy, *own(host)))
    with caplog.at_level(logging.WARNING, "trek"):
        assert len((await stage.migrate()).ran) == 2
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == (
        "observer 'noisy': plugin 'acme' (acme-log 1.2): Observer.notify(RunStarted): raised KeyError: 'RunStarted'\n"
        "That is a fault of the plugin. Tell its authors, with the traceback: TREK_TRACEBACK=1 shows it.\n"
        "To run without it: --no-plugin acme, or TREK_DISABLE_PLUGINS=acme\n"
        "The run goes on."
    )
    places = ["Started", "Done", "Started", "Done", "RunFinished"]
    blamed = "observer 'noisy': plugin 'acme' (acme-log 1.2): Observer.notify"
    assert said[1:] == [f"{blamed}({place}): raised KeyError: {place!r}" for place in places]
    assert len(stage.heard) == 6


async def test_o4_where_there_is_nothing_to_do_no_event_comes(stage: Stage) -> None:
    await stage.migrate()
    stage.heard.clear()
    for target in ("head", "2"):
        await stage.migrate(target)
    await stage.migrator().plan("base")
    await stage.migrator().status()
    await stage.migrator().history()
    assert stage.heard == []


async def test_o4_a_run_that_is_refused_before_it_begins_tells_nothing(stage: Stage) -> None:
    stage.write({"2_b.told": "-- trek: nonsense\ntwo;"})
    with pytest.raises(TrekError):
        await stage.migrate()
    assert stage.heard == []


class Unheard:
    """An event of a later release."""


@pytest.mark.parametrize("display", [Lines, Live])
async def test_o5_the_command_ignores_an_event_that_it_does_not_know(display: type[Lines]) -> None:
    with display() as shown:
        await shown.notify(Unheard())  # type: ignore[arg-type]


async def test_o5_the_observers_that_trek_brings_ignore_an_event_that_they_do_not_know() -> None:
    observers = PluginHost().observers()
    assert observers
    for offer in observers:
        await offer.value.notify(Unheard())  # type: ignore[arg-type]
