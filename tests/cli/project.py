"""A folder of migrations and the real command, run in it as a user would: as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trek_core.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.databases import Connection

TREK = Path(sys.executable).with_name("trek")
OWN = ("TREK_", "DATABASE_URL", "PG", "NO_COLOR", "FORCE_COLOR", "COLUMNS")

USERS = "CREATE TABLE users (id int PRIMARY KEY);\n-- trek: down\nDROP TABLE users;\n"
EMAIL = "ALTER TABLE users ADD email text;\n-- trek: down\nALTER TABLE users DROP email;\n"
INDEX = "CREATE INDEX CONCURRENTLY users_email ON users (email);\n-- trek: down\nDROP INDEX CONCURRENTLY users_email;\n"
THREE = {"0001_users.sql": USERS, "0002_email.sql": EMAIL, "0003_index.sql": INDEX}
WAIT = "SELECT pg_advisory_xact_lock(42);\n"


def interrupt(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT, times: int = 1) -> None:
    """Ctrl-C or SIGTERM, so many times at once.

    Again if nothing comes of it: one that arrives just before a question begins to wait does not wake it.
    """
    while process.poll() is None:
        for _ in range(times):
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


async def tables(connection: Connection) -> set[str]:
    """Names of the tables and indexes in public."""
    rows = await connection.fetch("SELECT relname FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 2200")
    return {row["relname"] for row in rows}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Project:
    """`dsn` stands in TREK_DSN of every command that is run, unless it is empty."""

    folder: Path
    dsn: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.folder / "migrations" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)

    def install(self, name: str, code: str) -> None:
        """A distribution `name` 1.2, with one module that is a plugin of that name."""
        site = self.folder / "site"
        info = site / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[trek]\n{name} = {name}_trek\n")
        (site / f"{name}_trek.py").write_text(code)
        self.environ["PYTHONPATH"] = str(site)

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[str]:
        piped = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = {**piped, **streams}
        self.started.append(subprocess.Popen([TREK, *words], cwd=self.folder, env=self.env(), text=True, **options))
        return self.started[-1]

    def close(self) -> None:
        """End what a failed test left behind."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(self, *words: str) -> Ended:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        return kept | ({"TREK_DSN": self.dsn} if self.dsn else {}) | self.environ


@dataclass
class Inside(Project):
    """The command without a process of its own, for what needs no database: much quicker."""

    read: Callable[[], tuple[str, str]] = lambda: ("", "")

    def run(self, *words: str) -> Ended:
        self.read()
        code = main(words)
        return Ended(code, *self.read())
