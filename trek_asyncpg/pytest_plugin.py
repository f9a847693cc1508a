"""Fixtures of pytest: a migrated database for each test. One line in the top `conftest.py` brings them::

    pytest_plugins = ["trek_asyncpg.pytest_plugin"]

    async def test_users(trek_connection):
        assert await trek_connection.fetchval("SELECT count(*) FROM users") == 0

They are no entry point: who has trek installed, to run it, did not ask for fixtures in every run of pytest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from trek_asyncpg.testing._server import NoServer
from trek_core.plugin import TrekError

if TYPE_CHECKING:
    from trek_asyncpg._types import Pool
    from trek_asyncpg.testing._database import Connection, Database
    from trek_asyncpg.testing._pytest._background import Background
    from trek_asyncpg.testing._pytest._broker import Broker
    from trek_asyncpg.testing._pytest._checks import Checks
    from trek_asyncpg.testing._pytest._stock import Stock
    from trek_asyncpg.testing._server import Server
    from trek_core import Migrator

BROKER: pytest.StashKey[Broker] = pytest.StashKey()
TOLD: pytest.StashKey[dict[str, str]] = pytest.StashKey()
ASYNC = {  # as pytest knows them: found, or named with -p
    "asyncio": ("asyncio", "pytest_asyncio.plugin"),
    "anyio": ("anyio", "anyio.pytest_plugin"),
}
WRONG = '@pytest.mark.trek takes target="…" and nothing else: a revision, "head", or "base" for an empty database'
NOT_ASYNC = (
    "nobody runs async fixtures for this test: mark it for pytest-asyncio or anyio, or take trek_dsn, as any test may"
)
BOTH = (
    "pytest-asyncio runs this test and anyio its fixtures, each on a loop of its own, so no connection fits: "
    "set asyncio_mode = strict, or leave the mark for anyio, or anyio_backend, out of this test"
)
NOT_ASYNCIO = (
    "asyncpg runs on asyncio only, and this test runs on {backend}: let the fixture anyio_backend return 'asyncio'"
)


# --------------------------------------------------------------------------- the run
def pytest_addoption(parser: pytest.Parser) -> None:
    """An option and two ini values."""
    parser.getgroup("trek").addoption(
        "--trek-rebuild", action="store_true", help="migrate the tests' template databases anew"
    )
    parser.addini("trek_directory", "where the migrations lie, from the project's root, instead of what is configured")
    parser.addini("trek_database", "which of several databases of the configuration the tests are given")


def pytest_configure(config: pytest.Config) -> None:
    """The marker, and the fixtures of those async plugins that are there."""
    config.addinivalue_line("markers", "trek(target): the revision that the database of this test is at")
    config.stash[TOLD] = {}
    for plugin, names in ASYNC.items():
        if any(map(config.pluginmanager.hasplugin, names)):
            config.pluginmanager.import_plugin(f"trek_asyncpg.testing._pytest._with_{plugin}")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: the server is the controller's, and workers are told where to ask for it."""
    from trek_asyncpg.testing._pytest._broker import Broker  # noqa: PLC0415 - sockets and threads, for xdist alone

    config = node.config
    if BROKER not in config.stash:
        broker = config.stash[BROKER] = Broker()
        config.add_cleanup(broker.close)
    node.workerinput["trek_broker"] = config.stash[BROKER].address


# --------------------------------------------------------------------------- of the whole run
@pytest.fixture(scope="session")
def trek_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The PostgreSQL of the run, one for all workers: `.base` is a DSN that may make databases. Raises `NoServer`."""
    address = getattr(request.config, "workerinput", {}).get("trek_broker")
    if address is not None:
        from trek_asyncpg.testing._pytest._broker import ask  # noqa: PLC0415 - as above

        yield ask(address)
        return
    from trek_asyncpg.testing._chain import asked  # noqa: PLC0415 - for a test that wants a database

    with ExitStack() as stack:
        yield asked(stack)


@pytest.fixture(scope="session")
def trek_migrator_for(pytestconfig: pytest.Config) -> Callable[[str], Migrator]:
    """Gives the `Migrator` of a DSN, as the configuration has it. Override it where that is not enough."""
    from trek_core.plugin import configured  # noqa: PLC0415 - as above

    root = pytestconfig.rootpath
    directory, database = (pytestconfig.getini(f"trek_{name}") or None for name in ("directory", "database"))
    if directory and not directory.startswith("package:"):
        directory = str(root / directory)
    return lambda dsn: configured(dsn, root, directory=directory, database=database)


@pytest.fixture(scope="session")
def _trek_background() -> Iterator[Background]:
    from trek_asyncpg.testing._pytest._background import Background  # noqa: PLC0415 - as above

    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def _trek_stock(
    request: pytest.FixtureRequest,
    trek_server: Server,
    trek_migrator_for: Callable[[str], Migrator],
    _trek_background: Background,
) -> Iterator[Stock]:
    from trek_asyncpg.testing._pytest._stock import Stock  # noqa: PLC0415 - as above

    config = request.config
    run = getattr(config, "workerinput", {}).get("testrunuid") or secrets.token_hex(8)
    fresh = run if config.getoption("--trek-rebuild") else ""
    stock = Stock(trek_server, trek_migrator_for, config.rootpath, fresh)
    _trek_background.run(stock.open())
    yield stock
    _trek_background.run(stock.close())


# --------------------------------------------------------------------------- of one test
@pytest.fixture
def trek_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """The DSN of this test's own database, migrated to head or to the target of `@pytest.mark.trek`."""
    background: Background = request.getfixturevalue("_trek_background")
    made, stock = _database(request, background)
    yield made.dsn
    background.run(stock.give_back(made))


@pytest.fixture
def trek_migrator(trek_dsn: str, trek_migrator_for: Callable[[str], Migrator]) -> Migrator:
    """A `Migrator` on this test's database: `await trek_migrator.migrate("0004")`."""
    return trek_migrator_for(trek_dsn)


@pytest.fixture
def trek_connection(request: pytest.FixtureRequest) -> Connection:
    """An asyncpg connection to this test's database, closed afterwards."""
    made: Connection = request.getfixturevalue(f"_trek_connection_{_loop(request)}")
    return made


@pytest.fixture
def trek_pool(request: pytest.FixtureRequest) -> Pool:
    """An asyncpg pool on this test's database, closed afterwards."""
    made: Pool = request.getfixturevalue(f"_trek_pool_{_loop(request)}")
    return made


@pytest.fixture
def trek_check(request: pytest.FixtureRequest) -> Checks:
    """A line each: `trek_check.single_head()`, `.migrations_are_reversible()`, `.schema_matches("schema.sql")`."""
    from trek_asyncpg.testing._pytest._checks import Checks  # noqa: PLC0415 - as above

    return Checks(request)


# --------------------------------------------------------------------------- small print
def _database(request: pytest.FixtureRequest, background: Background) -> tuple[Database, Stock]:
    target = _target(request.node)
    try:
        stock: Stock = request.getfixturevalue("_trek_stock")
        return background.run(stock.take(target)), stock
    except (NoServer, TrekError) as error:
        message = f"trek could not make the database of this test, at {target!r}:\n{error}"
    raise _told(request, message)  # out here, or pytest would show the error, too


def _told(request: pytest.FixtureRequest, message: str) -> BaseException:
    """All of it once a worker: two hundred tests fail for one migration."""
    me = request.node.nodeid
    first = request.config.stash[TOLD].setdefault(message, me)
    short = f"no database, for the reason that {first} shows"
    return pytest.fail.Exception(message if first == me else short, pytrace=False)


def _target(node: pytest.Item) -> str:
    marker = node.get_closest_marker("trek")
    if marker is None:
        return "head"
    target = marker.kwargs.get("target")
    if marker.args or set(marker.kwargs) != {"target"} or not isinstance(target, str):
        pytest.fail(WRONG, pytrace=False)
    return target


def _loop(request: pytest.FixtureRequest) -> str:
    """Whose async fixtures this test can have: anyio's, or those of pytest-asyncio on the test's own loop."""
    marker = request.node.get_closest_marker("asyncio")  # in auto mode pytest-asyncio marks every async test
    if "anyio_backend" in request.fixturenames:
        if marker:
            pytest.fail(BOTH, pytrace=False)
        backend = request.getfixturevalue("anyio_backend")
        if (name := backend if isinstance(backend, str) else backend[0]) != "asyncio":
            pytest.fail(NOT_ASYNCIO.format(backend=name), pytrace=False)
        return "anyio"
    if not any(map(request.config.pluginmanager.hasplugin, ASYNC["asyncio"])):
        pytest.fail(NOT_ASYNC, pytrace=False)
    scope = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope") if marker else None
    return str(scope or request.config.getini("asyncio_default_test_loop_scope") or "function")
