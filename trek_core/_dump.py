"""A database as a script: its schema as the executor writes it, and the migrations that are applied as rows of the history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trek_core._blame import Offer, blame, expect
from trek_core._dataclass import dataclass, replace
from trek_core._workspace import Workspace
from trek_core.contracts import DumpExecutor
from trek_core.errors import ConfigError, plugin_words
from trek_core.model import Sql

if TYPE_CHECKING:
    from trek_core._migrator import Migrator
    from trek_core.contracts import Executor
    from trek_core.model import History


@dataclass(frozen=True, slots=True)
class Dump:
    """A script for psql. What it makes of an empty database is the database's schema, and trek says the same of its place.

    revisions: that it marks as applied. warnings: where the script says less than the database.
    """

    text: str
    revisions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def dump(migrator: Migrator, *, grants: bool = False) -> Dump:
    """The database's schema and its history as a script, the same bytes for the same schema, whoever writes it and when.

    grants: with GRANT and REVOKE, for which the roles must be there when it is loaded; owners are left out in any case.
    Raises `ConfigError` where the executor writes none, or lacks a program for it, `ConnectError`, `LoadError`, `PlanError`.
    """
    async with migrator.backend.connect() as session:
        offer = migrator.backend.offered(session)
        able = _able(offer)
        workspace = Workspace(migrator.backend, migrator.directory, migrator.rules)
        history = await migrator.runner_on(session, workspace).history()
        with blame(offer, "DumpExecutor.dump"):
            schema = await able.dump(grants=grants)
        expect(offer, "DumpExecutor.dump", schema, str)
        return _with_history(schema, workspace, history) if history.exists else Dump(schema)


def _able(offer: Offer[Executor]) -> DumpExecutor:
    if isinstance(offer.value, DumpExecutor):
        return offer.value
    whose = plugin_words(offer.plugin, offer.distribution)
    msg = (
        f"the executor {type(offer.value).__name__} of {whose} writes no dump: it has no `dump` (DumpExecutor).\n"
        "Name the database by a DSN that trek reaches by itself: --dsn postgresql://…"
    )
    raise ConfigError(msg)


def _with_history(schema: str, workspace: Workspace, history: History) -> Dump:
    """The rows that a `stamp` would write into an empty history: whose, when and where is no part of a schema."""
    store, state, catalog = workspace.store, workspace.state(history), workspace.catalog(history.facts)
    with blame(store, "VersionStore.history"):
        bare = store.value.history(None, replace(history.facts, identity=""))
    empty = replace(bare, exists=True, lacks=history.lacks)  # the schema has its table
    applied = state.applied
    if catalog.follows:  # not in which order somebody applied them
        rank = catalog.rank
        applied = tuple(sorted(applied, key=lambda revision: rank.get(revision, -1)))
    marks = {revision: (catalog.get(revision), None) for revision in applied}
    plan = workspace.marked(marks, empty, "head")
    rows = "".join(
        f"{one.text};\n" for record in plan.records for one in (*record.begin, *record.finish) if isinstance(one, Sql)
    )
    text = f"{schema}\n\n--\n-- The migrations that are applied\n--\n\nBEGIN;\n{rows}COMMIT;\n" if rows else schema
    return Dump(text, applied, tuple(_warnings(workspace, history)))


def _warnings(workspace: Workspace, history: History) -> Iterator[str]:
    for revision, file in workspace.edited(history).items():
        yield f"{file} was edited since {revision} was applied: the dump has what was applied, and marks the file as it is now"
    for row in workspace.state(history).unfinished:
        yield f"{row.revision} was begun and never completed: the dump has what it has done so far, and does not mark it"
