"""Observers: what hears of a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from trek_core._dataclass import dataclass

if TYPE_CHECKING:
    from trek_core.events import Event


@dataclass(frozen=True, slots=True)
class Observer:
    """Hears every event of a run. It cannot fail one: what it raises is logged with the plugin's name.

    O1. trek awaits `notify` for every event, in order, in the task of the run: a context variable set there lasts for the run.
    O2. Every `RunStarted` is followed by one `RunFinished` or one `RunFailed`, which is the last event.
    O3. What `notify` raises is logged with the plugin's name and version, and the run goes on.
    O4. Where there is nothing to do no event comes.
    O5. A later release may send events that are not known yet: ignore them.
    """

    name: str
    notify: Callable[[Event], Awaitable[None]]
