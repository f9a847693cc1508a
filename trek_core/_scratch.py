"""Scratch databases: empty ones beside a backend's own, with its format, and what they come to consist of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from trek_core._blame import Offer, blame, expect
from trek_core._dataclass import dataclass
from trek_core._migrator import LOCK_WAIT, Migrator
from trek_core._session import inside
from trek_core.contracts import ScratchExecutor
from trek_core.errors import ConfigError, plugin_words
from trek_core.events import Failed
from trek_core.model import Action, Entry, Record, Script

if TYPE_CHECKING:
    from trek_core.backend import Backend
    from trek_core.contracts import Executor
    from trek_core.events import LockWaiting


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty database in the format of another one: all that is in it is the history's table, without a row.

    backend: to migrate it with, `Migrator(scratch.backend, "migrations")`.
    """

    backend: Backend
    session: Executor
    furniture: frozenset[str] = frozenset()
    """The objects that the history's store made, under the names that the catalogue has for them."""

    async def catalogue(self) -> Mapping[str, str]:
        """What it consists of, object -> definition, without the history. Raises `ConfigError`, `ConnectError`."""
        offer = self.backend.offered(self.session)
        with blame(offer, "ScratchExecutor.catalogue"):
            found = await _able(offer).catalogue()
        expect(offer, "ScratchExecutor.catalogue", found, Mapping)
        return {name: found[name] for name in found if name not in self.furniture}


@asynccontextmanager
async def scratch(backend: Backend) -> AsyncIterator[Scratch]:
    """Makes an empty database on the server of that backend, and drops it at the end, whatever happens in the block.

    The backend's own database is not touched. Raises `ConfigError` if the executor makes none, or may not, `ConnectError`.
    """
    async with backend.connect() as session:
        offer = backend.offered(session)
        where, begin = "ScratchExecutor.scratch", _able(offer).scratch
        async with inside(offer, (where, f"{where}: dropping"), begin, Callable) as opened:  # type: ignore[arg-type]
            beside = backend.elsewhere(opened)
            async with beside.connect() as empty:
                yield await _furnished(Scratch(beside, empty))


def _able(offer: Offer[Executor]) -> ScratchExecutor:
    if isinstance(offer.value, ScratchExecutor):
        return offer.value
    whose = plugin_words(offer.plugin, offer.distribution)
    msg = (
        f"a scratch database is needed, and the executor {type(offer.value).__name__} of {whose} makes none: it has no "
        "`scratch` and `catalogue` (ScratchExecutor).\nName a server that trek reaches by itself: `trek test --scratch "
        "postgresql://…`, or --scratch embedded: for a server in a wheel."
    )
    raise ConfigError(msg)


async def _furnished(bare: Scratch) -> Scratch:
    """The history's table is made before anything else, so that what belongs to it is known by name."""
    before = await bare.catalogue()
    runner = Migrator(bare.backend, "").runner_on(bare.session)
    history, store = await runner.history(), runner.workspace.store
    with blame(store, "VersionStore.prepare"):
        made = tuple(store.value.prepare(history))
    entry = Entry(revision="history", load=lambda tree: Script(None))
    unit = Action(entry=entry, verb="mark", mode="transaction", body=None, index=0), Record(begin=made, history=history)
    session = runner.session
    async with session.lock(runner.locks(history), LOCK_WAIT, _nobody), aclosing(session.run((unit,))) as results:
        async for result in results:
            if isinstance(result, Failed):
                msg = f"the history could not be made in a scratch database: {result.failure.message}"
                raise ConfigError(msg) from result.failure.cause
    return Scratch(bare.backend, bare.session, frozenset(await bare.catalogue()) - frozenset(before))


async def _nobody(_waiting: LockWaiting) -> None:
    """Nobody else is there to wait for."""
