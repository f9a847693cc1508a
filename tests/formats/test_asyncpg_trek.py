"""Names and entries: what files the format asyncpg-trek takes, and what it makes of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from asyncpg_trek._collect import MIGRATION_FILE_PATT, collect_migrations_from_filesystem
from asyncpg_trek.asyncpg import AsyncpgBackend
from hypothesis import example, given
from hypothesis import strategies as st

from tests.formats.asyncpg_trek_support import (
    CHAIN,
    MemoryTree,
    catalog_of,
    edges_by_trek,
    hops,
    make_layout,
    standing,
    steps,
    tree_of,
)
from trek_core.errors import (
    Duplicate,
    LoadError,
    PlanError,
)
from trek_core.model import Call, Sql

if TYPE_CHECKING:
    from pathlib import Path


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


def test_the_way_down_of_an_entry_leads_to_its_parent() -> None:
    names = (*CHAIN, "20240100_three_down_one.sql")
    script = make_layout().arrange(tree_of(names)).entries[2].load(tree_of(names))
    assert script.down is not None
    assert "three_down_two" in str(script.down.statements[0])


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
