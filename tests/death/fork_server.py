"""Processes that migrate and are killed: `python -m tests.death.fork_server`, a request a line, an answer a line.

Everything is imported once; each runner is a fork, so that it costs a millisecond. A request: dsn, folder, target, runners (how
many at once), after (seconds until the first of them gets SIGKILL; null: never). The answer: their exit codes, -9 for one that
was killed, and the seconds until the last one ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

from trek_asyncpg import migrate
from trek_core import (  # noqa: F401
    Migrator,
    _runner,
    _workspace,
)


def child(dsn: str, folder: str, target: str) -> int:
    """Forks a runner; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        asyncio.run(migrate(dsn, folder, target))
        code = 0
    except BaseException as error:  # noqa: BLE001 - a fork must not go back into the loop of requests
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)


def serve(dsn: str, folder: str, target: str, runners: int, after: float | None) -> tuple[list[int], float]:
    begun = time.monotonic()
    pids = [child(dsn, folder, target) for _ in range(runners)]
    if after is not None:
        time.sleep(after)
        os.kill(pids[0], signal.SIGKILL)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    return codes, time.monotonic() - begun


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(serve(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
