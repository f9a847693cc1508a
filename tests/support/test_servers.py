"""`trek_asyncpg.testing`: a server a process, a database of one's own, and a message that says all where there is none."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from trek_asyncpg.testing import NoServer, Server, database
from trek_asyncpg.testing import _chain as chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Python = Callable[..., subprocess.Popen[str]]

OWN_SERVER = """
import sys
from urllib.parse import parse_qs, urlsplit
from trek_asyncpg.testing import server
assert server() is server()
print(parse_qs(urlsplit(server().base).query)["host"][0], flush=True)
"""
WAITS = OWN_SERVER + "sys.stdin.read()"
FORKS = (
    OWN_SERVER
    + """
import os
import secrets
if os.fork():
    print("the fork ended with", os.wait()[1], flush=True)
    sys.stdin.read()
"""
)
ONE_DATABASE = """
import asyncio
import sys
from trek_asyncpg.testing import database

async def main():
    async with database() as made:
        connection = await made.connect()
        await connection.execute("CREATE TABLE mine ()")
        print(made.name, flush=True)
        sys.stdin.read()
        print(await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))

asyncio.run(main())
"""
NAMES = "SELECT datname FROM pg_database WHERE datname = ANY($1)"


@pytest.fixture
def python(pg_bindir: Path | None) -> Iterator[Python]:
    """`python(program, **environment)`: a process of its own, which is no longer there after the test."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TREK_TEST_")}
    if pg_bindir is not None:
        inherited["TREK_PG_BIN"] = str(pg_bindir)
    pipe = subprocess.PIPE
    with ExitStack() as stack:

        def start(program: str, **given: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-W", "error", "-c", program]
            process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env={**inherited, **given}
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def gone(folder: str) -> bool:
    """Whether the folder of a server is removed, within half a minute."""
    for _ in range(600):
        if not Path(folder).exists():
            return True
        await asyncio.sleep(0.05)
    return False


async def existing(server: Server, *names: str) -> set[str]:
    admin = await asyncpg.connect(server.base)
    try:
        return {row[0] for row in await admin.fetch(NAMES, names)}
    finally:
        await admin.close()


# --------------------------------------------------------------------------- a server
def own(program: str, python: Python) -> tuple[subprocess.Popen[str], str]:
    """A process that started a server of its own, and the folder of its socket."""
    process = python(program, TREK_TEST_PROVIDER="local" if os.environ.get("TREK_PG_BIN") else "wheel")
    folder = line(process)
    assert folder, process.communicate()[1]
    assert Path(folder).is_dir()
    return process, folder


async def test_the_server_of_a_process_ends_with_it(python: Python) -> None:
    process, folder = own(WAITS, python)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert not Path(folder).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_server_of_a_killed_process_ends_too(python: Python, number: signal.Signals) -> None:
    process, folder = own(WAITS, python)
    process.send_signal(number)
    process.wait(60)
    assert await gone(folder)


async def test_a_fork_leaves_the_server_of_its_parent_running(python: Python) -> None:
    process, folder = own(FORKS, python)
    assert line(process) == "the fork ended with 0"
    async with database(Server("parent", f"postgresql://postgres@/postgres?host={folder}&port=5432")) as made:
        assert await (await made.connect()).fetchval("SELECT 1") == 1
    process.communicate(timeout=60)


# --------------------------------------------------------------------------- a database
async def test_two_processes_at_once_have_databases_of_their_own(python: Python, server: Server) -> None:
    both = [python(ONE_DATABASE, TREK_TEST_DSN=server.base) for _ in range(2)]
    names = [line(process) for process in both]
    assert await existing(server, *names) == set(names)
    assert len(set(names)) == 2
    assert [process.communicate(timeout=60) for process in both] == [("1\n", "")] * 2
    assert await existing(server, *names) == set()


async def test_a_database_is_dropped_whatever_is_still_connected_to_it(server: Server) -> None:
    async with database(server) as made:
        await (await made.connect()).execute("BEGIN; CREATE TABLE mine ()")
        stranger = await asyncpg.connect(made.dsn)
    assert await existing(server, made.name) == set()
    stranger.terminate()


# --------------------------------------------------------------------------- none
def test_where_no_server_can_be_had_each_reason_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        reason = f"{name} is not here"
        raise NoServer(reason)

    starters = {name: lambda _, name=name: refuse(name) for name in ("dsn", "docker", "wheel", "local")}
    monkeypatch.setattr(chain, "_STARTERS", starters)
    monkeypatch.delenv("TREK_PG_BIN", raising=False)
    with ExitStack() as stack, pytest.raises(NoServer) as caught:
        chain.start("auto", stack)
    first, *reasons, advice = str(caught.value).splitlines()
    assert first == "no PostgreSQL to test with; tried"
    assert reasons == [f"  {name}: {name} is not here" for name in starters]
    assert "pip install 'trek-migrate[testing,embedded]'" in advice
    assert "TREK_TEST_DSN" in advice


def test_whoever_asks_again_is_told_again(python: Python) -> None:
    asked_twice = """
from trek_asyncpg.testing import NoServer, server
for _ in range(2):
    try:
        server()
    except NoServer as error:
        print(error)
"""
    output, errors = python(asked_twice, TREK_TEST_PROVIDER="dsn").communicate(timeout=60)
    assert (output, errors) == ("TREK_TEST_DSN is not set\n" * 2, "")


def test_a_provider_that_nobody_knows_is_refused() -> None:
    with ExitStack() as stack, pytest.raises(NoServer, match=r"TREK_TEST_PROVIDER is 'wheels'.*auto, dsn, docker"):
        chain.start("wheels", stack)


def test_a_provider_that_was_asked_for_is_the_only_one_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREK_TEST_DSN", raising=False)
    with ExitStack() as stack, pytest.raises(NoServer, match=r"\ATREK_TEST_DSN is not set\Z"):
        chain.start("dsn", stack)


async def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    nowhere = Server("dsn", "postgresql://me:hunter2@localhost:1/postgres")
    assert "hunter2" not in repr(nowhere)
    with pytest.raises(NoServer, match=r"\(dsn\) cannot be used: .*//me:\*\*\*@localhost:1/postgres: Conn") as caught:
        async with database(nowhere):
            pass
    assert "hunter2" not in str(caught.value)


async def test_a_role_that_may_not_make_databases_is_told_what_it_needs(server: Server) -> None:
    role = f"trek_poor_{secrets.token_hex(4)}"
    async with database(server) as made:
        admin = await made.connect()
        await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'poor'")
        try:
            parts = urlsplit(made.dsn)
            host = parts.netloc.rpartition("@")[2]
            poor = Server("dsn", urlunsplit(parts._replace(netloc=f"{role}:poor@{host}")))
            with pytest.raises(
                NoServer, match=r"\(dsn\): permission denied to create database\. .* CREATEDB"
            ) as caught:
                async with database(poor):
                    pass
            assert "poor@" not in str(caught.value)
        finally:
            await admin.execute(f"DROP ROLE {role}")
