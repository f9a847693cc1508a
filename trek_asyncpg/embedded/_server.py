"""The embedded server: a cluster, a supervisor, a socket."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import quote

from trek_asyncpg.embedded import _supervisor
from trek_asyncpg.embedded._account import Account, environment, find_account
from trek_asyncpg.embedded._binaries import checked, find_binaries
from trek_asyncpg.embedded._copy import reachable
from trek_asyncpg.embedded._errors import unavailable
from trek_asyncpg.embedded._folder import claim, make_work, prepare_kept, wait_until_free
from trek_asyncpg.embedded._initdb import address, check_major, initialise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "checkpoint_timeout": "1d",
}
WAIT = 30.0  # seconds for another process on the same folder
START = 60.0  # seconds; after a crash the server first reads its log


class EmbeddedServer:
    """A PostgreSQL server that lives as long as this object's `with` block, and never longer than this process.

    `data`: the folder to keep its databases in (made where missing); None: thrown away at the end, and fast rather than
    safe. Two processes on one folder take turns: the second waits 30 seconds. `bindir`: the folder of the programs
    `postgres` and `initdb`; None: found. `settings`: of postgresql.conf, by name.

    It listens on a socket in a private folder, not on the network. As root, PostgreSQL's programs run as
    $TREK_PG_OS_USER, `postgres` or `nobody`. Entering raises ConfigError when it cannot be run here that way, and
    ConnectError when it does not start.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        bindir: str | os.PathLike[str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = None if data is None else Path(data).absolute()
        self._bindir = bindir
        self._settings = {**(THROW_AWAY if data is None else {}), **(settings or {})}
        self._work: Path | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database, for the superuser. Raises ConnectError when the server does not run."""
        if self._work is None:
            problem = "the embedded server does not run"
            raise unavailable(problem, "Enter its `with` block first.")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self._work))}&port=5432"

    def start(self) -> None:
        """Start and wait until it answers; what `with` does. Raises as the class says."""
        with self._turn:
            if self._supervisor is not None or self._stopped.is_set():
                problem = "this embedded server was started before"
                raise unavailable(problem, "Make a new EmbeddedServer each time.")
            try:
                self._start()
            except BaseException:
                self._release()
                raise

    def stop(self) -> None:
        """Stop and clean up; what the end of `with` does. Does nothing when it does not run."""
        self._stopped.set()
        with self._turn:
            self._release()

    def _start(self) -> None:
        bindir = find_binaries() if self._bindir is None else checked(Path(self._bindir), "bindir")
        if self._folder is not None:
            prepare_kept(self._folder)
        self._work = make_work(in_memory=self._folder is None)
        lock = claim(self._home / "lock", WAIT, self._stopped)
        try:
            data = self._home / "data"
            account = find_account(data if data.exists() else None)
            account.take(self._work)
            bindir = reachable(bindir, account)
            if data.exists():
                check_major(data, bindir)
            else:
                initialise(data, bindir, account, durable=self._folder is not None)
            with address(data, account) as (path, descriptors):
                self._supervise([str(bindir / "postgres"), "-D", path], account, (lock, *descriptors))
        finally:
            os.close(lock)  # from here on the server's processes hold it

    @property
    def _home(self) -> Path:
        home = self._folder or self._work
        assert home is not None
        return home

    def _supervise(self, command: list[str], account: Account, descriptors: tuple[int, ...]) -> None:
        task = {
            "command": [*account.prefix, *command, *self._options()],
            "environment": environment(),
            "identity": account.identity(),
            "descriptors": descriptors,
            "log": str(self._home / "server.log"),
            "pidfile": str(self._home / "data" / "postmaster.pid"),
            "remove": [str(self._work)],
            "owner": os.getpid(),
            "timeout": START,
        }
        program = [sys.executable, "-I", "-S", _supervisor.__file__]
        pipe = subprocess.PIPE
        self._supervisor = subprocess.Popen(  # noqa: S603 - this Python
            program, stdin=pipe, stdout=pipe, pass_fds=descriptors, cwd="/", start_new_session=True
        )
        stdin, stdout = _pipes(self._supervisor)
        stdin.write(json.dumps(task).encode() + b"\n")
        stdin.flush()
        self._check(stdout.readline())

    def _options(self) -> list[str]:
        ours = {"port": "5432", "unix_socket_directories": str(self._work), "unix_socket_permissions": "0700"}
        settings = {**ours, "listen_addresses": "", **self._settings}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _check(self, answer: bytes) -> None:
        said: dict[str, Any] = json.loads(answer or b'{"problem": "its supervisor ended", "log": ""}')
        if said["problem"] is not None:
            where = self._folder or "a temporary folder"
            log = said["log"] or "(nothing)"
            problem = f"PostgreSQL did not start in {where}: {said['problem']}"
            raise unavailable(problem, f"Its log says:\n{log}")

    def _release(self) -> None:
        if self._supervisor is not None:
            stdin, stdout = _pipes(self._supervisor)
            with suppress(BrokenPipeError), stdin:
                stdin.write(b"\n")  # closing says nothing while a fork of ours holds the pipe open
            self._supervisor.wait()
            stdout.close()
            self._supervisor = None
            wait_until_free(self._home / "lock", 10)  # the supervisor was killed: the server ends on its own
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
            self._work = None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


@asynccontextmanager
async def serve(
    data: str | os.PathLike[str] | None = None,
    *,
    bindir: str | os.PathLike[str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[EmbeddedServer]:
    """`EmbeddedServer` for async code: the loop is free while it starts and stops. Raises as it does."""
    server = EmbeddedServer(data, bindir=bindir, settings=settings)
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        await asyncio.shield(asyncio.to_thread(server.stop))
