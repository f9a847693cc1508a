"""Tells OpenTelemetry of runs: a span a run, below it one a migration, below that one a statement where trek knows of it.

Needs the extra: `pip install 'trek-migrate[opentelemetry]'`. Without it nothing is on offer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from trek_core.plugin import Observer, hookimpl

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from trek_core.plugin import Event
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
        self._named = "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
        self._run: ContextVar[Run | None] = ContextVar("trek_run", default=None)

    async def notify(self, event: Event) -> None:
        if self._run.get() is None and not self._provided:
            return
        from trek_observers._spans import hear  # noqa: PLC0415 - with the first event: a run that does nothing has none

        self._run.set(hear(event, self._run.get(), self._provider, self._attributes))

    @property
    def _provided(self) -> bool:
        """Whether there can be a provider: somebody imported the API, which takes 10 ms, or the environment names one."""
        return self._named or "opentelemetry.trace" in sys.modules


def _installed() -> bool:
    """`opentelemetry` alone says nothing: it is a namespace that many distributions share."""
    try:
        import opentelemetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return False
    return any(finder.find_spec("opentelemetry.trace", opentelemetry.__path__) for finder in sys.meta_path)
