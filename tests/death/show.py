"""`python -m tests.death.show` cuts at every point and kills at random moments, and prints what became of it."""

# ruff: noqa: T201
from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.death.cutting import Tally, cut_at, points
from tests.death.ground import ground, new_server
from tests.death.killing import kill
from tests.death.scenario import stages
from trek_asyncpg.testing import Server

BEGUN = time.monotonic()


async def main(kills: int, shown: int) -> int:
    with tempfile.TemporaryDirectory() as folder, new_server() as server:
        async with ground(Server("own", server.dsn())) as place:
            starts = await place.undisturbed(stages(Path(folder)))
            cuts = Tally()
            for start in starts:
                cuts.add(await cut_at(place, start, await points(place, start)))
            told(f"points cut: {cuts}", cuts, shown)
            killed = await kill(place, starts, kills)
            told(f"kills: {killed}", killed, shown)
            racing = await kill(place, starts, max(kills // 30, 1), runners=8)
            told(f"kills of one of eight: {racing}", racing, shown)
    return bool(cuts.wrong or killed.wrong or racing.wrong)


def told(line: str, tally: Tally, shown: int) -> None:
    print(line, *tally.wrong[:shown], f"{time.monotonic() - BEGUN:.0f} s", sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(os.environ.get("TREK_KILLS", "300")), 20)))
