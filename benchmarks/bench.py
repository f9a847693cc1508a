"""What the workloads share: the environment, the server, folders and databases that several of them use."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import content
from benchmarks.content import Migration
from benchmarks.environment import Environment
from benchmarks.processes import Failed, Measure, Ran, run
from benchmarks.server import admin, column, database
from benchmarks.tools import PEERS, TREK, Tool

FIRST = 5  # so many are really applied before the rest is written into a peer's history
STARTED = time.monotonic()


@dataclass(slots=True)
class Bench:
    """One run. quick: small numbers, to see that all works. rounds: instead of the workload's own number."""

    env: Environment
    dsn: str
    root: Path
    stack: AsyncExitStack
    quick: bool = False
    rounds: int | None = None
    _folders: dict[tuple[object, str], Path] = field(default_factory=dict)
    _heads: dict[tuple[str, int], tuple[Path, str]] = field(default_factory=dict)

    def turns(self, full: int) -> int:
        return self.rounds or (1 if self.quick else full)

    def available(self, *tools: Tool) -> list[Tool]:
        return [tool for tool in tools if tool.name.split(",")[0] not in self.env.missing]

    def peers(self) -> list[Tool]:
        return self.available(*PEERS)

    def folder(self, tool: Tool, migrations: Sequence[Migration], label: str = "small") -> Path:
        """The tool's own folder with these migrations; tools that read the same files share one."""
        key = (tool.write, f"{label}_{len(migrations)}")
        if key not in self._folders:
            made = self.root / f"{len(self._folders):03}_{key[1]}"
            made.mkdir()
            tool.write(made, migrations)
            self._folders[key] = made
        return self._folders[key]

    async def at_head(self, tool: Tool, number: int) -> tuple[Path, str]:
        """A folder of `number` migrations and a database that is up to date with it."""
        owner = tool.name if tool.mark else TREK.name  # the floors and the command read what trek wrote
        folder = self.folder(tool, content.small(number))
        if (owner, number) not in self._heads:
            dsn = await self.stack.enter_async_context(database(self.dsn))
            await (self._mark(tool, number, dsn) if tool.mark else run(TREK.command(self.env, "apply", folder, dsn)))
            self._heads[owner, number] = folder, dsn
        return folder, self._heads[owner, number][1]

    async def _mark(self, tool: Tool, number: int, dsn: str) -> None:
        migrations = content.small(number)
        few = self.folder(tool, migrations[:FIRST])
        await run(tool.command(self.env, "apply", few, dsn))
        if tool.mark and number > FIRST:
            await admin(dsn, tool.mark(migrations[FIRST:]))


async def applied_once(dsn: str, migrations: Sequence[Migration], name: str) -> None:
    """Raises `Failed` when a migration is missing or ran twice."""
    found = await column(dsn, "SELECT migration FROM marks ORDER BY 1")
    if found != content.marks(list(migrations)):
        msg = f"{name}: the database is not right: {len(found)} marks"
        raise Failed(msg)


async def apply(bench: Bench, tool: Tool, folder: Path, migrations: Sequence[Migration]) -> Ran:
    """One run of the tool on a new database, and a look whether all is there."""
    async with database(bench.dsn) as dsn:
        ran = await run(tool.command(bench.env, "apply", folder, dsn))
        await applied_once(dsn, migrations, tool.name)
    return ran


def applying(bench: Bench, tool: Tool, migrations: Sequence[Migration]) -> Measure:
    """That run, to be made in turns with those of others."""
    folder = bench.folder(tool, migrations)

    async def once() -> Ran:
        return await apply(bench, tool, folder, migrations)

    return once


def say(text: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", file=sys.stderr, flush=True)
