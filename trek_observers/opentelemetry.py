"""Tells OpenTelemetry of runs: a span a run, below it one a migration, below that one a statement where trek knows of it.

Needs the extra: `pip install 'trek-migrate[opentelemetry]'`. Without it nothing is on offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from trek_core.plugin import (
    Done,
    Event,
    Failed,
    LockWaiting,
    Lost,
    Observer,
    RunFailed,
    RunFinished,
    RunStarted,
    Started,
    StatementDone,
    hookimpl,
)

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from trek_observers._spans import Run

NONE: Mapping[str, AttributeValue] = MappingProxyType({})


@hookimpl
def trek_register_observers() -> Iterable[Observer]:
    """The observer with the process's own tracer provider; none where OpenTelemetry is not installed."""
    return [observer()] if _installed() else []


def observer(
    tracer_provider: TracerProvider | None = None,
    attributes: Mapping[str, AttributeValue] = NONE,
    *,
    name: str = "opentelemetry",
) -> Observer:
    """An observer for use by hand, or for a plugin of one's own.

    tracer_provider: None takes the process's own, as it is when a run begins. attributes: for every span.
    """
    return Observer(name, _Telling(tracer_provider, dict(attributes)).notify)


class _Telling:
    """Two runs at once are two tasks, and each has its own value of the context variable."""

    def __init__(self, provider: TracerProvider | None, attributes: Mapping[str, AttributeValue]) -> None:
        self._provider, self._attributes = provider, attributes
        self._run: ContextVar[Run | None] = ContextVar("trek_run", default=None)

    async def notify(self, event: Event) -> None:
        run = self._run.get()
        if isinstance(event, RunStarted):
            self._run.set(self._begin(event, run))
        elif run is not None:
            _tell(run, event)
            if isinstance(event, RunFinished | RunFailed):
                self._run.set(run.outer)

    def _begin(self, event: RunStarted, outer: Run | None) -> Run:
        from trek_observers._spans import Run  # noqa: PLC0415 - with the first event: a run that does nothing has none

        return Run(self._provider, self._attributes, event, outer)


def _tell(run: Run, event: Event) -> None:
    match event:
        case Started(action):
            run.begin(action)
        case StatementDone():
            run.statement(event)
        case Done():
            run.done(event.together)
        case Failed(_, failure):
            run.failed(failure)
        case Lost():
            run.lost()
        case LockWaiting():
            run.waiting(event)
        case RunFinished():
            run.end()
        case RunFailed(error):
            run.end_with(error)


def _installed() -> bool:
    """`opentelemetry` alone says nothing: it is a namespace that many distributions share."""
    try:
        return find_spec("opentelemetry.trace") is not None
    except ModuleNotFoundError:
        return False
