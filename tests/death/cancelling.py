"""The task is cancelled at a message, once or twice: while it reads, waits, works, commits, releases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from tests.death.cutting import AT_ONCE, PATIENCE, Tally, finished
from tests.run.folders import clean
from tests.support.faults import Cut, faulty
from trek_asyncpg import migrate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.death.ground import Ground, Start

HELD = "SELECT json_agg(l) FROM pg_locks l WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


async def cancel_at(ground: Ground, start: Start, cuts: Iterable[Cut], *, times: int) -> Tally:
    """Each in a database of its own, several side by side. The connection is the caller's, and must stay usable."""
    tally, waiting = Tally(), iter(cuts)

    async def work() -> None:
        for cut in waiting:
            await _one(ground, start, cut, times, tally)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return tally


async def _one(ground: Ground, start: Start, cut: Cut, times: int, tally: Tally) -> None:
    tally.points += 1
    name = await ground.copy(start.template)
    try:
        found = await _cancelled(ground, start, cut, times, name)
        tally.ended[found or "cancelled"] += 1
        problems = [found] if found.startswith(("stuck", "untrue")) else []
        problems += [problem async for problem in finished(ground, start, name, None)]
        tally.wrong += [f"{start.stage.name}, cancelled {times} times, {cut}: {problem}" for problem in problems]
    finally:
        await ground.drop(name)


async def _cancelled(ground: Ground, start: Start, cut: Cut, times: int, name: str) -> str:
    """Nothing, or how it ended otherwise."""
    async with faulty(ground.server.dsn(name), cut) as (dsn, link):
        connection = await asyncpg.connect(dsn)
        loop = asyncio.get_running_loop()
        run = asyncio.create_task(migrate(connection, start.stage.folder, start.stage.target))

        def cancel() -> None:
            for number in range(times):
                loop.call_later(number * 0.001, run.cancel)

        link.then = cancel
        done, _ = await asyncio.wait([run], timeout=PATIENCE)
        if not done:
            return "stuck: the run hangs"
        ended = "" if run.cancelled() else "finished" if run.exception() is None else f"untrue: {run.exception()!r}"
        try:
            await clean(connection)
        except (AssertionError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            open_, held = connection.is_in_transaction(), await connection.fetchval(HELD)
            return f"untrue: not as it was given: {error!r}, in a transaction {open_}, locks {held}"
        await connection.close()
        return ended
