"""From settings to a `Migrator`. This is all that the command knows of databases: executors are on offer, by scheme."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from trek_core._blame import breach, shown
from trek_core._config import Settings, refuse_unset
from trek_core._host import Offer, PluginHost
from trek_core._migrator import Migrator
from trek_core._session import inside
from trek_core.backend import Backend
from trek_core.cli._signals import stoppable
from trek_core.contracts import Executor, ExecutorProvider, Observer
from trek_core.errors import ConfigError
from trek_core.model import Rules
from trek_core.text import redact_dsn

T = TypeVar("T")
NO_DATABASE = (
    "no database was named. Give --dsn postgresql://user@host/name, or set TREK_DSN or DATABASE_URL,\n"
    "or write dsn in trek.toml or in [tool.trek] of pyproject.toml; or try --embedded, which brings a server."
)


def migrator(settings: Settings, observers: Iterable[Observer] = ()) -> Migrator:
    """Raises `ConfigError` and `PluginError`. Nothing is opened yet."""
    host = PluginHost(blocked=settings.disable_plugins)
    offer = _executor(settings, host)
    backend = Backend(
        lambda: _open(offer, settings.dsn or "", host.settings(offer, settings.executor_settings)),
        format=settings.format,
        layout=settings.layout,
        store=settings.store,
        layout_settings=settings.layout_settings,
        store_settings=settings.store_settings,
        host=host,
        executor=offer.value.name,
        expect_database=settings.expect_database,
    )
    rules = rules_of(settings, backend.layout.value.rules)
    return Migrator(backend, settings.directory, rules=rules, lock_wait=settings.lock_wait, observers=observers)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end; Ctrl-C and SIGTERM cancel it and let it clean up."""
    with _log_shown():
        return asyncio.run(stoppable(coroutine))


def _executor(settings: Settings, host: PluginHost) -> Offer[ExecutorProvider]:
    if not settings.dsn:
        raise ConfigError(NO_DATABASE)
    refuse_unset(settings)
    scheme, colon, _ = settings.dsn.partition(":")
    if not colon:
        msg = f"the DSN {redact_dsn(settings.dsn)!r} has no scheme. It looks like postgresql://user@host:5432/name"
        raise ConfigError(msg)
    return host.executor(scheme)


def _open(offer: Offer[ExecutorProvider], dsn: str, given: object) -> AbstractAsyncContextManager[Executor]:
    where = f"executor {offer.value.name}: connecting to {redact_dsn(dsn)}"

    def begin() -> AbstractAsyncContextManager[Executor]:
        manager = offer.value.connect(dsn, given)
        if not isinstance(manager, AbstractAsyncContextManager):
            advice = "decorate the async function that yields the session with @asynccontextmanager"
            breach(offer, where, f"gave {shown(manager)}, want an async context manager: {advice}")
        return manager

    return inside(offer, (where, f"executor {offer.value.name}: closing"), begin, Executor, secret=dsn)


def rules_of(settings: Settings, rules: Rules) -> Rules:
    """The format's own rules, and field by field what the user says instead."""
    said = {name: value for name in Rules.__slots__ if (value := getattr(settings, name)) is not None}
    return replace(rules, **said)


# --------------------------------------------------------------------------- what is logged
class _Short(logging.Formatter):
    """The message alone; its traceback only where TREK_TRACEBACK asks for it."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return super().formatException(ei) if os.environ.get("TREK_TRACEBACK", "") not in ("", "0") else ""


@contextmanager
def _log_shown() -> Iterator[None]:
    """A plugin's faults are warnings of the command; what a run does it shows itself."""
    log, run = logging.getLogger("trek"), logging.getLogger("trek.run")
    handler = logging.StreamHandler()
    handler.setFormatter(_Short("warning: %(message)s"))
    log.addHandler(handler)
    before = log.propagate, run.disabled
    log.propagate, run.disabled = False, True
    try:
        yield
    finally:
        log.propagate, run.disabled = before
        log.removeHandler(handler)
