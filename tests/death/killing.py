"""kill -9 of a runner that is a process, at random moments of a stage, and what must hold after it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.death.cutting import Tally, finished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.death.ground import Ground, Start

AT_ONCE = 4
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Forks:
    """A process that forks runners, one request at a time."""

    process: asyncio.subprocess.Process

    async def run(self, dsn: str, start: Start, after: float | None, runners: int = 1) -> tuple[list[int], float]:
        """Exit codes, and seconds until the last one ended."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        asked: dict[str, Any] = {"dsn": dsn, "folder": start.stage.folder, "target": start.stage.target}
        stdin.write(json.dumps({**asked, "runners": runners, "after": after}).encode() + b"\n")
        codes, seconds = json.loads(await stdout.readline())
        return codes, seconds


@asynccontextmanager
async def forks() -> AsyncIterator[Forks]:
    pipe = asyncio.subprocess.PIPE
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.death.fork_server", stdin=pipe, stdout=pipe, cwd=ROOT, env=environ
    )
    try:
        yield Forks(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def kill(ground: Ground, starts: Sequence[Start], times: int, *, runners: int = 1, seed: int = 9) -> Tally:
    """That many runs, each killed at a random moment, in a database of its own."""
    tally, moments, left = Tally(), random.Random(seed), iter(range(times))

    async def work() -> None:
        async with forks() as server:
            for number in left:
                await _one(ground, server, starts[number % len(starts)], moments, tally, runners)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return tally


@dataclass(slots=True)
class Length:
    """How long an undisturbed run takes here and now; follows the machine."""

    seconds: float = 0.3


LENGTH = Length()


async def _one(  # noqa: PLR0917 - what a kill is
    ground: Ground, server: Forks, start: Start, moments: random.Random, tally: Tally, runners: int
) -> None:
    tally.points += 1
    name, after = await ground.copy(start.template), moments.uniform(0, LENGTH.seconds)
    try:
        codes, seconds = await server.run(ground.server.dsn(name), start, after, runners)
        tally.ended["killed" if codes[0] == -9 else "finished"] += 1
        if codes[0] == 0 and runners == 1:
            LENGTH.seconds = seconds
        else:
            LENGTH.seconds *= 1.02
        problems = [f"untrue: the others ended with {codes[1:]}"] if any(codes[1:]) or codes[0] not in (0, -9) else []
        problems += [problem async for problem in finished(ground, start, name, None)]
        tally.wrong += [f"{start.stage.name}, killed after {after:.4f} s: {problem}" for problem in problems]
    finally:
        await ground.drop(name)
