"""Run by the tests as a process of its own: starts a server, says where it is, and waits to be ended.

python owner.py FOLDER|- [raise|exit|fork|fork-wait]
"""

# ruff: noqa: EM101, TRY003, T201 - a program that speaks to the test and fails on purpose
from __future__ import annotations

import os
import signal
import sys
import time

from trek_asyncpg.embedded import EmbeddedServer

folder, ending = (*sys.argv[1:], "wait")[:2]
with EmbeddedServer(None if folder == "-" else folder) as server:
    print(server.dsn(), flush=True)
    sys.stdin.readline()  # the test has seen all that there is
    if ending == "raise":
        raise ValueError("the owner's own error")
    if ending.startswith("fork"):  # the child holds all that we had open
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    if ending.endswith("wait"):
        time.sleep(600)
if ending == "fork":
    os.kill(child, signal.SIGKILL)
