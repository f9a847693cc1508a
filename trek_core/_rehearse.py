"""Runs every migration up, down and up again on a scratch database, and looks at what each way leaves."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from trek_core._dataclass import replace
from trek_core._drift import Drift, compare
from trek_core._migrator import Migrator
from trek_core._rehearsal import Outcome, Rehearsal, Rehearsed, Way
from trek_core._scratch import Scratch, scratch
from trek_core._squash import whole
from trek_core._targets import resolve
from trek_core._workspace import Workspace
from trek_core.errors import Irreversible, LoadError, MigrationFailed, PlanError, TrekError
from trek_core.model import Direction, Entry

ITS_OWN = (MigrationFailed, PlanError, LoadError)
"""What a migration does wrong; anything else is the fault of the server, a plugin or the settings."""


async def rehearse(
    migrator: Migrator, *, only: Collection[str] = (), heard: Callable[[Rehearsed], None] = lambda step: None
) -> Rehearsal:
    """Applies, reverts and applies again every migration, one by one, on a scratch database, and compares what is there.

    The migrator's own database is not touched. What has no way down is applied and stays. A squash is compared with what it
    replaces, as long as that has files. only: revisions whose way down is tried; those before them are only applied.
    heard: called with each as soon as it is known.
    Raises `ConfigError` where no scratch database can be had, `LoadError` and `PlanError` for what no database is needed to
    see, `UnknownRevision` for one in `only`; what a migration itself does wrong is in the result.
    """
    begun, steps = time.monotonic(), list[Rehearsed]()
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(_stage(migrator))
        todo, tried = await stage.todo(only)
        for number, entry in enumerate(todo):
            if not stage.usable:
                await stack.aclose()
                stage = await stack.enter_async_context(_stage(migrator))
                try:
                    await stage.go(f"+{number}")
                except ITS_OWN:  # it leaves something outside of its database, and the step that failed has said so
                    break
            steps.append(await stage.rehearse(entry, tried=entry.revision in tried and entry.rerun == "never"))
            heard(steps[-1])
            if steps[-1].outcome == "failed" and steps[-1].way == "up":
                break
    for entry in todo[len(steps) :]:
        steps.append(_told(entry, "not reached"))
        heard(steps[-1])
    return Rehearsal(tuple(steps), time.monotonic() - begun)


@asynccontextmanager
async def _stage(migrator: Migrator) -> AsyncIterator[_Stage]:
    async with scratch(migrator.backend) as empty:
        yield _Stage(migrator, empty)


class _Stage:
    """A scratch database, and how far it is."""

    def __init__(self, migrator: Migrator, scratch: Scratch) -> None:
        self._given, self._scratch = migrator, scratch
        self._migrator = Migrator(
            scratch.backend, migrator.directory, rules=migrator.rules, lock_wait=migrator.lock_wait, transaction="each"
        )
        self._workspace = Workspace(scratch.backend, migrator.directory, migrator.rules, "each")
        self._now: Mapping[str, str] | None = None
        self._seconds = 0.0
        self.usable = True
        """Whether it is as if every migration so far had been applied once."""

    async def todo(self, only: Collection[str]) -> tuple[list[Entry], set[str]]:
        """The migrations on the way to the head, up to the last that is tried, and the revisions to be tried."""
        history = await self._migrator.runner_on(self._scratch.session).history()
        plan = self._workspace.plan(history, "head", Direction.up)
        todo = [action.entry for action in plan.actions if action.verb == "apply" and action.entry.recorded]
        if not only or not todo:
            return todo, {entry.revision for entry in todo}
        catalog = self._workspace.catalog(history.facts)
        tried = {resolve(catalog, name, ()).revision for name in only}
        last = max((number for number, entry in enumerate(todo) if entry.revision in tried), default=-1)
        return todo[: last + 1], tried

    async def go(self, target: str, direction: Direction = Direction.up) -> None:
        """Runs to a target. Raises as `Migrator.migrate` does."""
        begun = time.monotonic()
        runner = self._migrator.runner_on(self._scratch.session, self._workspace)
        try:
            await runner.migrate(lambda history: self._workspace.plan(history, target, direction))
        finally:
            self._now, self._seconds = None, self._seconds + time.monotonic() - begun

    async def look(self) -> Mapping[str, str]:
        """The catalogue as it is now, read once after each run."""
        if self._now is None:
            self._now = await self._scratch.catalogue()
        return self._now

    # ----------------------------------------------------------------------- one migration
    async def rehearse(self, entry: Entry, *, tried: bool) -> Rehearsed:
        self._seconds = 0.0
        found = await (self._up_and_down(entry) if tried else self._up(entry))
        if tried and found.ok and entry.replaces:
            found = await self._against_originals(entry, found)
        return replace(found, seconds=self._seconds)

    async def _up(self, entry: Entry) -> Rehearsed:
        try:
            await self.go("+1")
        except ITS_OWN as error:
            return _told(entry, "failed", error=error)
        return _told(entry, "applied")

    async def _up_and_down(self, entry: Entry) -> Rehearsed:
        before = await self.look()
        if not (applied := await self._up(entry)).ok:
            return applied
        first = await self.look()
        try:
            await self.go("-1", Direction.down)
        except Irreversible as error:
            return _told(entry, "irreversible" if error.on_purpose else "no way down")
        except ITS_OWN as error:
            self.usable = not isinstance(error, MigrationFailed) or error.failure.outcome == "rolled back"
            return _told(entry, "failed", "down", error=error)
        return await self._again(entry, first, compare(before, await self.look()))

    async def _again(self, entry: Entry, first: Mapping[str, str], left: Drift) -> Rehearsed:
        """Up once more. What the way down left may stop it, and says more than the error."""
        self.usable = False
        try:
            await self.go("+1")
        except ITS_OWN as error:
            failed = _told(entry, "failed", "up again", error=error)
            return _told(entry, "differs", "down", drift=left) if left else failed
        other = compare(first, await self.look())
        self.usable = not other
        if left or other:
            return _told(entry, "differs", "down" if left else "up again", drift=left or other)
        return _told(entry, "reversible")

    async def _against_originals(self, squash: Entry, found: Rehearsed) -> Rehearsed:
        """The squash beside what it replaces, each on an empty database."""
        facts = (await self._migrator.runner_on(self._scratch.session).history()).facts
        catalog = self._workspace.catalog(facts)
        if not whole(catalog, squash.revision):
            return found
        looks = []
        try:
            for targets in (catalog.replaced[squash.revision], (squash.revision,)):
                async with _stage(self._given) as stage:
                    for target in targets:
                        await stage.go(target)
                    looks.append(await stage.look())
        except ITS_OWN as error:
            return replace(found, outcome="failed", way="originals", error=error)
        drift = compare(*looks)
        return replace(found, outcome="differs", way="originals", drift=drift) if drift else found


def _told(
    entry: Entry, outcome: Outcome, way: Way = "up", *, drift: Drift | None = None, error: TrekError | None = None
) -> Rehearsed:
    return Rehearsed(
        revision=entry.revision,
        title=entry.title,
        files=tuple(map(str, entry.files)),
        outcome=outcome,
        way=way,
        drift=drift or Drift(),
        error=error,
    )
