"""The server of the run, and a database of its own for each test that asks for one.

A test that uses `database` runs once per version of TREK_TEST_PG (14,18); beside a real tool, or of what stands around a run,
on the newest only; the others run once. With one version, or none, no name changes. TREK_TEST_POOLER puts a PgBouncer between
(tests/support/pooler.py).
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import not_pooled, pooler, versions
from tests.support.databases import Database, Roles
from tests.support.pooler import Pooled
from tests.support.servers import chosen_bindir, start
from trek_asyncpg import testing
from trek_asyncpg.embedded import EmbeddedServer
from trek_asyncpg.testing import NoServer, Server
from trek_asyncpg.testing._chain import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.databases import Connection

ASKED = pytest.StashKey[list[int]]()
POOLER = pytest.StashKey[str]()
STARTED = pytest.StashKey[dict[str, tuple[str, str]]]()
NOT_ABOUT_THE_SERVER = (
    "asgi",
    "cli",
    "docs",
    "errors",
    "examples",
    "observers",
    "plugins",
    "promises",
    "pytest_plugin",
)
"""Folders of tests of what stands around a run: the newest server is enough, and CI has half an hour."""
# a machine that is busy fails no test
settings.register_profile("trek", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trek")
SCRAM = "local all postgres trust\nlocal all all scram-sha-256\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    default = os.environ.get("TREK_TEST_PROVIDER", "auto")
    text = "where the tests' PostgreSQL comes from (or TREK_TEST_PROVIDER); auto: the first that can be had"
    parser.addoption("--pg-provider", default=default, choices=PROVIDERS, help=text)


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[ASKED] = versions.parse(os.environ.get("TREK_TEST_PG", ""))
        config.stash[POOLER] = pooler.asked()
    except (versions.Unavailable, ValueError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items if config.stash[POOLER] else []:
        if why := not_pooled.reason(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=why))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = metafunc.config.stash[ASKED]
    real_tool = metafunc.definition.get_closest_marker("interop")
    folder = metafunc.definition.path.relative_to(Path(__file__).parent).parts[0]
    one_is_enough = real_tool or folder in NOT_ABOUT_THE_SERVER
    if "pg_version" in metafunc.fixturenames and len(asked) > 1:
        numbers = [max(asked)] if one_is_enough else asked
        metafunc.parametrize(
            "pg_version", numbers, indirect=True, ids=[f"pg{number}" for number in numbers], scope="session"
        )


def _start(config: pytest.Config, version: int | None, stack: ExitStack) -> Server:
    try:
        return start(config.getoption("--pg-provider"), version, stack)
    except NoServer as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: one server per version for the whole run, started here and named to each worker."""
    if STARTED not in node.config.stash:
        stack = ExitStack()
        node.config.add_cleanup(stack.close)
        asked: list[int] | list[None] = node.config.stash[ASKED] or [None]
        addresses = {str(version): _start(node.config, version, stack) for version in asked}
        node.config.stash[STARTED] = {key: (found.provider, found.base) for key, found in addresses.items()}
    node.workerinput["trek_servers"] = node.config.stash[STARTED]


@pytest.fixture(scope="session")
def pg_version(request: pytest.FixtureRequest) -> int | None:
    """The major version that TREK_TEST_PG asks for; None: whatever the chain finds."""
    asked = request.config.stash[ASKED]
    return getattr(request, "param", asked[0] if asked else None)


@pytest.fixture(scope="session")
def pg_bindir(pg_version: int | None) -> Path | None:
    """For servers that a test starts itself; None: let EmbeddedServer find it."""
    return chosen_bindir(pg_version)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, pg_version: int | None) -> Iterator[Server]:
    """The server of the run: `.base` is its superuser's DSN."""
    shared = getattr(request.config, "workerinput", {}).get("trek_servers")
    with ExitStack() as stack:
        yield Server(*shared[str(pg_version)]) if shared else _start(request.config, pg_version, stack)


@pytest.fixture
async def make_role(server: Server) -> AsyncIterator[Roles]:
    """`await make_role("LOGIN")` gives the name of a new role, dropped when the test ends."""
    roles = Roles(server)
    yield roles
    await roles.drop()


@pytest.fixture(scope="session")
def through(request: pytest.FixtureRequest, server: Server) -> Iterator[Server | None]:
    """The server through the PgBouncer of TREK_TEST_POOLER, one for the whole run; None: no pooler was asked for."""
    mode = request.config.stash[POOLER]
    with ExitStack() as stack:
        if mode:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trek-pooler-")))
            port = stack.enter_context(pooler.pgbouncer(server.base, mode, folder))
        yield Server("pgbouncer", f"postgresql://postgres@127.0.0.1:{port}/postgres") if mode else None


@pytest.fixture
async def database(server: Server, through: Server | None, make_role: Roles) -> AsyncIterator[Database]:
    """An empty database: `.dsn`, `.name`, `await .connect(…)`. It ends before the roles that own things in it."""
    async with testing.database(server) as made:
        if through is None:
            yield made
            return
        pooled = Pooled(made.name, through.dsn(made.name), made)
        yield pooled
        await pooled.close()


@pytest.fixture
async def connection(database: Database) -> Connection:
    """A connection to `database`."""
    return await database.connect()


@pytest.fixture
async def other(database: Database) -> Connection:
    """A second, independent connection to `database`; never through a pooler."""
    return await (database.direct if isinstance(database, Pooled) else database).connect()


@pytest.fixture(scope="session")
def password_server(pg_bindir: Path | None) -> Iterator[EmbeddedServer]:
    """A server that wants a password (SCRAM) from every role but its superuser `postgres`."""
    with tempfile.TemporaryDirectory(prefix="trek-hba-") as folder:
        rules = Path(folder, "pg_hba.conf")
        rules.write_text(SCRAM)
        Path(folder).chmod(0o755)  # the server may run under another account
        rules.chmod(0o644)
        with EmbeddedServer(bindir=pg_bindir, settings={"hba_file": str(rules)}) as started:
            yield started


@pytest.fixture(scope="session")
def standby(pg_bindir: Path | None) -> Iterator[EmbeddedServer]:
    """A hot standby: `pg_is_in_recovery()` is true in it, and nothing can be written."""
    with tempfile.TemporaryDirectory(prefix="trek-standby-") as folder:
        with EmbeddedServer(folder, bindir=pg_bindir, settings={"fsync": "off"}):
            pass
        Path(folder, "data", "standby.signal").touch()
        with EmbeddedServer(folder, bindir=pg_bindir, settings={"fsync": "off", "hot_standby": "on"}) as started:
            yield started
