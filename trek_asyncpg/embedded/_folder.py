"""The folders of a server: one for its socket, and one that is kept.

A kept folder holds ``data`` (the cluster), ``data.new`` (a cluster being made), ``server.log`` and ``lock``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trek_asyncpg.embedded._errors import refused, unavailable

if TYPE_CHECKING:
    from threading import Event

OURS = frozenset({"data", "data.new", "server.log", "lock"})
ROOMY = 2 << 30  # bytes; Docker gives /dev/shm 64 MiB


def make_work(*, in_memory: bool) -> Path:
    """A 0700 folder for the socket and, when thrown away, the cluster. Short: a socket's path may have 103 bytes."""
    base = "/tmp"  # noqa: S108 - $TMPDIR may be long, or out of the account's reach
    if in_memory and sys.platform == "linux":
        with suppress(OSError):
            if shutil.disk_usage("/dev/shm").free > ROOMY:  # noqa: S108 - as above
                base = "/dev/shm"  # noqa: S108
    return Path(tempfile.mkdtemp(prefix="trek-pg-", dir=base))


def prepare_kept(folder: Path) -> None:
    """Make the folder where it is missing. Raises ConfigError when it is used for something else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = sorted({path.name for path in folder.iterdir()} - OURS)
    except OSError as error:
        problem = f"{folder} cannot be used for the embedded server: {error.strerror or error}"
        raise refused(problem, "Name a folder that you can write to.") from error
    if strangers:
        problem = f"{folder} is not a folder of the embedded server: it holds {', '.join(strangers[:3])}"
        raise refused(problem, "Name a new or empty folder; trek keeps its cluster in `data` below it.")


def claim(lock: Path, wait: float, stopped: Event) -> int:
    """The lock file, open and locked; the lock ends when every process that inherited it is gone.

    Waits `wait` seconds for another process. Raises ConnectError then, or when `stopped` is set; ConfigError when the
    file cannot be written.
    """
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        problem = f"{lock} cannot be written by uid {os.geteuid()}: {error.strerror} (made by another account?)"
        raise refused(problem, "Run trek as the account that owns the folder or as root, or name another.") from error
    try:
        _wait(file, lock, wait, stopped)
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} ({Path(sys.argv[0]).name or 'python'})".encode(), 0)
    except BaseException:
        os.close(file)
        raise
    return file


def _wait(file: int, lock: Path, wait: float, stopped: Event) -> None:
    until = time.monotonic() + wait
    while not locked(file):
        if stopped.is_set() or time.monotonic() >= until:
            holder = os.pread(file, 200, 0).decode(errors="replace") or "another process"
            problem = f"{lock.parent} is in use by {holder}; waited {wait:.0f} s for it to finish"
            raise unavailable(problem, "Wait for that process, stop it, or name another folder.")
        stopped.wait(0.05)


def locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until_free(lock: Path, seconds: float) -> None:
    """Wait until no process of a server is left, at most so long; at once where the file is gone."""
    until = time.monotonic() + seconds
    with suppress(OSError), lock.open("rb") as file:
        while not locked(file.fileno()) and time.monotonic() < until:
            time.sleep(0.02)
