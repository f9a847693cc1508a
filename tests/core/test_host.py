"""The plugin host: finds, blocks, describes and blames. Plugins are real modules and real (fake) distributions on disk."""

from __future__ import annotations

import asyncio
import importlib
import sys
import textwrap
import types
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from trek_core._blame import Offer, blame
from trek_core._entry_points import entry_points
from trek_core._hooks import TrekHooks, hookimpl
from trek_core._host import PluginHost, PluginInfo
from trek_core.contracts import ExecutorProvider, Layout, Loader, Observer, Provider, VersionStore
from trek_core.errors import (
    ConfigError,
    LoadError,
    PluginConflict,
    PluginContractError,
    PluginError,
    PluginImportError,
)
from trek_core.model import Arrangement, History, Record, Script, Sql, State


def load(source):
    return Script(up=None)


def sql_loader(name="sql", suffixes=(".sql",)):
    return Loader(name, suffixes, load)


def plugin(name="mine", **hooks):
    """A plugin object whose hooks are the given functions (name of the hook without trek_register_)."""
    module = types.ModuleType(name)
    for hook, function in hooks.items():
        setattr(module, f"trek_register_{hook}", hookimpl(function))
    return module


def nothing():
    return ()


def host(*plugins, **options):
    return PluginHost(plugins, entry_points=False, **options)


class Store(VersionStore):
    identity = "public.t"

    def __init__(self, settings=None):
        self.settings = settings

    def query(self):
        return Sql("SELECT 1")

    def history(self, rows, facts):
        return History(exists=False)

    def state(self, history, catalog):
        return State()

    def locks(self, history):
        return ()

    def prepare(self, history):
        return ()

    def record(self, action, history):
        return Record(history=history)


def a_layout(settings):
    return Layout(arrange=lambda tree: Arrangement(()))


@dataclass(frozen=True)
class TableSettings:
    table: str = "t"
    strict: bool = False
    width: int = 3
    columns: tuple[str, ...] = ()
    label: str | None = None


def a_store(**hooks):
    return plugin("storing", version_stores=lambda: [Provider("native", Store, TableSettings)], **hooks)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Writes a module and a distribution with entry points to a folder of its own on sys.path."""
    made = []

    def write(distribution, entry_points, version="1.0", **modules):
        folder = tmp_path / distribution
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"  # as installers write it
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = "".join(f"{name} = {value}\n" for name, value in entry_points.items())
        (info / "entry_points.txt").write_text(f"[trek]\n{lines}")
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
            made.append(name)
        monkeypatch.syspath_prepend(str(folder))

    yield write
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def installed_only(monkeypatch):
    """Hides the entry points of trek itself, whose modules are other tests' business."""
    monkeypatch.setattr(
        "trek_core._host.entry_points",
        lambda group: [point for point in entry_points(group) if point.project != "trek-migrate"],
    )


LOADER_MODULE = """
    from trek_core._hooks import hookimpl
    from trek_core.contracts import Loader

    @hookimpl
    def trek_register_loaders():
        yield Loader("{name}", ("{suffix}",), lambda source: None)
"""


def loader_module(name, suffix):
    return LOADER_MODULE.format(name=name, suffix=suffix)


# --------------------------------------------------------------------------- looking up
def test_a_layout_is_created_with_its_settings_and_says_where_it_came_from():
    seen = []

    def create(settings):
        seen.append(settings)
        return a_layout(settings)

    offer = host(plugin(layouts=lambda: [Provider("native", create, TableSettings)])).layout("native", {"table": "x"})
    assert isinstance(offer.value, Layout)
    assert (offer.plugin, offer.distribution) == ("mine", "")
    assert seen == [TableSettings(table="x")]


def test_a_store_is_created_with_its_settings():
    offer = host(a_store()).store("native", {"table": "x", "columns": ["a", "b"], "width": 5})
    assert offer.value.settings == TableSettings(table="x", columns=("a", "b"), width=5)


def test_a_store_given_as_an_object_is_passed_through():
    given = Store()
    assert host().store(given) == Offer(given, "(given)", "")


def test_a_store_given_as_an_object_takes_no_settings():
    with pytest.raises(ConfigError, match="table"):
        host().store(Store(), {"table": "x"})


def test_a_store_given_as_a_class_is_refused():
    with pytest.raises(ConfigError, match="the class Store is no version store"):
        host().store(Store)


def test_an_unknown_layout_names_the_nearest_and_all_on_offer():
    layouts = plugin(layouts=lambda: [Provider("goose", a_layout), Provider("native", a_layout)])
    with pytest.raises(ConfigError) as error:
        host(layouts).layout("gose")
    assert str(error.value) == (
        "no layout 'gose' is on offer. Did you mean 'goose'? On offer: goose, native.\n"
        "Correct the name, or install the plugin that offers it: `trek plugins` lists what is there."
    )


def test_an_unknown_store_names_the_nearest_and_all_on_offer():
    with pytest.raises(ConfigError, match=r"no store 'nativ' is on offer\. Did you mean 'native'\? On offer: native"):
        host(a_store()).store("nativ")


def test_an_unknown_name_mentions_the_blocked_plugins():
    with pytest.raises(ConfigError, match=r"On offer: nothing\. Blocked plugins: storing"):
        host(a_store(), blocked=["storing"]).store("native")


def test_the_longest_suffix_wins():
    one = plugin(
        loaders=lambda: [sql_loader("sql", (".sql",)), sql_loader("jinja", (".sql.j2",)), sql_loader("j2", (".j2",))]
    )
    plugins = host(one)
    assert plugins.loader_for("0001_a.sql").value.name == "sql"
    assert plugins.loader_for("v1.2/0001.a.sql.j2").value.name == "jinja"
    assert plugins.loader_for("0001_a.other.j2").value.name == "j2"


def test_a_file_that_no_loader_takes_has_none():
    plugins = host(plugin(loaders=lambda: [sql_loader()]))
    assert plugins.loader_for("0001.txt") is None
    assert plugins.loader_for("sql") is None
    assert plugins.loader_for("a.sql/README") is None


def test_the_suffixes_are_sorted():
    plugins = host(plugin(loaders=lambda: [sql_loader("b", (".sql", ".psql")), sql_loader("a", (".py",))]))
    assert plugins.suffixes() == (".psql", ".py", ".sql")


@asynccontextmanager
async def connect(dsn, settings):
    yield None


def test_an_executor_is_found_by_its_scheme_in_either_case():
    plugins = host(plugin(executors=lambda: [ExecutorProvider("pg", ("postgresql", "postgres"), connect)]))
    assert plugins.executor("POSTGRES").value.name == "pg"


def test_the_settings_of_an_executor_are_made_of_its_own_class():
    plugins = host(plugin(executors=lambda: [ExecutorProvider("pg", ("pg",), connect, TableSettings)]))
    offer = plugins.executor("pg")
    assert plugins.settings(offer, {"table": "x"}) == TableSettings(table="x")
    with pytest.raises(ConfigError, match="settings of executor pg: unknown key 'tabel'"):
        plugins.settings(offer, {"tabel": "x"})


def test_an_unknown_scheme_names_what_is_on_offer():
    plugins = host(plugin(executors=lambda: [ExecutorProvider("pg", ("postgresql",), connect)]))
    with pytest.raises(
        ConfigError, match=r"^no executor serves the scheme 'postgresq'\. Did you mean 'postgresql'\? On offer: "
    ):
        plugins.executor("postgresq")


def test_an_unknown_scheme_that_is_a_whole_dsn_shows_no_password():
    with pytest.raises(ConfigError) as error:
        host().executor("host=h password=geheim")
    assert "geheim" not in str(error.value)


def test_observers_come_sorted_by_name():
    async def notify(event):
        pass

    plugins = host(plugin(observers=lambda: [Observer("b", notify), Observer("a", notify)]))
    assert [offer.value.name for offer in plugins.observers()] == ["a", "b"]


# --------------------------------------------------------------------------- settings
def test_an_unknown_setting_names_the_key_the_nearest_and_all_known():
    with pytest.raises(ConfigError) as error:
        host(a_store()).store("native", {"tabel": "x"})
    assert str(error.value) == (
        "settings of store native: unknown key 'tabel'. Did you mean 'table'? "
        "Known keys: columns, label, strict, table, width"
    )


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("table", ["x"], "table must be text, got a list"),
        ("table", 3, "table must be text, got 3"),
        ("width", "3", "width must be a whole number, got '3'"),
        ("width", True, "width must be a whole number, got True"),
        ("strict", 1, "strict must be true or false, got 1"),
        ("columns", "a", "columns must be a list of text, got 'a'"),
        ("columns", [1], "columns must be a list of text, got a list"),
        ("label", 3, "label must be text, got 3"),
    ],
)
def test_a_setting_of_a_wrong_type_is_refused(key, value, found):
    with pytest.raises(ConfigError) as error:
        host(a_store()).store("native", {key: value})
    assert str(error.value) == f"settings of store native: {found}"


def test_a_setting_may_be_written_with_a_dash():
    @dataclass
    class Dashed:
        table_name: str = "t"

    stores = plugin(version_stores=lambda: [Provider("native", Store, Dashed)])
    assert host(stores).store("native", {"table-name": "x"}).value.settings.table_name == "x"


def test_a_setting_without_default_must_be_given():
    @dataclass
    class Needs:
        table: str

    stores = plugin(version_stores=lambda: [Provider("native", Store, Needs)])
    with pytest.raises(ConfigError, match="settings of store native: the key 'table' is missing"):
        host(stores).store("native")


@pytest.mark.parametrize("kind", [ConfigError, ValueError])
def test_a_value_that_the_settings_refuse_is_the_users_mistake_and_no_fault_of_the_plugin(kind):
    @dataclass
    class Picky:
        retries: int = 1

        def __post_init__(self):
            msg = f"retries is {self.retries}, want 1 or more"
            raise kind(msg)

    stores = plugin(version_stores=lambda: [Provider("native", Store, Picky)])
    with pytest.raises(ConfigError) as error:
        host(stores).store("native", {"retries": 0})
    assert str(error.value) == "settings of store native: retries is 0, want 1 or more"


def test_a_provider_without_settings_takes_none():
    with pytest.raises(ConfigError, match="none, it takes no settings"):
        host(plugin(layouts=lambda: [Provider("native", a_layout)])).layout("native", {"x": 1})


def test_a_create_that_raises_is_blamed_on_its_plugin():
    def create(settings):
        msg = "boom"
        raise KeyError(msg)

    with pytest.raises(PluginError, match=r"plugin 'mine': creating layout x: raised KeyError: 'boom'\n"):
        host(plugin(layouts=lambda: [Provider("x", create)])).layout("x")


def test_a_create_may_refuse_a_setting_with_a_config_error():
    def create(settings):
        msg = "no such table"
        raise ConfigError(msg)

    with pytest.raises(ConfigError, match=r"^no such table$"):
        host(plugin(layouts=lambda: [Provider("x", create)])).layout("x")


async def create_layout(settings):
    return a_layout(settings)


@pytest.mark.parametrize(
    ("create", "problem"),
    [
        (lambda settings: 3, "gave 3, want Layout"),
        (lambda settings: None, "gave None, want Layout"),
        (lambda settings: Layout, "gave the class Layout, want an instance"),
        (create_layout, "gave a coroutine, want Layout"),
    ],
)
def test_a_create_that_gives_something_else_breaks_its_contract(create, problem):
    with pytest.raises(PluginContractError, match=f"creating layout x: {problem}"):
        host(plugin(layouts=lambda: [Provider("x", create)])).layout("x")


# --------------------------------------------------------------------------- kinds of plugins
def test_an_instance_of_a_subclass_of_the_hooks_is_a_plugin():
    class Mine(TrekHooks):
        @hookimpl
        def trek_register_loaders(self):
            return [sql_loader()]

    assert host(Mine()).loader_for("a.sql").plugin == "Mine"


def test_a_plugin_may_be_given_with_a_name():
    assert host(("other", plugin(loaders=lambda: [sql_loader()]))).loader_for("a.sql").plugin == "other"


def test_a_hook_may_have_another_function_name_by_specname():
    module = types.ModuleType("mine")
    module.loaders = hookimpl(specname="trek_register_loaders")(lambda: [sql_loader()])
    assert host(module).suffixes() == (".sql",)


def test_hooks_are_called_once_and_only_when_somebody_asks():
    calls = []

    def loaders():
        calls.append(1)
        return [sql_loader()]

    plugins = host(plugin(loaders=loaders))
    assert calls == []
    plugins.suffixes()
    plugins.loader_for("a.sql")
    plugins.describe()
    assert calls == [1]


def test_an_imported_module_of_trek_is_not_taken_for_a_hook():
    import trek_core

    module = plugin(loaders=lambda: [sql_loader()])
    module.trek_core = trek_core
    module.trek_version = lambda: "1"
    assert host(module).suffixes() == (".sql",)


# --------------------------------------------------------------------------- pluggy's traps
def refused(*plugins):
    with pytest.raises(PluginContractError) as error:
        host(*plugins).suffixes()
    assert "plugin 'mine'" in str(error.value)
    assert "--no-plugin mine" in str(error.value)
    return str(error.value)


def test_a_misspelled_hook_is_refused_with_the_right_name():
    message = refused(plugin(loader=lambda: [sql_loader()]))
    assert "no hook is named 'trek_register_loader'. Did you mean 'trek_register_loaders'?" in message


def test_a_misspelled_specname_is_refused_with_the_right_name():
    module = types.ModuleType("mine")
    module.loaders = hookimpl(specname="trek_register_loader")(lambda: [sql_loader()])
    assert "Did you mean 'trek_register_loaders'?" in refused(module)


def test_a_hook_without_its_mark_is_refused():
    class Mine(TrekHooks):
        def trek_register_loaders(self):
            return [sql_loader()]

        @hookimpl
        def trek_register_layouts(self):
            return [Provider("native", a_layout)]

    assert "trek_register_loaders lacks @hookimpl" in refused(("mine", Mine()))


def test_a_misspelled_hook_without_its_mark_is_refused():
    module = plugin(layouts=nothing)
    module.trek_registr_loaders = lambda: [sql_loader()]
    message = refused(module)
    assert "trek_registr_loaders lacks @hookimpl" in message
    assert "Did you mean 'trek_register_loaders'?" in message


def test_a_class_instead_of_an_instance_is_refused():
    class Mine(TrekHooks):
        @hookimpl
        def trek_register_loaders(self):
            return [sql_loader()]

    assert "the class Mine is registered, want an instance of it: Mine()" in refused(("mine", Mine))


@pytest.mark.parametrize("option", ["optionalhook", "wrapper", "hookwrapper"])
def test_an_option_that_has_no_meaning_for_registering_is_refused(option):
    def loaders():
        yield sql_loader()

    module = types.ModuleType("mine")
    module.trek_register_loaders = hookimpl(**{option: True})(loaders)
    assert f"trek_register_loaders is marked {option}=True" in refused(module)


def test_an_optional_hook_does_not_hide_a_misspelling():
    module = types.ModuleType("mine")
    module.trek_register_loader = hookimpl(optionalhook=True)(lambda: [sql_loader()])
    assert "Did you mean 'trek_register_loaders'?" in refused(module)


def test_a_hook_that_wants_an_argument_is_refused():
    assert "'config'" in refused(plugin(loaders=lambda config: [sql_loader()]))


def test_a_module_without_any_hook_is_refused():
    assert "has no function marked @hookimpl" in refused(types.ModuleType("mine"))


async def async_loaders():
    return [sql_loader()]


async def async_generator():
    yield sql_loader()


@pytest.mark.parametrize(
    ("loaders", "problem"),
    [
        (async_loaders, "gave a coroutine, want an iterable of Loader: hooks are plain functions"),
        (async_generator, "want an iterable of Loader: hooks are plain functions, def instead of async def"),
        (lambda: None, "gave None, want an iterable of Loader: return or yield what it offers"),
        (lambda: 3, "gave 3, want an iterable of Loader"),
        (sql_loader, "yield each Loader, or return a list"),
        (lambda: [3], "hook trek_register_loaders: gave 3, want Loader"),
        (lambda: [Loader], "gave the class Loader, want an instance of it"),
        (lambda: "sql", "gave 's', want Loader"),
        (lambda: [Provider("sql", a_layout)], "want Loader"),
        (
            lambda: [Loader("sql", ".sql", load)],
            "gave Loader 'sql' with suffixes='.sql', want a tuple of texts with their dot",
        ),
        (lambda: [Loader("sql", ("sql",), load)], "with suffixes=('sql',), want a tuple of texts with their dot"),
        (lambda: [Loader("sql", (), load)], "with suffixes=(), want a tuple of texts with their dot"),
        (lambda: [Loader("", (".sql",), load)], "gave Loader '' with name='', want text that is not empty"),
        (lambda: [Loader(3, (".sql",), load)], "with name=3, want text that is not empty"),
        (lambda: [Loader("sql", (".sql",), None)], "with load=None, want something callable"),
    ],
)
def test_a_loader_hook_that_gives_something_else_is_refused(loaders, problem):
    assert problem in refused(plugin(loaders=loaders))


@pytest.mark.parametrize(
    ("hooks", "problem"),
    [
        ({"layouts": lambda: [Provider("x", 3)]}, "gave Provider 'x' with create=3, want something callable"),
        ({"layouts": lambda: [Provider("x", a_layout, dict)]}, "with settings=the class dict, want a dataclass"),
        (
            {"version_stores": lambda: [Provider("x", Store, TableSettings())]},
            "want a dataclass, the class and not an instance",
        ),
        ({"executors": lambda: [ExecutorProvider("x", "pg", connect)]}, "with schemes='pg', want a tuple of texts"),
        (
            {"executors": lambda: [ExecutorProvider("x", ("pg:",), connect)]},
            "with schemes=('pg:',), want a tuple of texts",
        ),
        ({"executors": lambda: [ExecutorProvider("x", ("pg",), None)]}, "with connect=None, want something callable"),
        ({"observers": lambda: [Observer("x", "notify")]}, "with notify='notify', want something callable"),
    ],
)
def test_an_offer_with_a_wrong_field_is_refused(hooks, problem):
    assert problem in refused(plugin(**hooks))


def test_an_offer_whose_repr_is_broken_is_still_reported():
    class Nasty:
        def __repr__(self):
            msg = "no repr"
            raise RuntimeError(msg)

    assert "want Loader" in refused(plugin(loaders=lambda: [Nasty()]))


def test_an_error_late_in_a_generator_is_blamed_on_its_plugin():
    def loaders():
        yield sql_loader()
        msg = "late"
        raise TypeError(msg)

    with pytest.raises(PluginError, match="plugin 'mine': hook trek_register_loaders: raised TypeError: late"):
        host(plugin(loaders=loaders)).suffixes()


def test_the_culprit_among_several_plugins_is_named():
    def broken():
        msg = "x"
        raise KeyError(msg)

    good, bad = plugin("good", loaders=lambda: [sql_loader()]), plugin("bad", loaders=broken)
    with pytest.raises(PluginError) as error:
        host(good, bad, plugin("other", layouts=nothing)).suffixes()
    assert error.value.plugin == "bad"
    assert isinstance(error.value.__cause__, KeyError)


# --------------------------------------------------------------------------- conflicts
async def notify(event):
    pass


CONFLICTS = [
    ("layouts", lambda: [Provider("x", a_layout)], "layout 'x'"),
    ("version_stores", lambda: [Provider("x", Store)], "store 'x'"),
    ("loaders", lambda: [sql_loader("x")], "loader 'x'"),
    ("executors", lambda: [ExecutorProvider("x", ("a",), connect)], "executor 'x'"),
    ("observers", lambda: [Observer("x", notify)], "observer 'x'"),
]


@pytest.mark.parametrize(("hook", "function", "what"), CONFLICTS)
def test_a_name_that_two_plugins_offer_is_a_conflict_that_names_both(hook, function, what):
    with pytest.raises(PluginConflict) as error:
        host(plugin("one", **{hook: function}), plugin("two", **{hook: function})).suffixes()
    assert str(error.value) == (
        f"plugin 'two': hook trek_register_{hook}: the {what} is taken by plugin 'one'\n"
        "Block one of them: --no-plugin two, or --no-plugin one"
    )


def test_a_suffix_that_two_plugins_offer_is_a_conflict():
    one = plugin("one", loaders=lambda: [sql_loader("a")])
    two = plugin("two", loaders=lambda: [sql_loader("b")])
    with pytest.raises(PluginConflict, match=r"the suffix '\.sql' is taken by plugin 'one'"):
        host(one, two).suffixes()


def test_a_scheme_that_two_plugins_offer_is_a_conflict():
    one = plugin("one", executors=lambda: [ExecutorProvider("a", ("pg",), connect)])
    two = plugin("two", executors=lambda: [ExecutorProvider("b", ("PG",), connect)])
    with pytest.raises(PluginConflict, match="the scheme 'pg' is taken by plugin 'one'"):
        host(one, two).executor("pg")


def test_a_plugin_that_offers_a_name_twice_is_told_so():
    with pytest.raises(PluginConflict, match="it offers the loader 'sql' twice"):
        host(plugin(loaders=lambda: [sql_loader(), sql_loader("sql", (".psql",))])).suffixes()


def test_a_layout_and_a_store_of_one_name_are_a_format_and_no_conflict():
    plugins = host(plugin("one", layouts=lambda: [Provider("native", a_layout)]), a_store())
    assert plugins.layout("native").plugin == "one"
    assert plugins.store("native").plugin == "storing"


def test_blocking_one_side_ends_a_conflict():
    one = plugin("one", loaders=lambda: [sql_loader("a")])
    two = plugin("two", loaders=lambda: [sql_loader("b")])
    assert host(one, two, blocked=["one"]).loader_for("x.sql").plugin == "two"


def test_two_plugins_of_one_name_are_a_conflict():
    one, two = plugin(loaders=lambda: [sql_loader()]), plugin(layouts=nothing)
    with pytest.raises(PluginConflict, match="the plugin name 'mine' is taken"):
        host(one, two).suffixes()


def test_one_object_under_two_names_is_a_conflict():
    one = plugin(loaders=lambda: [sql_loader()])
    with pytest.raises(PluginConflict, match="the same object is registered as plugin 'a' already"):
        host(("a", one), ("b", one)).suffixes()


def test_one_object_that_is_given_twice_is_told_to_be_given_once():
    one = plugin(loaders=lambda: [sql_loader()])
    with pytest.raises(PluginConflict, match=r"registered as plugin 'mine' already\. Give it once\.$"):
        host(one, one).suffixes()


def test_a_text_of_plugins_to_leave_out_is_not_taken_for_its_letters():
    with pytest.raises(ConfigError, match=r"the text 'mine', want a list of names: \['mine'\]"):
        PluginHost([plugin(loaders=lambda: [sql_loader()])], blocked="mine")


# --------------------------------------------------------------------------- installed plugins
@pytest.mark.usefixtures("installed_only")
def test_an_installed_plugin_is_found_and_carries_its_distribution(install):
    install("trek-fake", {"fake": "fake_plugin"}, "2.3", fake_plugin=loader_module("fake", ".fake"))
    offer = PluginHost().loader_for("a.fake")
    assert (offer.plugin, offer.distribution) == ("fake", "trek-fake 2.3")


@pytest.mark.usefixtures("installed_only")
def test_installed_plugins_stay_out_when_they_are_not_wanted(install):
    install("trek-fake", {"fake": "fake_plugin"}, fake_plugin=loader_module("fake", ".fake"))
    assert PluginHost(entry_points=False).describe() == ()


@pytest.mark.usefixtures("installed_only")
def test_a_plugin_that_cannot_be_imported_fails_every_lookup_and_names_the_way_out(install):
    install("trek-bad", {"bad": "bad_plugin"}, "0.1", bad_plugin="import nothing_of_this_name")
    install("trek-fake", {"fake": "fake_plugin"}, fake_plugin=loader_module("fake", ".fake"))
    plugins = PluginHost()
    for lookup in (plugins.suffixes, plugins.observers, lambda: plugins.loader_for("a.fake"), plugins.suffixes):
        with pytest.raises(PluginImportError) as error:
            lookup()
        assert str(error.value) == (
            "plugin 'bad' (trek-bad 0.1): importing bad_plugin: raised ModuleNotFoundError: "
            "No module named 'nothing_of_this_name'\n"
            "Install what it needs, or another version of it.\n"
            "To run without it: --no-plugin bad, or TREK_DISABLE_PLUGINS=bad"
        )
        assert isinstance(error.value.__cause__, ModuleNotFoundError)


@pytest.mark.usefixtures("installed_only")
@pytest.mark.parametrize("code", ["raise SystemExit(3)", "def (", "raise ValueError('\\udcff')", "1 / 0"])
def test_whatever_an_import_raises_is_an_import_error(install, code):
    install("trek-bad", {"bad": "bad_plugin"}, bad_plugin=code)
    with pytest.raises(PluginImportError):
        PluginHost().suffixes()
    assert PluginHost().describe()[0].error


@pytest.mark.usefixtures("installed_only")
def test_an_entry_point_that_names_a_missing_attribute_is_an_import_error(install):
    install("trek-bad", {"bad": "bad_plugin:nothing"}, bad_plugin="")
    with pytest.raises(PluginImportError, match="importing bad_plugin:nothing: raised AttributeError"):
        PluginHost().suffixes()


@pytest.mark.usefixtures("installed_only")
def test_an_entry_point_that_names_a_class_is_refused(install):
    text = "from trek_core._hooks import TrekHooks\nclass Mine(TrekHooks): pass\n"
    install("trek-bad", {"bad": "bad_plugin:Mine"}, bad_plugin=text)
    with pytest.raises(PluginContractError, match=r"\(trek-bad 1\.0\): registering: the class Mine is registered"):
        PluginHost().suffixes()


@pytest.mark.usefixtures("installed_only")
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_blocked_plugin_is_not_even_imported(install, monkeypatch, by):
    install("trek-bad", {"bad": "bad_plugin"}, bad_plugin="raise RuntimeError('imported')")
    if by == "environment":
        monkeypatch.setenv("TREK_DISABLE_PLUGINS", "other, bad,")
    plugins = PluginHost(blocked=["bad"] if by == "argument" else ())
    assert plugins.suffixes() == ()
    assert "bad_plugin" not in sys.modules
    assert PluginInfo("bad", "trek-bad", "1.0", "blocked") in plugins.describe()


@pytest.mark.usefixtures("installed_only")
@pytest.mark.parametrize("value", ["bad-plugin", "bad_plugn", "bad_plugin:plugn", "bad_plugin:"])
def test_an_entry_point_that_leads_nowhere_is_shown_with_how_to_write_it(install, value):
    install("trek-bad", {"bad": value}, bad_plugin="")
    with pytest.raises(PluginImportError, match=r"\(trek-bad 1\.0\): importing") as error:
        PluginHost().suffixes()
    assert f'Correct its entry point, bad = "{value}": NAME = "package.module"' in str(error.value)


@pytest.mark.usefixtures("installed_only")
def test_an_error_in_a_plugin_s_own_import_is_not_taken_for_a_wrong_entry_point(install):
    install("trek-bad", {"bad": "bad_plugin"}, bad_plugin="import nobody_has_this")
    with pytest.raises(PluginImportError, match="Install what it needs"):
        PluginHost().suffixes()


@pytest.mark.usefixtures("installed_only")
def test_a_module_with_only_the_class_of_its_hooks_is_told_to_make_an_instance(install):
    text = "from trek_core._hooks import TrekHooks\nclass Mine(TrekHooks): pass\n"
    install("trek-bad", {"bad": "bad_plugin"}, bad_plugin=text)
    with pytest.raises(PluginContractError, match=r"the module bad_plugin has no function marked @hookimpl") as error:
        PluginHost().suffixes()
    assert "Its class Mine is not used: plugin = Mine(), and an entry point that names it, module:plugin." in str(
        error.value
    )


@pytest.mark.usefixtures("installed_only")
def test_what_trek_brings_never_comes_second(install, monkeypatch):
    monkeypatch.setattr("trek_core._found.DISTRIBUTION", "trek-itself")
    install("trek-itself", {"sql": "ours"}, ours=loader_module("sql", ".sql"))
    install("a-newcomer", {"a": "theirs"}, theirs=loader_module("other", ".sql"))
    with pytest.raises(PluginConflict) as error:
        PluginHost().suffixes()
    assert str(error.value).startswith(
        "plugin 'a' (a-newcomer 1.0): hook trek_register_loaders: the suffix '.sql' is taken by"
    )
    assert "plugin 'sql' (trek-itself 1.0)" in str(error.value)


def test_a_layout_that_is_no_format_is_said_to_be_one():
    mine = plugin(layouts=lambda: [Provider("dated", a_layout)])
    with pytest.raises(ConfigError, match=r"There is a layout of that name.* Name the layout alone: layout = 'dated'"):
        host(mine).store("dated")


def test_an_identity_that_is_a_method_is_told_to_be_a_property():
    class Wrong(Store):
        def identity(self):
            return "x"

    with pytest.raises(PluginContractError, match=r"VersionStore\.identity: is a method, want a property.*@property"):
        host(plugin(version_stores=lambda: [Provider("x", Wrong)])).store("x")


@pytest.mark.usefixtures("installed_only")
def test_an_entry_point_name_of_two_distributions_is_a_conflict_that_names_both(install):
    install("trek-a", {"same": "plugin_a"}, "1.1", plugin_a=loader_module("a", ".a"))
    install("trek-b", {"same": "plugin_b"}, "2.2", plugin_b=loader_module("b", ".b"))
    with pytest.raises(PluginConflict) as error:
        PluginHost().suffixes()
    assert "(trek-a 1.1)" in str(error.value)
    assert "(trek-b 2.2)" in str(error.value)
    assert "Uninstall one of them" in str(error.value)


@pytest.mark.usefixtures("installed_only")
def test_a_plugin_given_by_hand_and_installed_as_well_counts_once(install):
    install("trek-fake", {"fake": "fake_plugin"}, fake_plugin=loader_module("fake", ".fake"))
    plugins = PluginHost([importlib.import_module("fake_plugin")])
    assert plugins.loader_for("a.fake").plugin == "fake_plugin"


@pytest.mark.usefixtures("installed_only")
def test_installed_plugins_are_loaded_in_the_order_of_their_names(install):
    for name in ("zeta", "alpha", "mid"):
        text = f"import builtins\nbuiltins.trek_test_order.append({name!r})\n" + textwrap.dedent(
            loader_module(name, f".{name}")
        )
        install(f"trek-{name}", {name: f"plugin_{name}"}, **{f"plugin_{name}": text})
    import builtins

    builtins.trek_test_order = order = []
    try:
        PluginHost().suffixes()
    finally:
        del builtins.trek_test_order
    assert order == ["alpha", "mid", "zeta"]


# --------------------------------------------------------------------------- describing
def test_describe_lists_hooks_and_offers():
    one = plugin(
        loaders=lambda: [sql_loader("sql", (".sql", ".psql"))],
        layouts=lambda: [Provider("native", a_layout)],
        executors=lambda: [ExecutorProvider("pg", ("postgresql", "postgres"), connect)],
    )
    assert host(one).describe() == (
        PluginInfo(
            "mine",
            hooks=("trek_register_executors", "trek_register_layouts", "trek_register_loaders"),
            offers=("executor pg (postgresql, postgres)", "layout native", "loader sql (.sql, .psql)"),
        ),
    )


def test_describe_never_fails_and_shows_each_error_at_its_plugin():
    class NastyError(Exception):
        def __str__(self):
            msg = "no text"
            raise RuntimeError(msg)

    def nasty():
        raise NastyError

    def refusing():
        msg = "not today"
        raise ConfigError(msg)

    plugins = host(
        plugin("good", loaders=lambda: [sql_loader()]),
        plugin("again", loaders=lambda: [sql_loader()]),
        plugin("nasty", loaders=nasty),
        plugin("refusing", loaders=refusing),
        types.ModuleType("empty"),
        "a text",
        None,
    )
    errors = {info.name: info.error for info in plugins.describe()}
    assert errors["good"] == ""
    assert "is taken by plugin 'good'" in errors["again"]
    assert "raised NastyError" in errors["nasty"]
    assert errors["refusing"] == "not today"
    assert all("has no function marked @hookimpl" in errors[name] for name in ("empty", "str", "NoneType"))


def test_a_blocked_name_that_nobody_has_is_listed_and_breaks_nothing(monkeypatch):
    monkeypatch.setenv("TREK_DISABLE_PLUGINS", "nobody")
    plugins = host(plugin(loaders=lambda: [sql_loader()]))
    assert plugins.suffixes() == (".sql",)
    assert plugins.describe()[1] == PluginInfo("nobody", state="blocked", error="blocked, but no plugin has this name")


# --------------------------------------------------------------------------- blame
def test_blame_names_plugin_distribution_place_and_error():
    error = TypeError("no")
    with pytest.raises(PluginError) as blamed, blame(Offer(3, "mine", "trek-mine 1.0"), "doing it"):
        raise error
    assert str(blamed.value) == (
        "plugin 'mine' (trek-mine 1.0): doing it: raised TypeError: no\n"
        "That is a fault of the plugin. Tell its authors, with the traceback: TREK_TRACEBACK=1 shows it.\n"
        "To run without it: --no-plugin mine, or TREK_DISABLE_PLUGINS=mine"
    )
    assert blamed.value.__cause__ is error


def test_the_way_out_is_named_once_where_a_hook_fails():
    def broken():
        raise AssertionError

    with pytest.raises(PluginError) as error:
        host(plugin(loaders=broken)).suffixes()
    assert str(error.value).count("To run without it: --no-plugin mine") == 1


def test_blame_says_only_the_class_of_an_error_without_text():
    with (
        pytest.raises(PluginError, match=r"^plugin 'mine': doing it: raised AssertionError\n"),
        blame("mine", "doing it"),
    ):
        raise AssertionError


@pytest.mark.parametrize("error", [ConfigError("x"), LoadError("f", 1, "x"), KeyboardInterrupt(), SystemExit(2)])
def test_blame_lets_errors_of_trek_and_the_end_of_the_program_through(error):
    with pytest.raises(type(error)) as raised, blame("mine", "doing it"):
        raise error
    assert raised.value is error


async def test_blame_works_around_an_await():
    async def late():
        await asyncio.sleep(0)
        raise StopAsyncIteration

    with pytest.raises(PluginError, match="raised StopAsyncIteration"), blame("mine", "awaiting"):
        await late()


async def test_blame_lets_a_cancellation_through():
    async def waits():
        with blame("mine", "awaiting"):
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
