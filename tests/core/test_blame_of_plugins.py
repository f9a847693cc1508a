"""Whom an error blames when a layout, a store or a loader gives what its contract does not allow.

Plugins are real objects behind a real host, driven through the facade. The executor keeps nothing: none of this needs
a database, an error is there before the first statement would run.
"""

from __future__ import annotations

import asyncio
import time
import types
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from trek_core import Migrator
from trek_core.contracts import Executor, Layout, Loader, Provider, VersionStore
from trek_core.errors import ConfigError, ConnectError, PlanError, PluginContractError, PluginError
from trek_core.events import Done, Started
from trek_core.model import (
    Advisory,
    Arrangement,
    Body,
    Entry,
    Facts,
    File,
    History,
    Hop,
    Locked,
    Record,
    Script,
    Sql,
    State,
)
from trek_core.plugin import Backend, PluginHost, hookimpl

QUERY = "SELECT to_jsonb(t)\n  FROM public.mine AS t"


# --------------------------------------------------------------------------- plugins that are right
class Store(VersionStore):
    identity = "public.mine"

    def query(self):
        return Sql(QUERY)

    def history(self, rows, facts):
        return History(exists=False, facts=facts)

    def state(self, history, catalog):
        return State()

    def locks(self, history):
        return (Advisory(1),)

    def prepare(self, history):
        return (Sql("CREATE TABLE public.mine ()"),)

    def record(self, action, history):
        return Record(history=history)


def script(tree=None):
    return Script(Body((Sql("SELECT 1"),)))


def entry(**changed):
    return replace(Entry(revision="0001", load=script, files=(File("0001.sql", "m"),)), **changed)


def arranged(*entries):
    return lambda tree: Arrangement(entries or (entry(),))


class Memory(Executor):
    """Runs nothing and says that it did."""

    connection = None

    def __init__(self, wrong=None):
        self.wrong, self.reading, self.ran = wrong, 0.0, []

    async def read(self, query):
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        self.reading = time.monotonic() - begun
        if self.wrong:
            raise self.wrong
        return Facts(), None

    @asynccontextmanager
    async def lock(self, locks, timeout, waiting):
        yield Locked(waited=False, facts=Facts())

    async def run(self, units):
        for action, record in units:
            self.ran.append((action, record))
            yield Started(action)
            yield Done(action, 0.0)


def plugin(hook, offered):
    module = types.ModuleType("made")
    setattr(module, f"trek_register_{hook}", hookimpl(lambda: [offered]))
    return module


@pytest.fixture
def migrator(tmp_path):
    (tmp_path / "0001.sql").write_text("SELECT 1")

    def make(layout=None, store=None, load=lambda source: script(), session=None):
        layout, store, session = layout or Layout(arrange=arranged()), store or Store(), session or Memory()

        @asynccontextmanager
        async def connect():
            yield session

        plugins = [
            ("lay", plugin("layouts", Provider("mine", lambda settings: layout))),
            ("hist", plugin("version_stores", Provider("mine", lambda settings: store))),
            ("load", plugin("loaders", Loader("mine", (".sql",), load))),
        ]
        host = PluginHost(plugins, entry_points=False)
        return Migrator(Backend(connect, format="mine", host=host), tmp_path)

    return make


async def blamed(migrating, kind=PluginContractError):
    with pytest.raises(PluginError) as error:
        await migrating.migrate()
    assert type(error.value) is kind
    plugin = error.value.plugin
    assert str(error.value).endswith(f"\nTo run without it: --no-plugin {plugin}, or TREK_DISABLE_PLUGINS={plugin}")
    return plugin, error.value.where, error.value.problem.splitlines()[0]


def with_store(**methods):
    return type("Broken", (Store,), methods)()


async def test_plugins_that_keep_their_contracts_are_blamed_for_nothing(migrator):
    session = Memory()
    report = await migrator(session=session).migrate()
    assert [ran.revision for ran in report.ran] == ["0001"]
    assert session.ran[0][1].begin == (Sql("CREATE TABLE public.mine ()"),)


# --------------------------------------------------------------------------- layouts
@pytest.mark.parametrize(
    ("gives", "problem"),
    [
        (None, "gave None, want Arrangement"),
        ([], "gave [], want Arrangement"),
        (Arrangement, "gave the class Arrangement, want an instance of it: Arrangement(…)"),
        (Arrangement(("0001",)), "gave '0001', want Entry"),
        (Arrangement("0001"), "gave '0001', want a tuple of Entry"),
        (Arrangement(None), "gave None, want a tuple of Entry"),
        (Arrangement((entry(),), ("README",)), "gave 'README', want Ignored"),
    ],
)
async def test_an_arrangement_of_the_wrong_type_is_the_layouts_fault(migrator, gives, problem):
    layout = Layout(arrange=lambda tree: gives)
    assert await blamed(migrator(layout)) == ("lay", "Layout.arrange", problem)


@pytest.mark.parametrize(
    ("changed", "where", "problem"),
    [
        ({"revision": 1}, "revision 1: revision", "gave 1, want str"),
        ({"title": None}, "revision '0001': title", "gave None, want str"),
        ({"parents": "0000"}, "revision '0001': parents", "gave '0000', want a tuple of str"),
        ({"parents": None}, "revision '0001': parents", "gave None, want a tuple of str"),
        ({"parents": (0,)}, "revision '0001': parents", "gave 0, want str"),
        ({"aliases": "1"}, "revision '0001': aliases", "gave '1', want a tuple of str"),
        ({"replaces": "1"}, "revision '0001': replaces", "gave '1', want a tuple of str"),
        ({"conflicts": "1"}, "revision '0001': conflicts", "gave '1', want a tuple of str"),
        ({"files": ("0001.sql",)}, "revision '0001': files", "gave '0001.sql', want File"),
        ({"load": None}, "revision '0001': load", "gave None, want a function of the tree"),
        ({"checksums": ("a",)}, "revision '0001': checksums", "gave ('a',), want a function of the tree"),
    ],
)
async def test_a_field_of_an_entry_of_the_wrong_type_is_the_layouts_fault(migrator, changed, where, problem):
    layout = Layout(arrange=arranged(entry(**changed)))
    assert await blamed(migrator(layout)) == ("lay", f"Layout.arrange: {where}", problem)


async def test_entries_and_parents_may_be_lists(migrator):
    entries = [entry(), entry(revision="0002", parents=["0001"])]
    report = await migrator(Layout(arrange=lambda tree: Arrangement(entries))).migrate()
    assert [ran.revision for ran in report.ran] == ["0001", "0002"]


async def test_a_generator_of_entries_is_refused_because_it_can_be_read_only_once(migrator):
    layout = Layout(arrange=lambda tree: Arrangement(one for one in [entry()]))
    plugin, where, problem = await blamed(migrator(layout))
    assert (plugin, where) == ("lay", "Layout.arrange")
    assert problem.startswith("gave <generator")


async def coroutine(*given):
    return None


@pytest.mark.parametrize(
    ("layout", "where", "problem"),
    [
        (Layout(arrange=arranged(), smells=lambda tree: 3), "Layout.smells", "gave 3, want str or None"),
        (Layout(arrange=arranged(), route=lambda *given: None), "Layout.route", "gave None, want a tuple of Hop"),
        (Layout(arrange=arranged(), route=lambda *given: ("0001",)), "Layout.route", "gave '0001', want Hop"),
        (
            Layout(arrange=coroutine),
            "Layout.arrange",
            "gave a coroutine, want Arrangement: make it a plain function, def instead of async def",
        ),
        (Layout(arrange=arranged(entry(load=lambda tree: None))), "Entry.load", "gave None, want Script"),
        (
            Layout(arrange=arranged(entry(checksums=lambda tree: "abc"))),
            "Entry.checksums",
            "gave 'abc', want a tuple of str",
        ),
        (
            Layout(
                arrange=arranged(), route=lambda *given: [Hop(entry=entry(files=()), verb="apply", load=lambda t: 3)]
            ),
            "Hop.load",
            "gave 3, want Body",
        ),
    ],
)
async def test_what_else_a_layout_gives_is_checked_where_it_gives_it(migrator, layout, where, problem):
    assert await blamed(migrator(layout)) == ("lay", where, problem)


def fails(*given):
    msg = "x"
    raise KeyError(msg)


@pytest.mark.parametrize(
    ("layout", "where"),
    [
        (Layout(arrange=fails), "Layout.arrange"),
        (Layout(arrange=arranged(), smells=fails), "Layout.smells"),
        (Layout(arrange=arranged(), route=fails), "Layout.route"),
        (Layout(arrange=arranged(entry(load=fails))), "Entry.load"),
        (Layout(arrange=arranged(entry(checksums=fails))), "Entry.checksums"),
    ],
)
async def test_what_a_layout_raises_is_reported_under_the_function_that_raised(migrator, layout, where):
    assert await blamed(migrator(layout), PluginError) == ("lay", where, "raised KeyError: 'x'")


async def test_an_error_that_a_layout_may_raise_passes_as_it_is(migrator):
    def refuses(tree):
        msg = "no order in this"
        raise PlanError(msg)

    with pytest.raises(PlanError, match=r"^no order in this$"):
        await migrator(Layout(arrange=refuses)).migrate()


# --------------------------------------------------------------------------- loaders
def from_loader():
    files = (File("0001.sql", "m"),)
    return Layout(arrange=lambda tree: Arrangement((entry(files=files, load=lambda tree: tree.load(tree.files[0])),)))


@pytest.mark.parametrize(
    ("up", "problem"),
    [
        ("SELECT 1", "gave 'SELECT 1', want Body"),
        (Body("SELECT 1"), "gave Body(statements='SELECT 1'), want a tuple of Sql, Copy or Call"),
        (Body(("SELECT 1",)), "gave the statement 'SELECT 1', want Sql, Copy or Call"),
    ],
)
async def test_a_body_of_the_wrong_type_names_the_file_whose_loader_may_have_made_it(migrator, up, problem):
    broken = migrator(from_loader(), load=lambda source: Script(up=up))
    with pytest.raises(PluginContractError) as error:
        await broken.migrate()
    assert "0001.sql" in str(error.value)
    assert problem in str(error.value)


async def test_a_body_that_a_layout_made_without_a_file_is_the_layouts_fault(migrator):
    layout = Layout(arrange=arranged(entry(files=(), load=lambda tree: Script(up="SELECT 1"))))
    assert await blamed(migrator(layout)) == ("lay", "Entry.load", "gave 'SELECT 1', want Body")


# --------------------------------------------------------------------------- stores
NOTHING = [
    ("query", "VersionStore.query", "gave None, want Sql"),
    ("history", "VersionStore.history", "gave None, want History"),
    ("state", "VersionStore.state", "gave None, want State"),
    ("locks", "VersionStore.locks", "gave None, want a tuple of Advisory or RowLock"),
    ("prepare", "VersionStore.prepare", "gave None, want a tuple of Sql, Copy or Call"),
    ("record", "VersionStore.record", "gave None, want Record"),
]


@pytest.mark.parametrize(("method", "where", "problem"), NOTHING)
async def test_a_store_that_forgets_to_return_is_to_blame(migrator, method, where, problem):
    store = with_store(**{method: lambda *given: None})
    assert await blamed(migrator(store=store)) == ("hist", where, problem)


@pytest.mark.parametrize("method", [method for method, *_ in NOTHING])
async def test_what_a_store_raises_is_reported_under_the_method_that_raised(migrator, method):
    store = with_store(**{method: fails})
    assert await blamed(migrator(store=store), PluginError) == (
        "hist",
        f"VersionStore.{method}",
        "raised KeyError: 'x'",
    )


@pytest.mark.parametrize(
    ("method", "gives", "where", "problem"),
    [
        ("query", "SELECT 1", "query", "gave 'SELECT 1', want Sql"),
        ("history", History(exists=True, rows=({"id": 1},)), "history: rows", "gave {'id': 1}, want HistoryRow"),
        ("state", State(applied="0001"), "state: applied", "gave '0001', want a tuple of str"),
        ("state", State(unfinished=("0001",)), "state: unfinished", "gave '0001', want HistoryRow"),
        ("locks", (7,), "locks", "gave 7, want Advisory or RowLock"),
        ("prepare", "CREATE TABLE x ()", "prepare", "gave 'CREATE TABLE x ()', want a tuple of Sql, Copy or Call"),
        ("prepare", ["CREATE"], "prepare", "gave 'CREATE', want Sql, Copy or Call"),
        ("record", Record(history=None), "record: history", "gave None, want History"),
        (
            "record",
            Record(finish="INSERT", history=History(exists=True)),
            "record: finish",
            "gave 'INSERT', want a tuple of Sql, Copy or Call",
        ),
    ],
)
async def test_what_a_store_gives_is_checked_down_to_its_parts(migrator, method, gives, where, problem):
    store = with_store(**{method: lambda *given: gives})
    assert await blamed(migrator(store=store)) == ("hist", f"VersionStore.{where}", problem)


async def test_the_identity_of_a_store_must_be_text(migrator):
    with pytest.raises(PluginContractError, match=r"plugin 'hist': VersionStore\.identity: gave None, want str"):
        await migrator(store=with_store(identity=None)).status()


async def test_a_store_may_yield_what_it_prepares(migrator):
    def prepare(self, history):
        yield Sql("CREATE TABLE public.mine ()")

    session = Memory()
    await migrator(store=with_store(prepare=prepare), session=session).migrate()
    assert session.ran[0][1].begin == (Sql("CREATE TABLE public.mine ()"),)


async def test_a_generator_that_fails_half_way_is_blamed_on_its_plugin(migrator):
    def locks(self, history):
        yield Advisory(1)
        fails()

    assert await blamed(migrator(store=with_store(locks=locks)), PluginError) == (
        "hist",
        "VersionStore.locks",
        "raised KeyError: 'x'",
    )


async def test_an_object_given_by_hand_has_no_plugin_to_run_without(migrator, tmp_path):
    made = migrator()
    backend = Backend(made.backend.connect, format="mine", store=with_store(query=fails), host=made.backend.host)
    with pytest.raises(PluginError) as error:
        await Migrator(backend, tmp_path).migrate()
    assert str(error.value) == "plugin '(given)': VersionStore.query: raised KeyError: 'x'"


# --------------------------------------------------------------------------- what the server says of a store's query
def refused(message, sqlstate):
    """A `ConfigError` as an executor raises it, from the driver's error."""
    cause = RuntimeError(message)
    cause.sqlstate = sqlstate
    error = ConfigError(message)
    error.__cause__ = cause
    return error


async def test_an_error_in_a_stores_query_names_the_store_and_its_query(migrator):
    error = refused('the history could not be read: column "x" does not exist', "42703")
    with pytest.raises(ConfigError) as raised:
        await migrator(session=Memory(error)).migrate()
    assert str(raised.value) == (
        'the history could not be read: column "x" does not exist\n'
        "The query is that of store Store of plugin 'hist': SELECT to_jsonb(t) FROM public.mine AS t"
    )
    assert raised.value.__cause__ is error.__cause__


async def test_a_long_query_is_cut(migrator):
    store = with_store(query=lambda self: Sql("SELECT " + "column_name, " * 500))
    with pytest.raises(ConfigError) as raised:
        await migrator(store=store, session=Memory(refused("no", "42601"))).migrate()
    last = str(raised.value).splitlines()[-1]
    assert last.endswith(" …")
    assert len(last) < 300


@pytest.mark.parametrize("error", [refused("reading was refused", "42501"), ConnectError("the connection was lost")])
async def test_a_lost_connection_or_a_missing_privilege_is_not_the_querys_fault(migrator, error):
    with pytest.raises(type(error)) as raised:
        await migrator(session=Memory(error)).migrate()
    assert raised.value is error


# --------------------------------------------------------------------------- the report
async def test_the_seconds_of_a_run_count_from_before_the_history_is_read(migrator):
    session = Memory()
    up_to_date = migrator(session=session, store=with_store(state=lambda *given: State(applied=("0001",))))
    report = await up_to_date.migrate()
    assert not report
    assert report.seconds >= session.reading > 0
