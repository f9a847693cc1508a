"""`trek status` and `trek history`: where the database stands, and how it came there."""

from __future__ import annotations

import dataclasses

import click

from trek_core.cli._exit import DONE, PENDING
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, lasted, say, table, warn
from trek_core.model import HistoryRow
from trek_core.plans import RevisionStatus, Status

EXPLAINED = {
    "uninitialised": "there is no history yet",
    "ahead": "revisions are applied that no file has",
    "changed": "applied files were edited since",
    "unfinished": "a migration was begun and never completed",
}


@click.command(
    short_help="Show where the database stands.",
    epilog=examples("trek status", 'trek status --check && echo "nothing is pending"', "trek status --json"),
)
@click.option("--check", is_flag=True, help="Exit code 3 if anything is pending, or not as it should be.")
@common
@click.pass_context
def status(context: click.Context, check: bool) -> int:
    """Shows where the database stands, revision by revision. It only reads."""
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    found = _database.run(_database.migrator(given(context).settings()).status())
    if given(context).json:
        document(_status_as_json(found))
    else:
        say(_headline(found))
        table(("revision", "title", "state", "when", "took", "who"), list(map(_status_row, found.revisions)))
    return PENDING if check and found.state != "current" else DONE


@click.command(
    short_help="Show what was done to the database, oldest first.",
    epilog=examples("trek history", "trek history --json | jq '.rows[-1]'"),
)
@common
@click.pass_context
def history(context: click.Context) -> None:
    """Shows the rows of the history, oldest first. It only reads."""
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    found = _database.run(_database.migrator(given(context).settings()).history())
    warn(found.warnings)
    if given(context).json:
        document({"exists": found.exists, "rows": list(map(_row_as_json, found.rows))})
    elif found.rows:
        headings = ("when", "verb", "revision", "title", "state", "took", "who", "application")
        table(headings, list(map(_history_row, found.rows)))
    else:
        say("the history is empty" if found.exists else "there is no history yet: `trek migrate` begins it")


def _headline(found: Status) -> str:
    numbers = f"{count(len(found.applied), 'revision')} applied, {len(found.pending)} pending"
    reason = f": {EXPLAINED[found.state]}" if found.state in EXPLAINED else ""
    database = f"database {found.database}, " if found.database else ""
    return f"{found.state}{reason}  ({numbers}; {database}history {found.history})"


def _status_row(revision: RevisionStatus) -> tuple[str, ...]:
    row = revision.row
    when, took, who = (_when(row.finished_at or row.started_at), _took(row), row.who) if row else ("", "", "")
    state = f"{revision.state} ({revision.progress})" if revision.progress else revision.state
    return revision.revision, revision.title, state, when, took, who


def _history_row(row: HistoryRow) -> tuple[str, ...]:
    """By the start, in whose order the rows are: a migration outside a transaction ends after its statements."""
    return (
        _when(row.started_at or row.finished_at),
        row.verb,
        row.revision,
        row.title,
        row.state,
        _took(row),
        row.who,
        row.application,
    )


def _when(text: str) -> str:
    """To the second, with its time zone if it has one: an ISO time without its fraction."""
    head, dot, tail = text.partition(".")
    return (head + tail.lstrip("0123456789") if dot else text).replace("T", " ")


def _took(row: HistoryRow) -> str:
    return "" if row.duration is None else lasted(row.duration)


def _status_as_json(found: Status) -> dict[str, object]:
    revisions = [
        {
            "revision": one.revision,
            "title": one.title,
            "state": one.state,
            "progress": one.progress,
            "row": _row_as_json(one.row) if one.row else None,
        }
        for one in found.revisions
    ]
    told = {"state": found.state, "database": found.database, "identity": found.identity, "history": found.history}
    return {**told, "revisions": revisions}


def _row_as_json(row: HistoryRow) -> dict[str, object]:
    """With `data`, the raw row: a store's own columns are there only."""
    columns: dict[str, object] = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return {**columns, "data": dict(row.data)}
