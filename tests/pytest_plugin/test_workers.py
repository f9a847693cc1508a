"""One server for all workers, which ends with the run however that ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.pytest_plugin.conftest import Project

OWN = {"TREK_TEST_DSN": "", "TREK_TEST_PROVIDER": "local" if os.environ.get("TREK_PG_BIN") else "wheel"}
KILLED = """
import os
import pathlib
import urllib.parse
import pytest

def socket(dsn):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(dsn).query)["host"][0]

@pytest.mark.parametrize("number", range(6))
def test_it(trek_dsn, number):
    with open("sockets", "a") as file:
        file.write(socket(trek_dsn) + "\\n")
    if number == 0:
        os._exit(9)
"""
WAITS = (
    KILLED
    + """
    import time
    time.sleep(60)
"""
)


@pytest.fixture
def own(project: Project, pg_bindir: Path | None) -> dict[str, str]:
    """The environment of a run that starts a server of its own."""
    return {**OWN, **({"TREK_PG_BIN": str(pg_bindir), "TREK_TEST_PROVIDER": "local"} if pg_bindir else {})}


def sockets(project: Project) -> set[str]:
    return set((project.folder / "sockets").read_text().split())


def test_workers_share_a_server_that_outlives_a_killed_one_and_ends_with_the_run(
    project: Project, own: dict[str, str]
) -> None:
    project.has(it=KILLED)
    ran = project.pytest("-n", "2", **own)
    assert ran.told == "1 failed, 5 passed", ran.output
    (folder,) = sockets(project)
    assert not Path(folder).exists()


async def test_ctrl_c_ends_the_server_too(project: Project, own: dict[str, str]) -> None:
    project.has(it=WAITS.replace("number == 0", "False"))
    with subprocess.Popen(project.command(), cwd=project.folder, env={**project.environment, **own}) as process:
        while not (project.folder / "sockets").exists() and process.poll() is None:
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    (folder,) = sockets(project)
    assert not Path(folder).exists()
