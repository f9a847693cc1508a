"""Programs of the examples as processes of their own, whose output goes to a file."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKEN = "open sesame"
DOOR = {"authorization": f"Bearer {TOKEN}"}
PATIENCE = 60  # seconds that a process may take to start, or to end


def environ(dsn: str, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TREK_", "PG", "PYTEST"))}
    return {**kept, "DATABASE_URL": dsn, "ADMIN_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Server:
    """A server of an example. `log`: what it has said."""

    process: subprocess.Popen[bytes]
    output: Path
    pattern: str
    door: socket.socket | None = None

    @property
    def log(self) -> str:
        return self.output.read_text(encoding="utf-8")

    async def url(self) -> str:
        """Its address, once it takes requests."""
        end = time.monotonic() + PATIENCE
        while (found := re.search(self.pattern, self.log)) is None:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            await asyncio.sleep(0.05)
        return f"http://127.0.0.1:{self.door.getsockname()[1]}" if self.door else found[1]

    async def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=await self.url(), timeout=PATIENCE)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def server(
    command: list[str], env: dict[str, str], output: Path, pattern: str, door: socket.socket | None = None
) -> Iterator[Server]:
    """A program that serves once its output has the pattern, whose group is its address if it has no `door`."""
    given = [door.fileno()] if door else []
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command], env=env, stdout=file, stderr=file, pass_fds=given, start_new_session=True
        )
    try:
        yield Server(process, output, pattern, door)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.wait()


@contextmanager
def guest_book(env: dict[str, str], output: Path, workers: int = 1) -> Iterator[Server]:
    """The application of Starlette under uvicorn, on a port that nobody can take in between."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.set_inheritable(True)
        options = ["--app-dir", str(EXAMPLES / "starlette_app"), "--fd", str(door.fileno()), "--workers", str(workers)]
        ready = rf"(?s)(?:Application startup complete.*?){{{workers}}}"
        command = ["-m", "uvicorn", *options, "app:app"]
        with server(command, env, output, ready, door) as running:
            yield running
