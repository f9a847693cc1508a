"""Whom an error blames when a layout, a store or a loader gives what its contract does not allow.

Plugins are real objects behind a real host, driven through the facade. The executor keeps nothing: none of this needs
a database, an error is there before the first statement would run.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import types
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from trek_core import Migrator
from trek_core._blame import Offer
from trek_core._session import Session
from trek_core.contracts import Executor, ExecutorProvider, Layout, Loader, Provider, VersionStore
from trek_core.errors import (
    ConfigError,
    ConnectError,
    LockTimeout,
    MigrationFailed,
    PlanError,
    PluginContractError,
    PluginError,
)
from trek_core.events import Done, Failed, Failure, Started
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

DECODED = (
    "either it did not decode the row, or the store's query does not give one JSON object a row, as to_jsonb(t) does"
)


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
            ("exec", plugin("executors", ExecutorProvider("mine", ("mine",), lambda dsn, settings: connect()))),
        ]
        host = PluginHost(plugins, entry_points=False)
        return Migrator(Backend(connect, format="mine", host=host, executor="mine"), tmp_path)

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


@pytest.mark.parametrize("revision", ["", "head", "base", "initial", "a\nb", "a\0"])
async def test_a_revision_that_no_target_could_name_is_refused(migrator, revision):
    plugin, where, problem = await blamed(migrator(Layout(arrange=arranged(entry(revision=revision)))))
    assert (plugin, where) == ("lay", f"Layout.arrange: revision {revision!r}")
    assert problem.startswith(f"gave the revision {revision!r} for ")
    assert "want text without control characters, and none of the words head, base and initial" in problem


async def test_entries_and_parents_may_be_lists(migrator):
    entries = [entry(), entry(revision="0002", parents=["0001"])]
    report = await migrator(Layout(arrange=lambda tree: Arrangement(entries))).migrate()
    assert [ran.revision for ran in report.ran] == ["0001", "0002"]


async def test_a_generator_of_entries_is_refused_because_it_can_be_read_only_once(migrator):
    layout = Layout(arrange=lambda tree: Arrangement(one for one in [entry()]))
    plugin, where, problem = await blamed(migrator(layout))
    assert (plugin, where) == ("lay", "Layout.arrange")
    assert problem.startswith("gave a generator, want")


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
        (Layout(arrange=arranged(entry(load=lambda tree: None))), "Entry.load(0001)", "gave None, want Script"),
        (
            Layout(arrange=arranged(entry(checksums=lambda tree: "abc"))),
            "Entry.checksums(0001)",
            "gave 'abc', want a tuple of str",
        ),
        (
            Layout(
                arrange=arranged(), route=lambda *given: [Hop(entry=entry(files=()), verb="apply", load=lambda t: 3)]
            ),
            "Hop.load(0001)",
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
        (Layout(arrange=arranged(entry(load=fails))), "Entry.load(0001)"),
        (Layout(arrange=arranged(entry(checksums=fails))), "Entry.checksums(0001)"),
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
        (Body("SELECT 1"), "gave Body(statements='SELECT 1'), want a tuple of Sql, Copy, Call or Piece"),
        (Body(("SELECT 1",)), "gave the statement 'SELECT 1', want Sql, Copy, Call or Piece"),
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
    assert await blamed(migrator(layout)) == ("lay", "Entry.load(0001)", "gave 'SELECT 1', want Body")


# --------------------------------------------------------------------------- stores
NOTHING = [
    ("query", "VersionStore.query", "gave None, want Sql"),
    ("history", "VersionStore.history", "gave None, want History"),
    ("state", "VersionStore.state", "gave None, want State"),
    ("locks", "VersionStore.locks", "gave None, want a tuple of Advisory or RowLock"),
    ("prepare", "VersionStore.prepare", "gave None, want a tuple of Sql, Copy, Call or Piece"),
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
        (
            "prepare",
            "CREATE TABLE x ()",
            "prepare",
            "gave 'CREATE TABLE x ()', want a tuple of Sql, Copy, Call or Piece",
        ),
        ("prepare", ["CREATE"], "prepare", "gave 'CREATE', want Sql, Copy, Call or Piece"),
        ("record", Record(history=None), "record: history", "gave None, want History"),
        (
            "record",
            Record(finish="INSERT", history=History(exists=True)),
            "record: finish",
            "gave 'INSERT', want a tuple of Sql, Copy, Call or Piece",
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


@pytest.mark.parametrize(
    "error",
    [
        refused("reading was refused", "42501"),
        refused("current transaction is aborted", "25P02"),
        refused("another operation is in progress", None),
        ConnectError("the connection was lost"),
    ],
    ids=str,
)
async def test_a_lost_connection_a_missing_privilege_or_the_state_of_the_session_is_not_the_querys_fault(
    migrator, error
):
    with pytest.raises(type(error)) as raised:
        await migrator(session=Memory(error)).migrate()
    assert raised.value is error


# --------------------------------------------------------------------------- what a store may not write
CONTROLS = [
    ("BEGIN", "BEGIN"),
    ("commit", "COMMIT"),
    ("  END;", "END"),
    ("ROLLBACK", "ROLLBACK"),
    ("ABORT", "ABORT"),
    ("start   transaction isolation level serializable", "START TRANSACTION"),
    ("SAVEPOINT mine", "SAVEPOINT"),
    ("RELEASE mine", "RELEASE"),
    ("PREPARE TRANSACTION 'mine'", "PREPARE TRANSACTION"),
    ("/* the end */ COMMIT", "COMMIT"),
    ("-- the end\nCOMMIT", "COMMIT"),
    ("INSERT INTO mine VALUES (1); COMMIT", "COMMIT"),
    ("INSERT INTO mine VALUES ('it''s');\n-- that's it\nCOMMIT;", "COMMIT"),
]


def progress_of(text):
    return lambda number, phase: (Sql(text),) if phase == "done" else ()


def writes(place, text):
    """A store that gives the statement in one of the places where a store gives statements."""
    if place == "prepare":
        return with_store(prepare=lambda *given: (Sql(text),))
    value = progress_of(text) if place == "progress" else (Sql(text),)
    return with_store(record=lambda self, action, history: Record(history=history, **{place: value}))


def outside(*statements):
    """A layout of one migration outside a transaction."""
    body = Body(statements or (Sql("VACUUM", refuses_block="VACUUM"), Sql("SELECT 1")), "autocommit")
    return Layout(arrange=arranged(entry(load=lambda tree: Script(body))))


@pytest.mark.parametrize("place", ["begin", "finish", "failed", "progress", "prepare"])
async def test_a_store_that_ends_the_transaction_is_refused_wherever_it_writes(migrator, place):
    session = Memory()
    plugin, where, problem = await blamed(migrator(outside(), store=writes(place, "COMMIT"), session=session))
    places = {"prepare": "VersionStore.prepare", "progress": "Record.progress(1, 'done')"}
    assert (plugin, where) == ("hist", places.get(place, f"VersionStore.record: {place}"))
    assert problem.startswith("gave the statement COMMIT: the executor begins and ends transactions")
    assert session.ran == []


@pytest.mark.parametrize(("text", "word"), CONTROLS)
async def test_whatever_begins_or_ends_a_transaction_is_refused(migrator, text, word):
    _, _, problem = await blamed(migrator(store=writes("finish", text)))
    assert problem.startswith(f"gave the statement {word}: ")


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO mine VALUES ('; COMMIT')",
        "INSERT INTO mine VALUES (E'it\\'s; COMMIT')",
        'UPDATE mine SET "a; commit" = 1',
        "SELECT 1 -- ; COMMIT",
        "SELECT 1 /* ; COMMIT */",
        "DO $do$ BEGIN PERFORM 1; END $do$",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "UPDATE mine SET a = CASE WHEN true THEN 1 END",
        "COMMENT ON TABLE mine IS 'x'",
        "INSERT INTO begin_end VALUES (1); UPDATE committed SET a = 1",
        "PREPARE one AS SELECT 1",
    ],
)
async def test_what_only_looks_like_the_end_of_a_transaction_is_taken(migrator, text):
    assert len((await migrator(store=writes("finish", text)).migrate()).ran) == 1


@pytest.mark.parametrize(
    ("gives", "problem"),
    [
        (None, "gave None, want a tuple of Sql, Copy, Call or Piece"),
        ("INSERT", "gave 'INSERT', want a tuple of Sql, Copy, Call or Piece"),
        (("INSERT",), "gave 'INSERT', want Sql, Copy, Call or Piece"),
    ],
)
async def test_what_progress_gives_is_checked_before_anything_runs(migrator, gives, problem):
    session = Memory()
    store = with_store(record=lambda self, action, history: Record(history=history, progress=lambda *given: gives))
    found = await blamed(migrator(outside(), store=store, session=session))
    assert found == ("hist", "Record.progress(1, 'begin')", problem)
    assert session.ran == []


async def test_progress_that_raises_is_the_stores_fault(migrator):
    store = with_store(record=lambda self, action, history: Record(history=history, progress=fails))
    found = await blamed(migrator(outside(), store=store), PluginError)
    assert found == ("hist", "Record.progress(1, 'begin')", "raised KeyError: 'x'")


async def test_progress_that_is_no_function_is_the_stores_fault(migrator):
    store = with_store(record=lambda self, action, history: Record(history=history, progress=("INSERT",)))
    plugin, where, _ = await blamed(migrator(store=store))
    assert (plugin, where) == ("hist", "VersionStore.record: progress")


async def test_progress_is_asked_for_each_statement_in_the_phases_in_which_it_will_run(migrator):
    asked = []

    def progress(number, phase):
        asked.append((number, phase))
        return ()

    store = with_store(record=lambda self, action, history: Record(history=history, progress=progress))
    await migrator(outside(), store=store).plan()
    assert asked == [(1, "begin"), (1, "done"), (2, "whole")]


async def test_progress_that_changes_its_mind_while_the_executor_runs_is_still_the_stores_fault(migrator):
    class Asks(Memory):
        async def run(self, units):
            for action, record in units:
                yield Started(action)
                record.progress(1, "begin")

    answers = iter([(), (), (), ("INSERT",)])
    changes = lambda number, phase: next(answers)  # noqa: E731
    store = with_store(record=lambda self, action, history: Record(history=history, progress=changes))
    plugin, where, _ = await blamed(migrator(outside(), store=store, session=Asks()))
    assert (plugin, where) == ("hist", "Record.progress(1, 'begin')")


# --------------------------------------------------------------------------- executors
def with_session(**methods):
    return type("Broken", (Memory,), methods)()


async def gives_nothing(self, *given):
    return None


@asynccontextmanager
async def yields_nothing(self, *given):
    yield


@asynccontextmanager
async def fails_on_release(self, *given):
    yield Locked(waited=False, facts=Facts())
    fails()


@asynccontextmanager
async def fails_whatever(self, *given):
    try:
        yield Locked(waited=False, facts=Facts())
    finally:
        fails()


async def fails_half_way(self, units):
    yield Started(next(iter(units))[0])
    fails()


async def yields_text(self, units):
    yield "done"


async def stops_early(self, units):
    yield Started(next(iter(units))[0])


async def fails_on_close(self, units):
    try:
        for action, _ in units:
            yield Started(action)
            yield Failed(action, Failure(ValueError("x"), "of the migration"))
    finally:
        fails()


def reads(value):
    async def read(self, query):
        return value

    return read


READ = "gave {}, want a tuple of Facts and rows"


@pytest.mark.parametrize(
    ("methods", "kind", "where", "problem"),
    [
        ({"read": fails}, PluginError, "Executor.read", "raised KeyError: 'x'"),
        ({"read": gives_nothing}, PluginContractError, "Executor.read", READ.format("None")),
        ({"read": reads([Facts(), None])}, PluginContractError, "Executor.read", None),
        ({"read": reads(({}, None))}, PluginContractError, "Executor.read", READ.format("({}, None)")),
        ({"read": reads((Facts(), None, 1))}, PluginContractError, "Executor.read", None),
        (
            {"read": reads((Facts(), "[]"))},
            PluginContractError,
            "Executor.read: rows",
            "gave '[]', want a list of mappings, or None",
        ),
        (
            {"read": reads((Facts(), ["{}"]))},
            PluginContractError,
            "Executor.read: rows",
            f"gave the row '{{}}', want a mapping: {DECODED}",
        ),
        (
            {"read": reads((Facts(), [None]))},
            PluginContractError,
            "Executor.read: rows",
            f"gave the row None, want a mapping: {DECODED}",
        ),
        ({"lock": fails}, PluginError, "Executor.lock", "raised KeyError: 'x'"),
        ({"lock": lambda *given: None}, PluginContractError, "Executor.lock", None),
        ({"lock": gives_nothing}, PluginContractError, "Executor.lock", None),
        ({"lock": yields_nothing}, PluginContractError, "Executor.lock", "gave None, want Locked"),
        ({"lock": fails_on_release}, PluginError, "Executor.lock: releasing", "raised KeyError: 'x'"),
        ({"run": fails}, PluginError, "Executor.run", "raised KeyError: 'x'"),
        ({"run": gives_nothing}, PluginContractError, "Executor.run", None),
        ({"run": fails_half_way}, PluginError, "Executor.run", "raised KeyError: 'x'"),
        (
            {"run": yields_text},
            PluginContractError,
            "Executor.run",
            "gave 'done', want Started, StatementDone, Blocked, Done, Failed or Lost",
        ),
        (
            {"run": stops_early},
            PluginContractError,
            "Executor.run",
            "ended after Started with 0 of 1 actions done, want Done for each, or Failed or Lost for the last.",
        ),
    ],
)
async def test_what_an_executor_does_wrong_is_reported_under_its_plugin_and_method(
    migrator, methods, kind, where, problem
):
    found = await blamed(migrator(session=with_session(**methods)), kind)
    assert found[:2] == ("exec", where)
    assert problem is None or found[2] == problem


@pytest.mark.parametrize("error", [ConnectError("x"), LockTimeout("x"), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("method", ["read", "lock", "run"])
async def test_the_errors_of_trek_and_a_cancellation_pass_an_executor_as_they_are(migrator, method, error):
    def refuse(*given):
        raise error

    with pytest.raises(type(error)) as raised:
        await migrator(session=with_session(**{method: refuse})).migrate()
    assert raised.value is error


async def test_what_happens_under_the_lock_is_not_the_executors_fault(migrator):
    class Wraps:
        """A lock that raises again what went through it, as a class may do."""

        async def __aenter__(self):
            return Locked(waited=False, facts=Facts())

        async def __aexit__(self, kind, error, trace):
            if error:
                raise error

    class Careless(Memory):
        def lock(self, *given):
            return Wraps()

    store = with_store(record=fails)
    assert await blamed(migrator(store=store, session=Careless()), PluginError) == (
        "hist",
        "VersionStore.record",
        "raised KeyError: 'x'",
    )
    unfit = RuntimeError("of the body")

    async def runs(self, units):
        yield Started(next(iter(units))[0])

    observed = migrator(session=type("Runs", (Careless,), {"run": runs})())
    with pytest.raises(PluginContractError, match=r"plugin 'exec': Executor\.run: ended after"):
        await observed.migrate()
    with pytest.raises(RuntimeError) as raised:
        async with Session(Offer(Careless(), "exec")).lock((), 1, None):
            raise unfit
    assert raised.value is unfit


async def test_an_executor_cannot_swallow_what_happens_under_the_lock():
    class Swallows(Memory):
        @asynccontextmanager
        async def lock(self, *given):
            with contextlib.suppress(RuntimeError):
                yield Locked(waited=False, facts=Facts())

    with pytest.raises(RuntimeError):
        async with Session(Offer(Swallows(), "exec")).lock((), 1, None):
            raise RuntimeError


async def test_a_lock_is_released_although_what_it_gave_is_wrong(migrator):
    released = []

    @asynccontextmanager
    async def lock(self, *given):
        try:
            yield "held"
        finally:
            released.append(True)

    await blamed(migrator(session=with_session(lock=lock)))
    assert released == [True]


async def test_a_failed_migration_is_not_the_executors_fault(migrator):
    async def run(self, units):
        for action, _ in units:
            yield Started(action)
            yield Failed(action, Failure(KeyError("of the migration"), "it failed"))

    with pytest.raises(MigrationFailed) as failed:
        await migrator(session=with_session(run=run)).migrate()
    assert isinstance(failed.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("method", "where"),
    [({"run": fails_on_close}, "Executor.run: closing"), ({"lock": fails_whatever}, "Executor.lock: releasing")],
    ids=["run", "lock"],
)
async def test_a_failed_migration_is_told_although_the_executor_then_fails_to_clean_up(migrator, caplog, method, where):
    with pytest.raises(MigrationFailed, match="of the migration"):
        await migrator(session=with_session(**{"run": fails_on_close, **method})).migrate()
    assert f"plugin 'exec': {where}: raised KeyError: 'x'" in caplog.text


async def test_a_cancellation_goes_on_although_the_executor_then_fails_to_clean_up(migrator, caplog):
    async def hangs(self, units):
        yield Started(next(iter(units))[0])
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await migrator(session=with_session(run=hangs, lock=fails_whatever)).migrate()
    assert "plugin 'exec': Executor.lock: releasing: raised KeyError: 'x'" in caplog.text


async def test_a_session_of_nobody_on_offer_was_given_by_the_caller(migrator, tmp_path):
    made = migrator(session=with_session(read=fails))
    backend = Backend(made.backend.connect, format="mine", host=made.backend.host, executor="elsewhere")
    with pytest.raises(PluginError, match=r"^plugin '\(given\)': Executor\.read: raised KeyError: 'x'$"):
        await Migrator(backend, tmp_path).migrate()


# --------------------------------------------------------------------------- the report
async def test_the_seconds_of_a_run_count_from_before_the_history_is_read(migrator):
    session = Memory()
    up_to_date = migrator(session=session, store=with_store(state=lambda *given: State(applied=("0001",))))
    report = await up_to_date.migrate()
    assert not report
    assert report.seconds >= session.reading > 0
