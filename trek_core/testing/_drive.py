"""Carries migrations out that a suite makes up: as a run does, without files, a plan or a lock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from trek_core._blame import GIVEN, Offer
from trek_core._catalog import EntryCatalog, build
from trek_core._recording import records
from trek_core.contracts import Executor, Tree, VersionStore
from trek_core.events import Result
from trek_core.model import (
    Action,
    Arrangement,
    Body,
    Entry,
    History,
    Mode,
    Record,
    Script,
    State,
    Statement,
    Verb,
)

WITHOUT_BODY = ("mark", "unmark", "repair")


def entry(revision: str, title: str = "", replaces: tuple[str, ...] = ()) -> Entry:
    """A revision that a suite made up."""

    def load(tree: Tree) -> Script:  # noqa: ARG001 - an entry's signature
        return Script(None)

    return Entry(revision=revision, load=load, title=title, replaces=replaces)


def action(
    of: Entry | str,
    *statements: Statement,
    verb: Verb = "apply",
    mode: Mode = "transaction",
    checksum: str | None = None,
    lock_timeout: float | None = None,
) -> Action:
    """One step of a made-up plan; its statements are the body."""
    body = None if verb in WITHOUT_BODY else Body(statements, mode, lock_timeout)
    of = entry(of) if isinstance(of, str) else of
    return Action(entry=of, verb=verb, mode=mode, body=body, index=0, checksum=checksum)


def catalog(*entries: Entry | str) -> EntryCatalog:
    """The catalog of a folder that holds those."""
    return build(Arrangement(tuple(entry(one) if isinstance(one, str) else one for one in entries)))


async def carry_out(session: Executor, units: Iterable[tuple[Action, Record]]) -> list[Result]:
    """What the executor says of the units."""
    async with contextlib.aclosing(session.run(units)) as results:
        return [result async for result in results]


async def history(session: Executor, store: VersionStore) -> History:
    """The history as it is now."""
    facts, rows = await session.read(store.query())
    return store.history(rows, facts)


async def state(session: Executor, store: VersionStore, *entries: Entry | str) -> State:
    """Which revisions are applied now; `entries` are what the folder holds."""
    return store.state(await history(session, store), catalog(*entries))


async def run(session: Executor, store: VersionStore, actions: Sequence[Action]) -> list[Result]:
    """Reads the history, has the actions recorded by the store, and carries them out."""
    found = records(Offer(store, GIVEN), actions, await history(session, store))
    return await carry_out(session, zip(actions, found, strict=True))
