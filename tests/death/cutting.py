"""One cut of one stage, and what must hold after it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.death.scenario import image
from tests.support.faults import Cut, faulty
from trek_asyncpg import migrate
from trek_core import ConnectError, MigrationFailed, TrekError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.death.ground import Ground, Start

AT_ONCE = 6
PATIENCE = 60  # seconds: a run that takes longer hangs


@dataclass(slots=True)
class Tally:
    """What became of the points. `wrong`: the point, and what did not hold."""

    points: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.points += other.points
        self.ended += other.ended
        self.wrong += other.wrong

    def __str__(self) -> str:
        found = Counter(line.partition(": ")[2].partition(":")[0] for line in self.wrong)
        kinds = ", ".join(f"{kind} {found[kind]}" for kind in ("lost", "twice", "stuck", "untrue"))
        ended = ", ".join(f"{count} {how}" for how, count in sorted(self.ended.items()))
        return f"{self.points}, {kinds} ({ended})"


async def points(ground: Ground, start: Start) -> list[Cut]:
    """Every message of an undisturbed run, both directions.

    Of an answer "before" one is "after" the one before it.
    """
    name = await ground.copy(start.template)
    async with faulty(ground.server.dsn(name)) as (dsn, link):
        await migrate(dsn, start.stage.folder, start.stage.target)
    await ground.drop(name)
    up = [Cut("up", n, when) for n in range(len(link.seen["up"])) for when in ("before", "half", "after")]
    return [*up, *(Cut("down", n, "after") for n in range(len(link.seen["down"])))]


async def cut_at(ground: Ground, start: Start, cuts: Iterable[Cut]) -> Tally:
    """Each cut in a database of its own, several side by side."""
    tally, waiting = Tally(), iter(cuts)

    async def work() -> None:
        for cut in waiting:
            await _one(ground, start, cut, tally)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return tally


async def _one(ground: Ground, start: Start, cut: Cut, tally: Tally) -> None:
    tally.points += 1
    name = await ground.copy(start.template)
    try:
        for problem in [problem async for problem in _problems(ground, start, cut, name, tally)]:
            tally.wrong.append(f"{start.stage.name}, {cut}: {problem}")
    finally:
        await ground.drop(name)


async def _problems(ground: Ground, start: Start, cut: Cut, name: str, tally: Tally) -> AsyncIterator[str]:
    stage = start.stage
    ran: tuple[str, ...] | None = ()
    async with faulty(ground.server.dsn(name), cut) as (dsn, link):
        try:
            async with asyncio.timeout(PATIENCE):
                report = await migrate(dsn, stage.folder, stage.target)
        except MigrationFailed as error:
            outcome = error.failure.outcome
            tally.ended[outcome] += 1
            ran = None if outcome == "unknown" else tuple(one.revision for one in error.report.ran)
        except ConnectError:
            tally.ended["not begun"] += 1
        except TimeoutError:
            tally.ended["hangs"] += 1
            yield "stuck: the run hangs"
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            tally.ended[type(error).__name__] += 1
            yield f"untrue: {type(error).__name__}: {error}"
            ran = None
        else:
            tally.ended["finished"] += 1
            ran = tuple(one.revision for one in report.ran)
    if not link.was_cut:
        yield f"lost: this point was not reached, {len(link.seen['up'])} up, {len(link.seen['down'])} down"
    async for problem in finished(ground, start, name, ran):
        yield problem


async def finished(ground: Ground, start: Start, name: str, ran: tuple[str, ...] | None) -> AsyncIterator[str]:
    """A fresh run finishes, and what it leaves is what an undisturbed run leaves.

    ran: what the dead run said that it had done, if it could say so.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            fresh = await migrate(ground.server.dsn(name), start.stage.folder, start.stage.target)
    except (TrekError, TimeoutError) as error:
        yield f"stuck: {type(error).__name__}: {error}"
        return
    rest = tuple(one.revision for one in fresh.ran)
    if ran is not None and (*ran, *rest) != start.ran:
        yield f"untrue: it said that {ran} was done, and {rest} were left"
    async with ground.connected(name) as connection:
        left = await image(connection)
    if left.ran != start.left.ran:
        yield f"twice: {left.ran}\n  want {start.left.ran}"
    for what in ("schema", "data", "history"):
        if getattr(left, what) != getattr(start.left, what):
            yield f"lost: {what} is {getattr(left, what)}\n  want {getattr(start.left, what)}"
