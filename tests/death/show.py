"""`python -m tests.death.show` cuts at every point and kills at random moments, and prints what became of it."""

# ruff: noqa: T201
from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.death.cutting import Tally, cut_at, points
from tests.death.ground import ground, new_server
from tests.death.scenario import stages
from trek_asyncpg.testing import Server


async def main() -> int:
    total = Tally()
    with tempfile.TemporaryDirectory() as folder, new_server() as server:
        async with ground(Server("own", server.dsn())) as place:
            for start in await place.undisturbed(stages(Path(folder))):
                begun = time.monotonic()
                tally = await cut_at(place, start, await points(place, start))
                print(f"points cut, {start.stage.name}: {tally} in {time.monotonic() - begun:.0f} s", flush=True)
                for line in tally.wrong[: int(sys.argv[1]) if len(sys.argv) > 1 else 10]:
                    print(line)
                total.add(tally)
    print(f"points cut: {total}")
    return bool(total.wrong)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
