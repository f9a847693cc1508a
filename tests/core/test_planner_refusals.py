"""What the planner refuses, what the message says, and what the rules make of it."""

from __future__ import annotations

import pytest

from tests.core.planning import DOWN, UP, chain, entry, numbers, plan, row, state, steps
from trek_core.errors import Changed, Missing, OutOfOrder, PlanError, Unfinished, UnknownRevision
from trek_core.model import Rules, State

THREE = chain("0001", "0002", "0003")


# ------------------------------------------------------------------ unfinished
@pytest.mark.parametrize("target", ["head", "base", "0001", "-1", "nonsense"])
def test_nothing_is_planned_while_a_migration_is_unfinished(target):
    begun = row("0002", state="started", started_at="2026-05-06T07:08:09Z", finished_at="")
    with pytest.raises(Unfinished) as raised:
        plan(THREE[:2], state("0001", unfinished=[begun]), target)
    message = str(raised.value)
    assert "0002, since 2026-05-06T07:08:09Z" in message
    assert "Look at what its statements left" in message
    assert "`trek repair 0002 --applied`" in message
    assert "`trek repair 0002 --not-applied`" in message
    assert "Migrator.repair('0002', applied=…)" in message
    assert raised.value.revisions == ("0002",)


def test_what_the_database_said_when_it_failed_is_told_on_one_line():
    failed = row("0002", state="failed", started_at="2026-05-06", finished_at="", problem="ERROR: no\n  such table")
    with pytest.raises(Unfinished, match=r"\n  0002, since 2026-05-06, failed with: ERROR: no such table\n"):
        plan(THREE[:2], state("0001", unfinished=[failed]))


def test_even_nothing_to_do_is_refused_while_a_migration_is_unfinished():
    with pytest.raises(Unfinished):
        plan(THREE[:1], state("0001", unfinished=[row("0002")]))


# ------------------------------------------------------------------ missing
AHEAD = ["0001", "0002", "0003", "0009"]


@pytest.mark.parametrize("target", ["head", "0001", "-1", "base"])
def test_a_database_ahead_of_the_code_is_refused(target):
    with pytest.raises(Missing) as raised:
        plan(THREE, AHEAD, target)
    message = str(raised.value)
    assert "the database is ahead of the code" in message
    assert "0009, applied 2026-01-01T00:00:00Z/0009" in message
    assert "Deploy the code that has these files, or check that this is the right directory." in message
    assert raised.value.revisions == ("0009",)


def test_ten_missing_ones_are_listed_and_the_others_counted():
    with pytest.raises(Missing) as raised:
        plan(THREE, numbers(1, 15))
    assert "0013, applied" in str(raised.value)
    assert "0014" not in str(raised.value)
    assert "and 2 more" in str(raised.value)


def test_missing_ones_are_ignored_with_a_warning_or_without():
    entries = [*THREE, entry("0004", "0003")]
    warned = plan(entries, AHEAD, rules=Rules(missing="warn"))
    assert steps(warned) == ["+0004"]
    assert len(warned.warnings) == 1
    assert "0009" in warned.warnings[0]
    allowed = plan(entries, AHEAD, rules=Rules(missing="allow"))
    assert steps(allowed) == ["+0004"]
    assert allowed.warnings == ()


@pytest.mark.parametrize("target", ["0001", "base", "-1"])
@pytest.mark.parametrize("rules", [Rules(missing="warn"), Rules(missing="allow")])
def test_going_down_through_a_missing_one_is_refused_in_any_case(target, rules):
    with pytest.raises(Missing, match=r"cannot revert what no file has: 0009, applied 2026-"):
        plan(THREE, AHEAD, target, rules=rules)


def test_going_down_past_an_older_missing_one_is_no_matter():
    allow = Rules(missing="allow")
    assert steps(plan(THREE, ["0001", "0009", "0002", "0003"], "0002", rules=allow)) == ["-0003"]
    assert steps(plan(THREE, ["0001", "0009", "0002", "0003"], "-1", rules=allow)) == ["-0003"]
    with pytest.raises(Missing):
        plan(THREE, ["0009", "0001"], "base", rules=allow)


# ------------------------------------------------------------------ changed
@pytest.mark.parametrize("target", ["head", "0002", "+1", "base", "-1"])
def test_an_edited_file_on_the_way_is_refused(target):
    with pytest.raises(Changed) as raised:
        plan(THREE, ["0001", "0002"], target, edited=["0002"])
    message = str(raised.value)
    assert "0002: migrations/0002_title.sql, applied with checksum 0123456789ab, now feedfacecafe\n" in message
    assert "Restore the file" in message
    assert "accept the file with `trek repair 0002 --applied`" in message
    assert raised.value.revisions == ("0002",)


def test_an_edited_file_is_refused_although_there_is_nothing_to_do():
    with pytest.raises(Changed):
        plan(THREE, ["0001", "0002", "0003"], edited=["0001"])


def test_accepting_an_edited_file_never_means_to_stamp_back_to_it():
    with pytest.raises(Changed, match="`trek stamp 0003`, where the database is"):
        plan(THREE, ["0001", "0002", "0003"], edited=["0001"])
    with pytest.raises(Changed) as raised:
        plan([entry("0001"), entry("0002", "0001"), entry("0003", "0001")], ["0001", "0002", "0003"], edited=["0001"])
    assert "stamp" not in str(raised.value)


def test_an_edited_file_that_is_not_on_the_way_is_no_matter():
    assert steps(plan(THREE, ["0001", "0002", "0003"], "0002", edited=["0001"])) == ["-0003"]
    beside = [*THREE, entry("0004", "0001")]
    assert steps(plan(beside, ["0001", "0002", "0003"], "0004", edited=["0002"])) == ["+0004"]
    assert steps(plan(THREE, ["0001"], edited=["0002"])) == ["+0002", "+0003"]


def test_edited_files_are_let_through_with_a_warning_or_without():
    warned = plan(THREE, ["0001", "0002"], rules=Rules(changed="warn"), edited=["0001", "0002"])
    assert steps(warned) == ["+0003"]
    assert len(warned.warnings) == 1
    assert "0001_title.sql" in warned.warnings[0]
    assert "0002_title.sql" in warned.warnings[0]
    assert plan(THREE, ["0001"], rules=Rules(changed="allow"), edited=["0001"]).warnings == ()


def test_a_revision_without_a_row_is_not_compared():
    assert steps(plan(THREE, State(("0001",)), edited=["0001"])) == ["+0002", "+0003"]


# ------------------------------------------------------------------ out of order
BRANCH = [entry("0001"), entry("0002", "0001"), entry("0003", "0001"), entry("0004", "0003")]


@pytest.mark.parametrize(("target", "direction"), [("head", None), ("head", UP), ("0002", None), ("+1", None)])
def test_a_pending_one_older_than_an_applied_one_is_refused(target, direction):
    with pytest.raises(OutOfOrder) as raised:
        plan(BRANCH, ["0001", "0003"], target, direction)
    message = str(raised.value)
    assert "older than 0003 (migrations/0003_title.sql), which is applied: 0002 (migrations/0002_title.sql)." in message
    assert "Give it a revision that comes after 0003" in message
    assert 'out_of_order = "allow"' in message
    assert raised.value.revisions == ("0002", "0003")


def test_an_older_pending_one_that_the_target_does_not_need_is_no_matter():
    assert steps(plan(BRANCH, ["0001", "0003"], "0004")) == ["+0004"]
    assert steps(plan(BRANCH, ["0001", "0003"], "0001")) == ["-0003"]


def test_older_pending_ones_are_let_through_with_a_warning_or_without():
    warned = plan(BRANCH, ["0001", "0003"], rules=Rules(out_of_order="warn"))
    assert steps(warned) == ["+0002", "+0004"]
    assert len(warned.warnings) == 1
    assert "0002" in warned.warnings[0]
    allowed = plan(BRANCH, ["0001", "0003"], rules=Rules(out_of_order="allow"))
    assert steps(allowed) == ["+0002", "+0004"]
    assert allowed.warnings == ()


def test_what_runs_again_and_again_is_bound_to_no_order():
    views = entry("views", rerun="changed")
    assert steps(plan([*THREE, views], ["0001", "0002", "views"])) == ["+0003"]
    assert steps(plan([views, *THREE], ["0001", "0002"])) == ["+views", "+0003"]


def test_what_may_come_at_any_time_is_applied_after_younger_ones_and_binds_those_that_may_not():
    free = [entry("0001"), entry("0002", any_time=True), entry("0003", any_time=True), entry("0004")]
    assert steps(plan(free, ["0001", "0003"])) == ["+0002", "+0004"]
    with pytest.raises(OutOfOrder, match="0001"):
        plan(free, ["0003"])


# ------------------------------------------------------------------ conflicts
EXCLUDING = [entry("0001"), entry("0002", "0001", conflicts=("three",)), entry("0003", "0001", aliases=("three",))]


def test_two_pending_ones_that_exclude_each_other_are_refused():
    with pytest.raises(PlanError) as raised:
        plan(EXCLUDING, ["0001"])
    message = str(raised.value)
    assert "0002 (migrations/0002_title.sql) excludes 0003 (migrations/0003_title.sql)" in message
    assert "0002 is pending, 0003 is pending" in message
    assert raised.value.revisions == ("0002", "0003")


@pytest.mark.parametrize(("applied", "target"), [("0002", "0003"), ("0003", "0002")])
def test_a_pending_one_that_excludes_an_applied_one_is_refused_either_way_round(applied, target):
    with pytest.raises(PlanError, match=f"{applied} is applied"):
        plan(EXCLUDING, ["0001", applied], target, rules=Rules(out_of_order="allow"))


def test_one_of_two_that_exclude_each_other_is_fine_and_so_is_the_way_back_from_both():
    assert steps(plan(EXCLUDING, [], "0002")) == ["+0001", "+0002"]
    assert steps(plan(EXCLUDING, ["0001", "0002", "0003"], "0001")) == ["-0003", "-0002"]


# ------------------------------------------------------------------ several at once
def test_the_database_being_ahead_is_said_before_an_unknown_target():
    with pytest.raises(Missing):
        plan(THREE, AHEAD, "0009")
    with pytest.raises(UnknownRevision):
        plan(THREE, ["0001"], "0009", DOWN)
