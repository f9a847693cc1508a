"""`trek stamp` and `trek repair`: what they write is the history alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trek_core.cli._complete import revisions, targets
from trek_core.cli._migrate import carry_out, report_as_json
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, lasted, warn
from trek_core.cli._progress import Lines
from trek_core.model import History
from trek_core.plans import Plan, Report

if TYPE_CHECKING:
    from trek_core._migrator import Migrator
    from trek_core._runner import Runner


@click.command(
    short_help="Make the history say that the database is at REVISION.",
    epilog=examples(
        "trek stamp 0042", "trek stamp head", "trek stamp base --yes                  nothing counts as applied"
    ),
)
@click.argument("revision", shell_complete=targets)
@click.option("-y", "--yes", is_flag=True, help="Unmark applied revisions without asking.")
@common
@click.pass_context
def stamp(context: click.Context, revision: str, yes: bool) -> None:
    """Writes in the history what `trek migrate REVISION` would make true, and runs nothing.

    No migration runs. It is for a database that got its schema in another way. `trek repair` does it for one revision.
    Where applied revisions would not count as applied any more it asks; where nobody can answer it needs --yes.
    """

    async def job(migrator: Migrator, shown: Lines) -> tuple[str, Report]:
        async with migrator.backend.connect() as session:  # both steps on one session
            if yes:
                return revision, await migrator.stamp(revision)
            return revision, await _asked(migrator.runner_on(session), revision, shown)

    words = given(context)
    where, report = carry_out(words, job)
    warn(report.warnings)
    if words.json:
        document(report_as_json(report))
    elif report.ran:
        words.say(f"{count(len(report.ran), 'revision')} marked in {lasted(report.seconds)}, nothing was run")
    else:
        words.say(f"the history says {where} already")


@click.command(
    short_help="Say of one revision whether it counts as applied.",
    epilog=examples("trek repair 0013 --applied", "trek repair 0013 --not-applied"),
)
@click.argument("revision", shell_complete=revisions)
@click.option("--applied", is_flag=True, help="It is there: its file was finished by hand, or is right as it is now.")
@click.option("--not-applied", is_flag=True, help="It is not there: what it did was undone by hand.")
@common
@click.pass_context
def repair(context: click.Context, revision: str, applied: bool, not_applied: bool) -> None:
    """Says of one revision whether it counts as applied. No migration runs, and no other revision is touched.

    It is the way on after a migration outside a transaction was interrupted or failed, and was finished or undone by
    hand; and, with --applied, for a file that was edited after it was applied and is right as it is.
    """
    if applied == not_applied:
        msg = f"say one of --applied and --not-applied: does {revision} count as applied from now on?"
        raise click.UsageError(msg, context)

    async def job(migrator: Migrator, _shown: Lines) -> tuple[str, Report]:
        return revision, await migrator.repair(revision, applied=applied)

    words = given(context)
    where, report = carry_out(words, job)
    warn(report.warnings)
    if words.json:
        document(report_as_json(report))
    else:
        words.say(f"{where} counts as {'applied' if applied else 'not applied'} now, nothing was run")


async def _asked(runner: Runner, revision: str, shown: Lines) -> Report:
    """Stamps; asks first if an applied revision would be unmarked. What is written is what was shown."""
    from trek_core._checks import still  # noqa: PLC0415 - what a run needs is imported when one begins

    history = await runner.history()
    plan = runner.workspace.stamp(history, revision)
    if applied := _unmarked(runner, history, plan):
        from trek_core.cli._ask import forgetting  # noqa: PLC0415 - rarely wanted

        shown.close()
        forgetting(plan, applied)

    def again(history: History) -> Plan:
        fresh = runner.workspace.stamp(history, revision)
        still(plan, fresh)
        return fresh

    return await runner.migrate(again)


def _unmarked(runner: Runner, history: History, plan: Plan) -> int:
    """How many revisions would be unmarked that are applied: one that was only begun is not."""
    unmark = {action.revision for action in plan.actions if action.verb == "unmark"}
    if not unmark:
        return 0
    revisions = runner.workspace.status(history).revisions
    return len(unmark - {one.revision for one in revisions if one.state == "unfinished"})
