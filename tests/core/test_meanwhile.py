"""Work that is done while a server answers, and what a run does so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from trek_core._meanwhile import meanwhile

if TYPE_CHECKING:
    from collections.abc import Iterator


class Work:
    """Three steps, of which one may fail."""

    def __init__(self, fails: int = 0) -> None:
        self.done: list[int] = []
        self.fails = fails

    def steps(self) -> Iterator[None]:
        for number in (1, 2, 3):
            if number == self.fails:
                msg = "no"
                raise ValueError(msg)
            self.done.append(number)
            yield


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("waits", range(6))
async def test_one_step_is_done_each_time_the_block_waits(waits: int) -> None:
    work = Work()
    with meanwhile(work.steps()):
        await turns(waits)
    await turns(3)
    assert work.done == [1, 2, 3][:waits]


async def test_a_block_that_waits_for_nothing_leaves_all_of_it() -> None:
    work = Work()
    with meanwhile(work.steps()):
        pass
    await turns(3)
    assert work.done == []


@pytest.mark.parametrize("fails", [1, 2, 3])
async def test_a_step_that_fails_ends_the_work_and_not_the_block(fails: int) -> None:
    work = Work(fails)
    with meanwhile(work.steps()):
        await turns(6)
        work.done.append(10)
    assert work.done == [*range(1, fails), 10]


async def test_what_the_block_raises_ends_the_work() -> None:
    work = Work()

    async def block() -> None:
        with meanwhile(work.steps()):
            await turns(1)
            raise KeyError

    with pytest.raises(KeyError):
        await block()
    await turns(3)
    assert work.done == [1]
