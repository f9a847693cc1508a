"""The connection is cut at every message, both directions, of a run of eight mixed migrations. `show.py` prints the figures.

A fresh run finishes; schema, data and history equal those of an undisturbed run, and nothing ran twice. What the run that
was cut said is what is so. Nobody is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.death.cutting import cut_at, points

if TYPE_CHECKING:
    from tests.death.ground import Ground, Start

PARTS = 2  # so that two workers share them


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("stage", ["up", "down", "up again"])
async def test_cut_at_every_message_nothing_is_lost_nothing_runs_twice_and_nothing_is_stuck(
    place: Ground, starts: tuple[Start, ...], stage: str, part: int
) -> None:
    start = next(start for start in starts if start.stage.name == stage)
    cuts = await points(place, start)
    tally = await cut_at(place, start, cuts[part::PARTS])
    assert tally.wrong == [], str(tally)
    assert tally.points == len(cuts[part::PARTS])
    assert {"committed", "rolled back", "partial", "finished", "not begun"} >= set(tally.ended), str(tally)
