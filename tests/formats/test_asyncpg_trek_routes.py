"""The way that the format asyncpg-trek finds to a target."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.formats.asyncpg_trek_support import (
    CHAIN,
    MemoryTree,
    hops,
    standing,
    steps,
    tree_of,
)
from trek_core.errors import (
    Cycle,
    LoadError,
    PlanError,
    UnknownRevision,
)
from trek_core.model import Call, Sql, State


@pytest.mark.parametrize(
    ("applied", "target", "expected"),
    [
        ((), "head", ["initial>one", "one>two", "two>three"]),
        ((), "two", ["initial>one", "one>two"]),
        (("one", "two"), "head", ["two>three"]),
        (("one", "two", "three"), "head", []),
        (("one", "two", "three"), "three", []),
        (("one", "two", "three"), "one", ["three>two", "two>one"]),
        (("one", "two", "three"), "initial", ["three>two", "two>one", "one>initial"]),
        (("one", "two", "three"), "base", ["three>two", "two>one", "one>initial"]),
        ((), "initial", []),
        ((), "th", ["initial>one", "one>two", "two>three"]),
        ((), "+2", ["initial>one", "one>two"]),
        (("one",), "+1", ["one>two"]),
        (("one", "two", "three"), "-2", ["three>two", "two>one"]),
        (("one",), "-1", ["one>initial"]),
        (("one",), "+0", []),
    ],
)
def test_the_route_leads_to_the_target_whichever_way_it_lies(
    applied: tuple[str, ...], target: str, expected: list[str]
) -> None:
    assert steps(CHAIN, standing(*applied), target) == expected


@pytest.mark.parametrize(
    ("applied", "target", "expected"),
    [
        (("one", "two"), "head", ["two>three"]),
        (("one", "two", "three"), "head", []),
        (("one", "two", "three"), "-2", ["three>two", "two>one"]),
        (("one", "two", "three"), "base", ["three>two", "two>one", "one>initial"]),
    ],
)
def test_where_the_table_knows_no_edges_the_database_stands_on_what_was_applied_last(
    applied: tuple[str, ...], target: str, expected: list[str]
) -> None:
    assert steps(CHAIN, State(applied), target) == expected


def test_a_way_down_after_which_such_a_table_would_say_something_else_is_refused() -> None:
    names = (*CHAIN, "20240109_initial_up_three.sql", "20240109_three_down_one.sql")
    with pytest.raises(PlanError, match=r"20240109_three_down_one\.sql.*would then say 'two'"):
        steps(names, State(("one", "two", "three")), "one")
    with pytest.raises(PlanError, match=r"20240103_three_down_two\.sql.*would then say 'initial'"):
        steps(names, State(("three",)), "two")


def test_the_hops_say_what_is_applied_and_what_is_reverted() -> None:
    (up,) = hops(CHAIN, standing("one"), "two")
    assert (up.entry.revision, up.verb, up.before, up.after) == ("two", "apply", ("one",), ("two",))
    (down,) = hops(CHAIN, standing("one"), "initial")
    assert (down.entry.revision, down.verb, down.before, down.after) == ("one", "revert", ("one",), ())


def test_a_hop_loads_the_file_of_its_own_edge() -> None:
    names = (*CHAIN, "20240109_initial_up_three.sql", "20240109_three_down_initial.sql")
    tree = tree_of(names)
    (up,) = hops(names, standing(), "three")
    (down,) = hops(names, standing("three"), "initial")
    assert up.load is not None
    assert up.load(tree).statements == (
        Sql("select '20240109_initial_up_three.sql'", "migrations/20240109_initial_up_three.sql"),
    )
    assert down.load is not None
    assert "three_down_initial" in str(down.load(tree).statements)


async def test_a_python_edge_calls_run_migration_with_the_connection() -> None:
    content = "async def run_migration(connection):\n    connection.append('called')\n"
    tree = MemoryTree({"20240101_initial_up_one.py": content})
    (hop,) = hops(tree.contents, standing(), "one")
    assert hop.load is not None
    (call,) = hop.load(tree).statements
    assert isinstance(call, Call)
    called: list[str] = []
    await call.function(called)
    assert called == ["called"]


@pytest.mark.parametrize(
    "content", ["def run_migration(connection):\n    pass\n", "async def upgrade(connection):\n    pass\n"]
)
def test_a_missing_or_synchronous_run_migration_is_an_error_when_loaded(content: str) -> None:
    tree = MemoryTree({"20240101_initial_up_one.py": content})
    (hop,) = hops(tree.contents, standing(), "one")
    assert hop.load is not None
    with pytest.raises(LoadError, match="run_migration"):
        hop.load(tree)


def test_the_shortest_way_is_taken() -> None:
    assert steps((*CHAIN, "20240109_one_up_three.sql"), standing(), "head") == ["initial>one", "one>three"]


def test_among_equally_short_ways_the_first_by_file_name_is_taken_whatever_the_listing_order() -> None:
    names = (
        "20240101_initial_up_x.sql",
        "20240102_initial_up_a.sql",
        "20240103_a_up_end.sql",
        "20240104_x_up_end.sql",
    )
    assert steps(names, standing(), "end") == ["initial>x", "x>end"]
    assert steps(reversed(names), standing(), "end") == ["initial>x", "x>end"]


def test_file_names_break_ties_also_where_revisions_were_discovered_in_another_order() -> None:
    names = (
        "20240101_initial_up_q.sql",
        "20240102_initial_up_c.sql",
        "20240103_c_up_p.sql",
        "20240104_c_up_q.sql",
        "20240105_p_up_end.sql",
        "20240106_q_up_end.sql",
    )
    assert steps(names, standing("c"), "end") == ["c>p", "p>end"]


def test_without_a_direction_up_goes_before_down() -> None:
    (hop,) = hops((*CHAIN, "20240108_three_up_one.sql"), standing("one", "two", "three"), "one")
    assert (hop.verb, hop.before, hop.after) == ("apply", ("three",), ("one",))


def test_a_down_edge_may_revert_two_revisions_at_once() -> None:
    names = (*CHAIN, "20240109_three_down_one.sql")
    assert steps(names, standing("one", "two", "three"), "one") == ["three>one"]
    assert steps(names, standing("one", "two", "three"), "-1") == ["three>two"]


def test_going_back_follows_the_way_the_database_came() -> None:
    names = (*CHAIN, "20240109_initial_up_three.sql", "20240109_three_down_initial.sql")
    assert steps(names, standing("three"), "-1") == ["three>initial"]


def test_going_back_takes_the_only_down_edge_where_none_leads_the_way_the_database_came() -> None:
    names = (*CHAIN, "20240109_initial_up_three.sql")
    assert steps(names, standing("three"), "-3") == ["three>two", "two>one", "one>initial"]


def test_a_search_on_cycles_ends() -> None:
    names = (*CHAIN, "20240108_three_up_one.sql")
    with pytest.raises(UnknownRevision, match="'thre_e'"):
        steps(names, standing(), "thre_e")
    with pytest.raises(Cycle, match="round in a circle through initial, one, two, three"):
        steps(names, standing(), "head")


def test_a_search_on_many_ways_visits_each_revision_once() -> None:
    layers = [["initial"], *([f"a{n}", f"b{n}"] for n in range(60)), ["end"], ["lost", "found"]]
    names = [f"20240101_{s}_up_{t}.sql" for a, b in pairwise(layers) for s in a for t in b if s != "lost"]
    names.remove("20240101_end_up_lost.sql")
    names.append("20240101_lost_up_more.sql")
    assert len(steps(names, standing(), "end")) == 61
    with pytest.raises(PlanError, match="No edges lead from 'initial' to 'more'"):
        steps(names, standing(), "more")
