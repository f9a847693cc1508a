"""A cancellation at every message that trek sends, once and twice: connection usable, lock free, a fresh run finishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.death.cancelling import cancel_at
from tests.death.cutting import points
from tests.support.faults import Cut

if TYPE_CHECKING:
    from tests.death.ground import Ground, Start

OPENS = 1  # the client's first message opens the connection, which is the caller's business
ANSWERS = 9  # every so many of the server's messages, too


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("stage", ["up", "down"])
async def test_a_task_cancelled_at_any_step_leaves_a_usable_connection_and_nothing_is_lost(
    place: Ground, starts: tuple[Start, ...], stage: str, times: int
) -> None:
    start = next(start for start in starts if start.stage.name == stage)
    seen = await points(place, start)
    asked = [Cut("up", cut.number, "before") for cut in seen if cut.direction == "up" and cut.when == "before"]
    answers = [cut for cut in seen if cut.direction == "down" and cut.number > 20 and cut.number % ANSWERS == times]
    tally = await cancel_at(place, start, [*asked[OPENS:-1], *answers], times=times)
    assert tally.wrong == [], str(tally)
    assert tally.ended["cancelled"] > tally.points * 0.8, str(tally)
