"""What the tests see of a server from outside: its processes, its folders, its owner."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it became true in that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


async def ask(dsn: str, query: str, **options: str) -> object:
    connection = await asyncpg.connect(dsn, **options)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def socket_folder(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


def server_of(dsn: str) -> psutil.Process:
    """The postmaster that listens there: its socket has a lock file that begins with its pid."""
    lock = socket_folder(dsn) / ".s.PGSQL.5432.lock"
    return psutil.Process(int(lock.read_text().split()[0]))


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end. A zombie has ended: in a container nobody may collect the orphans."""
    return until(lambda: not any(_runs(process) for process in processes))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Owner:
    """A process that owns a server, and what belongs to it."""

    process: subprocess.Popen[str]
    dsn: str
    everything: list[psutil.Process]

    def ends(self) -> int:
        """Its exit code, when all that belongs to it is gone, too."""
        code = self.process.wait(30)
        assert gone(self.everything), self.everything
        assert until(lambda: not socket_folder(self.dsn).exists())
        return code


def owner(folder: Path | None = None, ending: str = "wait") -> Owner:
    program = str(Path(__file__).with_name("owner.py"))
    command = [sys.executable, program, str(folder or "-"), ending]
    process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout:
        dsn = process.stdout.readline().strip()
    server = server_of(dsn)
    supervisor = server.parent()
    assert supervisor is not None
    everything = [supervisor, *family(server)]
    with process.stdin:
        process.stdin.write("go on\n")
    return Owner(process, dsn, everything)
