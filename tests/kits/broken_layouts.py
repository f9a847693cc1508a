"""One layout for each test of the layouts' kit that breaks the promise of this test and no other."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from trek_core.model import Arrangement, Entry, Hop, Ignored, Script, Squashed
from trek_core.plugin import Layout, LoadError, PlanError, Tree
from trek_core.testing import Folder, LayoutCase, LayoutSuite
from trek_loaders import native
from trek_loaders.formats import asyncpg_trek

UP, DOWN = "CREATE TABLE t (id int);\n", "DROP TABLE t;\n"
EDGE = "async def run_migration(connection):\n    pass\n"
Change = Callable[[Layout], Layout]


def layout_of(module: Any) -> Layout:
    (provider,) = module.trek_register_layouts()
    return provider.create(provider.settings())


class NativeSuite(LayoutSuite):
    """Broken native layouts."""

    __test__: ClassVar = False
    without: ClassVar = {"route": "the files are a chain"}
    change: ClassVar[Change]

    def case(self) -> LayoutCase:
        return LayoutCase(
            type(self).change(layout_of(native)),
            folders=[
                Folder(
                    {
                        "1_users.sql": f"{UP}-- trek: down\n{DOWN}",
                        "2_b.up.sql": UP,
                        "2_b.down.sql": DOWN,
                        "10_x.py": "async def upgrade(connection):\n    pass\n",
                    },
                    ("1", "2", "10"),
                ),
                Folder({"0001_a.sql": UP, "0002_b.sql": UP, "README.md": "Read me."}, ("0001", "0002")),
            ],
            bad=[{"0001_a.sql": UP, "1_b.sql": UP}, {"users.sql": UP}, {"0001_a.down.sql": DOWN}],
            foreign=[{"V1__a.sql": UP}],
        )


class EdgesSuite(LayoutSuite):
    """Broken layouts of edges."""

    __test__: ClassVar = False
    without: ClassVar = {"checksums": "asyncpg-trek keeps none"}
    change: ClassVar[Change]

    def case(self) -> LayoutCase:
        return LayoutCase(
            type(self).change(layout_of(asyncpg_trek)),
            folders=[
                Folder(
                    {
                        "20240101_initial_up_one.sql": UP,
                        "20240102_one_up_two.py": EDGE,
                        "20240103_two_down_one.sql": DOWN,
                        "20240104_one_down_initial.sql": DOWN,
                    },
                    ("one", "two"),
                )
            ],
            bad=[{"users.sql": UP}, {"20240101_one_up_initial.sql": UP}],
            foreign=[{"0001_users.sql": UP}],
        )


def of_native(change: Change) -> type[LayoutSuite]:
    return type(f"Test_{change.__name__}", (NativeSuite,), {"change": staticmethod(change), "__module__": __name__})


def of_edges(change: Change) -> type[LayoutSuite]:
    return type(f"Test_{change.__name__}", (EdgesSuite,), {"change": staticmethod(change), "__module__": __name__})


# --------------------------------------------------------------------------- what is broken
def sorts_numbers_as_text(right: Layout) -> Layout:
    return _rearranged(right, lambda found: _with(found, sorted(found.entries, key=lambda one: one.revision)))


def tells_nobody_what_it_ignored(right: Layout) -> Layout:
    return _rearranged(right, lambda found: replace(found, ignored=()))


def gives_no_reason_for_what_it_ignored(right: Layout) -> Layout:
    return _rearranged(right, lambda found: replace(found, ignored=[replace(one, reason="") for one in found.ignored]))


def names_a_parent_that_is_not_there(right: Layout) -> Layout:
    return _each(right, lambda entry: replace(entry, parents=("gone",)))


def makes_an_entry_its_own_parent(right: Layout) -> Layout:
    return _each(right, lambda entry: replace(entry, parents=(entry.revision,)))


def looks_at_the_disk(right: Layout) -> Layout:
    return _before(right, lambda tree: os.scandir().close())


def looks_at_the_disk_for_a_checksum(right: Layout) -> Layout:
    def changed(entry: Entry) -> Entry:
        def checksums(tree: Tree) -> tuple[str, ...]:
            os.scandir().close()
            return entry.checksums(tree)

        return replace(entry, checksums=checksums)

    return _each(right, changed)


def has_the_path_in_the_checksum(right: Layout) -> Layout:
    return _summed(right, lambda entry, tree: str(entry.files[0]).encode() + tree.read(entry.files[0]))


def loads_everything_at_once(right: Layout) -> Layout:
    def load(tree: Tree) -> None:
        for file in tree.files:
            with contextlib.suppress(LoadError):
                tree.load(file)

    return _before(right, load)


def loads_no_way_up(right: Layout) -> Layout:
    def changed(entry: Entry) -> Entry:
        return replace(entry, load=lambda tree: Script(None, entry.load(tree).up))

    return _each(right, lambda entry: changed(entry) if entry.revision == "1" else entry)


def loads_one_file_for_all(right: Layout) -> Layout:
    """A function in a loop, which sees the loop's last value."""

    def changed(found: Arrangement) -> Arrangement:
        return _with(found, [replace(entry, load=found.entries[-1].load) for entry in found.entries])

    return _rearranged(right, changed)


def ignores_what_it_cannot_arrange(right: Layout) -> Layout:
    def arrange(tree: Tree) -> Arrangement:
        try:
            return right.arrange(tree)
        except (LoadError, PlanError) as error:
            return Arrangement((), tuple(Ignored(file, str(error)) for file in tree.files))

    return replace(right, arrange=arrange)


def names_no_file(right: Layout) -> Layout:
    def arrange(tree: Tree) -> Arrangement:
        try:
            return right.arrange(tree)
        except (LoadError, PlanError) as error:
            msg = "a file is wrong"
            raise PlanError(msg) from error

    return replace(right, arrange=arrange)


def raises_for_what_is_not_utf8(right: Layout) -> Layout:
    return _before(right, lambda tree: [tree.read(file).decode() for file in tree.files])


def refuses_an_empty_folder(right: Layout) -> Layout:
    def refuse(tree: Tree) -> None:
        if not tree.files:
            msg = "migrations"
            raise LoadError(msg, None, "there is no file")

    return _before(right, refuse)


def has_the_name_for_a_checksum(right: Layout) -> Layout:
    return _summed(right, lambda entry, tree: entry.files[0].path.encode())


def counts_the_way_down_in_the_checksum_only(right: Layout) -> Layout:
    return _summed(right, lambda entry, tree: tree.read(entry.files[-1]) if len(entry.files) > 1 else b"")


def keeps_no_checksum(right: Layout) -> Layout:
    return _each(right, lambda entry: replace(entry, checksums=lambda tree: ()))


def takes_python_for_another_tool(right: Layout) -> Layout:
    def smells(tree: Tree) -> str | None:
        python = [file.path for file in tree.files if file.name.endswith(".py")]
        return f"looks like alembic because of {python[0]}" if python else right.smells(tree)

    return replace(right, smells=smells)


def smells_nothing(right: Layout) -> Layout:
    return replace(right, smells=lambda tree: None)


def begins_again_with_a_new_file(right: Layout) -> Layout:
    return replace(right, new=lambda arrangement, title, kind: {f"0001_kit.{kind}": UP})


def squashes_into_a_plain_file(right: Layout) -> Layout:
    return replace(right, squash=lambda tree, entries, replaces, requires, title: Squashed({"99_all.sql": UP}))


def puts_a_new_file_first(right: Layout) -> Layout:
    return replace(right, new=lambda arrangement, title, kind: {f"0_kit.{kind}": UP})


def lets_a_new_file_run_again(right: Layout) -> Layout:
    def arrange(tree: Tree) -> Arrangement:
        found = right.arrange(tree)
        again = (replace(one, rerun="changed") if "kit" in one.files[0].name else one for one in found.entries)
        return replace(found, entries=tuple(again))

    return replace(right, arrange=arrange)


def writes_a_file_anew(right: Layout) -> Layout:
    """As one does that keeps an index of its files."""

    def new(arrangement: Arrangement, title: str, kind: str) -> dict[str, str]:
        assert right.new is not None
        there = [entry.files[0].path for entry in arrangement.entries if entry.files[0].name.endswith(".sql")]
        return {**dict.fromkeys(there, UP), **right.new(arrangement, title, kind)}

    return replace(right, new=new)


def numbers_from_the_beginning(right: Layout) -> Layout:
    first = {"number": "0000", "timestamp": "00000000000001"}
    return replace(right, numbered=lambda way: lambda arrangement, title, kind: {f"{first[way]}_kit.{kind}": UP})


def puts_the_title_into_the_name(right: Layout) -> Layout:
    return replace(right, new=lambda arrangement, title, kind: {f"{_following(arrangement):04}_{title}.{kind}": UP})


def forgets_the_heads_on_the_way_up(right: Layout) -> Layout:
    return _routed(right, lambda hops: [replace(one, after=()) if one.verb == "apply" else one for one in hops])


def goes_only_one_step_back(right: Layout) -> Layout:
    return _routed(right, lambda hops: hops[:1] if hops and hops[0].verb == "revert" else hops)


def never_stands_still(right: Layout) -> Layout:
    return _routed(right, lambda hops: hops or [Hop(entry=Entry(revision="two", load=_nothing), verb="rerun")])


# --------------------------------------------------------------------------- how
def _nothing(tree: Tree) -> Script:
    return Script(None)


def _following(arrangement: Arrangement) -> int:
    return max((int(entry.revision) for entry in arrangement.entries), default=0) + 1


def _with(found: Arrangement, entries: list[Entry]) -> Arrangement:
    return replace(found, entries=tuple(entries))


def _rearranged(right: Layout, change: Callable[[Arrangement], Arrangement]) -> Layout:
    return replace(right, arrange=lambda tree: change(right.arrange(tree)))


def _each(right: Layout, change: Callable[[Entry], Entry]) -> Layout:
    return _rearranged(right, lambda found: _with(found, [change(entry) for entry in found.entries]))


def _before(right: Layout, act: Callable[[Tree], object]) -> Layout:
    def arrange(tree: Tree) -> Arrangement:
        act(tree)
        return right.arrange(tree)

    return replace(right, arrange=arrange)


def _summed(right: Layout, content: Callable[[Entry, Tree], bytes]) -> Layout:
    def changed(entry: Entry) -> Entry:
        return replace(entry, checksums=lambda tree: (hashlib.sha256(content(entry, tree)).hexdigest(),))

    return _each(right, changed)


def _routed(right: Layout, change: Callable[[list[Hop]], list[Hop]]) -> Layout:
    assert right.route is not None
    route = right.route
    return replace(right, route=lambda *asked: change([*route(*asked)]))


DIAGONAL = {
    "test_a2_every_revision_comes_once_and_in_order": of_native(sorts_numbers_as_text),
    "test_a3_no_file_is_skipped_in_silence": of_native(tells_nobody_what_it_ignored),
    "test_a4_parents_are_revisions_that_are_there": of_native(names_a_parent_that_is_not_there),
    "test_a5_files_are_read_through_the_tree_only": of_native(looks_at_the_disk),
    "test_a6_the_place_of_the_folder_means_nothing": of_native(has_the_path_in_the_checksum),
    "test_a7_nothing_is_loaded_while_it_is_arranged": of_native(loads_everything_at_once),
    "test_a8_an_entry_loads_a_script_with_a_way_up": of_native(loads_no_way_up),
    "test_a9_a_bad_folder_is_refused_and_a_file_named": of_native(ignores_what_it_cannot_arrange),
    "test_a9_any_folder_is_arranged_or_refused": of_native(raises_for_what_is_not_utf8),
    "test_a10_an_empty_folder_has_no_entry": of_native(refuses_an_empty_folder),
    "test_a11_checksums_change_with_the_way_up": of_native(has_the_name_for_a_checksum),
    "test_a12_its_own_folders_do_not_smell": of_native(takes_python_for_another_tool),
    "test_a12_another_tools_folders_smell": of_native(smells_nothing),
    "test_a13_new_files_are_one_more_revision": of_native(begins_again_with_a_new_file),
    "test_a15_a_squash_is_one_more_revision_that_replaces_the_others": of_native(squashes_into_a_plain_file),
    "test_a14_the_route_leads_from_nothing_to_the_head": of_edges(forgets_the_heads_on_the_way_up),
    "test_a14_the_route_leads_from_the_head_to_the_base": of_edges(goes_only_one_step_back),
    "test_a14_there_is_no_route_to_where_one_is": of_edges(never_stands_still),
}
"""Test -> the suite of the layout that fails it."""

ALSO = (
    ("test_a3_no_file_is_skipped_in_silence", of_native(gives_no_reason_for_what_it_ignored)),
    ("test_a4_parents_are_revisions_that_are_there", of_native(makes_an_entry_its_own_parent)),
    ("test_a5_files_are_read_through_the_tree_only", of_native(looks_at_the_disk_for_a_checksum)),
    ("test_a8_an_entry_loads_a_script_with_a_way_up", of_edges(loads_one_file_for_all)),
    ("test_a9_a_bad_folder_is_refused_and_a_file_named", of_native(names_no_file)),
    ("test_a11_checksums_change_with_the_way_up", of_native(counts_the_way_down_in_the_checksum_only)),
    ("test_a11_checksums_change_with_the_way_up", of_native(keeps_no_checksum)),
    ("test_a13_new_files_are_one_more_revision", of_native(puts_a_new_file_first)),
    ("test_a13_new_files_are_one_more_revision", of_native(puts_the_title_into_the_name)),
    ("test_a13_new_files_are_one_more_revision", of_native(lets_a_new_file_run_again)),
    ("test_a13_new_files_are_one_more_revision", of_native(writes_a_file_anew)),
    ("test_a13_new_files_are_one_more_revision", of_native(numbers_from_the_beginning)),
)
"""More that a test sees."""
