"""Observers that are not of the contract."""

from __future__ import annotations

from trek_core.plugin import Event, Observer, RunFinished


def sync(event: Event) -> None: ...


async def of_two(event: Event, connection: object) -> None: ...


async def of_one_kind(event: RunFinished) -> None: ...


async def notify(event: Event) -> None:
    await event.wait()  # error: mypy pyright


Observer("sync", sync)  # error: mypy pyright
Observer("two", of_two)  # error: mypy pyright
Observer("kind", of_one_kind)  # error: mypy pyright
Observer(notify)  # error: mypy pyright
