"""The conformance kit of layouts."""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import product
from typing import ClassVar

from trek_core._blame import shown
from trek_core._catalog import build
from trek_core.errors import ConfigError, LoadError, PlanError, TrekError
from trek_core.model import Arrangement, Script
from trek_core.testing import _layout_case as look
from trek_core.testing import _layout_route as walk
from trek_core.testing._given import made_by, told
from trek_core.testing._layout_case import LayoutCase
from trek_core.testing._loader_case import statements
from trek_core.testing._suite import Suite, needs
from trek_core.testing._watch import watch

_CASE = "LayoutCase(layout, folders=[Folder({path: content}, revisions=(…))], bad=[{…}])"
_NO_IO = "Read files with tree.read(file) and tree.load(file), and take what else is needed from the settings."
_NO_LOADING = "Keep File objects, and load in Entry.load: a run that has nothing to do should parse nothing."


class LayoutSuite(Suite):
    """Holds a layout to its contract, the sentences A2 to A14 of `Layout`. A complete test module::

        from trek_core.testing import Folder, LayoutCase, LayoutSuite
        from trek_dated import LAYOUT

        UP = "CREATE TABLE users (id int)"


        class TestDated(LayoutSuite):
            without = {"route": "the files are a chain", "smells": "any folder may be dated"}

            def case(self) -> LayoutCase:
                return LayoutCase(
                    LAYOUT,
                    folders=[Folder({"2026-01-31.sql": UP, "2026-02-01.sql": UP}, revisions=("2026-01-31", "2026-02-01"))],
                    bad=[{"2026-02-31.sql": UP}, {"tomorrow.sql": UP}],
                )

    Folders stand in memory: path -> content. The suite makes up stray files, contents that are no text, and edits.
    `without` says what the layout lacks, and why: the reason is shown with each test that is skipped for it.
    """

    capabilities: ClassVar = {
        "checksums": "Entry.checksums: an applied file that was edited is seen",
        "refusals": "there are folders that it refuses (LayoutCase.bad)",
        "new": "Layout.new: `trek new TITLE` writes files",
        "route": "Layout.route: edges, not sets, are the truth (each of the folders has a head, and a way back from it)",
        "smells": "Layout.smells: folders of other tools are recognised (LayoutCase.foreign)",
    }

    def case(self) -> LayoutCase:
        """The layout and folders for it."""
        msg = f"{type(self).__name__}.case() is missing: return LayoutCase(layout, folders=[Folder(…)], bad=[{{…}}])"
        raise NotImplementedError(msg)

    def test_a2_every_revision_comes_once_and_in_order(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for folder, tree in look.trees(case):
            found = look.revisions(look.arranged(case, tree))
            assert found == tuple(folder.revisions), (
                f"{look.who(case)} arranged {found}, want {tuple(folder.revisions)}.\n{look.listed(folder.files)}"
            )

    def test_a3_no_file_is_skipped_in_silence(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        strays: list[look.Files] = [{**one.files, name: "SELECT 1;"} for one in case.folders for name in look.STRAY]
        for files in (*(folder.files for folder in case.folders), *strays):
            tree = case.tree(files)
            try:
                found = look.arranged(case, tree)
            except (LoadError, PlanError):
                continue
            told = {file for entry in found.entries for file in entry.files}.union(one.file for one in found.ignored)
            lost = [file.path for file in tree.files if file not in told]
            assert not lost, (
                f"{look.who(case)} skipped {lost}: put each into the files of an entry, into `ignored` with a reason, "
                f"or raise a LoadError.\n{look.listed(files)}"
            )
            mute = [one.file.path for one in found.ignored if not one.reason]
            assert not mute, f"{look.who(case)} ignored {mute} and gave no reason"

    def test_a4_parents_are_revisions_that_are_there(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for folder, tree in look.trees(case):
            arrangement = look.arranged(case, tree)
            try:
                build(arrangement)
            except PlanError as error:
                msg = f"{look.who(case)}: what it arranged is no graph: {error}\n{look.listed(folder.files)}"
                raise AssertionError(msg) from error

    def test_a5_files_are_read_through_the_tree_only(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for folder, tree in look.trees(case):
            deeds = watch(partial(case.layout.smells, tree)) + watch(partial(look.arranged, case, tree))
            for _, of, entry in look.entries(case):
                deeds += watch(partial(entry.load, of)) + watch(partial(entry.checksums, of))
            did = "; it ".join(deeds)
            assert not deeds, f"{look.who(case)} did I/O: it {did}.\n{_NO_IO}\n{look.listed(folder.files)}"

    def test_a6_the_place_of_the_folder_means_nothing(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        here, there = look.sketch(case, "migrations"), look.sketch(case, "/srv/other place/db")
        for one, other in zip(here, there, strict=True):
            assert one == other, f"{look.who(case)} arranged\n{one}\nin one folder, and in another\n{other}"

    def test_a7_nothing_is_loaded_while_it_is_arranged(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for _, tree in look.trees(case):
            case.layout.smells(tree)
            look.arranged(case, tree)
            assert not tree.loaded, f"{look.who(case)} loaded {[path for path, _ in tree.loaded]}. {_NO_LOADING}"

    def test_a8_an_entry_loads_a_script_with_a_way_up(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for _, tree, entry in look.entries(case):
            try:
                script = entry.load(tree)
            except LoadError as error:
                msg = f"{look.who(case)}: {entry.revision} cannot be loaded: {error}"
                raise AssertionError(msg) from error
            right = isinstance(script, Script) and script.up is not None
            assert right, f"{look.who(case)}: {entry.revision} loads {shown(script)}, want a Script with a way up"
            own = ["", *map(str, entry.files)]
            strange = [one.file for one in statements(script) if one.file not in own]
            assert not strange, (
                f"{look.who(case)}: {entry.revision} loads statements of {strange[0]}, and its files are {own[1:]}"
            )

    @needs("refusals")
    def test_a9_a_bad_folder_is_refused_and_a_file_named(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        assert case.bad, "LayoutCase(bad=…): give a folder that must be refused, path -> content, one for each mistake"
        for files in case.bad:
            error = look.refusal(case, files)
            assert error is not None, f"{look.who(case)} arranged what is in `bad`.\n{look.listed(files)}"
            assert any(path in str(error) for path in files), (
                f"{look.who(case)} refused a folder and named none of its files: {error}\n{look.listed(files)}"
            )

    def test_a9_any_folder_is_arranged_or_refused(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for files in look.any_folder(case):
            try:
                found = case.layout.smells(case.tree(files)) or case.layout.arrange(case.tree(files))
            except (LoadError, PlanError):
                continue
            except Exception as error:
                odd = [f"{path!r}: {shown(content)}" for path, content in files.items()]
                msg = f"{look.who(case)} raised {error!r}, want a LoadError or a PlanError.\nFolder: {', '.join(odd)}"
                raise AssertionError(msg) from error
            assert isinstance(found, Arrangement | str), f"{look.who(case)} made {told(found)}, want an Arrangement"

    def test_a10_an_empty_folder_has_no_entry(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        try:
            found = look.revisions(look.arranged(case, case.tree({})))
        except TrekError as error:
            msg = f"{look.who(case)} refused an empty folder, want Arrangement(()): {error}"
            raise AssertionError(msg) from error
        assert found == (), f"{look.who(case)} arranged {found} of an empty folder"

    @needs("checksums")
    def test_a11_checksums_change_with_the_way_up(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for _, tree, entry in look.entries(case):
            texts = entry.checksums(tree)
            right = isinstance(texts, tuple) and bool(texts) and all(isinstance(text, str) for text in texts)
            assert right, f"{look.who(case)}: {entry.revision} has the checksums {shown(texts)}, want a tuple of texts"
        edits = [edit for folder in case.folders for edit in look.edited(case, folder)]
        assert edits, (
            "no edit that the suite makes gave another way up: make one, LayoutCase(edit=lambda path, content: …)"
        )
        for what, before, after in edits:
            assert before[0] not in after, f"{look.who(case)}: {what} was edited, and its checksums are still {after}"

    def test_a12_its_own_folders_do_not_smell(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for folder, tree in look.trees(case):
            found = case.layout.smells(tree)
            assert found is None, f"{look.who(case)}: smells {found!r}, want None.\n{look.listed(folder.files)}"

    @needs("smells")
    def test_a12_another_tools_folders_smell(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        assert case.foreign, "LayoutCase(foreign=…): give a folder of another tool, path -> content"
        for files in case.foreign:
            found = case.layout.smells(case.tree(files))
            right = isinstance(found, str) and bool(found.strip())
            assert right, f"{look.who(case)}: smells {shown(found)}, want the reason as text.\n{look.listed(files)}"

    @needs("new")
    def test_a13_new_files_are_one_more_revision(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        assert case.layout.new is not None, f"{look.who(case)} has no `new`: write it, or say why not in `without`"
        made = 0
        for files in ({}, *(folder.files for folder in case.folders)):
            before = look.arranged(case, case.tree(files)) if files else Arrangement(())
            for way, kind, title in product(look.ways_of_new(case), ("sql", "py"), look.TITLES):
                with contextlib.suppress(ConfigError, PlanError):
                    more = look.written(case, way(before, title, kind))
                    there = sorted(files.keys() & more.keys())
                    assert not there, f"{look.who(case)}: `new` gave {there}, which the folder has already"
                    flaw = look.flaw_of_new(case, before, {**files, **more})
                    assert not flaw, f"{look.who(case)}: with the new {sorted(more)} {flaw}.\n{look.listed(files)}"
                    made += 1
        assert made, f"{look.who(case)}: `new` refused every folder, for both kinds, sql and py"

    def test_a15_a_squash_is_one_more_revision_that_replaces_the_others(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for folder in case.folders if case.layout.squash else ():
            with contextlib.suppress(PlanError):
                flaw = look.flaw_of_squash(case, folder.files)
                assert not flaw, f"{look.who(case)}: `squash` {flaw}.\n{look.listed(folder.files)}"

    @needs("route")
    def test_a14_the_route_leads_from_nothing_to_the_head(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for way in walk.ways(case):
            flaw = walk.flaw(way.up, "apply", (), (way.head,))
            assert not flaw, f"{look.who(case)}: from nothing to the head {flaw}.\n{look.listed(way.files)}"

    @needs("route")
    def test_a14_the_route_leads_from_the_head_to_the_base(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for way in walk.ways(case):
            down = walk.route(case, way.catalog, way.state, "base", way.files)
            flaw = walk.flaw(down, "revert", (way.head,), ())
            assert not flaw, f"{look.who(case)}: from {way.head!r} to the base {flaw}.\n{look.listed(way.files)}"

    @needs("route")
    def test_a14_there_is_no_route_to_where_one_is(self) -> None:
        case = made_by(self, "case", LayoutCase, _CASE)
        for way in walk.ways(case):
            for target in ("head", way.head):
                found = walk.route(case, way.catalog, way.state, target, way.files)
                where = f"the database stands on {way.head!r}"
                assert not found, f"{look.who(case)}: {where}, and the way to {target!r} is {walk.told(found)}"
