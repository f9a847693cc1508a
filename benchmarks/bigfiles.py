"""One migration of 100 MB, by psql in one transaction and by trek, in turns: time, and memory of client and server.

    python -m benchmarks.bigfiles [--megabytes 100] [--rounds 3]

Whole processes, and `migrate()` alone, on a server of its own (fsync off). The COPY file is a real pg_dump. Memory: the
client's peak above what it had once it was connected; the private memory of the server's process at its highest, looked at
every 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.tools import CLIENTS
from trek_asyncpg.embedded import EmbeddedServer
from trek_asyncpg.embedded._binaries import find_binaries, installed

DATABASE = "trek_big"
TABLE = "CREATE TABLE big (id int PRIMARY KEY, name text NOT NULL, note text, price numeric(10, 2), at timestamptz);\n"
ROW = "INSERT INTO big VALUES ({0}, 'name {0}', '{1}', {2}.25, '2026-01-01 00:00:00+00');\n"
NOTE = "it''s a note of some length, as people write them"


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of the process, and of `migrate()`; kB of the client above its start and of the server's process.

    0: not measured.
    """

    seconds: float
    inside: float
    client: int
    server: int


class Watch(threading.Thread):
    """Looks at the private memory of the process that serves the database.

    Of all processes only until that one is there: to look at them again and again takes a tenth of a processor.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.done = 0, threading.Event()

    def run(self) -> None:
        serving: Path | None = None
        while not self.done.wait(0.02):
            try:
                serving = serving or next(filter(serves, Path("/proc").glob("[0-9]*")), None)
                if serving:
                    self.most = max(self.most, kilobytes(serving, "RssAnon"))
            except OSError:  # it ended meanwhile
                serving = None


def serves(process: Path) -> bool:
    try:
        return f" {DATABASE} [local]" in (process / "cmdline").read_text()
    except OSError:  # as above
        return False


def kilobytes(process: Path, word: str) -> int:
    found = re.search(rf"^{word}:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def program(name: str) -> str:
    return next(str(folder / name) for folder in (find_binaries(), *installed()) if (folder / name).is_file())


# --------------------------------------------------------------------------- the files
def write_inserts(path: Path, size: int) -> None:
    with path.open("w") as file:
        done, number = file.write(TABLE), 0
        while done < size:
            number += 1
            done += file.write(ROW.format(number, NOTE[: 5 + number % 45], number % 9999))


async def write_dump(server: EmbeddedServer, path: Path, size: int) -> None:
    await anew(server)
    connection = await asyncpg.connect(server.dsn(DATABASE))
    await connection.execute(TABLE)
    await connection.execute(
        "INSERT INTO big SELECT i, 'name ' || i, repeat(md5(i::text), 1 + mod(i, 3)), mod(i, 9999) + 0.25,"
        f" '2026-01-01'::timestamptz + i * interval '1 s' FROM generate_series(1, {size // 108}) i"
    )
    await connection.close()
    subprocess.run([program("pg_dump"), "-d", server.dsn(DATABASE), "-f", str(path)], check=True)


# --------------------------------------------------------------------------- the runs
async def anew(server: EmbeddedServer) -> None:
    admin = await asyncpg.connect(server.dsn())
    await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {DATABASE}")
    await admin.execute("CHECKPOINT")
    await admin.close()


def timed(command: list[str]) -> Measured:
    watch, begun = Watch(), time.perf_counter()
    watch.start()
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=compiled)
    seconds = time.perf_counter() - begun
    watch.done.set()
    watch.join()
    told = re.search(r"^took (\S+) s, (\d+) kB$", done.stdout, re.MULTILINE)
    inside, client = (float(told[1]), int(told[2])) if told else (0.0, 0)
    return Measured(seconds, inside, client, watch.most)


async def compare(server: EmbeddedServer, name: str, path: Path, rounds: int) -> None:
    """Prints two rows of the table."""
    dsn = server.dsn(DATABASE)
    commands = {
        "psql -1": [program("psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", str(path)],
        "trek": [sys.executable, str(CLIENTS / "run_big.py"), dsn, str(path.parent)],
    }
    found: dict[str, list[Measured]] = {tool: [] for tool in commands}
    for turn in range(rounds):
        for tool in list(commands)[:: 1 if turn % 2 else -1]:
            await anew(server)
            found[tool].append(timed(commands[tool]))
    for tool, runs in found.items():
        seconds = statistics.median(run.seconds for run in runs)
        ratio = statistics.median(
            one.seconds / other.seconds for one, other in zip(runs, found["psql -1"], strict=True)
        )
        alone = statistics.median(one.inside / other.seconds for one, other in zip(runs, found["psql -1"], strict=True))
        client = f"{max(run.client for run in runs) / 1000:.0f} MB" if tool == "trek" else "-"
        server_most = max(run.server for run in runs) / 1000
        told = f"{alone:.2f} x" if alone else "-"
        print(f"| {name} | {tool} | {seconds:.2f} s | {ratio:.2f} x | {told} | {client} | {server_most:.0f} MB |")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with EmbeddedServer() as server, tempfile.TemporaryDirectory() as folder:
        for kind in ("inserts", "copy"):
            Path(folder, kind).mkdir()
        inserts, copy = Path(folder, "inserts", "1_big.sql"), Path(folder, "copy", "1_big.sql")
        write_inserts(inserts, given.megabytes * 1_000_000)
        await write_dump(server, copy, given.megabytes * 1_000_000)
        print(
            "| file | tool | time (median) | x psql | migrate() alone, x psql | client's peak | server's process, private |"
        )
        print("|---|---|---:|---:|---:|---:|---:|")
        await compare(server, f"{inserts.stat().st_size / 1e6:.0f} MB of INSERT lines", inserts, given.rounds)
        await compare(server, f"{copy.stat().st_size / 1e6:.0f} MB pg_dump with COPY", copy, given.rounds)


if __name__ == "__main__":
    asyncio.run(main())
