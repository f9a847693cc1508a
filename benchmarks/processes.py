"""Processes, measured: wall time, the client's CPU, its peak memory. And rounds in turns, compared pair by pair."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import IO

LIMIT = 900.0  # seconds; then a process is ended: a program of several rounds on files of 100 MB takes minutes


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that ended. seconds: from its start to its exit; inside: what it said of itself, after connecting."""

    code: int
    seconds: float
    cpu: float
    peak_mb: float
    output: str

    @property
    def inside(self) -> float:
        return float(self.output.splitlines()[-1])

    @property
    def problem(self) -> str:
        """The last line of what it said."""
        return (self.output.strip().splitlines() or [f"exit code {self.code}"])[-1][:160]


class Failed(Exception):
    """A process that should have worked did not."""


class Process:
    """A running one; `wait` gives what it was."""

    def __init__(self, command: Sequence[str], folder: str) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `wait` closes it
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, env=_clean(), cwd=folder
        )

    def wait(self) -> Ran:
        """Until it ends, by itself or because it hangs."""
        killer = threading.Timer(LIMIT, self._process.kill)
        killer.start()
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.perf_counter() - self._started
        killer.cancel()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._output.seek(0)
        with self._output:
            output = self._output.read().decode(errors="replace")
        return Ran(self._process.returncode, seconds, _cpu(usage), usage.ru_maxrss / 1024, output)


def _clean() -> dict[str, str]:
    """No settings of trek's, libpq's or Python's from outside."""
    strange = ("TREK_", "PG", "PYTHON", "DATABASE_URL", "DBMATE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(strange)}


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


Measure = Callable[[], Awaitable[Ran]]
Values = dict[str, list[Ran]]
Figures = dict[str, list[float]]


async def run(command: Sequence[str], folder: str | None = None) -> Ran:
    """Runs a process to its end, by default in a folder without configuration. Raises `Failed` if it fails."""
    with tempfile.TemporaryDirectory() as empty:
        ran = await asyncio.to_thread(lambda: Process(command, folder or empty).wait())
    if ran.code:
        msg = f"{' '.join(command)[:300]}: exit code {ran.code}\n{ran.output[-2000:]}"
        raise Failed(msg)
    return ran


async def in_turns(rounds: int, measures: dict[str, Measure], once: Collection[str] = ()) -> Values:
    """Every measure once a round, each round beginning with another one; those of `once` in the first round only.

    What fails is said, and left out of the rounds that follow.
    """
    found: Values = {name: [] for name in measures}
    failed: set[str] = set()
    for number in range(rounds):
        names = [name for name in measures if name not in failed and not (number and name in once)]
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            try:
                found[name].append(await measures[name]())
            except Failed as error:
                print(f"  {name} FAILS: {error}", file=sys.stderr)
                failed.add(name)
    return found


def ratio(values: Figures, name: str, base: str) -> float:
    """The median of the ratios of the same round; of those rounds that both have."""
    return median(one / other for one, other in zip(values[name], values[base], strict=False))


def of(values: Values, figure: Callable[[Ran], float]) -> Figures:
    """One figure of each process."""
    return {name: [figure(ran) for ran in found] for name, found in values.items() if found}
