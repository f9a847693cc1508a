"""What the format asyncpg-trek refuses on the way to a target, and the odd folders that it does not refuse."""

from __future__ import annotations

import re

import pytest

from tests.formats.asyncpg_trek_support import (
    CHAIN,
    catalog_of,
    standing,
    steps,
)
from trek_core.errors import (
    Irreversible,
    Missing,
    PlanError,
    UnknownRevision,
)
from trek_core.model import Direction


@pytest.mark.parametrize(("direction", "other"), [(Direction.down, "up"), (Direction.up, "down")])
def test_a_direction_that_does_not_lead_there_is_refused_and_the_other_is_named(
    direction: Direction, other: str
) -> None:
    target = "three" if direction is Direction.down else "one"
    with pytest.raises(PlanError, match=f"'{target}' lies {other} from 'two'"):
        steps(CHAIN, standing("one", "two"), target, direction)


def test_a_direction_is_no_obstacle_where_there_is_nothing_to_do() -> None:
    assert steps(CHAIN, standing("one"), "one", Direction.down) == []
    assert steps(CHAIN, standing("one"), "one", Direction.up) == []


def test_a_relative_target_against_the_direction_is_refused() -> None:
    with pytest.raises(PlanError, match="goes up, and direction down was asked for"):
        steps(CHAIN, standing("one"), "+1", Direction.down)


def test_several_heads_are_listed_and_a_name_is_asked_for() -> None:
    names = (*CHAIN, "20240104_two_up_side.sql")
    with pytest.raises(PlanError, match=r"three, side\. Name the one you want"):
        steps(names, standing(), "head")
    assert steps(names, standing("one", "two"), "side") == ["two>side"]


def test_a_database_past_the_pruned_files_still_finds_the_head() -> None:
    names = ("20240101_initial_up_squashed.sql", "20240102_two_up_three.sql", "20240103_three_up_squashed.sql")
    assert steps(names, standing("one", "two"), "head") == ["two>three", "three>squashed"]


@pytest.mark.parametrize("target", ["three", "head", "+1"])
def test_files_need_not_start_at_initial(target: str) -> None:
    names = ("20240103_two_up_three.sql",)
    assert steps(names, standing("one", "two"), target) == ["two>three"]


def test_an_empty_database_and_files_that_do_not_start_there_are_no_success() -> None:
    with pytest.raises(PlanError, match="no up edge starts from 'initial'"):
        steps(("20240103_two_up_three.sql",), standing(), "head")


def test_what_a_shortcut_passes_by_does_not_count_as_pending_and_can_still_be_reached() -> None:
    names = (*CHAIN, "20240104_initial_up_three.sql", "20240105_old_up_three.sql")
    skipped = {entry.revision: entry.skip for entry in catalog_of(names).entries}
    assert skipped["three"] is None
    assert [revision for revision, reason in skipped.items() if reason] == ["one", "two", "old"]
    assert steps(names, standing(), "two") == ["initial>one", "one>two"]


def test_every_revision_of_a_plain_chain_counts() -> None:
    assert [entry.skip for entry in catalog_of(CHAIN).entries] == [None, None, None]


@pytest.mark.parametrize(
    "names",
    [(*CHAIN, "20240108_three_up_one.sql"), ("20240102_one_up_two.sql", "20240103_two_up_three.sql")],
    ids=["a circle", "no start"],
)
def test_every_revision_counts_where_an_empty_database_reaches_no_head(names: tuple[str, ...]) -> None:
    assert [entry.skip for entry in catalog_of(names).entries] == [None, None, None]


@pytest.mark.parametrize("target", ["head", "three", "initial", "-1"])
def test_a_database_on_a_revision_no_file_knows_is_refused(target: str) -> None:
    names = (*CHAIN, "20240109_one_down_inital.sql")
    with pytest.raises((Missing, Irreversible), match="inital"):
        steps(names, standing("one", "inital"), target)


def test_going_back_does_not_return_to_what_it_left() -> None:
    names = (*CHAIN, "20240109_initial_up_three.sql", "20240109_two_down_three.sql")
    with pytest.raises(PlanError, match="several edges leave 'two'"):
        steps(names, standing("three"), "-2")


def test_an_unknown_target_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownRevision, match="'thrae' \\(nearest: 'three'\\)"):
        steps(CHAIN, standing(), "thrae")
    with pytest.raises(UnknownRevision, match="'ghost'"):
        steps(CHAIN, standing("ghost"), "ghost")


def test_a_prefix_of_several_revisions_is_refused_and_they_are_listed() -> None:
    with pytest.raises(PlanError, match="two, three"):
        steps(CHAIN, standing(), "t")
    with pytest.raises(PlanError):
        steps(CHAIN, standing(), "")
    with pytest.raises(UnknownRevision):
        steps(("20240101_initial_up_one.sql",), standing(), "")


def test_a_revision_called_base_goes_before_the_word_and_before_a_prefix() -> None:
    names = ("20240101_initial_up_base.sql", "20240102_base_up_base2.sql", "20240102_base2_down_base.sql")
    assert steps(names, standing("base", "base2"), "base") == ["base2>base"]


def test_the_word_head_never_leads_back_to_a_revision_of_that_name() -> None:
    names = ("20240101_initial_up_head.sql", "20240102_head_up_next.sql", "20240102_next_down_head.sql")
    assert steps(names, standing("head", "next"), "head") == []


def test_a_missing_way_down_is_refused_and_the_file_to_write_is_named() -> None:
    names = [name for name in CHAIN if name != "20240102_two_down_one.sql"]
    with pytest.raises(Irreversible, match=r"no down edge leaves 'two'.*YYYYMMDD_two_down_one.sql"):
        steps(names, standing("one", "two", "three"), "initial")
    with pytest.raises(Irreversible, match="Step 2 of 2 down: no down edge leaves 'two'"):
        steps(names, standing("one", "two", "three"), "-2")


def test_a_misspelt_way_down_is_shown_where_it_is_missed() -> None:
    from_typo = [*(name for name in CHAIN if "two_down" not in name), "20240102_tow_down_one.sql"]
    with pytest.raises(Irreversible, match=re.escape("tow -> one (20240102_tow_down_one.sql)")):
        steps(from_typo, standing("one", "two"), "one")
    to_typo = [*(name for name in CHAIN if "one_down" not in name), "20240102_one_down_inital.sql"]
    with pytest.raises(Irreversible, match=re.escape("one -> inital (20240102_one_down_inital.sql)")):
        steps(to_typo, standing("one"), "base")


def test_a_target_on_another_branch_is_refused_and_the_turn_is_named() -> None:
    names = (*CHAIN, "20240104_one_up_side.sql")
    with pytest.raises(PlanError, match="Go down to 'one' first, then up to 'side'"):
        steps(names, standing("one", "two", "three"), "side")


def test_too_many_steps_are_refused_with_the_number_there_are() -> None:
    with pytest.raises(PlanError, match="are 2 steps"):
        steps(CHAIN, standing("one"), "+3")
    with pytest.raises(PlanError, match="after 1 steps down the database is empty"):
        steps(CHAIN, standing("one"), "-2")


def test_several_ways_down_elsewhere_are_refused() -> None:
    names = (*CHAIN, "20240109_initial_up_three.sql", "20240109_three_down_one.sql")
    with pytest.raises(PlanError, match="several edges leave 'three'"):
        steps(names, standing("three"), "-1")


def test_an_empty_folder_has_nothing_to_do() -> None:
    assert steps((), standing(), "head") == []
