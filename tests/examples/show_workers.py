"""The admin endpoint migrates while four workers start, each of which would migrate too: what each says, and the result.

    python -m tests.examples.show_workers [SECONDS]       each of the slow migrations takes so long, 1.5 without a word

An old release runs; the files of a new one arrive; somebody asks the old one to migrate, and meanwhile four workers of the new
one start. Then further files arrive, and four workers and the endpoint begin at the same moment. The workers are processes of
uvicorn with examples/starlette_app. The server is TREK_TEST_DSN, or whichever the tests would take.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.examples.programs import DOOR, PATIENCE, Server, environ, guest_book
from trek_asyncpg import testing

WORKERS = 4
NOTE = "INSERT INTO counted (revision) VALUES ('{}');\n"  # no key: a second run would be seen
FIRST = {"0001_counted.sql": "CREATE TABLE counted (revision text);\n" + NOTE.format("0001")}
SECOND = {
    "0002_slow.sql": "CREATE TABLE slow AS SELECT generate_series(1, 1000) AS id;\nSELECT pg_sleep({seconds});\n"
    + NOTE,
    "0003_index.sql": "-- trek: no-transaction\nCREATE INDEX CONCURRENTLY slow_id ON slow (id);\n" + NOTE,
    "0004_python.py": (
        "async def upgrade(connection):\n"
        '    await connection.execute("SELECT pg_sleep({seconds})")\n'
        "    await connection.execute(\"INSERT INTO counted (revision) VALUES ('{}')\")\n"
    ),
    "0005_last.sql": "ALTER TABLE slow ADD word text;\n" + NOTE,
}
THIRD = {"0006_more.sql": "SELECT pg_sleep({seconds});\n" + NOTE, "0007_end.sql": NOTE}


@dataclass
class Shown:
    """What happened in one round. workers: each one's log of trek, and what it answered to /ready; endpoint: the other's."""

    stream: list[tuple[str, Any]]
    workers: dict[str, tuple[list[str], Any]]
    endpoint: tuple[list[str], Any]


def arrive(folder: Path, files: dict[str, str], seconds: float) -> None:
    for name, text in files.items():
        (folder / name).write_text(text.replace("{seconds}", str(seconds)).replace("{}", name[:4]), encoding="utf-8")


async def migrate(url: str, begun: asyncio.Event) -> list[tuple[str, Any]]:
    """Asks the endpoint, and gives the events of its stream. begun: a migration is running, or nothing is left to do."""
    found, name = [], ""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE, headers=DOOR))
        answer = await stack.enter_async_context(client.stream("POST", "/migrations/migrate"))
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            kind, _, text = line.partition(": ")
            if kind == "event":
                name = text
            elif kind == "data":
                found.append((name, json.loads(text)))
                if name in ("started", "report", "problem"):
                    begun.set()
    return found


async def ready(running: Server) -> tuple[list[str], Any]:
    """A worker's log, and its answer, once it takes requests."""
    async with httpx.AsyncClient(base_url=await running.url(), timeout=PATIENCE) as client:
        answer = await client.get("/migrations/ready")
    return [line for line in running.log.splitlines() if " trek." in line], (answer.status_code, answer.json())


def start(stack: ExitStack, env: dict[str, str], folder: Path, names: list[str]) -> dict[str, Server]:
    return {name: stack.enter_context(guest_book(env, folder / name)) for name in names}


async def show(dsn: str, home: Path, seconds: float) -> list[Shown]:
    """Both rounds."""
    folder = home / "migrations"
    folder.mkdir()
    arrive(folder, FIRST, seconds)
    env = environ(dsn, TREK_DIR=str(folder))
    with ExitStack() as stack:
        old = stack.enter_context(guest_book(env, home / "old"))
        url = await old.url()
        arrive(folder, SECOND, seconds)
        begun = asyncio.Event()
        asking = asyncio.create_task(migrate(url, begun))
        await begun.wait()
        first = start(stack, env, home, [f"worker {number}" for number in range(1, WORKERS + 1)])
        rounds = [
            Shown(await asking, {name: await ready(running) for name, running in first.items()}, await ready(old))
        ]

        arrive(folder, THIRD, seconds)
        second = start(stack, env, home, [f"worker {number}" for number in range(5, WORKERS + 5)])
        stream = await migrate(url, begun)
        rounds.append(Shown(stream, {name: await ready(running) for name, running in second.items()}, await ready(old)))
    return rounds


def lines(shown: Shown) -> list[str]:
    told = [f"  event: {name}  {json.dumps(data)}" for name, data in shown.stream]
    found = ["the endpoint's stream:", *told]
    for name, (log, answer) in {"the endpoint's process": shown.endpoint, **shown.workers}.items():
        without_date = [f"  {line.partition(' ')[2]}" for line in log]
        found += [f"{name}:", *without_date, f"  /migrations/ready: {answer}"]
    return found


async def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with testing.database() as database:
            rounds = await show(database.dsn, Path(home), seconds)
            connection = await database.connect()
            applied = await connection.fetch("SELECT revision, verb, state FROM trek_history ORDER BY seq")
            counted = await connection.fetch("SELECT revision, count(*) FROM counted GROUP BY 1 ORDER BY 1")
    said = []
    for title, shown in zip(("The endpoint first, then four workers", "All at the same moment"), rounds, strict=True):
        said += [f"== {title}", *lines(shown), ""]
    said += ["== The result", "history:", *(f"  {' '.join(row)}" for row in applied)]
    said += ["each migration ran so often:", *(f"  {revision} {number}" for revision, number in counted)]
    sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.5))
