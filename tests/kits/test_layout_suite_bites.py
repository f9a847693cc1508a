"""Each test of the layouts' kit can fail: a broken layout fails exactly that one."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from tests.kits import diagonal
from tests.kits.broken_layouts import ALSO, DIAGONAL, UP, NativeSuite, of_native
from trek_core.plugin import Layout
from trek_core.testing import Folder, LayoutCase, LayoutSuite

LAYOUT = Layout(arrange=lambda tree: None)  # type: ignore[arg-type,return-value]


def test_there_is_a_broken_layout_for_each_test():
    assert set(DIAGONAL) == set(LayoutSuite.kit_tests())


@pytest.mark.parametrize(("name", "broken"), DIAGONAL.items(), ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_layout_fails_its_test_and_no_other(name: str, broken: type[LayoutSuite]):
    assert diagonal.failing(broken) == {name}


@pytest.mark.parametrize(("name", "broken"), ALSO, ids=lambda value: getattr(value, "__name__", None))
def test_other_ways_to_break_a_promise_fail_its_test_too(name: str, broken: type[LayoutSuite]):
    assert diagonal.failing(broken) == {name}


def test_a_layout_that_reads_the_disk_is_told_what_it_called_and_what_to_do():
    told = diagonal.run(DIAGONAL["test_a5_files_are_read_through_the_tree_only"])
    told_of = told["test_a5_files_are_read_through_the_tree_only"]
    assert "did I/O: it called os.scandir(None) (tests.kits.broken_layouts, line " in told_of
    assert "Read files with tree.read(file) and tree.load(file)" in told_of
    assert "The contract, A5: " in told_of


@pytest.mark.parametrize(
    ("capability", "test"),
    [
        ("new", "test_a13_new_files_are_one_more_revision"),
        ("route", "test_a14_there_is_no_route_to_where_one_is"),
    ],
)
def test_what_is_missing_and_not_declared_fails(capability: str, test: str):
    class TestLacking(NativeSuite):
        without: ClassVar = {}

        def case(self) -> LayoutCase:
            return of_native(without_new)().case()

    assert f"has no `{capability}`: write it, or say why not in `without`" in diagonal.run(TestLacking)[test]


def test_folders_that_are_refused_are_asked_for():
    class TestLenient(NativeSuite):
        change: ClassVar = staticmethod(lambda layout: layout)

        def case(self) -> LayoutCase:
            return replace(super().case(), bad=[])

    class TestDeclared(TestLenient):
        without: ClassVar = {**NativeSuite.without, "refusals": "any file is a revision"}

    test = "test_a9_a_bad_folder_is_refused_and_a_file_named"
    assert "LayoutCase(bad=…): give a folder" in diagonal.run(TestLenient)[test]
    assert diagonal.run(TestDeclared)[test] == "skipped: without refusals: any file is a revision"


def without_new(layout: Layout) -> Layout:
    return replace(layout, new=None)


def test_edits_that_the_suite_cannot_make_are_asked_for():
    folder = Folder({"1_x.py": "async def upgrade(connection):\n    pass\n"}, ("1",))

    class TestPython(NativeSuite):
        change: ClassVar = staticmethod(lambda layout: layout)

        def case(self) -> LayoutCase:
            return replace(super().case(), folders=[folder])

    class TestEdited(TestPython):
        def case(self) -> LayoutCase:
            return replace(super().case(), edit=lambda path, content: content.replace(b"pass", b"return"))

    test = "test_a11_checksums_change_with_the_way_up"
    assert "make one, LayoutCase(edit=" in diagonal.run(TestPython)[test]
    assert diagonal.run(TestEdited)[test] == "passed"


def test_a_case_says_at_once_what_it_lacks():
    with pytest.raises(ValueError, match="give at least one Folder with a revision"):
        LayoutCase(LAYOUT, [], [{"x.sql": UP}])


def test_a_suite_without_a_case_says_how_to_write_it():
    class TestNothing(LayoutSuite):
        pass

    outcome = diagonal.run(TestNothing)["test_a10_an_empty_folder_has_no_entry"]
    assert "TestNothing.case() is missing: return LayoutCase(layout, folders=" in outcome
