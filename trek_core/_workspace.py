"""The files as one run sees them, read once, and the plans that follow from them and a history. Pure but for reading files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from trek_core._blame import blame, called, expect, expect_all
from trek_core._catalog import EntryCatalog, arrange, build, checksums, is_at_head, smell
from trek_core._dataclass import replace
from trek_core._door import later
from trek_core._pause import settle, uncollected
from trek_core._recording import check_state, records, refuses_nothing
from trek_core._scripts import Folders
from trek_core._tree import FolderTree, roots_of, shown
from trek_core.errors import LoadError, TrekError, UnknownRevision
from trek_core.model import (
    Direction,
    Entry,
    Facts,
    History,
    HistoryRow,
    Hop,
    Route,
    Rules,
    Script,
    State,
    TransactionChoice,
)
from trek_core.plans import Plan, RevisionStatus, Status, unrecorded

if TYPE_CHECKING:
    from trek_core import _actions, _as_one, _folders, _planner, _resuming, script
    from trek_core.backend import Backend
    from trek_core.contracts import Tree
    from trek_core.model import Record
else:
    _actions, _as_one, _folders, _planner, _resuming, script = later(
        "_actions", "_as_one", "_folders", "_planner", "_resuming", "script"
    )

AT_ONCE = 32  # files: a third of a millisecond
LENIENT = Rules(out_of_order="allow", missing="allow", changed="allow")


class Workspace:
    """One folder, one backend. Make a new one to see files that changed since."""

    def __init__(
        self,
        backend: Backend,
        directory: Folders,
        rules: Rules | None,
        transaction: TransactionChoice | None = None,
    ) -> None:
        self.store, self.layout, self.directory = backend.store, backend.layout, roots_of(directory)
        self.layout_name = backend.layout_name
        rules = rules or self.layout.value.rules
        self.rules = replace(rules, transaction=transaction or rules.transaction)
        self.backend, self.expect_database = backend, backend.expect_database
        self.tree: FolderTree  # of the catalog: reading the history needs no folder
        self._listed: FolderTree | None = None
        self._catalog: EntryCatalog | None = None

    def ahead(self) -> Iterator[None]:
        """Lists the folder and reads its files, some at a time: what a plan will need, and can be had before the history."""
        if self._catalog is None:
            self._listed = tree = self._tree()
            for number, file in enumerate(tree.files):
                if number % AT_ONCE == 0:
                    yield
                tree.big(file)

    def _tree(self) -> FolderTree:
        return FolderTree(self.directory, self.backend.host.loader_for, suffixes=self.backend.host.suffixes())

    def catalog(self, facts: Facts) -> EntryCatalog:
        """Arranged on first use, with the facts that came with the history. Raises `ConfigError` for an empty folder."""
        if self._catalog is None:
            self.tree, self._listed = self._listed or self._tree(), None
            self.tree.facts = facts
            if found := smell(self.layout, self.tree):
                _folders.refuse_other(self.directory, found)
            arrangement = arrange(self.layout, self.tree)
            if not arrangement.entries or len(self.directory) > 1:
                _folders.refuse_empty(self.directory, self.tree, arrangement)
            self._catalog = build(arrangement)
        return self._catalog

    # ----------------------------------------------------------------------- plans
    def plan(self, history: History, target: str, direction: Direction | None) -> Plan:
        """Raises `PlanError` and `LoadError`."""
        with uncollected():
            found = self._route(history, target, direction)
            plan = self._plan(found.hops, history, target, direction, found.warnings)
            del found
            if not plan:
                self._forget()
            settle(len(plan.actions))
            return plan

    def _forget(self) -> None:
        """Who has nothing to run needs no files. They go while the collector is paused: it would look at all of them first."""
        self._catalog = None
        del self.tree

    def records(self, plan: Plan) -> tuple[Record, ...]:
        """What the store writes around a plan's actions. Raises `PluginError`."""
        return records(self.store, plan.actions, plan.history)

    def told(self, plan: Plan, facts: Facts) -> Plan:
        """The same plan, recorded with facts that were not known when it was made."""
        history = replace(plan.history, facts=facts)
        if plan.origin is not None and refuses_nothing(self.store, plan.actions):
            return unrecorded(replace(plan, records=(), history=history))
        with uncollected():
            recorded = replace(plan, records=records(self.store, plan.actions, history), history=history)
            settle(len(plan.actions))
            return recorded

    def stamp(self, history: History, target: str) -> Plan:
        """Only the history is written: it says afterwards what `plan` for that target would have made true."""
        catalog = self.catalog(history.facts)
        state = self.state(history)
        if self.layout.value.route is not None:
            return self._plan(map(_written, self._route(history, target, None).hops), history, target, None)
        known = tuple(revision for revision in state.applied if catalog.get(revision))
        hops = _planner.route(catalog, replace(state, applied=known, unfinished=()), target, None, LENIENT, _never).hops
        moved = {hop.entry.revision for hop in hops}
        kept = moved.union(known)
        gone = [r for r in (*state.applied, *(row.revision for row in state.unfinished)) if r not in kept]
        stays = [entry for entry in map(catalog.get, known) if entry and entry.revision not in moved]
        edited = self._edited([(entry, state.rows[entry.revision]) for entry in stays if entry.revision in state.rows])
        stale = [entry for entry in stays if entry.revision in edited]
        more = [Hop(entry=catalog.get(r) or _fileless(r), verb="unmark") for r in dict.fromkeys(gone)]
        more += [Hop(entry=entry, verb="mark") for entry in stale]
        return self._plan((*more, *map(_written, hops)), history, target, None)

    def marked(self, rows: Mapping[str, tuple[Entry | None, HistoryRow | None]], history: History, target: str) -> Plan:
        """Marks in that order, with what another history says of each, as one transaction. None: it has no file."""
        from trek_core._graph import Heads  # noqa: PLC0415 - for a conversion, and for nobody else
        from trek_core._lineage import trace  # noqa: PLC0415

        catalog, state = self.catalog(history.facts), self.state(history)
        lineage = trace(catalog, state)
        heads = Heads(lineage.applied, lineage.parents, catalog.rank)
        here, hops = state.applied[-1:], []
        for revision, (entry, row) in rows.items():
            before = heads.names() if self.layout.value.route is None else here
            heads.add(revision)
            here = (revision,)
            after = heads.names() if self.layout.value.route is None else here
            hops.append(Hop(entry=entry or _fileless(revision), verb="mark", before=before, after=after, told=row))
        plan = self._plan(hops, history, target, None)
        return replace(plan, records=plan.records, transaction="plan", origin=None)

    def repair(self, history: History, revision: str, *, applied: bool) -> Plan:
        """One row that says whether a revision counts as applied; that it does not, also of one whose file is gone."""
        catalog, state = self.catalog(history.facts), self.state(history)
        gone = not applied and revision in {*state.applied, *(row.revision for row in state.unfinished)}
        entry = catalog.get(revision) or (_fileless(revision) if gone else None)
        if entry is None:
            msg = (
                f"cannot repair {revision!r}: none of the {len(catalog.entries)} migrations in {shown(self.directory)} has "
                f"that revision.{catalog.nearest(revision)}\nCorrect the name, or restore its file."
            )
            raise UnknownRevision(msg, (revision,))
        return self._plan((Hop(entry=entry, verb="mark" if applied else "unmark"),), history, revision, None)

    def status(self, history: History) -> Status:
        from trek_core._status import status  # noqa: PLC0415 - a migration does not ask for it

        state, catalog = self.state(history), self.catalog(history.facts)
        with blame(self.store, "VersionStore.identity"):
            identity = self.store.value.identity
        expect(self.store, "VersionStore.identity", identity, str)
        found = status(catalog, state, self._edited, history.facts.database, identity, history.exists)
        found = replace(found, identity=history.facts.identity)
        if not state.resumes:
            return found
        return replace(found, revisions=tuple(self._with_progress(one, state, catalog) for one in found.revisions))

    def unreadable(self, history: History) -> dict[str, LoadError]:
        """What the layout, or a loader, refuses of single files when they are loaded: revision -> why."""
        refused = {}
        for entry in self.catalog(history.facts).entries:
            if entry.skip is None:
                try:
                    with blame(self.layout, f"Entry.load({entry.revision})"):
                        entry.load(self.tree)
                except LoadError as error:
                    refused[entry.revision] = error
        return refused

    def edited(self, history: History) -> dict[str, str]:
        """Applied revisions whose files were edited since -> a file of each."""
        catalog = self.catalog(history.facts)
        known = [(catalog.get(revision), row) for revision, row in self.state(history).rows.items()]
        found = self._edited([(entry, row) for entry, row in known if entry and entry.rerun != "always"])
        files = {entry.revision: entry.files for entry in catalog.entries if entry.revision in found}
        return {revision: str(files[revision][0]) if files[revision] else revision for revision in found}

    def _with_progress(self, one: RevisionStatus, state: State, catalog: EntryCatalog) -> RevisionStatus:
        """Of an unfinished one, how far it came; of how many statements, if its file can be read."""
        resume, entry, total = state.resumes.get(one.revision), catalog.get(one.revision), None
        if resume is None:
            return one
        with contextlib.suppress(TrekError):
            hops = [Hop(entry=entry, verb=resume.begun.verb)] if entry else []
            total = (
                sum(len(script.statements(action)) for action in _actions.build(hops, self.tree, self.layout)) or None
            )
        return replace(one, progress=_resuming.came(resume, total))

    # ----------------------------------------------------------------------- parts
    def _route(self, history: History, target: str, direction: Direction | None) -> Route:
        catalog, state = self.catalog(history.facts), self.state(history)
        if self.layout.value.route is None:
            if target == "head" and is_at_head(catalog, state) and not self._edited_at_all(catalog, state):
                return Route()
            return _planner.route(catalog, state, target, direction, self.rules, self._edited)
        with blame(self.layout, "Layout.route"):
            hops = self.layout.value.route(catalog, state, target, direction)
        return Route(expect_all(self.layout, "Layout.route", hops, Hop))

    def _edited_at_all(self, catalog: EntryCatalog, state: State) -> bool:
        """Whether a file was edited that somebody should hear of."""
        rows = [(entry, row) for entry in catalog.entries if (row := state.rows.get(entry.revision))]
        return self.rules.changed != "allow" and bool(self._edited(rows))

    def state(self, history: History) -> State:
        catalog = self.catalog(history.facts)
        with blame(self.store, "VersionStore.state"):
            state = self.store.value.state(history, catalog)
        check_state(self.store, state)
        return state if self.store.value.keeps_steps else replace(state, resumes={})

    def _edited(self, pairs: Sequence[tuple[Entry, HistoryRow]]) -> dict[str, str]:
        """Of the entries whose files were edited since their rows were written: revision -> the file's checksum."""
        now = checksums([entry for entry, _ in pairs], self.tree, self.layout)
        where, changed = "VersionStore.changed", self.store.value.changed
        asked = [(found, row.data) for found, (_, row) in zip(now, pairs, strict=True)]
        answers = called(self.store, lambda _: where, lambda one: changed(*one), asked)
        edited = expect_all(self.store, where, answers, bool)
        if True not in edited:
            return {}
        return {
            entry.revision: next(iter(found), "unknown")
            for (entry, _), found, is_edited in zip(pairs, now, edited, strict=True)
            if is_edited
        }

    def _plan(
        self,
        hops: Iterable[Hop],
        history: History,
        target: str,
        direction: Direction | None,
        warnings: tuple[str, ...] = (),
    ) -> Plan:
        hops = tuple(hops)
        actions = _actions.build(hops, self.tree, self.layout) if hops else ()
        told, transaction = (*history.warnings, *warnings), self.rules.transaction
        later = bool(actions) and (not history.exists or refuses_nothing(self.store, actions))
        recorded = () if later else records(self.store, actions, history)
        plan = Plan(target, actions, recorded, told, direction, history, self, transaction)
        if later:
            plan = unrecorded(plan)
        if plan.as_one:
            _as_one.refuse(plan)
        return plan


def _never(pairs: object) -> dict[str, str]:  # noqa: ARG001 - the planner's signature
    return {}


def _written(hop: Hop) -> Hop:
    """The same hop, in the history only."""
    return replace(hop, verb="unmark" if hop.verb == "revert" else "mark", load=None)


def _fileless(revision: str) -> Entry:
    def load(tree: Tree) -> Script:  # noqa: ARG001 - an entry's signature
        return Script(None)

    return Entry(revision=revision, load=load)
