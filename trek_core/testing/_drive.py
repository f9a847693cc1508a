"""Carries migrations out that a suite makes up: as a run does, without files, a plan or a lock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from trek_core._actions import WRITES_ONLY_HISTORY
from trek_core._blame import GIVEN, Offer, expect, expect_all, raised
from trek_core._catalog import EntryCatalog, build
from trek_core._recording import check_history, check_state, records
from trek_core._runner import NO_ROWS
from trek_core.contracts import Executor, Tree, VersionStore
from trek_core.errors import PluginError, TrekError
from trek_core.events import Failed, Lost, Result
from trek_core.model import (
    Action,
    Arrangement,
    Body,
    Entry,
    Facts,
    History,
    Lock,
    Mode,
    Record,
    Row,
    Rows,
    Script,
    Sql,
    State,
    Statement,
    Verb,
)
from trek_core.testing import _executing as executing
from trek_core.testing._origin import origin


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
    body = None if verb in WRITES_ONLY_HISTORY else Body(statements, mode, lock_timeout)
    of = entry(of) if isinstance(of, str) else of
    return Action(entry=of, verb=verb, mode=mode, body=body, index=0, checksum=checksum)


def catalog(*entries: Entry | str) -> EntryCatalog:
    """The catalog of a folder that holds those."""
    return build(Arrangement(tuple(entry(one) if isinstance(one, str) else one for one in entries)))


async def carry_out(session: Executor, units: Iterable[tuple[Action, Record]]) -> list[Result]:
    """What the executor says of the units."""
    async with contextlib.aclosing(executing.results(session, units)) as results:
        return [result async for result in results]


def told(results: Sequence[Result]) -> str:
    """The last of an executor's results, in words."""
    if not results:
        return "it gave no result"
    result = results[-1]
    ended = f"{result.action.verb} {result.action.revision!r} ended {type(result).__name__}"
    return f"{ended}: {result.failure.message}" if isinstance(result, Failed | Lost) else ended


async def read(session: Executor, store: VersionStore) -> tuple[Facts, Rows | None]:
    """What the store's query gives now."""
    facts, rows = await executing.read(session, query(store))
    if rows is None and store.needs_facts:
        facts, _ = await executing.read(session, NO_ROWS)
    return facts, rows


async def history(session: Executor, store: VersionStore) -> History:
    """The history as it is now."""
    facts, rows = await read(session, store)
    return understood(store, rows, facts)


def understood(store: VersionStore, rows: Rows | None, facts: Facts) -> History:
    """The rows as the store understands them."""
    with asking(store, "history", _given(rows)):
        found = store.history(rows, facts)
        check_history(_offer(store), found)
    return found


async def state(session: Executor, store: VersionStore, *entries: Entry | str) -> State:
    """Which revisions are applied now; `entries` are what the folder holds."""
    return concluded(store, await history(session, store), *entries)


# --------------------------------------------------------------------------- a store's answers, checked as a run does
def query(store: VersionStore) -> Sql:
    """The query of its history."""
    with asking(store, "query"):
        found = store.query()
        expect(_offer(store), "VersionStore.query", found, Sql)
    return found


def concluded(store: VersionStore, found: History, *entries: Entry | str) -> State:
    """The state that it concludes, for a folder of those entries."""
    with asking(store, "state"):
        concluded = store.state(found, catalog(*entries))
        check_state(_offer(store), concluded)
    return concluded


def changed(store: VersionStore, checksums: tuple[str, ...], row: Row) -> bool:
    """Whether it says that the file of that row was edited."""
    with asking(store, "changed"):
        said = store.changed(checksums, row)
        expect(_offer(store), "VersionStore.changed", said, bool)
    return said


def locks(store: VersionStore, found: History) -> tuple[Lock, ...]:
    """Its locks."""
    with asking(store, "locks"):
        return expect_all(_offer(store), "VersionStore.locks", store.locks(found), Lock)


def prepared(store: VersionStore, found: History) -> tuple[Statement, ...]:
    """The statements that make its table."""
    with asking(store, "prepare"):
        return expect_all(_offer(store), "VersionStore.prepare", store.prepare(found), Statement)


def recorded(store: VersionStore, of: Action, found: History) -> Record:
    """The record of an action; a refusal passes."""
    with asking(store, "record"):
        record = store.record(of, found)
        expect(_offer(store), "VersionStore.record", record, Record)
        for part in ("begin", "finish", "failed"):
            expect_all(_offer(store), f"VersionStore.record: {part}", getattr(record, part), Statement)
    return record


def _offer(store: VersionStore) -> Offer[VersionStore]:
    return Offer(store, GIVEN)


def units(store: VersionStore, actions: Sequence[Action], found: History) -> list[tuple[Action, Record]]:
    """The actions as the store records them. Its mistakes and refusals are an `AssertionError` that names the store."""
    try:
        return list(zip(actions, records(_offer(store), actions, found), strict=True))
    except PluginError as error:
        msg = f"{named(store)}: {error.where}: {error.problem}"
        raise AssertionError(msg) from error
    except TrekError as error:
        msg = (
            f"{named(store)}: VersionStore.record refused: {error}\n"
            'Where it cannot record that at all, the class of the tests says so: without = {"capability": "reason"}.'
        )
        raise AssertionError(msg) from error


async def run(session: Executor, store: VersionStore, actions: Sequence[Action]) -> list[Result]:
    """Reads the history, has the actions recorded by the store, and carries them out."""
    return await carry_out(session, units(store, actions, await history(session, store)))


def named(store: VersionStore) -> str:
    """The store, for messages: its class, and the plugin that it comes from."""
    return f"{type(store).__name__} of {origin(store)}"


@contextlib.contextmanager
def asking(store: VersionStore, method: str, given: str = "") -> Iterator[None]:
    """What a method raises by mistake is an `AssertionError` that says whose method it was, and what it was given."""
    try:
        yield
    except PluginError as error:
        msg = f"{named(store)}: {error.where}: {error.problem}"
        raise AssertionError(msg) from error
    except TrekError:
        raise
    except Exception as error:
        msg = (
            f"{named(store)}: VersionStore.{method} {raised(error)}{given}\n"
            "A run would stop with this and blame the plugin. What a store cannot work with is a ConfigError (a table of "
            "another shape) or a PlanError (a step that it cannot record) whose message says what to do; anything else is "
            "a mistake in that method."
        )
        raise AssertionError(msg) from error


def _given(rows: Rows | None) -> str:
    if not rows:
        return f"\nIt was given the rows {rows!r}."
    kinds = dict.fromkeys(tuple(row) for row in rows)
    return f"\nIt was given {len(rows)} rows, as the query reads them, with the keys {' and '.join(map(repr, kinds))}."
