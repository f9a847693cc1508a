"""kill -9 of runners at random moments. `TREK_KILLS=1000` for another number than that of CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.death.killing import kill

if TYPE_CHECKING:
    from tests.death.ground import Ground, Start

KILLS = int(os.environ.get("TREK_KILLS", "300"))


async def test_killed_at_random_moments_nothing_is_lost_nothing_runs_twice_and_nothing_is_stuck(
    place: Ground, starts: tuple[Start, ...]
) -> None:
    tally = await kill(place, starts, KILLS)
    assert tally.wrong == [], str(tally)
    assert tally.ended["killed"] > KILLS // 2, str(tally)


async def test_one_of_eight_that_race_is_killed_and_the_others_finish(place: Ground, starts: tuple[Start, ...]) -> None:
    tally = await kill(place, starts, max(KILLS // 30, 1), runners=8)
    assert tally.wrong == [], str(tally)
    assert tally.ended["killed"] > 0, str(tally)
