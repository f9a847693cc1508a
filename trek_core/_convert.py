"""Copies the history of one tool into the table of another. The folder stays as it is, and the source's table is left alone.

What is written are marks, by the target's own store, in one transaction and under the locks of both. Before it commits the
target's table is read again: by its store's own words it must say what the source says, or nothing was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core import _converting
from trek_core._dataclass import replace
from trek_core._migrator import LOCK_WAIT, Migrator
from trek_core._runner import Runner
from trek_core.errors import ConfigError, MigrationFailed, PlanError
from trek_core.model import Advisory, Call, History

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trek_core._scripts import Folders
    from trek_core.backend import Backend
    from trek_core.contracts import Executor, Observer
    from trek_core.events import Lost
    from trek_core.model import Lock
    from trek_core.plans import Plan, Report


class Conversion:
    """What `source` has recorded, recorded by `target` too: names of formats, "native" is trek's own table.

    directory: the folder whose migrations those are. layout: how the side that is "native" reads it; None: as the other
    side does. lock_wait: seconds to wait for the locks. observers: told of every event.
    Both methods raise `PlanError`, also for what the target cannot keep, `LoadError`, `ConfigError`, `ConnectError` and
    `PluginError`.
    """

    def __init__(
        self,
        backend: Backend,
        directory: Folders = "migrations",
        *,
        source: str,
        target: str = "native",
        layout: str | None = None,
        lock_wait: float = LOCK_WAIT,
        observers: Iterable[Observer] = (),
    ) -> None:
        if source == target:
            msg = f"source and target of a conversion are both {source!r}: name two formats, one of them may be native."
            raise ConfigError(msg)
        self.source, self.target, self.backend = source, target, backend
        self.layout = layout or (target if source == "native" else source)
        self._from, self._to = (
            Migrator(self._side(name), directory, lock_wait=lock_wait, observers=observers) for name in (source, target)
        )

    def _side(self, name: str) -> Backend:
        return self.backend.speaking(name, layout=self.layout if name == "native" else None)

    async def plan(self) -> Plan:
        """What would be written: a mark for each revision, in the order in which they were applied. Nothing is written."""
        async with self.backend.connect() as session:
            runner = self._runner(session)
            return await runner.plan(runner.planned)

    async def run(self) -> Report:
        """Writes it: all of it, or nothing. The report is empty if the target says it already.

        Also raises `LockTimeout` and `MigrationFailed`.
        """
        async with self.backend.connect() as session:
            runner = self._runner(session)
            try:
                return await runner.migrate(runner.planned)
            except MigrationFailed as error:
                if isinstance(error.__cause__, PlanError):
                    raise error.__cause__ from None
                raise

    def _runner(self, session: Executor) -> _Converter:
        made = _Converter(*self._to.parts_on(session))
        made.source, made.names = self._from.runner_on(session), (self.source, self.target)
        return made


class _Converter(Runner):
    """A run whose plan follows from two histories, both read under both locks."""

    rereads = True
    source: Runner
    names: tuple[str, str]
    _told = History(exists=False)

    async def history(self) -> History:
        self._told = await self.source.history()
        return await super().history()

    def locks(self, history: History) -> Sequence[Lock]:
        """In an order that is the same both ways."""
        found = [*self.source.locks(self._told), *super().locks(history)]
        return sorted(dict.fromkeys(found), key=lambda lock: lock.key if isinstance(lock, Advisory) else 1 << 64)

    def planned(self, history: History) -> Plan:
        """Pure but for reading files. Raises `PlanError` for what the target cannot keep."""
        wanted = _converting.wanted(self.source.workspace, self._told, self.workspace, history, self.names)
        return self.workspace.marked(wanted, history, f"what {self.names[0]} has applied")

    async def _carry_out(self, plan: Plan) -> Lost | None:
        *others, last = plan.records
        check = Call(self._check, "reading what was written")
        return await super()._carry_out(replace(plan, records=(*others, replace(last, finish=(*last.finish, check)))))

    async def _check(self, _connection: object) -> None:
        """In the transaction, behind the last row. Raises `PlanError`."""
        facts = self.facts
        try:
            now = await super().history()
        finally:
            self.facts = facts  # those that were just read tell of trek's own transaction
        _converting.confirm(self.source.workspace, self._told, self.workspace, now, self.names)
