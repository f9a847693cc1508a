"""Before the first run on a database: whether another tool has its history there, and the folder's files may be that tool's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trek_core._tables import tables_query
from trek_core._tree import shown
from trek_core.errors import ConfigError
from trek_core.model import Sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trek_core._recognise import Candidate
    from trek_core._runner import Runner
    from trek_core._signs import Signs
    from trek_core.model import Facts, History, Row


async def suspects(runner: Runner) -> list[Row]:
    """Tables that may be the history of a tool: one round trip.

    Whoever named a format has decided, and a database that is no PostgreSQL is not asked.
    """
    if runner.workspace.backend.format_named or not runner.facts.server_version:
        return []
    return (await _tables(runner))[1]


async def refuse(runner: Runner, likely: list[Row]) -> None:
    """Raises `ConfigError` where all would run that another tool has recorded. The folder was arranged, and has no history."""
    if likely:  # seldom: it costs what `trek adopt` costs
        backend = runner.workspace.backend
        signs = backend.host.signs()
        facts, tables = await _tables(runner, signs)
        for one in _candidates(runner, signs, tables):
            if (history := await _history(runner, one)).rows:
                raise ConfigError(_message(runner, one, history, facts))


async def _tables(runner: Runner, signs: Iterable[Signs] = ()) -> tuple[Facts, list[Row]]:
    facts, rows = await runner.session.read(Sql(tables_query(signs)))
    return facts, [row for row in rows or () if "table" in row]


def _candidates(runner: Runner, signs: Iterable[Signs], tables: list[Row]) -> Iterator[Candidate]:
    """Tools whose table is where they have it, and whose files could be those of the folder."""
    from trek_core._recognise import OWN_TABLE, Texts, candidates  # noqa: PLC0415 - as above
    from trek_core._signs import FoundTable  # noqa: PLC0415

    backend = runner.workspace.backend
    found = [FoundTable(**{**row, "columns": row["columns"] or {}}) for row in tables]
    for one in candidates(signs, Texts(runner.workspace.tree), found):
        usual = one.table and (one.table.visible or one.table.schema in {sign.schema for sign in one.signs.tables})
        fits = one.weight[0] and one.weight[1] >= OWN_TABLE and usual
        if fits and one.tool != backend.store_name and backend.host.has_format(one.tool):
            yield one


async def _history(runner: Runner, one: Candidate) -> History:
    """As the tool's own store reads it; nothing where it cannot."""
    from trek_core._migrator import Migrator  # noqa: PLC0415 - as above
    from trek_core.model import History  # noqa: PLC0415

    assert one.table is not None
    backend = runner.workspace.backend.speaking(one.tool, {"schema": one.table.schema})
    try:
        return await Migrator(backend, runner.workspace.directory).runner_on(runner.session.executor).history()
    except ConfigError:
        return History(exists=False)


def _message(runner: Runner, one: Candidate, history: History, facts: Facts) -> str:
    assert one.table is not None
    rows, folder, tool = len(history.rows), shown(runner.workspace.directory), one.tool
    return (
        f"the database {facts.database!r} has the history of {tool}: {one.table.name}, {rows} row{'s' * (rows > 1)}, the last "
        f"of {history.rows[-1].revision}.\ntrek has none there, and the files of {folder} may be those of {tool}: as trek's "
        f"own all of them would run, from the first.\nNothing was changed. If they are those of {tool}:\n"
        f'  go on with format = "{tool}" (`trek adopt` shows where it stands),\n'
        f"  or take over what it has recorded: `trek convert --from {tool}`.\n"
        'If that table belongs to something else: format = "native" ([tool.trek], --format, or format= in Python); '
        "`trek stamp REVISION` says what is there already."
    )
