"""Run by the tests as a process of its own: starts a server, says where it is, and waits to be ended.

python owner.py FOLDER|- [raise|exit]
"""

# ruff: noqa: EM101, TRY003, T201 - a program that speaks to the test and fails on purpose
from __future__ import annotations

import sys
import time

from trek_asyncpg.embedded import EmbeddedServer

folder, ending = (*sys.argv[1:], "wait")[:2]
with EmbeddedServer(None if folder == "-" else folder) as server:
    print(server.dsn(), flush=True)
    sys.stdin.readline()  # the test has seen all that there is
    if ending == "raise":
        raise ValueError("the owner's own error")
    if ending == "wait":
        time.sleep(600)
