"""`trek status`: where the database stands, and whether the application may begin."""

from __future__ import annotations

import click

from trek_core.cli._exit import DONE, STATES
from trek_core.cli._history import row_as_json, took, when
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, say, styled, table
from trek_core.plans import RevisionStatus, Status

EXPLAINED = {
    "uninitialised": "there is no history yet",
    "ahead": "revisions are applied that no file has",
    "changed": "applied files were edited since",
    "unfinished": "a migration was begun and never completed",
}
LATEST = 10
"""So many applied revisions are shown, with all that are in any other state."""


@click.command(
    short_help="Show where the database stands.",
    epilog=examples(
        "trek status",
        'trek status --check && echo "nothing is pending"',
        "trek status --check --quiet           a readiness probe",
        "trek status --wait 300                an init container",
        "trek status --all                     every database of the configuration",
        "trek status --json | jq -r .state",
    ),
)
@click.option("--check", is_flag=True, help="One line, and an exit code for each state: see `trek --help`.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Check again and again, that long, while waiting can help: pending, unfinished, no connection.",
)
@click.option("--all", "every", is_flag=True, help="A line for each database that the configuration names.")
@common
@click.pass_context
def status(context: click.Context, check: bool, wait: float | None, every: bool) -> int:
    """Shows where the database stands, revision by revision: the last ten that are applied, and all others; with -v
    all of them. It only reads, in one round trip.

    --check is for readiness probes: 0 means that every migration of this folder is applied. A database that is ahead
    of the folder is ready too, if nothing is pending: so it is for the old release while a newer one is rolled out.
    """
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    words = given(context)
    if every:
        from trek_core.cli._everywhere import status_of_all  # noqa: PLC0415 - only where it is asked for

        return status_of_all(words, check=check, wait=wait)
    migrator = _database.migrator(words.settings())
    if wait is None:
        found = _database.run(migrator.status())
    else:
        from trek_core.cli._wait import until_ready  # noqa: PLC0415 - only where it is asked for

        found = _database.run(until_ready(migrator, wait, quiet=words.quiet))
    check = check or wait is not None
    if words.json:
        document(as_json(found))
    elif not words.quiet:
        say(headline(found))
        if words.verbose or not check:
            show(found, everything=words.verbose)
    return STATES[found.state] if check and not found.ready else DONE


def headline(found: Status) -> str:
    """The state, why, and how many revisions."""
    reason = f": {EXPLAINED[found.state]}" if found.state in EXPLAINED else ""
    numbers = f"{count(len(found.applied), 'revision')} applied, {len(found.pending)} pending"
    database = f"database {found.database}, " if found.database else ""
    return f"{styled(found.state)}{reason}  ({numbers}; {database}history {found.history})"


def show(found: Status, *, everything: bool) -> None:
    """Its revisions as a table."""
    shown = found.revisions if everything else _noteworthy(found)
    if left := len(found.revisions) - len(shown):
        say(f"{count(left, 'earlier revision')} applied too: -v shows them")
    table(("revision", "title", "state", "when", "took", "who"), list(map(_row, shown)))


def _noteworthy(found: Status) -> list[RevisionStatus]:
    """What is not applied, and the last of what is."""
    usual = [one for one in found.revisions if one.state in ("applied", "replaced")]
    hidden = set(map(id, usual[:-LATEST]))
    return [one for one in found.revisions if id(one) not in hidden]


def _row(revision: RevisionStatus) -> tuple[str, ...]:
    row = revision.row
    told = (when(row.finished_at or row.started_at), took(row), row.who) if row else ("", "", "")
    state = f"{revision.state} ({revision.progress})" if revision.progress else revision.state
    return revision.revision, revision.title, state, *told


def as_json(found: Status) -> dict[str, object]:
    """The document of a status."""
    revisions = [
        {
            "revision": one.revision,
            "title": one.title,
            "state": one.state,
            "progress": one.progress,
            "row": row_as_json(one.row) if one.row else None,
        }
        for one in found.revisions
    ]
    told = {"state": found.state, "ready": found.ready, "database": found.database, "identity": found.identity}
    return {**told, "history": found.history, "revisions": revisions}
