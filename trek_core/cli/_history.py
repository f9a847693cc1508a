"""`trek history`: how the database came where it stands."""

from __future__ import annotations

import dataclasses

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import document, lasted, plain, say, table, warn
from trek_core.model import ROLLED_BACK, HistoryRow


@click.command(
    short_help="Show what was done to the database, oldest first.",
    epilog=examples(
        "trek history",
        "trek history --limit 5                the last five rows",
        "trek history --newest-first",
        "trek history --json | jq '.rows[-1]'",
    ),
)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the last N rows.")
@click.option("--newest-first", is_flag=True, help="The other way round.")
@common
@click.pass_context
def history(context: click.Context, limit: int | None, newest_first: bool) -> None:
    """Shows the rows of the history: when, what, how it ended, how long it took, who did it and with which application.
    It only reads.

    A migration that failed and was rolled back has a row of that state, with what the database said; trying again and
    failing in the same way moves its time. One outside a transaction keeps its row, with the state failed, and a row for
    each statement.
    """
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    words = given(context)
    found = _database.run(_database.migrator(words.settings()).history())
    warn(found.warnings)
    rows = found.rows[-limit:] if limit else found.rows
    rows = rows[::-1] if newest_first else rows
    if words.json:
        document({"exists": found.exists, "rows": list(map(row_as_json, rows))})
    elif rows:
        headings = ("when", "verb", "revision", "title", "state", "took", "who", "application")
        table(headings, list(map(_row, rows)))
        for row in rows:
            if row.problem:
                say(f"{plain(row.revision)} {row.state}: {plain(row.problem)}")
    else:
        say("the history is empty" if found.exists else "there is no history yet: `trek migrate` begins it")


def _row(row: HistoryRow) -> tuple[str, ...]:
    """By the start, in whose order the rows are: a migration outside a transaction ends after its statements.

    What failed in the same way again and again has the last time.
    """
    return (
        when(row.finished_at if row.state == ROLLED_BACK else row.started_at or row.finished_at),
        row.verb,
        row.revision,
        row.title,
        row.state,
        took(row),
        row.who,
        row.application,
    )


def when(text: str) -> str:
    """To the second, with its time zone if it has one, Z for UTC: an ISO time without its fraction."""
    head, dot, tail = text.partition(".")
    return (head + tail.lstrip("0123456789") if dot else text).replace("T", " ").replace("+00:00", "Z")


def took(row: HistoryRow) -> str:
    """How long, or nothing where the history does not tell."""
    return "" if row.duration is None else lasted(row.duration)


def row_as_json(row: HistoryRow) -> dict[str, object]:
    """With `data`, the raw row: a store's own columns are there only."""
    columns: dict[str, object] = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return {**columns, "data": dict(row.data)}
