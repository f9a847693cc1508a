"""Entries of several series, an application's and its libraries': each has an order of its own, `requires` joins them."""

from __future__ import annotations

import pytest

from tests.core.planning import DOWN, UP, entry, plan, steps
from trek_core.errors import OutOfOrder, PlanError
from trek_core.model import Rules

AUTH = [
    entry("auth.1", series="auth"),
    entry("auth.2", "auth.1", series="auth"),
    entry("auth.3", "auth.2", series="auth"),
]
SHOP = [
    entry("0001", series="shop"),
    entry("0002", "0001", "auth.1", series="shop"),
    entry("0003", "0002", series="shop"),
]
BOTH = [*SHOP, *AUTH]
ALL = ["auth.1", "0001", "0002", "auth.2", "0003", "auth.3"]


def test_one_after_the_other_in_the_layouts_order_and_each_after_what_it_requires() -> None:
    assert steps(plan(BOTH, [])) == ["+0001", "+auth.1", "+0002", "+0003", "+auth.2", "+auth.3"]


def test_what_is_new_in_a_series_is_late_only_beside_its_own() -> None:
    assert steps(plan(BOTH, ["0001", "auth.1", "auth.2", "auth.3"])) == ["+0002", "+0003"]
    assert steps(plan([*AUTH, *SHOP], ["auth.1", "0001", "0002", "0003"])) == ["+auth.2", "+auth.3"]


def test_what_is_late_in_its_own_series_is_refused_and_every_series_warns_of_its_own() -> None:
    late = [entry("0001", series="a"), entry("0002", series="a"), entry("0003", series="b"), entry("0004", series="b")]
    with pytest.raises(OutOfOrder, match=r"older than 0004 .*: 0003 \(") as error:
        plan(late, ["0001", "0002", "0004"])
    assert error.value.revisions == ("0003", "0004")
    warned = plan(late, ["0002", "0004"], rules=Rules(out_of_order="warn"))
    assert steps(warned) == ["+0001", "+0003"]
    assert ["older than 0002" in warned.warnings[0], "older than 0004" in warned.warnings[1]] == [True, True]


@pytest.mark.parametrize("direction", [None, DOWN])
def test_a_target_of_one_series_reverts_its_own_and_what_builds_on_that(direction: object) -> None:
    assert steps(plan(BOTH, ALL, "0002", direction)) == ["-0003"]  # type: ignore[arg-type]
    assert steps(plan(BOTH, ALL, "auth.2", direction)) == ["-auth.3"]  # type: ignore[arg-type]
    joined = [*BOTH, entry("0004", "0003", "auth.3", series="shop"), entry("0005", "0004", series="shop")]
    assert steps(plan(joined, [*ALL, "0004", "0005"], "auth.2", direction)) == [  # type: ignore[arg-type]
        "-0005",
        "-0004",
        "-auth.3",
    ]


def test_what_lies_at_its_place_stays_whatever_other_series_have() -> None:
    assert steps(plan(BOTH, ALL, "0003")) == []
    assert steps(plan(BOTH, ALL, "auth.3")) == []
    assert steps(plan(BOTH, ["0001"], "auth.2")) == ["+auth.1", "+auth.2"]


def test_up_to_what_something_builds_on_is_refused_across_series() -> None:
    with pytest.raises(PlanError, match="target lies below it"):
        plan(BOTH, ALL, "auth.1", UP)


def test_base_is_the_end_of_all_and_a_ghost_goes_with_what_was_before_it() -> None:
    assert steps(plan(BOTH, ALL, "base")) == [f"-{name}" for name in reversed(ALL)]
    allowed = Rules(missing="allow")
    with pytest.raises(PlanError, match="cannot revert what no file has: gone"):
        plan(BOTH, [*ALL, "gone"], "0002", rules=allowed)
