"""What the suite of stores works with: a store, where it keeps its history, and a session that migrates with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

from trek_core.contracts import Executor, VersionStore
from trek_core.events import Done, Failed, Result
from trek_core.model import Action, Entry, Facts, History, HistoryRow, Mode, Record, Rows, State, Statement, Verb
from trek_core.testing import _drive
from trek_core.testing._drive import named, told
from trek_core.testing._given import check, entered
from trek_core.testing._ground import Ground
from trek_core.testing._suite import Suite


@dataclass(frozen=True, slots=True)
class StoreCase:
    """A store at the beginning of a test, and the empty database that it works in.

    other: the same kind of store with settings that name another table, in the same database.
    other_shape: a statement that makes a table of another shape where the store's own would be.
    revision: number, from 1 -> the name of a revision, for a store that does not take every text: `str` for a column of
    numbers. The messages call revisions "a" and "b" all the same. Leave the capability "names" out then.
    checksum: number, from 0 -> a checksum, for a store that does not take every text, likewise.
    """

    store: VersionStore
    ground: Ground
    other: VersionStore | None = None
    other_shape: Statement | None = None
    revision: Callable[[int], str] | None = None
    checksum: Callable[[int], str] | None = None

    def __post_init__(self) -> None:
        check("StoreCase(store=…)", self.store, VersionStore, "a VersionStore: the object, not its class")
        check(
            "StoreCase(ground=…)", self.ground, Ground, "what `async with ground() as empty` yields, or MemoryGround()"
        )
        check("StoreCase(other=…)", self.other, VersionStore | None, "a VersionStore")
        check("StoreCase(other_shape=…)", self.other_shape, Statement | None, 'Sql("CREATE TABLE …")')


class Bench:
    """A store and a session. It knows the revisions that it applied, so that every action says where it begins and ends."""

    def __init__(self, case: StoreCase, session: Executor) -> None:
        self.case, self.session = case, session
        self.store, self.ground = case.store, case.ground
        self._path: tuple[str, ...] = ()
        self._names: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}

    @property
    def who(self) -> str:
        """The store, for messages."""
        return named(self.store)

    # ----------------------------------------------------------------------- looking
    async def read(self) -> tuple[Facts, Rows | None]:
        """What the store's query gives. No rows where the history is in no table."""
        return await _drive.read(self.session, self.store)

    async def history(self, session: Executor | None = None) -> History:
        return await _drive.history(session or self.session, self.store)

    def revisions(self, found: History) -> list[str]:
        """Those that the history has rows of, each once, as the test calls them."""
        return list(dict.fromkeys(self._called(row.revision) for row in found.rows))

    async def state(self, session: Executor | None = None, *, files: bool = True) -> State:
        """The state, its revisions as the test calls them, for a folder with every revision of the plans, or with none."""
        entries = self._entries.values() if files else ()
        found = await _drive.state(session or self.session, self.store, *entries)
        return replace(
            found,
            applied=tuple(map(self._called, found.applied)),
            rows={self._called(name): self._calling(row) for name, row in found.rows.items()},
            unfinished=tuple(map(self._calling, found.unfinished)),
            resumes={self._called(name): resume for name, resume in found.resumes.items()},
        )

    async def applied(self) -> tuple[str, ...]:
        return tuple((await self.state()).applied)

    # ----------------------------------------------------------------------- migrating
    def placed(self, *actions: Action) -> list[Action]:
        """The actions as steps of one plan: each builds on the one before it, and says the heads before and after."""
        path, found = self._path, list[Action]()
        for index, action in enumerate(actions):
            action = replace(action, entry=self._built_on(self._named(action.entry), path))  # noqa: PLW2901
            after = _moved(path, action)
            found.append(replace(action, index=index, before=path[-1:], after=after[-1:]))
            self._entries[action.revision] = action.entry
            path = after
        return found

    async def units(self, *actions: Action) -> list[tuple[Action, Record]]:
        """The actions with their records, from the history as it is now."""
        return _drive.units(self.store, self.placed(*actions), await self.history())

    async def run(self, *actions: Action) -> list[Result]:
        """One plan, carried out."""
        results = await _drive.carry_out(self.session, await self.units(*actions))
        for result in results:
            if isinstance(result, Done):
                self._path = _moved(self._path, result.action)
        return results

    async def done(self, *actions: Action) -> None:
        """One plan, which must come to its end."""
        results = await self.run(*actions)
        ended = [result for result in results if isinstance(result, Done)]
        assert len(ended) == len(actions), f"{self.who}: {told(results)}, and all of it should have been done"

    async def fails(self, name: str, *, mode: Mode = "transaction", verb: Verb = "apply") -> None:
        """One action, the second statement of whose body fails."""
        wrong, sqlstate = self.ground.wrong()
        results = await self.run(_drive.action(name, self.ground.note(name), wrong, mode=mode, verb=verb))
        last = results[-1] if results else None
        right = isinstance(last, Failed) and last.failure.sqlstate == sqlstate
        assert right, f"{self.who}: {told(results)}, and its body should have failed with {sqlstate}"

    def _built_on(self, entry: Entry, path: tuple[str, ...]) -> Entry:
        known = self._entries.get(entry.revision)
        return replace(entry, parents=known.parents if known else path[-1:])

    def sums(self, count: int) -> tuple[str, ...]:
        """So many checksums that the store takes, no two the same."""
        return tuple(map(self.case.checksum or "sum {}".format, range(count)))

    # ----------------------------------------------------------------------- names of revisions
    def _named(self, entry: Entry) -> Entry:
        return replace(entry, revision=self._name(entry.revision), replaces=tuple(map(self._name, entry.replaces)))

    def _name(self, called: str) -> str:
        """What the store is given for what the test calls so."""
        if self.case.revision is None:
            return called
        return self._names.setdefault(called, self.case.revision(len(self._names) + 1))

    def _called(self, name: str) -> str:
        return next((called for called, given in self._names.items() if given == name), name)

    def _calling(self, row: HistoryRow) -> HistoryRow:
        return replace(row, revision=self._called(row.revision))


def in_one_statement(units: Sequence[tuple[Action, Record]]) -> list[tuple[Action, Record]]:
    """The same, written by `Record.afterwards` where a record has it."""
    return [
        (one, replace(record, begin=(), finish=(record.afterwards,)) if record.afterwards else record)
        for one, record in units
    ]


class StoreTests(Suite):
    """The base of the parts of `VersionStoreSuite`."""

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes of migrations that a test should try."""
        return ("transaction",) if "outside" in self.without else ("transaction", "autocommit")

    def case(self) -> AbstractAsyncContextManager[StoreCase]:
        """A store and an empty database. Called once a test, or more often; what it gives is closed at the test's end."""
        msg = f"{type(self).__name__} lacks its one method: case(), an @asynccontextmanager that yields a StoreCase"
        raise NotImplementedError(msg)

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[Bench]:
        async with (
            entered(self, "case", StoreCase, "StoreCase(store, ground, …)") as case,
            entered(case.ground, "session", Executor, "an Executor") as session,
        ):
            yield Bench(case, session)


def _moved(path: tuple[str, ...], action: Action) -> tuple[str, ...]:
    left = tuple(one for one in path if one != action.revision and one not in action.entry.replaces)
    return left if action.verb in ("revert", "unmark") else (*left, action.revision)
