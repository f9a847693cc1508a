"""PgBouncer between a test and the server.

`TREK_TEST_POOLER=transaction` (or `session`) puts one between every test's `database` and the server; `other` goes
direct. `NOT_POOLED` (not_pooled.py) lists what cannot hold there.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from trek_asyncpg.testing import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.databases import Connection

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
MODES = ("transaction", "session")
PATIENCE = 15  # seconds


@dataclass(slots=True)
class Pooled(Database):
    """A test's database through a PgBouncer: `.dsn` and `.connect()`. `direct`: the same without it."""

    direct: Database

    async def connect(self, **options: Any) -> Connection:
        """One more connection through the pooler; the driver must not keep prepared statements there."""
        return await Database.connect(self, **{"statement_cache_size": 0, **options})


def asked() -> str:
    """The mode that TREK_TEST_POOLER asks for, or nothing. Raises ValueError."""
    mode = os.environ.get("TREK_TEST_POOLER", "")
    if mode and mode not in MODES:
        msg = f"TREK_TEST_POOLER is {mode!r}; it can be {' or '.join(MODES)}"
        raise ValueError(msg)
    if mode and PROGRAM is None:
        msg = "TREK_TEST_POOLER is set, and pgbouncer is not installed: apt-get install pgbouncer"
        raise ValueError(msg)
    return mode


@contextmanager
def pgbouncer(base: str, mode: str, folder: Path) -> Iterator[int]:
    """The port of a PgBouncer for all databases of the server that a DSN names. Its login is that of the DSN."""
    port = _free_port()
    file = folder / "pgbouncer.ini"
    file.write_text(_configuration(base, port, mode))
    with ExitStack() as stack:
        given = stack.enter_context(file.open())
        log = stack.enter_context((folder / "log").open("w"))
        command = [str(PROGRAM), "/dev/stdin"]
        process = subprocess.Popen(command, stdin=given, stdout=log, stderr=log, cwd="/", **_account(base))
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        _wait(process, port, folder / "log")
        yield port


def _configuration(base: str, port: int, mode: str) -> str:
    parts = urlsplit(base)
    given = parse_qs(parts.query)
    host = given.get("host", [parts.hostname or "localhost"])[0]
    target = given.get("port", [parts.port or 5432])[0]
    secret = f" password={parts.password}" if parts.password else ""
    user = parts.username or "postgres"
    return (
        f"[databases]\n* = host={host} port={target} user={user}{secret}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n"
        f"default_pool_size = {3 if mode == 'transaction' else 20}\nunix_socket_dir =\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )


def _account(base: str) -> dict[str, int]:
    """It refuses to run as root, and the server's socket is its own account's."""
    if os.geteuid():
        return {}
    owner = Path(parse_qs(urlsplit(base).query).get("host", ["/"])[0]).stat().st_uid
    return {"user": owner or pwd.getpwnam("nobody").pw_uid}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    msg = f"pgbouncer did not listen within {PATIENCE} s:\n{log.read_text()}"
    raise AssertionError(msg)
