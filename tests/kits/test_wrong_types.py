"""What an author gets wrong in types is told as a run tells it: who, which method, what was found and what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from tests.kits import diagonal
from trek_core.plugin import Arrangement, Direction, Layout, Loader, LoadError, PlanError, Source
from trek_core.testing import (
    ExecutorSuite,
    Folder,
    LayoutCase,
    LayoutSuite,
    LoaderCase,
    LoaderSuite,
    MemoryExecutor,
    MemoryGround,
    MemoryStore,
    StoreCase,
    VersionStoreSuite,
)
from trek_core.testing._suite import Suite
from trek_loaders import native, sql

(LOADER,) = sql.trek_register_loaders()
(NATIVE,) = native.trek_register_layouts()
LAYOUT: Layout = NATIVE.create(NATIVE.settings())
UP = "SELECT 1;"
FOLDER = Folder({"0001_a.sql": UP}, revisions=("0001",))
CASE = "TestMine.case()"


def suite(base: type[Suite], method: str, made: Callable[..., Any], **more: Any) -> type[Suite]:
    return type("TestMine", (base,), {method: made, "__module__": __name__, **more})


def only(base: type[Suite], method: str, made: Callable[..., Any], **more: Any) -> str:
    """What each of the kit's tests says, if that is the same."""
    outcomes = {said for said in diagonal.run(suite(base, method, made, **more)).values() if "skipped" not in said}
    assert len(outcomes) == 1, outcomes
    return outcomes.pop()


async def coroutine(*_: object) -> None: ...


def nothing(*_: object) -> None: ...


# --------------------------------------------------------------------------- case() and ground()
LOADER_CASE = "want LoaderCase(loader, good={name: content}, bad={…})"
LAYOUT_CASE = "want LayoutCase(layout, folders=[Folder({path: content}, revisions=(…))], bad=[{…}])"


@pytest.mark.parametrize(
    ("made", "found"),
    [(coroutine, "a coroutine"), (nothing, "None"), (lambda self: (1, 2), "(1, 2)"), (lambda self: LOADER, "Loader(")],
    ids=["coroutine", "None", "tuple", "loader"],
)
def test_a_case_that_is_no_case_is_told_once_and_without_a_sentence(made: Callable[..., Any], found: str):
    for base, want in ((LoaderSuite, LOADER_CASE), (LayoutSuite, LAYOUT_CASE)):
        said = only(base, "case", made)
        assert said.startswith(f"failed: WrongTypeError: {CASE} gave {found}")
        assert want in said
        assert said.endswith(": make it a plain def") == (made is coroutine)
        assert "The contract" not in said


@pytest.mark.parametrize(
    ("base", "method", "want"),
    [(VersionStoreSuite, "case", "StoreCase(store, ground, …)"), (ExecutorSuite, "ground", "a Ground")],
)
def test_a_case_that_is_no_context_manager_is_told_so(base: type[Suite], method: str, want: str):
    name = f"failed: WrongTypeError: TestMine.{method}()"
    manager = "want an async context manager: decorate it with @asynccontextmanager"
    assert only(base, method, coroutine) == f"{name} gave a coroutine, {manager}"
    assert only(base, method, nothing) == f"{name} gave None, {manager}"
    assert only(base, method, lambda self: nullcontext(3)) == f"{name} yields 3, want {want}"
    returns = asynccontextmanager(coroutine)  # type: ignore[arg-type,var-annotated]
    never = f"and never yields: make it an async def with `yield {want}`, not return"
    assert only(base, method, returns) == f"{name} gave a coroutine, {never}"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LayoutCase(LAYOUT, [{"a": UP}]), "LayoutCase(folders=…): found {'a': 'SELECT 1;'}, want Folder("),  # type: ignore[list-item]
        (lambda: LayoutCase(LAYOUT, FOLDER), "LayoutCase(folders=…): found Folder("),  # type: ignore[arg-type]
        (lambda: LayoutCase(NATIVE, [FOLDER]), "LayoutCase(layout=…): found Provider("),  # type: ignore[arg-type]
        (lambda: LayoutCase(LAYOUT, [FOLDER], bad={"a": UP}), "LayoutCase(bad=…): found {'a': 'SELECT 1;'}, want a list"),  # type: ignore[arg-type]
        (lambda: Folder({"a": None}, ("1",)), "Folder(files=…): found {'a': None}, want {path: content}"),  # type: ignore[dict-item]
        (lambda: Folder({"a": UP}, "1"), "Folder(revisions=…): found '1', want a list"),  # type: ignore[arg-type]
        (lambda: LoaderCase(sql, {"1.sql": UP}, {"2.sql": ""}), "LoaderCase(loader=…): found <module"),  # type: ignore[arg-type]
        (lambda: LoaderCase(LOADER, ["1.sql"], {"2.sql": ""}), "LoaderCase(good=…): found ['1.sql'], want {path: content}"),  # type: ignore[arg-type]
        (lambda: StoreCase(MemoryStore, MemoryGround()), "StoreCase(store=…): found the class MemoryStore, want a VersionS"),  # type: ignore[arg-type]
        (lambda: StoreCase(MemoryStore(), MemoryGround), "StoreCase(ground=…): found the class MemoryGround, want what"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_case_says_which_of_its_fields_is_wrong(make: Callable[[], object], said: str):
    with pytest.raises(TypeError) as refused:
        make()
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("without", [["directions"], "directions", None])
def test_omissions_that_are_no_dict_are_refused(without: object):
    with pytest.raises(
        TypeError, match=r'^TestMine\.without is .*, want a dict: without = \{"capability": "reason"\}$'
    ):
        suite(LoaderSuite, "case", nothing, without=without)


# --------------------------------------------------------------------------- a store's methods
def asked(method: str, gives: object) -> set[str]:
    """The first lines of what fails for a store whose method is that function, or gives that."""
    store = type(
        "Mine", (MemoryStore,), {method: gives if callable(gives) else lambda *_: gives, "__module__": __name__}
    )

    @asynccontextmanager
    async def case(self: object) -> Any:
        yield StoreCase(store(), MemoryGround(), other=store("public.other"))

    without = {"shape": "not tried here"}
    outcomes = diagonal.run(suite(VersionStoreSuite, "case", case, without=without)).values()
    return {said.splitlines()[0] for said in outcomes if said.startswith("failed: ")}


@pytest.mark.parametrize(
    ("method", "gives", "said"),
    [
        ("query", "SELECT 1", "query: gave 'SELECT 1', want Sql"),
        (
            "history",
            coroutine,
            "history: gave a coroutine, want History: make it a plain function, def instead of async def",
        ),
        ("state", coroutine, "state: gave a coroutine, want State: make it a plain function, def instead of async def"),
        ("state", nothing, "state: gave None, want State"),
        ("locks", (1, 2), "locks: gave 1, want Advisory or RowLock"),
        ("prepare", "CREATE TABLE x ()", "prepare: gave 'CREATE TABLE x ()', want a tuple of Sql, Copy, Call or Piece"),
        (
            "record",
            coroutine,
            "record: gave a coroutine, want Record: make it a plain function, def instead of async def",
        ),
        ("changed", "yes", "changed: gave 'yes', want bool"),
    ],
)
def test_a_stores_answer_is_told_as_in_a_run(method: str, gives: object, said: str):
    found = asked(method, gives)
    assert f"failed: AssertionError: Mine of module {__name__}: VersionStore.{said}" in found
    assert all(f"VersionStore.{said}" in one for one in found)


# --------------------------------------------------------------------------- an executor's methods
def executed(method: str, gives: Callable[..., Any]) -> set[str]:
    """The first lines of what fails for an executor whose method is that function."""
    mine = type("Mine", (MemoryExecutor,), {method: gives, "__module__": __name__})

    class Mine(MemoryGround):
        @asynccontextmanager
        async def session(self) -> Any:
            async with super().session() as session:
                session.__class__ = mine
                yield session

    outcomes = diagonal.run(suite(ExecutorSuite, "ground", lambda self: nullcontext(Mine()), moment=0.01)).values()
    return {said.splitlines()[0] for said in outcomes if said.startswith("failed: ")}


@pytest.mark.parametrize(
    ("method", "gives", "said"),
    [
        ("read", coroutine, "read: gave None, want a tuple of Facts and rows"),
        ("lock", nothing, "lock: gave None, want AbstractAsyncContextManager"),
        (
            "lock",
            coroutine,
            "lock: gave a coroutine, want AbstractAsyncContextManager: make it a plain function, def i",
        ),
        ("lock", lambda *_: nullcontext(), "lock: gave None, want Locked"),
        ("run", nothing, "run: gave None, want AsyncGenerator"),
        (
            "run",
            coroutine,
            "run: gave a coroutine, want AsyncGenerator: make it a plain function, def instead of async",
        ),
    ],
)
def test_an_executors_answer_is_told_as_in_a_run(method: str, gives: Callable[..., Any], said: str):
    found = f"failed: AssertionError: Mine of module {__name__}: Executor.{said}"
    assert any(one.startswith(found) for one in executed(method, gives))


def test_a_ground_whose_session_is_no_context_manager_is_told_so():
    ground = type("Mine", (MemoryGround,), {"session": coroutine})
    said = only(ExecutorSuite, "ground", lambda self: nullcontext(ground()))
    assert said.startswith("failed: WrongTypeError: Mine.session() gave a coroutine, want an async context manager")


# --------------------------------------------------------------------------- layouts, and advice
def arranging(**changes: Any) -> dict[str, str]:
    layout = replace(LAYOUT, **changes)
    case = LayoutCase(layout, [FOLDER], bad=[{"x.sql": UP}], loaders=[LOADER])
    return diagonal.run(suite(LayoutSuite, "case", lambda self: case, without={"route": "no", "smells": "no"}))


def test_a_bare_exception_of_arrange_names_the_folder_and_what_may_be_raised():
    def arrange(tree: object) -> Arrangement:
        msg = "day is out of range for month"
        raise ValueError(msg)

    said = arranging(arrange=arrange)["test_a9_a_bad_folder_is_refused_and_a_file_named"]
    assert "arrange raised ValueError: day is out of range for month; it may raise a LoadError or a PlanError" in said
    assert "\nFolder: 'x.sql'\n" in said


def test_an_arrangement_that_is_none_is_told():
    said = arranging(arrange=coroutine)["test_a2_every_revision_comes_once_and_in_order"]
    assert "arrange gave a coroutine, want an Arrangement: make it a plain def.\nFolder: '0001_a.sql'" in said


def test_new_files_that_are_no_mapping_are_told():
    said = arranging(new=lambda *_: "SELECT 1;")["test_a13_new_files_are_one_more_revision"]
    assert "new gave 'SELECT 1;', want a mapping of file names below the folder to texts" in said


def test_no_message_ends_with_two_dots():
    def arrange(tree: Any) -> Arrangement:
        if any("kit" in file.path for file in tree.files):
            msg = "there are too many."
            raise PlanError(msg)
        return LAYOUT.arrange(tree)

    said = arranging(arrange=arrange)["test_a13_new_files_are_one_more_revision"]
    assert "the folder is refused: there are too many.\n" in said


def test_what_may_be_lacking_is_named_where_it_is_found_lacking():
    def load(source: Source) -> Any:
        if source.direction in (Direction.up, Direction.down):
            msg = "one file holds both ways"
            raise LoadError(str(source.file), None, msg)
        return LOADER.load(source)

    case = LoaderCase(Loader("both", (".sql",), load), {"1.sql": UP}, {"2.sql": b"\xff"})
    told = diagonal.run(suite(LoaderSuite, "case", lambda self: case))["test_l8_a_direction_leaves_the_other_way_out"]
    assert 'without = {"directions": "reason"}' in told

    def history(self: MemoryStore, rows: Any, facts: Any) -> Any:
        found = MemoryStore.history(self, rows, facts)
        return replace(found, rows=tuple(replace(row, title="") for row in found.rows))

    store = type("Mine", (MemoryStore,), {"history": history, "__module__": __name__})

    @asynccontextmanager
    async def stores(self: object) -> Any:
        yield StoreCase(store(), MemoryGround())

    told = diagonal.run(suite(VersionStoreSuite, "case", stores))["test_s23_titles_come_back_as_they_were_given"]
    assert 'Where the table has no column for them: without = {"titles": "reason"}' in told
