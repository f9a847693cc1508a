"""Who hears of a run: the log, and the observers. None of them can fail it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from trek_core._blame import Offer, blame, breach, shown
from trek_core._log import Log
from trek_core._log import log as run_log
from trek_core.errors import TrekError
from trek_core.events import Done, Started

if TYPE_CHECKING:
    from trek_core.contracts import Observer
    from trek_core.events import Event

log = logging.getLogger("trek")
USUAL = (Started, Done)
"""What there is of every migration, and the log tells at INFO or below."""


class Audience:
    """The observers of one run, and before them the log if anybody reads it. database: its name, once it is known."""

    def __init__(self, observers: Sequence[Offer[Observer]], database: Callable[[], str]) -> None:
        self._observers = observers
        self._log = Log(database) if run_log.isEnabledFor(logging.WARNING) else None
        self._clumsy: set[str] = set()

    async def tell(self, event: Event) -> None:
        """What observers raise is logged. A cancellation goes on once all of them heard the event."""
        if type(event) in USUAL and not self._observers and not run_log.isEnabledFor(logging.INFO):
            return  # nobody hears of it
        if self._log:
            with suppress(Exception):  # a filter or handler of the application's
                self._log.note(event)
        ended: BaseException | None = None
        for observer in self._observers:
            where = f"Observer.notify({type(event).__name__})"
            try:
                with blame(observer, where):
                    told = observer.value.notify(event)
                    if not isinstance(told, Awaitable):
                        breach(observer, where, f"gave {shown(told)}, want an awaitable: write it with async def")
                    await told
            except TrekError as error:
                self._warn(observer.value.name, error)
            except BaseException as error:  # noqa: BLE001 - no observer is left without the end of a run
                ended = ended or error
        if ended is not None:
            raise ended

    def _warn(self, observer: str, error: TrekError) -> None:
        """With what to do about it once a run, and not at every event."""
        text = str(error).partition("\n")[0] if observer in self._clumsy else f"{error}\nThe run goes on."
        self._clumsy.add(observer)
        log.warning("observer %r: %s", observer, text, exc_info=error)
