"""The parent of a server, a process of its own: it ends the server when its owner ends, however that happens.

It holds a pipe to the owner, who says what to run in one line of JSON and closes the pipe to stop; so does the kernel
when the owner is killed. It is run by path, isolated and without the rest of trek: the standard library is enough.
"""

from __future__ import annotations

import ctypes  # before the fork: after it the standard library may be out of the account's reach
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PATIENCE = 10.0  # seconds for a fast shutdown; after it the server is told to leave everything
LINES_WHEN_UP = 8  # of postmaster.pid, whose eighth line is the status
LONGEST_LOG = 1 << 20


def _death_signal() -> Callable[[], None] | None:
    """For the child: be told when the supervisor itself is killed. Linux only."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT))  # after setuid, which would clear it
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _start(task: dict[str, Any], log: int) -> subprocess.Popen[Any]:
    return subprocess.Popen(  # noqa: S603 - what our owner asks for
        task["command"],
        cwd="/",
        env=task["environment"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=task["descriptors"],
        preexec_fn=_death_signal(),  # noqa: PLW1509 - this process has one thread
        **task["identity"],
    )


def _is_up(pidfile: Path, pid: int) -> bool:
    with suppress(OSError):
        lines = pidfile.read_text().splitlines()
        return len(lines) >= LINES_WHEN_UP and lines[0] == str(pid) and lines[7].strip() in ("ready", "standby")
    return False


def _await_start(server: subprocess.Popen[Any], task: dict[str, Any]) -> str | None:
    """What went wrong; None: it is up."""
    until = time.monotonic() + task["timeout"]
    while not _is_up(Path(task["pidfile"]), server.pid):
        if server.poll() is not None:
            return f"it ended with exit code {server.returncode}"
        if time.monotonic() > until:
            return f"it was not up after {task['timeout']:.0f} s"
        if _owner_gone(task["owner"], 0.003):
            return "nobody waits for it"
    return None


def _owner_gone(owner: int, wait: float) -> bool:
    """Wait for the end of the pipe. A fork of the owner may hold it open: look at our parent, too."""
    return bool(select.select([sys.stdin], [], [], wait)[0]) or os.getppid() != owner


def _stop(server: subprocess.Popen[Any]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def _open_log(path: Path) -> int:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    if os.fstat(log).st_size > LONGEST_LOG:
        os.ftruncate(log, 0)
    return log


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a handler, as what is ignored is inherited
        signal.signal(number, lambda *_: None)
    task = json.loads(sys.stdin.readline())
    log = _open_log(Path(task["log"]))
    begin = os.fstat(log).st_size
    server = _start(task, log)
    problem = _await_start(server, task)
    said = ""
    if problem:
        _stop(server)
        said = Path(task["log"]).read_bytes()[begin:].decode(errors="replace").strip()
    with suppress(BrokenPipeError):
        print(json.dumps({"problem": problem, "log": said[-2000:]}), flush=True)  # noqa: T201 - the answer
    while server.poll() is None and not _owner_gone(task["owner"], 0.5):
        pass
    _stop(server)
    for folder in task["remove"]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
