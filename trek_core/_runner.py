"""Carries a plan out under the lock. The only module that awaits a plugin."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from trek_core._blame import Offer, blame, expect, expect_all
from trek_core._dataclass import replace
from trek_core._door import later
from trek_core._meanwhile import meanwhile
from trek_core._pause import uncollected
from trek_core._recording import check_history, units_of
from trek_core._session import Session
from trek_core.errors import ConfigError, ConnectError, MigrationFailed, Unfinished
from trek_core.model import Facts, History, Rows, Sql
from trek_core.plans import Plan, Ran, Report

if TYPE_CHECKING:
    from trek_core import _aftermath, _audience, _checks, _foreign, _records, events
    from trek_core._workspace import Workspace
    from trek_core.contracts import Executor, Observer
    from trek_core.events import Event, Failed, Lost
    from trek_core.model import Action, Lock, Locked

    Planner = Callable[[History], Plan]
    Opened = Callable[[], AbstractAsyncContextManager[Offer[Executor]]]
else:
    _aftermath, _audience, _checks, _foreign, _records, events = later(
        "_aftermath", "_audience", "_checks", "_foreign", "_records", "events"
    )

CONNECTING = 30.0  # seconds beside those for the lock, to ask on another session what became of a lost one
NO_ROWS = Sql("SELECT '{}'::jsonb WHERE false")
PAUSES = (0.0, 0.2, 0.5, 1.0)  # seconds before each session that is asked


class Runner:
    """One run on one session."""

    rereads: ClassVar = False
    """Whether the plan follows from more than the history's table, so that it is made again under the lock in every case."""

    def __init__(
        self,
        session: Offer[Executor],
        workspace: Workspace,
        observers: Sequence[Offer[Observer]],
        lock_wait: float,
        another: Opened,
    ) -> None:
        self.session, self.workspace, self.another = Session(session), workspace, another
        self.observers, self.lock_wait = observers, lock_wait
        self.ran: list[Ran] = []
        self.facts = Facts()
        self.begun = time.monotonic()

    async def first_history(self) -> History:
        """The history, and while the server reads it the files, for which a plan will ask."""
        with meanwhile(self.workspace.ahead()):
            return await self.history()

    async def history(self) -> History:
        """The history as it is now: one round trip."""
        store = self.workspace.store
        with blame(store, "VersionStore.query"):
            query = store.value.query()
        expect(store, "VersionStore.query", query, Sql)
        self.facts, rows = await self._read(query)
        if rows is None and store.value.needs_facts:
            self.facts, _ = await self._read(NO_ROWS)
        with uncollected(), blame(store, "VersionStore.history"):
            history = store.value.history(rows, self.facts)
        check_history(store, history)
        return history

    async def _read(self, query: Sql) -> tuple[Facts, Rows | None]:
        try:
            return await self.session.read(query)
        except ConfigError as error:
            from trek_core._explain import NOT_ALLOWED, whose  # noqa: PLC0415 - what an error needs is imported when there is one

            state = getattr(error.__cause__, "sqlstate", None) or ""
            if state == NOT_ALLOWED or state[:2] not in ("22", "42"):  # whatever the query says
                raise
            msg = f"{error}\n{whose(self.workspace.store, query)}"
            raise ConfigError(msg) from error.__cause__

    async def plan(self, planner: Planner) -> Plan:
        """The plan from the history as it is now, with its records: a store may refuse what it would have to write."""
        plan = await self._planned(planner)
        return replace(plan, records=plan.records)

    async def _planned(self, planner: Planner) -> Plan:
        """What looks unfinished may be another runner at work; once the lock is ours, it is gone."""
        history = await self.first_history()
        self._expect(history)
        with contextlib.suppress(Unfinished):
            plan = planner(history) if history.exists else await self._first_plan(planner, history)
            if not any(action.resume for action in plan.actions):
                return plan
        async with self._lock(history):
            return planner(await self.history())

    async def _first_plan(self, planner: Planner, history: History) -> Plan:
        """The plan for a database without a history, made while the server says whether another tool's may be there."""
        made = list[Plan]()
        with meanwhile(map(made.append, map(planner, [history]))):
            suspects = await _foreign.suspects(self)
        plan = made[0] if made else planner(history)
        if any(action.body for action in plan.actions):
            await _foreign.refuse(self, suspects)
        return plan

    async def migrate(self, planner: Planner) -> Report:
        """Plans, and carries out the plan that is right once the lock is held."""
        plan = await self._planned(planner)
        if plan:
            _checks.writable(plan, self.facts)
        return await self._report(plan, planner)

    async def apply(self, shown: Plan) -> Report:
        """Carries out what was shown, or what is left of it. Raises `PlanOutdated` if anything else would run."""

        def replan(history: History) -> Plan:
            plan = self.workspace.plan(history, shown.target, shown.direction)
            _checks.still(shown, plan)
            return plan

        return await self._report(shown, replan)

    # ----------------------------------------------------------------------- the run
    async def _report(self, plan: Plan, replan: Planner) -> Report:
        if not plan:
            return self._so_far(plan)
        if plan.as_one:
            self.session.check_runs_as_one()
        try:
            await self._tell(events.RunStarted(plan))
            await self._under_lock(plan, replan)
        except BaseException as error:
            _checks.done_before(error, self.ran)
            await self._tell(events.RunFailed(error))
            raise
        report = self._so_far(plan)
        await self._tell(events.RunFinished(report))
        return report

    async def _under_lock(self, plan: Plan, replan: Planner) -> None:
        """A session that was lost gives up its lock before another one takes it, to look what became of the run."""
        try:
            await self._locked(plan, replan)
        except _aftermath.Died as died:
            error = await self._after_death(died.plan, died.failed)
        else:
            return
        raise error

    async def _locked(self, plan: Plan, replan: Planner) -> None:
        async with self._lock(plan.history) as locked:
            self.facts = locked.facts
            self._expect(plan.history)
            # No table when we planned and nobody before us in the queue: making the table shows a race, without reading.
            if locked.waited or plan.history.exists or self.rereads:
                plan = await self._again(plan, replan)
            if not plan.history.exists:  # what was read without a table has no complete facts
                self.facts, plan = locked.facts, self.workspace.told(plan, locked.facts)
            if plan:
                _checks.writable(plan, self.facts)
            while plan and (lost := await self._carry_out(plan)):
                plan = await self._after_loss(plan, lost, replan)

    def locks(self, history: History) -> Sequence[Lock]:
        """What a run on that history holds."""
        with blame(self.workspace.store, "VersionStore.locks"):
            locks = self.workspace.store.value.locks(history)
        return expect_all(self.workspace.store, "VersionStore.locks", locks, _records.Lock)

    def _lock(self, history: History) -> AbstractAsyncContextManager[Locked]:
        return self.session.lock(self.locks(history), self.lock_wait, self._tell)

    async def _again(self, plan: Plan, replan: Planner) -> Plan:
        history = await self.history()
        self._expect(history)
        _checks.not_shrunk(plan.history, history)
        same = history == plan.history and not self.rereads  # the same answers make the same plan
        return plan if same else replan(history)

    def _expect(self, history: History) -> None:
        if self.workspace.expect_database:
            _checks.expected(self.workspace.expect_database, self.facts, history)

    async def _after_loss(self, plan: Plan, lost: Lost, replan: Planner) -> Plan:
        """Somebody was faster, which the history must show; if it does not, the failure was the migration's own."""
        if self.facts.in_transaction and _stand(await self.history()) != _stand(_begun_in(plan, lost.action)):
            raise _checks.overtaken(lost.action) from lost.failure.cause
        fresh = await self._again(plan, replan)
        if _stand(fresh.history) != _stand(plan.history):
            _checks.not_resumed_at_once(fresh)
            return fresh
        from trek_core._explain import taken  # noqa: PLC0415 - as above

        raise self._failed(plan, events.Failed(lost.action, lost.failure), taken(self.workspace.store, lost.failure))

    async def _carry_out(self, plan: Plan) -> Lost | None:
        units = units_of(self.workspace.store, plan)
        async with contextlib.aclosing(self.session.run(units, as_one=plan.as_one)) as results:
            async for result in results:
                if isinstance(result, events.Failed) and result.failure.outcome == "unknown":
                    raise _aftermath.Died(plan, result)
                if isinstance(result, events.Done):
                    action = result.action
                    ran = Ran(action.revision, action.entry.title, action.verb, result.seconds, result.together)
                    self.ran.append(ran)
                await self._audience.tell(result)
                if isinstance(result, events.Lost):
                    return result
                if isinstance(result, events.Failed):
                    raise self._failed(plan, result)
        return None

    async def _after_death(self, plan: Plan, failed: Failed) -> MigrationFailed | Unfinished:
        """The session was lost before the answer came: another one tells what is so, where one can be had."""
        found = _aftermath.Found(failed)
        if not self.facts.in_transaction:  # else nobody has committed, and nobody can
            found = await self._found(plan, failed)
        for event in found.events:
            await self._tell(event)
        await self._tell(found.result)
        self.ran += found.ran
        return self._failed(plan, found.result, found.note)

    async def _found(self, plan: Plan, failed: Failed) -> _aftermath.Found:
        """A new session that is lost too is no answer: a server takes connections until it notices that it has crashed."""
        why: Exception | None = None
        try:
            async with asyncio.timeout(CONNECTING + self.lock_wait):
                for pause in PAUSES:
                    await asyncio.sleep(pause)
                    try:
                        return await self._asked(plan, failed)
                    except ConnectError as error:
                        why = error
        except Exception as error:  # noqa: BLE001 - the failure itself is what the user must hear of
            why = why or error
        return _aftermath.unknown(failed, str(why) or "it took too long.")

    async def _asked(self, plan: Plan, failed: Failed) -> _aftermath.Found:
        found = None
        try:
            async with self.another() as session:
                other = Runner(session, self.workspace, self.observers, self.lock_wait, self.another)
                async with other._lock(plan.history):
                    now, begun = await other.history(), self.workspace.store.value.keeps_begun
                    found = _aftermath.found(plan, failed, now, self.workspace.state(now), self.ran, begun=begun)
        except Exception:
            if found is None:
                raise
        return found

    def _failed(self, plan: Plan, result: Failed, note: str = "") -> MigrationFailed | Unfinished:
        from trek_core._explain import explain, question  # noqa: PLC0415 - as above

        action, failure = result.action, result.failure
        if failure.outcome == "unfinished" and action.resume:
            return question(action, failure)
        report = self._so_far(plan)
        nested, store = self.facts.in_transaction, self.workspace.store.value
        message = explain(plan, action, failure, self.ran, nested=nested, store=store) + note
        error = MigrationFailed(message, result.action, result.failure, report)
        error.__cause__ = result.failure.cause
        return error

    def _so_far(self, plan: Plan) -> Report:
        return Report(plan.target, tuple(self.ran), plan.warnings, time.monotonic() - self.begun)

    async def _tell(self, event: Event) -> None:
        await self._audience.tell(event)

    @cached_property
    def _audience(self) -> _audience.Audience:
        return _audience.Audience(self.observers, lambda: self.facts.database)


def _begun_in(plan: Plan, action: Action) -> History:
    """With the rows of those before it, unless one transaction took them back with it."""
    number = plan.actions.index(action)
    made = plan.records[number - 1].history if number and not plan.as_one else None
    return made or plan.history


def _stand(history: History) -> tuple[object, ...]:
    """What another runner's work changes of it."""
    return history.exists, history.next, history.lacks, () if history.next > 1 else history.rows
