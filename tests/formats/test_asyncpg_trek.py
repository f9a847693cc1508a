"""The format asyncpg-trek without a database: names, entries, routes, and what the store makes of rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from asyncpg_trek._collect import MIGRATION_FILE_PATT, collect_migrations_from_filesystem
from asyncpg_trek.asyncpg import AsyncpgBackend
from hypothesis import example, given
from hypothesis import strategies as st

from trek_core.errors import (
    ConfigError,
    Cycle,
    Duplicate,
    Irreversible,
    LoadError,
    Missing,
    PlanError,
    TrekError,
    UnknownRevision,
)
from trek_core.model import Action, Advisory, Body, Call, Direction, Entry, Facts, File, Hop, Script, Sql, State
from trek_loaders.formats import asyncpg_trek

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from trek_core.contracts import Layout, VersionStore
    from trek_core.model import History, Rows

CHAIN = (
    "20240101_initial_up_one.sql",
    "20240102_one_up_two.sql",
    "20240103_two_up_three.sql",
    "20240101_one_down_initial.sql",
    "20240102_two_down_one.sql",
    "20240103_three_down_two.sql",
)
PY = "async def run_migration(connection):\n    await connection.execute('select 1')\n"


@dataclass
class MemoryTree:
    """Files by name. Its .sql loader takes the whole text for the direction."""

    contents: Mapping[str, str]
    facts: Facts = field(default_factory=Facts)
    was_read: list[str] = field(default_factory=list)

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(File(path, "migrations") for path in self.contents)

    def read(self, file: File) -> bytes:
        self.was_read.append(file.path)
        return self.contents[file.path].encode()

    def loads(self, file: File) -> bool:
        return file.name.endswith((".sql", ".py", ".sql.j2"))

    def load(self, file: File, direction: Direction | None = None) -> Script:
        body = Body((Sql(self.read(file).decode(), str(file)),))
        return Script(body) if direction is Direction.up else Script(None, body)


@dataclass
class EntriesCatalog:
    entries: tuple[Entry, ...]

    def get(self, revision: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.revision == revision), None)


def make_layout() -> Layout:
    (provider,) = asyncpg_trek.trek_register_layouts()
    return provider.create(provider.settings())


def make_store(**settings: Any) -> VersionStore:
    (provider,) = asyncpg_trek.trek_register_version_stores()
    return provider.create(provider.settings(**settings))


def tree_of(names: Iterable[str]) -> MemoryTree:
    return MemoryTree({name: PY if name.endswith(".py") else f"select '{name}'" for name in names})


def catalog_of(names: Iterable[str]) -> EntriesCatalog:
    return EntriesCatalog(make_layout().arrange(tree_of(names)).entries)


def standing(*applied: str) -> State:
    return State(applied, current=applied[-1] if applied else None)


def hops(names: Iterable[str], state: State, target: str, direction: Direction | None = None) -> tuple[Hop, ...]:
    route = make_layout().route
    assert route is not None
    return tuple(route(catalog_of(names), state, target, direction))


def steps(names: Iterable[str], state: State, target: str, direction: Direction | None = None) -> list[str]:
    """The route as "from>to" for each hop."""
    found = hops(names, state, target, direction)
    return [f"{''.join(hop.before) or 'initial'}>{''.join(hop.after) or 'initial'}" for hop in found]


def edges_by_trek(names: Iterable[str]) -> set[tuple[str, str, str]]:
    entries = make_layout().arrange(tree_of(names)).entries
    edges = [edge for entry in entries for edge in cast("tuple[Any, ...]", entry.meta["edges"])]
    return {(edge.source, edge.direction.name, edge.target) for edge in edges}


# --------------------------------------------------------------------------- names
def test_a_folder_gives_a_revision_for_every_node_in_order_of_discovery() -> None:
    names = ("20240103_two_up_three.py", "20240101_initial_up_one.sql", "20240102_one_up_two.sql")
    entries = make_layout().arrange(tree_of(names)).entries
    assert [entry.revision for entry in entries] == ["one", "two", "three"]
    assert [entry.parents for entry in entries] == [(), ("one",), ("two",)]


def test_arranging_reads_no_file() -> None:
    tree = tree_of((*CHAIN, "20240104_three_up_four.py"))
    make_layout().arrange(tree)
    assert tree.was_read == []


def test_discovery_is_breadth_first_and_ties_go_by_file_name() -> None:
    names = (
        "20240104_a_up_deep.sql",
        "20240103_initial_up_z.sql",
        "20240102_initial_up_b.sql",
        "20240101_initial_up_a.sql",
    )
    assert [entry.revision for entry in make_layout().arrange(tree_of(names)).entries] == ["a", "b", "z", "deep"]


def test_revisions_that_initial_does_not_lead_to_come_last_and_are_kept() -> None:
    names = ("20240101_old_up_newer.sql", "20240102_ancient_up_old.sql", "20240105_initial_up_squashed.sql")
    entries = make_layout().arrange(tree_of(names)).entries
    assert [entry.revision for entry in entries] == ["squashed", "ancient", "old", "newer"]
    assert [entry.parents for entry in entries] == [(), (), ("ancient",), ("old",)]


def test_an_entry_owns_the_edges_up_to_it_and_down_from_it() -> None:
    (one, two, _) = make_layout().arrange(tree_of(CHAIN)).entries
    assert {file.name for file in two.files} == {"20240102_one_up_two.sql", "20240102_two_down_one.sql"}
    script = two.load(tree_of(CHAIN))
    assert script.up is not None
    assert script.up.statements[0] == Sql("select '20240102_one_up_two.sql'", "migrations/20240102_one_up_two.sql")
    assert script.down is not None
    assert "two_down_one" in str(script.down.statements[0])
    assert one.checksums(tree_of(CHAIN)) == ()


def test_an_ambiguous_name_is_read_as_the_tool_reads_it(tmp_path: Path) -> None:
    names = (
        "20240101_initial_up_rev1.sql",
        "20240102_rev1_up_clean_up_users.sql",
        "20240103_a_down_b_up_c_down_rev1.sql",
    )
    for name in names:
        (tmp_path / name).write_text("select 1")
    by_tool = collect_migrations_from_filesystem(tmp_path, AsyncpgBackend(cast("Any", None)))
    assert edges_by_trek(names) == {(m.from_rev, m.direction.name, m.to_rev) for m in by_tool}
    assert ("rev1_up_clean", "up", "users") in edges_by_trek(names)


PIECES = st.sampled_from(
    ["20240101", "2024", "_", "up", "down", ":up", "a", "b", "_up_", "_down_", ".", ".sql", ".py", "é", "٣", "\n"]
)
NAMES = st.one_of(
    st.lists(PIECES, min_size=1, max_size=12).map("".join),
    st.tuples(
        st.lists(PIECES, min_size=1, max_size=8).map("".join), st.sampled_from([".sql", ".py", "Xsql", ".:py"])
    ).map(lambda parts: f"20240101_{parts[0]}{parts[1]}"),
)


@given(NAMES)
@example("20240101_a_:up_b.sql")
@example("20240101_a_up_bXsql")
@example("20240101_a_up_b_sql")
@example("20240101_a_up_b.:py")
@example("20240101_a_up_b.sql\n")
@example("٢٠٢٤٠١٠١_a_up_b.sql")
@example("20240101_a_up_up_b.sql")
@example("20240101_a_up_down_down_b.py")
def test_every_name_the_tool_takes_is_the_same_edge_or_refused_and_no_other_is_an_edge(name: str) -> None:
    match = MIGRATION_FILE_PATT.match(name)
    known = [f"19990101_{match['from']}_up_{match['to']}.sql"] if match and match["direction"] == "down" else []
    try:
        found = edges_by_trek([name, *known])
    except LoadError:
        meant = re.fullmatch(r"[0-9]{8}_\w+_(up|down)_\w+\.(sql|py)", name) is not None
        assert not meant or (match is not None and match["from"] == match["to"])
    else:
        assert (match is None) == (not found)
        assert match is None or (match["from"], match["direction"], match["to"]) in found


@pytest.mark.parametrize(
    "name",
    [
        "0001_users.sql",
        "notes.sql",
        "helpers.py",
        "20240101_initial_up_one.SQL",
        "20240101_initial_up_one.sql.j2",
        "20240101_one_:up_two.sql",
        "20240101_one_up_twoXsql",
        "2024010_one_up_two.sql",
        "20240101_one-a_up_two.sql",
    ],
)
def test_a_file_that_looks_like_a_migration_and_is_no_edge_is_refused_with_the_pattern(name: str) -> None:
    with pytest.raises(LoadError, match=re.escape("YYYYMMDD_<from>_(up|down)_<to>.(sql|py)")) as raised:
        make_layout().arrange(tree_of((*CHAIN, name)))
    assert raised.value.path == f"migrations/{name}"


def test_other_files_are_ignored_and_each_says_why() -> None:
    names = (*CHAIN, "README.md", "__init__.py", "seeds/users.sql", ".hidden.sql")
    ignored = {item.file.path: item.reason for item in make_layout().arrange(tree_of(names)).ignored}
    assert set(ignored) == {"README.md", "__init__.py", "seeds/users.sql", ".hidden.sql"}
    assert all(ignored.values())
    assert "sub-folder" in ignored["seeds/users.sql"]


def test_an_edge_in_a_sub_folder_is_refused_because_the_tool_does_not_look_there() -> None:
    with pytest.raises(LoadError, match="sub-folder, where asyncpg-trek does not look"):
        make_layout().arrange(tree_of((*CHAIN, "later/20240104_three_up_four.sql")))


def test_two_files_for_one_edge_are_refused_and_both_are_named() -> None:
    with pytest.raises(Duplicate) as raised:
        make_layout().arrange(tree_of((*CHAIN, "20250101_one_up_two.py")))
    assert "20240102_one_up_two.sql" in str(raised.value)
    assert "20250101_one_up_two.py" in str(raised.value)


def test_two_different_edges_into_one_revision_are_no_duplicates() -> None:
    assert "two" in {entry.revision for entry in catalog_of((*CHAIN, "20240104_initial_up_two.sql")).entries}


def test_a_down_edge_between_unknown_revisions_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(LoadError, match=r"'tow' \(nearest: 'two'\) to 'oen' \(nearest: 'one'\)"):
        make_layout().arrange(tree_of((*CHAIN, "20240102_tow_down_oen.sql")))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("20240109_one_up_one.sql", "from 'one' to itself"),
        ("20240109_one_up_initial.sql", "no edge leads up to it"),
        ("20240109_initial_down_one.sql", "none down from it"),
    ],
)
def test_an_edge_that_nobody_could_go_is_refused(name: str, problem: str) -> None:
    with pytest.raises(LoadError, match=problem):
        make_layout().arrange(tree_of((*CHAIN, name)))


def test_a_numbered_folder_smells_of_the_native_layout() -> None:
    smell = make_layout().smells(tree_of(("0001_users.sql", "0002_mail.sql")))
    assert smell is not None
    assert "0001_users.sql is no edge" in smell


@pytest.mark.parametrize("names", [CHAIN, (*CHAIN, "0001_users.sql"), (), ("README.md",)])
def test_a_folder_with_edges_or_without_migrations_smells_of_nothing(names: tuple[str, ...]) -> None:
    assert make_layout().smells(tree_of(names)) is None


# --------------------------------------------------------------------------- routes
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


@pytest.mark.parametrize("target", ["head", "three", "initial", "-1"])
def test_a_database_on_a_revision_no_file_knows_is_refused(target: str) -> None:
    names = (*CHAIN, "20240109_one_down_inital.sql")
    with pytest.raises((Missing, Irreversible), match="inital"):
        steps(names, standing("one", "inital"), target)


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


# --------------------------------------------------------------------------- new files
@pytest.mark.parametrize("kind", ["sql", "py"])
def test_new_files_lead_from_the_head_and_back(kind: str) -> None:
    layout = make_layout()
    assert layout.new is not None
    files = layout.new(layout.arrange(tree_of(CHAIN)), "Add e-mail", kind)
    day = f"{datetime.now(tz=UTC):%Y%m%d}"
    assert set(files) == {f"{day}_three_up_add_e_mail.{kind}", f"{day}_add_e_mail_down_three.{kind}"}
    both = (*CHAIN, *files)
    assert steps(both, standing("one", "two", "three"), "head") == ["three>add_e_mail"]
    assert steps(both, standing("add_e_mail"), "three") == ["add_e_mail>three"]


def test_a_new_python_file_can_be_loaded() -> None:
    layout = make_layout()
    assert layout.new is not None
    files = layout.new(layout.arrange(tree_of(())), "first", "py")
    (hop,) = hops(files, standing(), "first")
    assert hop.load is not None
    assert isinstance(hop.load(MemoryTree(files)).statements[0], Call)


@pytest.mark.parametrize(
    ("title", "problem"),
    [
        ("clean up users", "would read as three_up_clean -> users"),
        ("up users", "would read as"),
        ("!!!", "no letter or digit"),
        ("Two", "'two', which is there already"),
        ("initial", "there already"),
    ],
)
def test_a_title_that_makes_no_revision_of_its_own_is_refused(title: str, problem: str) -> None:
    layout = make_layout()
    assert layout.new is not None
    with pytest.raises(PlanError, match=problem):
        layout.new(layout.arrange(tree_of(CHAIN)), title, "sql")


def test_new_files_need_a_single_head() -> None:
    layout = make_layout()
    assert layout.new is not None
    with pytest.raises(PlanError, match="there are 2: three, side"):
        layout.new(layout.arrange(tree_of((*CHAIN, "20240104_two_up_side.sql"))), "next", "sql")


# --------------------------------------------------------------------------- the store's view of rows
TABLE = {
    "trek_table": {
        "hidden": False,
        "columns": {"id": "integer", "from_revision": "text", "to_revision": "text", "timestamp": "timestamp"},
    }
}


def rows_of(*pairs: tuple[str | None, str | None]) -> Rows:
    time = "2026-01-01T00:00:00"
    rows = [
        {"id": n, "from_revision": a, "to_revision": b, "timestamp": time} for n, (a, b) in enumerate(pairs, start=1)
    ]
    return [*reversed(rows), TABLE]


def history_of(*pairs: tuple[str | None, str | None]) -> History:
    return make_store().history(rows_of(*pairs), Facts())


def state_of(*pairs: tuple[str | None, str | None], names: Iterable[str] = ()) -> State:
    return make_store().state(history_of(*pairs), catalog_of(names))


def test_the_newest_row_says_where_the_database_stands_whatever_order_the_rows_come_in() -> None:
    state = state_of(("initial", "one"), ("one", "two"))
    assert (state.applied, state.current) == (("one", "two"), "two")
    assert state.rows["one"].data["id"] == 1


@pytest.mark.parametrize(
    ("pairs", "applied"),
    [
        ([("initial", "one"), ("one", "two"), ("two", "one")], ("one",)),
        ([("initial", "one"), ("one", "two"), ("two", "three"), ("three", "one")], ("one",)),
        ([("initial", "one"), ("one", "two"), ("two", "initial")], ()),
        ([("initial", "one"), ("one", None)], ()),
        ([(None, "one")], ("one",)),
        ([("initial", "one"), ("one", "")], ()),
        ([("initial", "one"), ("one", "initial"), ("initial", "two")], ("two",)),
        ([], ()),
    ],
)
def test_a_row_back_to_a_revision_of_the_path_cuts_it_there(
    pairs: list[tuple[str | None, str | None]], applied: tuple[str, ...]
) -> None:
    state = state_of(*pairs)
    assert state.applied == applied
    assert state.current == (applied[-1] if applied else None)
    assert set(state.rows) == set(applied)


def test_a_way_down_to_a_revision_off_the_path_leaves_its_start() -> None:
    pairs = (("initial", "three"), ("three", "two"))
    assert state_of(*pairs, names=CHAIN).applied == ("two",)


def test_history_lines_say_what_was_applied_and_what_reverted() -> None:
    history = history_of(("initial", "one"), ("one", "two"), ("two", "one"))
    assert [(row.verb, row.revision) for row in history.rows] == [("apply", "one"), ("apply", "two"), ("revert", "two")]
    assert history.rows[0].started_at == "2026-01-01T00:00:00"
    assert (history.exists, history.next) == (True, 4)


def test_no_table_is_an_empty_history_that_does_not_exist() -> None:
    history = make_store().history(None, Facts())
    assert (history.exists, history.rows) == (False, ())
    assert make_store().state(history, catalog_of(())) == State()


@pytest.mark.parametrize(
    "columns",
    [
        {"id": "integer", "migration": "varchar(255)", "batch": "integer"},
        {"id": "integer", "timestamp": "bigint", "name": "varchar"},
        {"id": "uuid", "from_revision": "text", "to_revision": "text", "timestamp": "timestamp"},
    ],
)
@pytest.mark.parametrize("rows", [[], [{"id": 1, "migration": "x", "batch": 1}]])
def test_a_table_of_another_shape_is_refused_even_when_it_is_empty(columns: dict[str, str], rows: list[Any]) -> None:
    described = {"trek_table": {"hidden": False, "columns": columns}}
    with pytest.raises(ConfigError, match=r"public\.migrations is not asyncpg-trek's.*store setting schema"):
        make_store().history([described, *rows], Facts())


def test_a_table_whose_rows_are_hidden_is_refused() -> None:
    hidden = {"trek_table": {**TABLE["trek_table"], "hidden": True}}
    with pytest.raises(ConfigError, match=r"Row security hides rows of public\.migrations from the role 'app'"):
        make_store().history([hidden], Facts(user="app"))


@pytest.mark.parametrize("schema", ["", "a\0b"])
def test_a_schema_that_cannot_be_a_name_is_refused(schema: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a schema"):
        make_store(schema=schema)


def test_the_identity_names_the_table() -> None:
    assert make_store().identity == "public.migrations"
    assert make_store(schema="custom").identity == "custom.migrations"


def test_the_lock_is_stable_fits_a_bigint_and_differs_between_tables() -> None:
    history = history_of()
    (public,) = make_store().locks(history)
    (custom,) = make_store(schema="custom").locks(history)
    assert isinstance(public, Advisory)
    assert public == make_store(schema="public").locks(history)[0]
    assert public != custom
    assert -(2**63) <= public.key < 2**63


def action_to(*after: str, before: tuple[str, ...] = ("before",)) -> Action:
    entry = Entry(revision="x", load=lambda tree: Script(None))
    return Action(entry=entry, verb="apply", mode="transaction", body=None, index=0, before=before, after=after)


def test_a_record_leaves_the_history_that_the_next_one_starts_from() -> None:
    history = history_of(("initial", "one"))
    following = make_store().record(action_to("two"), history).history
    assert [row.revision for row in following.rows] == ["one", "two"]
    assert (following.exists, following.next) == (True, 3)
    back = make_store().record(action_to(), following).history
    assert make_store().state(back, catalog_of(())).applied == ()
    assert back.rows[-1].verb == "revert"


def test_a_state_of_several_heads_is_refused() -> None:
    with pytest.raises(TrekError, match=r"stand on a, b, and asyncpg-trek's table holds one"):
        make_store().record(action_to("a", "b"), history_of())


def test_an_action_that_moves_the_database_nowhere_is_refused() -> None:
    with pytest.raises(PlanError, match="trek stamp REVISION"):
        make_store().record(action_to(before=()), history_of(("initial", "one")))


def test_a_table_that_an_old_snapshot_does_not_describe_is_refused() -> None:
    with pytest.raises(ConfigError, match="younger than what the open transaction can see"):
        make_store().history([], Facts())


def test_a_stranger_s_catalog_without_edges_is_no_obstacle() -> None:
    catalog = SimpleNamespace(entries=(Entry(revision="one", load=lambda tree: Script(None)),))
    assert make_store().state(history_of(("initial", "one")), cast("Any", catalog)).applied == ("one",)
