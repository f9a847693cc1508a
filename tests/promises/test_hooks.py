"""What trek promises to plugins as a whole. Each test carries the number of its sentence."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING

import pytest

from tests.promises.distributions import on_path, put
from tests.promises.messages import LOADER, SQLX
from tests.promises.stage import NATIVE, SQL, Stage
from trek_core import (
    ConfigError,
    LoadError,
    PlanError,
    PluginConflict,
    PluginContractError,
    PluginError,
    PluginImportError,
)
from trek_core.plugin import ExecutorProvider, Layout, Loader, Observer, PluginHost, Provider, TrekHooks, hookimpl
from trek_core.testing import MemoryDatabase, MemoryStore, check_plugin, memory_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def load(source: object) -> None: ...


async def notify(event: object) -> None: ...


def plugin(name: str, hook: str, *offered: object) -> tuple[str, types.ModuleType]:
    module = types.ModuleType(name)
    setattr(module, f"trek_register_{hook}", hookimpl(lambda: offered))
    return name, module


def host(*plugins: object) -> PluginHost:
    return PluginHost(plugins, entry_points=False)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with on_path(tmp_path / "site") as made:
        yield made


# --------------------------------------------------------------------------- what a plugin is
class Mine(TrekHooks):
    @hookimpl
    def trek_register_loaders(self) -> list[Loader]:
        return [Loader("mine", (".mine",), SQL.load)]


def test_p1_a_plugin_is_a_module_or_an_instance_of_a_subclass_of_the_hooks() -> None:
    assert host(plugin("mine", "loaders", Loader("mine", (".mine",), SQL.load))[1]).suffixes() == (".mine",)
    assert host(Mine()).suffixes() == (".mine",)


def test_p1_a_class_a_module_without_hooks_and_a_hook_without_its_mark_are_refused() -> None:
    class Unmarked(TrekHooks):
        def trek_register_loaders(self) -> list[Loader]:
            return []

    for wrong in (Mine, types.ModuleType("empty"), Unmarked(), 3, "text"):
        with pytest.raises(PluginContractError, match="registering"):
            host(wrong).suffixes()


async def test_p2_every_hook_is_called_once_a_host_when_the_first_object_is_wanted(tmp_path: Path) -> None:
    stage = Stage(tmp_path).write({"1_a.told": "one;"})
    migrator = stage.migrator()
    assert stage.hooks == []
    await migrator.plan()
    hooks = sorted(stage.hooks)
    assert hooks == ["executors", "layouts", "loaders", "observers", "signs", "version_stores"]
    await migrator.migrate()
    await migrator.status()
    assert sorted(stage.hooks) == hooks


@pytest.mark.parametrize(
    ("hook", "right"),
    [
        ("layouts", Provider("mine", lambda settings: Layout(arrange=lambda tree: None))),  # type: ignore[arg-type,return-value]
        ("loaders", Loader("mine", (".mine",), SQL.load)),
        ("version_stores", Provider("mine", lambda settings: MemoryStore())),
        ("executors", ExecutorProvider("mine", ("mine",), lambda dsn, settings: None)),  # type: ignore[arg-type,return-value]
        ("observers", Observer("mine", notify)),
        ("signs", Provider("mine", lambda settings: [])),
    ],
)
def test_p3_a_hook_gives_objects_of_its_type_and_nothing_else(hook: str, right: object) -> None:
    assert [info.state for info in host(plugin("mine", hook, right)).describe()] == ["works"]
    for wrong in (object(), None, "mine", lambda: right):
        with pytest.raises(PluginContractError, match=f"hook trek_register_{hook}: gave"):
            host(plugin("mine", hook, wrong)).suffixes()


def test_p3_a_plugin_that_offers_nothing_is_told_so_by_its_test(site: Path) -> None:
    empty = LOADER.format(hook="trek_register_loaders", gives="return ()")
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=empty)
    with pytest.raises(AssertionError, match="offers nothing"):
        check_plugin("sqlx")


@pytest.mark.parametrize(
    ("hook", "one", "other", "what"),
    [
        ("layouts", NATIVE, NATIVE, "the layout 'native'"),
        ("loaders", Loader("a", (".a",), SQL.load), Loader("a", (".b",), SQL.load), "the loader 'a'"),
        ("loaders", Loader("a", (".a",), SQL.load), Loader("b", (".b", ".a"), SQL.load), "the suffix '.a'"),
        ("version_stores", Provider("a", MemoryStore), Provider("a", Stage), "the store 'a'"),
        (
            "executors",
            ExecutorProvider("a", ("x",), load),  # type: ignore[arg-type]
            ExecutorProvider("a", ("y",), load),  # type: ignore[arg-type]
            "the executor 'a'",
        ),
        (
            "executors",
            ExecutorProvider("a", ("x",), load),  # type: ignore[arg-type]
            ExecutorProvider("b", ("X",), load),  # type: ignore[arg-type]
            "the scheme 'x'",
        ),
        ("observers", Observer("a", notify), Observer("a", notify), "the observer 'a'"),
    ],
)
def test_p4_names_suffixes_and_schemes_are_unique(hook: str, one: object, other: object, what: str) -> None:
    with pytest.raises(PluginConflict, match=f"plugin 'second': .*{what} is taken by plugin 'first'") as raised:
        host(plugin("first", hook, one), plugin("second", hook, other)).suffixes()
    assert (raised.value.plugin, raised.value.other) == ("second", "first")


def test_p4_a_name_may_be_taken_by_objects_of_several_kinds() -> None:
    one = plugin("first", "layouts", NATIVE)
    other = plugin("second", "version_stores", Provider("native", MemoryStore))
    assert [info.state for info in host(one, other).describe()] == ["works", "works"]


# --------------------------------------------------------------------------- whose fault
RAISES = """
from trek_core.plugin import *
from trek_core.plugin import ConfigError, Loader, PlanError, hookimpl

def load(source):
    raise {error}

@hookimpl
def trek_register_loaders():
    yield Loader("sqlx", (".sqlx",), load)
"""


async def migrate(folder: Path) -> None:
    from trek_core import Migrator

    (folder / "migrations").mkdir()
    (folder / "migrations" / "1_a.sqlx").write_text("one;")
    await Migrator(memory_backend(MemoryDatabase()), folder / "migrations").migrate()


async def test_p5_what_a_plugin_raises_is_reported_under_its_name_distribution_and_version(
    site: Path, tmp_path: Path
) -> None:
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, "3.1", shop_sqlx=RAISES.format(error="KeyError('owner')"))
    with pytest.raises(PluginError, match=r"^plugin 'sqlx' \(shop-sqlx 3\.1\): .*: raised KeyError: 'owner'") as raised:
        await migrate(tmp_path)
    assert (raised.value.plugin, raised.value.distribution) == ("sqlx", "shop-sqlx 3.1")
    assert isinstance(raised.value.__cause__, KeyError)


async def test_p5_the_errors_of_trek_come_as_they_are(site: Path, tmp_path: Path) -> None:
    error = "__import__('trek_core').LoadError('a.sqlx', 3, 'no owner')"
    put(site, "shop-sqlx", {"sqlx": "shop_sqlx"}, shop_sqlx=RAISES.format(error=error))
    with pytest.raises(LoadError, match=r"^a\.sqlx:3: no owner$"):
        await migrate(tmp_path)


@pytest.mark.parametrize("error", [ConfigError("no"), PlanError("no")], ids=repr)
def test_p5_an_error_of_trek_in_a_hook_comes_as_it_is(error: Exception) -> None:
    def raises() -> None:
        raise error

    module = types.ModuleType("mine")
    module.trek_register_loaders = hookimpl(raises)  # type: ignore[attr-defined]
    with pytest.raises(type(error)) as raised:
        host(module).suffixes()
    assert raised.value is error


# --------------------------------------------------------------------------- a broken plugin
BROKEN = {
    "import": "1 / 0",
    "registering": "x = 1",
    "a misspelled hook": SQLX.replace("loaders():", "loader():"),
    "a hook that raises": LOADER.format(hook="trek_register_loaders", gives="1 / 0"),
    "a wrong object": LOADER.format(hook="trek_register_loaders", gives="yield 3"),
}


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN)
async def test_p6_while_a_plugin_is_broken_nothing_runs_and_the_way_out_is_named(
    site: Path, tmp_path: Path, code: str
) -> None:
    put(site, "acme", {"acme": "acme_plugin"}, acme_plugin=code)
    stage = Stage(tmp_path).write({"1_a.told": "one;"})
    migrator = stage.migrator()
    for question in (migrator.plan, migrator.migrate, migrator.status, migrator.history):
        with pytest.raises(PluginError) as raised:
            await question()
        assert str(raised.value).endswith("\nTo run without it: --no-plugin acme, or TREK_DISABLE_PLUGINS=acme")
    assert (stage.calls, stage.database.ran) == ([], [])


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN)
def test_p6_a_broken_plugin_is_still_listed_with_its_error(site: Path, code: str) -> None:
    put(site, "acme", {"acme": "acme_plugin"}, acme_plugin=code)
    listed = {info.name: info for info in PluginHost().describe()}
    assert (listed["acme"].state, listed["acme"].distribution, listed["acme"].version) == ("broken", "acme", "1.2")
    assert listed["acme"].error.startswith("plugin 'acme' (acme 1.2): ")
    assert listed["sql"].state == "works"


async def test_p6_without_the_broken_plugin_trek_runs(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, "acme", {"acme": "acme_plugin"}, acme_plugin="1 / 0")
    monkeypatch.setenv("TREK_DISABLE_PLUGINS", "acme")
    (tmp_path / "migrations").mkdir()
    stage = Stage(tmp_path / "migrations").write({"1_a.told": "one;"})
    assert len((await stage.migrate()).ran) == 1


def without_line(text: str) -> str:
    return text.partition("\n")[0]


@pytest.mark.parametrize("question", ["layout", "store", "executor"])
def test_p6_a_question_for_something_else_fails_as_well(site: Path, question: str) -> None:
    put(site, "acme", {"acme": "acme_plugin"}, acme_plugin="1 / 0")
    ask: Callable[[str], object] = getattr(PluginHost(), question)
    with pytest.raises(PluginImportError) as raised:
        ask("native")
    assert without_line(str(raised.value)) == (
        "plugin 'acme' (acme 1.2): importing acme_plugin: raised ZeroDivisionError: division by zero"
    )
