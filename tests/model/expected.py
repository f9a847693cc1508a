"""What ought to be: sets and lists, written from docs/targets.md and docs/running.md, not from trek's planner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trek_core import (
    Changed,
    Irreversible,
    MigrationFailed,
    Missing,
    OutOfOrder,
    PlanError,
    TrekError,
    Unfinished,
    UnknownRevision,
)

Kind = Literal["sql", "python", "outside", "wrong", "twice", "raises", "late", "dies", "half"]
FAILING = ("wrong", "twice", "raises", "late", "dies")
OUTSIDE = ("outside", "half")
Step = tuple[str, str]


@dataclass
class File:
    """A migration: what it stands on, what it does, and how often it was edited."""

    revision: str
    requires: tuple[str, ...]
    kind: Kind
    back: bool = True
    edits: int = 0
    replaces: tuple[str, ...] = ()


@dataclass
class Expected:
    """Either `errors`, one of which is raised, and nothing happens; or `steps`, of which the one at `fails` does."""

    errors: set[type[TrekError]] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    fails: int | None = None


@dataclass
class View:
    """The graph as a database sees it: where a squash stands for others, those are no nodes, or it is none."""

    order: list[str]
    parents: dict[str, set[str]]
    applied: list[str]

    def ancestry(self, node: str) -> set[str]:
        return {node}.union(*(self.ancestry(parent) for parent in self.parents[node]))

    def descendants(self, node: str) -> set[str]:
        return {other for other in self.order if node in self.ancestry(other)} - {node}

    def upward(self, wanted: set[str]) -> list[str]:
        """Again and again the first in order whose parents are all there, or are not wanted."""
        there: list[str] = []
        while left := [n for n in self.order if n in wanted and n not in there]:
            there.append(next(n for n in left if not (self.parents[n] & set(left))))
        return there

    def downward(self, wanted: set[str]) -> list[str]:
        """The last applied first, a child before its parents."""
        gone: list[str] = []
        while left := [n for n in reversed(self.applied) if n in wanted and n not in gone]:
            gone.append(next(n for n in left if not any(n in self.parents[other] for other in left)))
        return gone


@dataclass
class Model:
    """Files, and what the database holds."""

    files: dict[str, File] = field(default_factory=dict)
    replaced: dict[str, File] = field(default_factory=dict)
    """Files that are gone, and that a squash stands for."""
    applied: dict[str, int] = field(default_factory=dict)
    """In the order in which they were applied -> how often the file had been edited then."""
    begun: set[str] = field(default_factory=set)
    """Stopped half-way outside a transaction. What is edited then is a comment, so they go on."""
    ran: list[Step] = field(default_factory=list)
    gates: set[str] = field(default_factory=set)
    """What half-done migrations wait for, and somebody mended in the database."""

    @property
    def squash(self) -> File | None:
        return next((file for file in self.files.values() if file.replaces), None)

    # ----------------------------------------------------------------------- what a database sees
    def view(self, target: str = "") -> View | None:
        """None: some of what a squash replaces are applied, and the others have no file.

        A target inside of a squash that is not used yet opens it.
        """
        hidden: dict[str, str] = {}
        applied = list(self.applied)
        nodes = dict(self.files)
        if squash := self.squash:
            some = [revision for revision in squash.replaces if revision in self.applied]
            whole = all(revision in self.files for revision in squash.replaces)
            opened = whole and target in squash.replaces
            if squash.revision in self.applied or not (some or opened):
                hidden = dict.fromkeys(squash.replaces, squash.revision)
            elif whole:
                del nodes[squash.revision]
            elif len(some) == len(squash.replaces):
                hidden = dict.fromkeys(squash.replaces, squash.revision)
                applied = list(dict.fromkeys(hidden.get(revision, revision) for revision in reversed(applied)))[::-1]
            else:
                return None
        order = sorted(revision for revision in nodes if revision not in hidden)
        stands = {} if not squash or squash.revision in order else {squash.revision: squash.replaces}
        parents = {r: {hidden.get(q, q) for p in nodes[r].requires for q in stands.get(p, (p,))} for r in order}
        return View(order, parents, applied)

    def ghosts(self) -> set[str]:
        known = set(self.files) | set(self.squash.replaces if self.squash else ())
        return set(self.applied) - known

    # ----------------------------------------------------------------------- a target
    def expect(self, target: str, *, as_one: bool = False) -> Expected:
        view = self.view(target)
        if self.ghosts() or view is None:
            return Expected({Missing, PlanError, UnknownRevision, *([Unfinished] if self.begun else [])})
        errors: set[type[TrekError]] = set()
        up, down = self._steps(view, target, errors)
        if self.begun - set(up):
            errors.add(Unfinished)
        self._judge(view, up, down, target, errors)
        steps = [("up", r) for r in view.upward(up)] + [("down", r) for r in view.downward(down)]
        if as_one and len(steps) > 1 and any(way == "up" and self.files[r].kind in OUTSIDE for way, r in steps):
            errors.add(PlanError)
        fails = next((at for at, step in enumerate(steps) if self.fails(step)), None)
        return Expected(errors) if errors else Expected(steps=steps, fails=fails)

    def _steps(self, view: View, target: str, errors: set[type[TrekError]]) -> tuple[set[str], set[str]]:
        applied, order = set(view.applied), view.order
        pending = view.upward({node for node in order if node not in applied})
        if target == "head":
            return set(pending), set()
        if target == "base":
            return set(), applied
        if target[0] == "+":
            if int(target) > len(pending):
                errors.add(PlanError)
            return set(pending[: int(target)]), set()
        if target[0] == "-":
            if -int(target) > len(applied):
                errors.add(PlanError)
            return set(), set(view.applied[int(target) :])
        return self._to_revision(view, target, errors)

    def _to_revision(self, view: View, target: str, errors: set[type[TrekError]]) -> tuple[set[str], set[str]]:
        applied = set(view.applied)
        if target not in view.order:
            errors.add(UnknownRevision)
            return set(), set()
        under = view.ancestry(target)
        beyond = applied - under
        if target in applied and (beyond & view.descendants(target) or any(node > target for node in beyond)):
            return set(), beyond
        return under - applied, set()

    def _judge(self, view: View, up: set[str], down: set[str], target: str, errors: set[type[TrekError]]) -> None:
        """Edited files on the way, what is older than what is applied, what has no way back."""
        looked = down or (view.ancestry(target) if target in view.order else set(view.order))
        if any(self._edited(node) for node in looked & set(view.applied)):
            errors.add(Changed)
        if up and view.applied and min(up) < max(view.applied):
            errors.add(OutOfOrder)
        if any(not self.files[node].back for node in down):
            errors.add(Irreversible)

    def _edited(self, node: str) -> bool:
        return node in self.applied and self.applied[node] != self.files[node].edits

    def fails(self, step: Step) -> bool:
        way, revision = step
        kind = self.files[revision].kind
        return way == "up" and (kind in FAILING or (kind == "half" and revision not in self.gates))

    # ----------------------------------------------------------------------- what happens
    def carry_out(self, expected: Expected, *, as_one: bool = False) -> set[type[TrekError]]:
        """What is so afterwards; the errors of which one is raised."""
        steps = expected.steps if expected.fails is None else expected.steps[: expected.fails]
        if as_one and expected.fails is not None and len(expected.steps) > 1:
            return {MigrationFailed}
        for way, revision in steps:
            self._one(way, revision)
        if expected.fails is not None:
            self._stop(expected.steps[expected.fails][1])
            return {MigrationFailed}
        return expected.errors

    def _one(self, way: str, revision: str) -> None:
        file = self.files[revision]
        if way == "up":
            if file.kind == "half" and revision not in self.begun:
                self.ran.append(("half", revision))
            self.mark(revision)
        else:
            for gone in (revision, *file.replaces):
                self.applied.pop(gone, None)
        self.ran.append((way, revision))

    def _stop(self, revision: str) -> None:
        if self.files[revision].kind == "half" and revision not in self.begun:
            self.begun.add(revision)
            self.ran.append(("half", revision))

    def mark(self, revision: str) -> None:
        self.begun.discard(revision)
        self.applied.pop(revision, None)
        self.applied[revision] = self.files[revision].edits

    def stamp(self, target: str) -> set[type[TrekError]]:
        """Only the history: what a run to the target would do, without a word of what is not allowed."""
        for ghost in self.ghosts():
            del self.applied[ghost]
        view = self.view()
        assert view is not None
        errors: set[type[TrekError]] = set()
        up, down = self._steps(view, target, errors)
        if errors:
            return errors
        self.begun.clear()
        for node in down:
            del self.applied[node]
        for node in [*self.applied]:
            if self._edited(node):
                self.mark(node)
        for node in view.upward(up):
            self.mark(node)
        return set()
