"""A migration that replaces others: when it is used, when it counts as applied, when its originals are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.planning import DOWN, catalog, chain, entry, numbers, plan, steps
from trek_core.errors import Cycle, Missing, UnknownRevision
from trek_core.model import Rules

ORIGINALS = ("0001", "0002", "0003")
SQUASH = entry("0004", "0003", replaces=ORIGINALS)  # a plain folder makes it the child of the last original
AFTER = entry("0005", "0004")
WITH_FILES = [*chain(*ORIGINALS), SQUASH, AFTER]
WITHOUT_FILES = [entry("0004", replaces=ORIGINALS), AFTER]
NAMED = [entry("0004", replaces=ORIGINALS), entry("0005", "0003")]
HALF = [entry("0002", "0001"), entry("0003", "0002"), SQUASH, AFTER]  # the file of 0001 is gone


@pytest.mark.parametrize("entries", [WITH_FILES, WITHOUT_FILES, NAMED, HALF])
def test_on_an_empty_database_the_squash_is_used(entries):
    assert steps(plan(entries, [])) == ["+0004", "+0005"]
    assert steps(plan(entries, [], "0005")) == ["+0004", "+0005"]
    assert steps(plan(entries, [], "0004")) == ["+0004"]


@pytest.mark.parametrize("entries", [WITH_FILES, WITHOUT_FILES, NAMED, HALF])
def test_where_all_originals_are_applied_the_squash_counts_as_applied(entries):
    assert steps(plan(entries, ORIGINALS)) == ["+0005"]
    assert steps(plan(entries, ORIGINALS, "0004")) == []
    assert steps(plan(entries, [*ORIGINALS, "0005"])) == []
    assert steps(plan(entries, [*ORIGINALS, "0005"], "0004")) == ["-0005"]


@pytest.mark.parametrize("entries", [WITH_FILES, WITHOUT_FILES, NAMED, HALF])
def test_an_applied_squash_makes_its_originals_count_as_applied(entries):
    assert steps(plan(entries, ["0004"])) == ["+0005"]
    assert steps(plan(entries, ["0004", "0005"])) == []
    assert steps(plan(entries, ["0004", "0005"], "base")) == ["-0005", "-0004"]
    assert steps(plan(entries, [*ORIGINALS, "0004", "0005"], "-2")) == ["-0005", "-0004"]


def test_where_some_originals_are_applied_the_originals_are_used():
    answer = plan(WITH_FILES, ["0001"])
    assert steps(answer) == ["+0002", "+0003", "+0005"]
    assert [hop.after for hop in answer.hops] == [("0002",), ("0003",), ("0005",)]
    assert steps(plan(WITH_FILES, ["0001"], "0004")) == ["+0002", "+0003"]
    assert steps(plan(HALF, ["0001", "0002"])) == ["+0003", "+0005"]


def test_files_of_pending_originals_that_are_gone_are_named():
    with pytest.raises(Missing) as raised:
        plan(WITHOUT_FILES, ["0001"])
    message = str(raised.value)
    assert "0004 (migrations/0004_title.sql) replaces 3 revisions, of which some are applied" in message
    assert "their files are gone: 0002, 0003." in message
    assert "Restore these files, or bring the database beyond 0004 with an older release" in message
    assert raised.value.revisions == ("0002", "0003")


def test_what_stands_on_an_original_that_is_gone_is_not_applied_without_it():
    entries = [entry("0001"), entry("0003", "0002"), entry("0004", "0003", replaces=ORIGINALS)]
    with pytest.raises(Missing, match="their files are gone: 0002"):
        plan(entries, ["0001"], "0003")


def test_a_squash_of_which_a_part_is_applied_does_not_hinder_others():
    entries = [*WITHOUT_FILES, entry("0006")]
    assert steps(plan(entries, ["0001"], "0006")) == ["+0006"]


def test_replaced_revisions_without_a_file_are_not_missing():
    assert steps(plan(WITHOUT_FILES, [*ORIGINALS, "0005"], rules=Rules(missing="refuse"))) == []


# ------------------------------------------------------------------ targets inside
def test_an_original_is_a_target_while_nothing_is_applied_and_its_files_are_there():
    assert steps(plan(WITH_FILES, [], "0002")) == ["+0001", "+0002"]
    assert steps(plan(WITH_FILES, ["0001", "0002"])) == ["+0003", "+0005"]


def test_an_original_is_a_target_on_the_way_down_while_its_files_are_there():
    assert steps(plan(WITH_FILES, [*ORIGINALS, "0005"], "0002")) == ["-0005", "-0003"]


@pytest.mark.parametrize(
    ("entries", "applied"), [(WITH_FILES, ["0004"]), (WITHOUT_FILES, []), (WITHOUT_FILES, ORIGINALS), (HALF, [])]
)
@pytest.mark.parametrize("target", ["0002", "2"])
def test_an_original_that_cannot_be_reached_names_its_squash(entries, applied, target):
    with pytest.raises(UnknownRevision) as raised:
        plan(entries, applied, target)
    assert f"target '{target}': 0002 was replaced by 0004 (migrations/0004_title.sql)" in str(raised.value)
    assert "Go to 0004 or to a revision outside of it" in str(raised.value)
    assert ("restore the files" in str(raised.value)) is (entries is not WITH_FILES)


def test_an_original_without_a_file_is_no_target_although_it_is_applied():
    with pytest.raises(UnknownRevision, match="0001 was replaced by 0004"):
        plan(HALF, ["0001", "0002"], "0001")


# ------------------------------------------------------------------ the way back
def test_originals_are_reverted_one_by_one_where_their_files_are_there():
    assert steps(plan(WITH_FILES, [*ORIGINALS, "0005"], "base")) == ["-0005", "-0003", "-0002", "-0001"]


@pytest.mark.parametrize("entries", [WITHOUT_FILES, NAMED, HALF])
def test_the_squash_is_reverted_as_one_where_their_files_are_gone(entries):
    answer = plan(entries, [*ORIGINALS, "0005"], "base")
    assert steps(answer) == ["-0005", "-0004"]
    assert answer.hops[1].entry.replaces == ORIGINALS
    assert [(hop.before, hop.after) for hop in answer.hops] == [(("0005",), ("0004",)), (("0004",), ())]


def test_an_applied_original_without_a_file_cannot_be_reverted_alone():
    with pytest.raises(Missing, match="cannot revert what no file has: 0001, applied 2026"):
        plan(HALF, ["0001", "0002"], "base")
    assert steps(plan(HALF, ["0001", "0002"], "-1")) == ["-0002"]


def test_going_down_keeps_what_an_original_without_a_file_stands_on():
    entries = [
        entry("0000"),
        entry("0001", "0000"),
        entry("0003", "0002"),
        entry("0004", "0003"),
        entry("0010", "0000", replaces=(*ORIGINALS, "0004")),
    ]
    assert steps(plan(entries, ["0000", "0001", "0002", "0003"], "0003", DOWN)) == []
    assert steps(plan(entries, ["0000", "0001", "0002", "0003"], "+1")) == ["+0004"]
    unknown_first = [entry("0000"), entry("0002", "0001"), entry("0010", "0000", replaces=ORIGINALS)]
    assert steps(plan(unknown_first, ["0000", "0001", "0002"], "0002", DOWN)) == []


def test_a_squash_is_compared_with_its_own_row_only():
    assert steps(plan(WITHOUT_FILES, ORIGINALS, edited=["0004"])) == ["+0005"]


def test_a_squash_counts_from_its_last_original_on():
    entries = [*WITHOUT_FILES, entry("0006")]
    assert steps(plan(entries, ["0001", "0006", "0002", "0003"], "-1")) == ["-0004"]


# ------------------------------------------------------------------ graphs, order, nesting
def test_a_squash_stands_on_what_its_originals_stand_on():
    entries = [entry("b1"), *chain("a1", "a2"), entry("a3", "a2", "b1"), entry("s", "a3", replaces=("a1", "a2", "a3"))]
    assert steps(plan(entries, [], "s")) == ["+b1", "+s"]


def test_a_squash_around_a_revision_that_it_does_not_replace_is_a_cycle():
    entries = [*chain("0001", "0002", "0003"), entry("0004", "0003", replaces=("0001", "0003"))]
    with pytest.raises(Cycle, match="0002 → 0004 → 0002"):
        plan(entries, [])


def test_an_applied_squash_makes_nothing_out_of_order():
    entries = [*chain(*ORIGINALS), entry("0003b", "0001"), SQUASH, AFTER]
    assert steps(plan(entries, ["0004"])) == ["+0003b", "+0005"]


NESTED = [*chain(*ORIGINALS), SQUASH, AFTER, entry("0006", "0005", replaces=("0004", "0005")), entry("0007", "0006")]


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ([], ["+0006", "+0007"]),
        (["0001"], ["+0002", "+0003", "+0005", "+0007"]),
        (ORIGINALS, ["+0005", "+0007"]),
        (["0004"], ["+0005", "+0007"]),
        (["0004", "0005"], ["+0007"]),
        ([*ORIGINALS, "0005"], ["+0007"]),
        (["0006"], ["+0007"]),
    ],
)
def test_squashes_nest(applied, expected):
    assert steps(plan(NESTED, applied)) == expected
    range_of_all = [*NESTED[:5], entry("0006", "0005", replaces=(*ORIGINALS, "0004", "0005")), NESTED[6]]
    assert steps(plan(range_of_all, applied)) == expected


def test_an_applied_inner_squash_counts_for_all_that_it_replaces():
    outer = entry("0006", replaces=(*ORIGINALS, "0004", "0005"))  # the file of 0005 is gone
    assert steps(plan([WITHOUT_FILES[0], outer], ["0004", "0005"], "base")) == ["-0006"]


def test_a_target_within_nested_squashes_opens_those_around_it():
    assert steps(plan(NESTED, [], "0005")) == ["+0004", "+0005"]
    assert steps(plan(NESTED, [], "0002")) == ["+0001", "+0002"]


def test_a_skipped_squash_leaves_the_work_to_its_originals():
    entries = [*chain(*ORIGINALS), entry("0004", "0003", replaces=ORIGINALS, skip="not here"), AFTER]
    assert steps(plan(entries, [])) == ["+0001", "+0002", "+0003", "+0005"]


def test_five_thousand_replaced_revisions_are_planned_with_and_without_their_files():
    names = numbers(1, 5000)
    squash, rest = entry("5001", "5000", replaces=tuple(names)), entry("5002", "5001")
    assert steps(plan(catalog(*chain(*names), squash, rest), names[:-1])) == ["+5000", "+5002"]
    assert steps(plan(catalog(entry("5001", replaces=tuple(names)), rest), names)) == ["+5002"]


# ------------------------------------------------------------------ properties
@given(st.data())
def test_whatever_part_of_a_squashed_chain_is_applied_head_and_base_can_be_reached(data):
    size = data.draw(st.integers(2, 7))
    names = numbers(1, size)
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    members = names[first : last + 1]
    squash = entry("9000", names[last], replaces=tuple(members))
    entries = catalog(*chain(*names), squash, entry("9001", "9000", names[-1]))
    squashed = [*names[:first], "9000", *names[last + 1 :], "9001"]
    plain = [*names, "9001"]
    way = data.draw(st.sampled_from([plain, squashed]))
    applied = way[: data.draw(st.integers(0, len(way)))]
    allow = Rules(out_of_order="allow")

    up = plan(entries, applied, rules=allow)
    there = [*applied, *(hop.entry.revision for hop in up.hops)]
    assert set(there) == set(plain if set(applied) & set(members) else squashed)
    assert plan(entries, there).hops == ()
    assert steps(plan(entries, there, "base")) == [f"-{name}" for name in reversed(there)]
