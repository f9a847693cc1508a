"""Targets, directions and the order of steps. Refusals and squashes have files of their own."""

from __future__ import annotations

import pytest

from tests.core.planning import DOWN, UP, catalog, chain, entry, numbers, plan, state, steps
from trek_core._planner import route
from trek_core.errors import PlanError, UnknownRevision
from trek_core.model import Rules

THREE = chain("0001", "0002", "0003")
#  0001 - 0002 - 0004 - 0005      0005 joins the branches
#      `- 0003 --------'
DIAMOND = [*chain("0001", "0002"), entry("0003", "0001"), entry("0004", "0002"), entry("0005", "0003", "0004")]


# ------------------------------------------------------------------ up, down, nothing
@pytest.mark.parametrize(
    ("applied", "target", "expected"),
    [
        ([], "head", ["+0001", "+0002", "+0003"]),
        (["0001"], "head", ["+0002", "+0003"]),
        (["0001", "0002", "0003"], "head", []),
        ([], "0002", ["+0001", "+0002"]),
        (["0001", "0002"], "0002", []),
        (["0001", "0002", "0003"], "0001", ["-0003", "-0002"]),
        (["0001", "0002", "0003"], "base", ["-0003", "-0002", "-0001"]),
        (["0001", "0002"], "initial", ["-0002", "-0001"]),
        ([], "base", []),
    ],
)
def test_without_a_direction_the_planner_finds_the_way(applied, target, expected):
    assert steps(plan(THREE, applied, target)) == expected


@pytest.mark.parametrize(
    ("applied", "target", "direction", "expected"),
    [
        (["0001"], "0003", UP, ["+0002", "+0003"]),
        (["0001"], "head", UP, ["+0002", "+0003"]),
        (["0001", "0002"], "0002", UP, []),
        (["0001", "0002"], "0002", DOWN, []),
        (["0001", "0002"], "0001", DOWN, ["-0002"]),
        (["0001", "0002"], "base", DOWN, ["-0002", "-0001"]),
        (["0001", "0002", "0003"], "head", DOWN, []),
        (["0001", "0002", "0003"], "head", UP, []),
        ([], "base", UP, []),
        ([], "base", DOWN, []),
    ],
)
def test_a_direction_that_leads_to_the_target_is_taken(applied, target, direction, expected):
    assert steps(plan(THREE, applied, target, direction)) == expected


@pytest.mark.parametrize("target", ["0001", "base"])
def test_up_to_what_lies_below_is_refused(target):
    with pytest.raises(PlanError) as raised:
        plan(THREE, ["0001", "0002"], target, UP)
    assert f"target '{target}' with direction up: the database is at 0002, and the target lies below it." in str(
        raised.value
    )
    assert "Use direction down, or leave it out" in str(raised.value)


@pytest.mark.parametrize("target", ["0003", "head"])
def test_down_to_what_lies_above_is_refused(target):
    with pytest.raises(PlanError) as raised:
        plan(THREE, ["0001", "0002"], target, DOWN)
    assert f"target '{target}' with direction down: the database is at 0002, and the target lies above it." in str(
        raised.value
    )
    assert "Use direction up, or leave it out, to apply 0003." in str(raised.value)


def test_down_on_an_empty_database_says_that_it_is_empty():
    with pytest.raises(PlanError, match="the database is empty, and the target lies above it"):
        plan(THREE, [], "0001", DOWN)


# ------------------------------------------------------------------ graphs
def test_a_revision_needs_its_ancestry_only():
    assert steps(plan(DIAMOND, [], "0004")) == ["+0001", "+0002", "+0004"]
    assert steps(plan(DIAMOND, [], "0005")) == ["+0001", "+0002", "+0003", "+0004", "+0005"]


def test_ties_are_broken_by_the_layouts_order():
    assert steps(plan([entry("c"), entry("b", "a"), entry("a"), entry("d")], [])) == ["+c", "+a", "+b", "+d"]


def test_an_applied_branch_beside_the_target_stays_when_going_up():
    assert steps(plan(DIAMOND, ["0001", "0002", "0003"], "0004")) == ["+0004"]


def test_going_down_reverts_what_is_outside_of_the_targets_ancestry_in_reverse_order_of_application():
    everything = ["0001", "0003", "0002", "0004", "0005"]
    assert steps(plan(DIAMOND, everything, "0003")) == ["-0005", "-0004", "-0002"]
    assert steps(plan(DIAMOND, everything, "0004")) == ["-0005", "-0003"]


def test_a_later_branch_lies_beyond_the_target():
    assert steps(plan(DIAMOND, ["0001", "0002", "0003"], "0002")) == ["-0003"]


def test_an_older_branch_does_not_so_that_a_second_run_leaves_it_alone():
    assert steps(plan(DIAMOND, ["0001", "0002", "0003"], "0003")) == []
    assert steps(plan(DIAMOND, ["0001", "0002", "0003"], "0003", UP)) == []
    assert steps(plan(DIAMOND, ["0001", "0002", "0003"], "0003", DOWN)) == ["-0002"]


def test_a_child_is_reverted_before_a_parent_that_came_late():
    assert steps(plan(THREE, ["0002", "0003", "0001"], "base")) == ["-0003", "-0002", "-0001"]


def test_hops_name_the_heads_before_and_after():
    hops = plan(DIAMOND, ["0001"]).hops
    assert [(hop.before, hop.after) for hop in hops] == [
        (("0001",), ("0002",)),
        (("0002",), ("0002", "0003")),
        (("0002", "0003"), ("0003", "0004")),
        (("0003", "0004"), ("0005",)),
    ]


# ------------------------------------------------------------------ names
ALIASED = [entry("0001", aliases=("users",)), entry("0002", "0001", aliases=("emails",)), entry("0012", "0002")]


@pytest.mark.parametrize("target", ["0002", "emails", "em", "2", "02", "00002"])
def test_a_revision_may_be_named_in_several_ways(target):
    assert steps(plan(ALIASED, [], target)) == ["+0001", "+0002"]


def test_an_applied_revision_may_be_recorded_under_its_alias():
    assert steps(plan(ALIASED, ["users"], "emails")) == ["+0002"]


def test_an_exact_match_wins_over_a_prefix_and_over_a_number():
    entries = chain("1", "0001", "10")
    assert steps(plan(entries, [], "1")) == ["+1"]
    assert steps(plan(entries, [], "0001")) == ["+1", "+0001"]


def test_a_number_wins_over_a_prefix():
    assert steps(plan(chain("0001", "1000"), [], "1")) == ["+0001"]


def test_a_number_that_two_revisions_are_is_ambiguous():
    with pytest.raises(UnknownRevision, match=r"ambiguous target '1': it is the number of 0001 \(.*\), 01 \("):
        plan(chain("0001", "01"), [], "1")


def test_a_prefix_of_several_is_refused_with_their_names():
    with pytest.raises(
        UnknownRevision, match=r"ambiguous target '000': it is the beginning of 0001 .*, 0002 "
    ) as raised:
        plan(ALIASED[:2], [], "000")
    assert raised.value.revisions == ("0001", "0002")


def test_a_prefix_of_a_revision_and_its_own_alias_is_not_ambiguous():
    assert steps(plan([entry("abc1", aliases=("abc2",))], [], "abc")) == ["+abc1"]


def test_an_unknown_target_is_refused_with_the_nearest_names_and_their_number():
    with pytest.raises(UnknownRevision) as raised:
        plan(chain("users", "emails", "orders"), [], "order5")
    message = str(raised.value)
    assert "unknown target 'order5': none of the 3 migrations has that revision or alias. Nearest: orders." in message


@pytest.mark.parametrize("target", ["", "+0", "-0", "+", "-", "+x", "-1x", "+ 1", "²", "9" * 5000])
def test_what_is_no_target_is_refused(target):
    with pytest.raises(UnknownRevision, match="unknown target"):
        plan([entry("0001")], ["0001"], target)


def test_a_target_that_only_the_database_knows_says_so():
    with pytest.raises(UnknownRevision, match="It is applied in the database, but no file has it"):
        plan(THREE, ["0001", "0009"], "0009", rules=Rules(missing="allow"))


# ------------------------------------------------------------------ steps
def test_plus_n_takes_steps_in_the_order_of_application():
    assert steps(plan(DIAMOND, ["0001"], "+2")) == ["+0002", "+0003"]
    assert steps(plan(DIAMOND, ["0001"], "+4", UP)) == ["+0002", "+0003", "+0004", "+0005"]


def test_minus_n_reverts_the_last_applied():
    assert steps(plan(DIAMOND, ["0001", "0003", "0002"], "-2")) == ["-0002", "-0003"]
    assert steps(plan(DIAMOND, ["0001"], "-1", DOWN)) == ["-0001"]


@pytest.mark.parametrize(
    ("target", "message"), [("+2", r"'\+2': only 1 pending: 0003"), ("-3", "'-3': only 2 applied: 0001, 0002")]
)
def test_more_steps_than_there_are_are_refused_with_their_number(target, message):
    with pytest.raises(PlanError, match=message):
        plan(THREE, ["0001", "0002"], target)


def test_steps_where_there_is_none_are_refused():
    with pytest.raises(PlanError, match="nothing is applied"):
        plan(THREE, [], "-1")
    with pytest.raises(PlanError, match="nothing is pending"):
        plan(THREE, ["0001", "0002", "0003"], "+1")


@pytest.mark.parametrize(("target", "direction", "way"), [("+1", DOWN, "up"), ("-1", UP, "down")])
def test_steps_against_the_direction_are_refused(target, direction, way):
    with pytest.raises(PlanError, match=f"Use direction {way}, or leave it out"):
        plan(THREE, ["0001"], target, direction)


# ------------------------------------------------------------------ entries that are not like others
def test_a_skipped_entry_is_neither_pending_nor_missing_and_its_children_stand_on_its_parents():
    entries = [entry("0001"), entry("0002", "0001", skip="only for MySQL"), entry("0003", "0002")]
    answer = plan(entries, [])
    assert steps(answer) == ["+0001", "+0003"]
    assert answer.hops[1].after == ("0003",)
    assert steps(plan(entries, ["0001", "0003"])) == []
    assert steps(plan(entries, ["0001", "0003"], "0001")) == ["-0003"]


def test_a_skipped_entry_is_no_target():
    with pytest.raises(PlanError, match="does not count here: only for MySQL"):
        plan([entry("0001"), entry("0002", skip="only for MySQL")], ["0001"], "0002")


def test_a_skipped_entry_that_is_applied_can_be_reverted():
    assert steps(plan([entry("0001", skip="only for MySQL")], ["0001"], "base")) == ["-0001"]


VIEWS = entry("views", rerun="changed")
GRANTS = entry("grants", rerun="always")


def test_what_runs_again_when_changed_does_so_at_its_place_in_the_order():
    entries = [entry("0001"), VIEWS, entry("0002", "0001")]
    assert steps(plan(entries, [])) == ["+0001", "+views", "+0002"]
    answer = plan(entries, ["0001", "views"], edited=["views"])
    assert steps(answer) == ["*views", "+0002"]
    assert answer.hops[0].before == answer.hops[0].after == ("0001", "views")
    assert steps(plan(entries, ["0001", "views", "0002"], edited=["views"])) == ["*views"]
    assert steps(plan(entries, ["0001", "views", "0002"])) == []


def test_what_runs_again_when_changed_does_not_on_the_way_down():
    assert steps(plan([entry("0001"), VIEWS], ["0001", "views"], "base", edited=["views"])) == ["-views", "-0001"]


def test_what_runs_always_does_so_in_every_run_to_head_and_in_no_other():
    entries = [*chain("0001", "0002"), GRANTS]
    assert steps(plan(entries, [])) == ["+0001", "+0002", "+grants"]
    assert steps(plan(entries, ["0001", "grants"])) == ["+0002", "*grants"]
    assert steps(plan(entries, ["0001", "grants"], "0002")) == ["+0002"]
    assert steps(plan(entries, ["0001", "grants", "0002"])) == ["*grants"]
    assert steps(plan(entries, ["0001", "grants", "0002"], edited=["grants"])) == ["*grants"]
    assert steps(plan(entries, ["0001", "grants", "0002"], "0002")) == []
    assert steps(plan([*entries, VIEWS], ["0001", "grants", "0002", "views"], edited=["views"])) == [
        "*grants",
        "*views",
    ]


def test_what_leaves_no_trace_runs_after_others_and_is_never_pending():
    entries = [*chain("0001", "0002"), entry("after", recorded=False, rerun="always")]
    answer = plan(entries, ["0001"])
    assert steps(answer) == ["+0002", "*after"]
    assert answer.hops[1].before == answer.hops[1].after == ("0002",)
    assert steps(plan(entries, ["0001", "0002"])) == []
    assert steps(plan(entries, [], "0002")) == ["+0001", "+0002"]
    with pytest.raises(PlanError, match="it leaves no trace in the history"):
        plan(entries, ["0001"], "after")


# ------------------------------------------------------------------ size
def test_ten_thousand_migrations_in_a_chain_are_planned_in_every_direction():
    names = numbers(0, 9999)
    known = catalog(*chain(*names))
    assert steps(plan(known, [])) == [f"+{name}" for name in names]
    assert steps(plan(known, names)) == []
    assert steps(plan(known, names, "base")) == [f"-{name}" for name in reversed(names)]
    assert steps(plan(known, names, "0000")) == [f"-{name}" for name in reversed(names[1:])]


def test_each_applied_file_is_asked_about_once():
    names, asked = numbers(0, 999), []
    route(catalog(*chain(*names)), state(*names), "head", None, Rules(), lambda pairs: asked.extend(pairs) or {})
    assert [(entry.revision, row.revision) for entry, row in asked] == [(name, name) for name in names]


def test_ten_thousand_migrations_in_a_hundred_branches_are_planned():
    names = numbers(0, 9999)
    entries = [entry(name, *([names[at - 100]] if at >= 100 else [])) for at, name in enumerate(names)]
    known = catalog(*entries, entry("join", *names[-100:]))
    up = plan(known, [])
    assert steps(up) == [f"+{name}" for name in [*names, "join"]]
    assert (len(up.hops[-1].before), up.hops[-1].after) == (100, ("join",))
    assert steps(plan(known, [*names, "join"], "base")) == [f"-{name}" for name in ["join", *reversed(names)]]
