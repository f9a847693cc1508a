"""Random graphs, edits, deletions, targets, failures, two runners at once: after each step the database is as the model says.

TREK_MODEL_EXAMPLES=500 python -m pytest tests/model looks longer.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model.expected import FAILING, Expected, File, Model
from tests.model.world import World
from trek_core import MigrationFailed

if TYPE_CHECKING:
    from tests.support.databases import Database
    from trek_core import TrekError

EXAMPLES = int(os.environ.get("TREK_MODEL_EXAMPLES", "40"))
GOOD = ("sql", "sql", "sql", "python", "outside")
KINDS = st.sampled_from((*GOOD, *GOOD, *GOOD, *FAILING, "half"))
numbers = st.integers(0, 9)
New = tuple[list[int], str, int]
NEW = st.tuples(st.lists(numbers, min_size=1, max_size=2), KINDS, st.integers(0, 5))


class Trek(RuleBasedStateMachine):
    """Two views of one folder and one database: the model's, and what is really there."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory(prefix="trek-model-")
        self.world, self.model = World(self.dsn, Path(self.place.name)), Model()
        self.last = 0
        self.add([], "sql", back=True)

    def teardown(self) -> None:
        self.world.close()
        self.place.cleanup()

    def one_of(self, revisions: list[str], number: int) -> str:
        return sorted(revisions)[number % len(revisions)]

    # ----------------------------------------------------------------------- files
    def add(self, requires: list[str], kind: Any, *, back: bool) -> File:
        self.last += 1
        file = File(f"{self.last:03}", tuple(requires), kind, back)
        self.model.files[file.revision] = file
        self.world.write(file)
        return file

    @initialize(files=st.lists(NEW, min_size=2, max_size=6), applied=st.integers(0, 3))
    def begin(self, files: list[New], applied: int) -> None:
        """Most examples begin with a graph that is applied as far as it goes."""
        self.new_files(files)
        if applied:
            self._migrate("head", as_one=False)

    @precondition(lambda self: len(self.model.files) < 9)
    @rule(files=st.lists(NEW, min_size=1, max_size=4))
    def more_files(self, files: list[New]) -> None:
        self.new_files(files)

    def new_files(self, files: list[New]) -> None:
        for parents, kind, back in files:  # what a squash stands for may be named; nothing else that is gone
            known = [*self.model.files, *(self.model.squash.replaces if self.model.squash else ())]
            self.add(sorted({self.one_of(known, number) for number in parents}), kind, back=back > 0)

    @precondition(lambda self: self.last % 3 == 0)
    @rule(number=numbers)
    def edit(self, number: int) -> None:
        file = self.model.files[self.one_of(list(self.model.files), number)]
        file.edits += 1
        self.world.write(file)

    @rule(number=numbers)
    def mend(self, number: int) -> None:
        if broken := [r for r, file in self.model.files.items() if file.kind in FAILING]:
            file = self.model.files[self.one_of(broken, number)]
            file.kind = "python" if file.kind == "raises" else "sql"
            file.edits += 1
            self.world.write(file)

    @rule()
    def mend_the_database(self) -> None:
        for file in self.model.files.values():
            if file.kind == "half" and file.revision not in self.model.gates:
                self.model.gates.add(file.revision)
                self.world.open_gate(file.revision)

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        """A leaf: a file that nobody names."""
        named = {parent for file in self.model.files.values() for parent in (*file.requires, *file.replaces)}
        if len(self.model.files) > 1 and (leaves := [r for r in self.model.files if r not in named]):
            revision = self.one_of(leaves, number)
            if revision not in self.model.begun and not self.model.files[revision].replaces:
                del self.model.files[revision]
                self.world.remove(revision)

    @rule()
    def accept_what_was_edited(self) -> None:
        for revision, edits in [*self.model.applied.items()]:
            if revision in self.model.files and self.model.files[revision].edits != edits:
                answer = self.world.repair(revision, applied=True)
                assert not isinstance(answer, Exception), answer
                self.model.mark(revision)

    @rule()
    def forget_what_is_gone(self) -> None:
        for ghost in self.model.ghosts():
            answer = self.world.repair(ghost, applied=False)
            assert not isinstance(answer, Exception), answer
            del self.model.applied[ghost]

    @precondition(lambda self: self.model.squash is None and not self.model.begun and not self.model.ghosts())
    @rule()
    def squash(self) -> None:
        if len(self.model.files) > 1 and all(file.kind in ("sql", "python") for file in self.model.files.values()):
            self.last += 1
            file = File(f"{self.last:03}", (), "sql", replaces=tuple(sorted(self.model.files)))
            self.model.files[file.revision] = file
            self.world.write(file)

    @precondition(lambda self: self.model.squash is not None)
    @rule()
    def delete_what_is_squashed(self) -> None:
        assert self.model.squash
        replaced = self.model.squash.replaces
        if len({*replaced} & {*self.model.applied}) not in (0, len(replaced)):
            return  # a database in the middle: what still can be reached is for tests/core/test_planner_squash.py
        for revision in replaced:
            if self.model.files.pop(revision, None):
                self.world.remove(revision)

    # ----------------------------------------------------------------------- runs
    @rule(number=numbers, word=st.sampled_from(("head", "head", "head", "base", "+1", "+2", "-1", "R", "R")))
    def migrate(self, number: int, word: str) -> None:
        self._migrate(self.target(number, word), as_one=False)

    @rule(number=numbers, word=st.sampled_from(("head", "head", "base", "+2", "R")))
    def migrate_as_one(self, number: int, word: str) -> None:
        self._migrate(self.target(number, word), as_one=True)

    def target(self, number: int, word: str) -> str:
        places = [revision for revision in self.model.files if self._is_place(revision)]
        return self.one_of(places, number) if word == "R" and places else word.replace("R", "head")

    def _is_place(self, revision: str) -> bool:
        """Not a squash whose originals are used: where that leads is a matter of its own."""
        view = self.model.view()
        return not self.model.files[revision].replaces or (view is not None and revision in view.order)

    def _migrate(self, target: str, *, as_one: bool) -> None:
        expected = self.model.expect(target, as_one=as_one)
        errors = self.model.carry_out(expected, as_one=as_one)
        answer = self.world.migrate(target, as_one=as_one)
        self.check(answer, errors, (target, as_one, expected))
        if not errors:
            done = [(ran.verb, ran.revision) for ran in answer.ran]
            assert done == [({"up": "apply", "down": "revert"}[way], r) for way, r in expected.steps], (target, done)
        elif isinstance(answer, MigrationFailed):
            self.check_blame(answer, expected, as_one=as_one)

    def check_blame(self, answer: MigrationFailed, expected: Expected, *, as_one: bool) -> None:
        assert expected.fails is not None
        revision = expected.steps[expected.fails][1]
        if self.model.files[revision].kind == "dies" and as_one:
            return  # of the lost ones nobody knows which it was
        assert answer.action.revision == revision, (answer.action.revision, expected)
        whole = as_one and len(expected.steps) > 1
        before = [] if whole else [r for _, r in expected.steps[: expected.fails]]
        assert [ran.revision for ran in answer.report.ran] == before, str(answer)

    @rule(number=numbers, word=st.sampled_from(("head", "head", "R")), as_one=st.booleans())
    def two_at_once(self, number: int, word: str, as_one: bool) -> None:
        target = self.target(number, word)
        expected = self.model.expect(target, as_one=as_one)
        errors = self.model.carry_out(expected, as_one=as_one)
        answers = self.world.race(target, as_one=as_one)
        for answer in answers:
            self.check(answer, errors, (target, as_one, expected))
        if not errors:
            done = [ran.revision for answer in answers for ran in answer.ran]
            assert sorted(done) == sorted(revision for _, revision in expected.steps), done

    @precondition(lambda self: self.model.squash is None)
    @rule(number=numbers, word=st.sampled_from(("head", "base", "R")))
    def stamp(self, number: int, word: str) -> None:
        target = self.target(number, word)
        errors = self.model.stamp(target)
        self.check(self.world.stamp(target), errors, target)

    @precondition(lambda self: self.model.squash is None)
    @rule(number=numbers, applied=st.booleans())
    def repair(self, number: int, applied: bool) -> None:
        revision = self.one_of(sorted(self.model.begun) or list(self.model.files), number)
        answer = self.world.repair(revision, applied=applied)
        assert not isinstance(answer, Exception), answer
        if applied:
            self.model.mark(revision)
        else:
            self.model.begun.discard(revision)
            self.model.applied.pop(revision, None)

    def check(self, answer: Any, errors: set[type[TrekError]], about: object) -> None:
        found = type(answer) if isinstance(answer, Exception) else None
        assert (found in errors) if errors else found is None, f"{about}: want {errors or 'no error'}: {answer}"

    # ----------------------------------------------------------------------- always
    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        assert self.world.ran() == self.model.ran
        assert self.world.held() == 0
        status = self.world.status()
        there = {one.revision: one.state for one in status.revisions}
        begun = {revision for revision, state in there.items() if state == "unfinished"}
        assert begun == self.model.begun, there
        view = self.model.view()
        if view is not None:
            assert {one.revision for one in status.applied} >= set(view.applied) - begun, (there, view.applied)
            pending = {revision for revision, state in there.items() if state == "pending"}
            assert pending == set(view.order) - set(view.applied) - begun, (there, view)


def test_whatever_happens_the_database_is_as_the_model_says(database: Database) -> None:
    machine = type("TrekHere", (Trek,), {"dsn": database.dsn})
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=20,
        derandomize="TREK_MODEL_EXAMPLES" not in os.environ,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=profile)
