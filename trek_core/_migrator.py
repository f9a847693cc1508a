"""The facade: one object that plans and migrates, and the two functions on top of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args

from trek_core._scripts import Folders
from trek_core.errors import ConfigError
from trek_core.model import Direction, History, Rules, TransactionChoice
from trek_core.plans import Plan, Report, Status

if TYPE_CHECKING:
    from trek_core._blame import Offer
    from trek_core._check import Checked
    from trek_core._runner import Opened, Runner
    from trek_core._workspace import Workspace
    from trek_core.backend import Backend
    from trek_core.contracts import Executor, Observer

    RunnerParts = tuple["Offer[Executor]", "Workspace", Sequence["Offer[Observer]"], float, "Opened"]

LOCK_WAIT = 60.0  # seconds


class Migrator:
    """Migrations of one folder in one database.

    directory: a folder, "package:NAME", a zip or a folder in a zip; or several of them, whose migrations are one catalogue.
    rules: instead of the format's own. lock_wait: seconds to wait for the migration lock.
    transaction: "each" migration commits by itself, or the whole "plan" does, all or nothing; None: as the rules say.
    observers: told of every event, beside those of plugins.
    Every method opens a session of the backend and reads the folder anew.
    Their errors: `ConfigError`, `ConnectError`, `LoadError`, `PlanError`, `PluginError`; those that write also raise
    `LockTimeout` and `MigrationFailed`.
    """

    def __init__(
        self,
        backend: Backend,
        directory: Folders = "migrations",
        *,
        rules: Rules | None = None,
        lock_wait: float = LOCK_WAIT,
        observers: Iterable[Observer] = (),
        transaction: TransactionChoice | None = None,
    ) -> None:
        if not lock_wait >= 0:  # NaN too
            msg = f"lock_wait is {lock_wait!r}, want seconds, 0 or more"
            raise ConfigError(msg)
        self.backend, self.directory = backend, directory
        self.rules, self.lock_wait, self.observers = rules, lock_wait, tuple(observers)
        self.transaction: TransactionChoice | None = _transaction(transaction)

    async def plan(self, target_revision: str = "head", direction: Direction | str | None = None) -> Plan:
        """What would run, without running it: nothing is written, one round trip, two where there is no history yet.

        While another runner is in the middle of a non-transactional migration this waits for it, as `migrate` does.
        """
        wanted = _target(target_revision), _direction(direction)
        async with self._runner() as runner:
            return await runner.plan(lambda history: runner.workspace.plan(history, *wanted))

    async def apply(self, plan: Plan) -> Report:
        """Carries out a plan that was shown. Raises `PlanOutdated` if the database moved and something else would run."""
        async with self._runner(plan.origin) as runner:
            return await runner.apply(plan)

    async def migrate(self, target_revision: str = "head", direction: Direction | str | None = None) -> Report:
        """To the target, whatever that takes. The report is empty if the database was there: one round trip, no lock."""
        wanted = _target(target_revision), _direction(direction)
        async with self._runner() as runner:
            return await runner.migrate(lambda history: runner.workspace.plan(history, *wanted))

    async def status(self) -> Status:
        """Where the database stands, revision by revision: one round trip, two where there is no history yet."""
        async with self._runner() as runner:
            history = await runner.first_history()
            found = runner.workspace.status(history)
            if not history.exists:
                from trek_core import _foreign  # noqa: PLC0415 - once in the life of a database

                await _foreign.refuse(runner, await _foreign.suspects(runner))
            return found

    async def history(self) -> History:
        """The history's rows, oldest first: one round trip. The folder is not read."""
        async with self._runner() as runner:
            return await runner.history()

    async def stamp(self, target_revision: str) -> Report:
        """Writes in the history what `migrate` to the target would make true. No migration runs."""
        async with self._runner() as runner:
            return await runner.migrate(lambda history: runner.workspace.stamp(history, _target(target_revision)))

    async def repair(self, revision: str, *, applied: bool) -> Report:
        """Says of one revision whether it counts as applied: the way out after a non-transactional migration failed."""
        async with self._runner() as runner:
            return await runner.migrate(lambda history: runner.workspace.repair(history, revision, applied=applied))

    def check(self, *, reversible: bool = False, against: str | None = None) -> Checked:
        """Looks at the folder alone, without the database; see `trek_core.check`."""
        from trek_core._check import check_with  # noqa: PLC0415 - no run asks for it

        backend = self.backend
        rules = self.rules or backend.layout.value.rules
        return check_with(self.directory, backend.host, backend.layout, rules, reversible=reversible, against=against)

    @asynccontextmanager
    async def _runner(self, workspace: Workspace | None = None) -> AsyncIterator[Runner]:
        async with self.backend.connect() as session:
            yield self.runner_on(session, workspace)

    def runner_on(self, session: Executor, workspace: Workspace | None = None) -> Runner:
        """A run on an open session."""
        from trek_core._runner import Runner  # noqa: PLC0415 - what a run needs is imported when one begins

        return Runner(*self.parts_on(session, workspace))

    def parts_on(self, session: Executor, workspace: Workspace | None = None) -> RunnerParts:
        """What a `Runner` is made of."""
        from trek_core._blame import GIVEN, Offer  # noqa: PLC0415 - as above
        from trek_core._workspace import Workspace  # noqa: PLC0415

        given = tuple(Offer(observer, GIVEN) for observer in self.observers)
        workspace = workspace or Workspace(self.backend, self.directory, self.rules, self.transaction)
        observers = (*self.backend.host.observers(), *given)
        return self.backend.offered(session), workspace, observers, self.lock_wait, self.backend.another


async def plan(
    session: Executor,
    backend: Backend,
    directory: Folders = "migrations",
    target_revision: str = "head",
    direction: Direction | str | None = None,
) -> Plan:
    """What would bring the database to the target, on an open session of the backend. Nothing is written.

    direction: `Direction.up`, `Direction.down` or their names; None finds out.
    Raises `PlanError`, `LoadError`, `ConfigError`, `ConnectError`, `PluginError`.
    """
    runner = Migrator(backend, directory).runner_on(session)
    wanted = _target(target_revision), _direction(direction)
    return await runner.plan(lambda history: runner.workspace.plan(history, *wanted))


async def execute(session: Executor, backend: Backend, planned: Plan) -> Report:
    """Carries a plan out, on an open session of the backend: what was planned, or what is left of it.

    Raises `PlanOutdated`, `ReadOnly`, `LockTimeout`, `MigrationFailed`, `ConnectError`, `PluginError`.
    """
    if planned.origin is None:
        msg = "this plan was not made by trek_core.plan() or Migrator.plan(): it does not know its files"
        raise ConfigError(msg)
    return await Migrator(backend, planned.origin.directory).runner_on(session, planned.origin).apply(planned)


def _target(given: str) -> str:
    if isinstance(given, str) and given:
        return given
    msg = f'the target {given!r} is no revision: give a text, such as "head", "base", "0003", "+1" or "-1"'
    raise ConfigError(msg)


def _transaction(given: TransactionChoice | None) -> TransactionChoice | None:
    if given is None or given in get_args(TransactionChoice):
        return given
    msg = f'transaction={given!r} is no choice: give "each", and every migration commits by itself, or "plan", all or nothing'
    raise ConfigError(msg)


def _direction(given: Direction | str | None) -> Direction | None:
    if given is None or isinstance(given, Direction):
        return given
    if given in ("up", "down"):
        return Direction(given)
    msg = f"the direction {given!r} is none: give Direction.up, Direction.down or leave it out, and trek finds out"
    raise ConfigError(msg)
