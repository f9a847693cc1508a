"""`trek migrate`, and what every command does that writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from trek_core.cli._complete import targets
from trek_core.cli._exit import Interrupted
from trek_core.cli._options import Given, common, examples, given, transaction
from trek_core.cli._output import count, document, lasted, plain, warn
from trek_core.cli._plan import place
from trek_core.cli._progress import Lines, display
from trek_core.plans import Report
from trek_core.text import typed

if TYPE_CHECKING:
    from trek_core._migrator import Migrator

Job = Callable[["Migrator", Lines], Coroutine[Any, Any, tuple[str, Report]]]
"""Gives where the database is if nothing had to be done, and the report."""


@click.command(
    short_help="Bring the database to TARGET, by default to the head.",
    epilog=examples(
        "trek migrate",
        "trek migrate 0003",
        "trek migrate +1                                  one more",
        "trek migrate -1 --yes                            the last one back",
        "trek migrate --transaction plan                  all of it, or nothing",
        "trek migrate --wait 60                           once the server answers",
        "trek migrate base --dsn postgresql://app@localhost/shop",
    ),
)
@click.argument("target", default="head", shell_complete=targets)
@click.option("-y", "--yes", is_flag=True, help="Go down without asking.")
@transaction
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Try again and again, that long, while there is no connection.",
)
@common
@click.pass_context
def migrate(context: click.Context, target: str, yes: bool, wait: float | None) -> None:
    """Brings the database to TARGET: up, down or nothing, as it needs.

    TARGET is a revision or the beginning of one, head (the default), base (nothing applied), +2 (two more) or -1 (the
    last one back). Going down asks first; where nobody can answer it needs --yes.
    """
    words = given(context)

    async def job(migrator: Migrator, shown: Lines) -> tuple[str, Report]:
        if wait is not None:
            from trek_core.cli._wait import until_connected  # noqa: PLC0415 - only where it is asked for

            await until_connected(migrator, wait, quiet=words.quiet)
        async with migrator.backend.connect():  # both steps on one session
            plan = await migrator.plan(target)
            warn(plan.warnings)
            if plan.goes_down and not yes:
                from trek_core.cli._ask import going_down  # noqa: PLC0415 - rarely wanted

                shown.close()
                going_down(plan)
            return place(plan), await migrator.apply(plan) if plan else Report(plan.target, (), plan.warnings)

    where, report = carry_out(words, job)
    if words.json:
        document(report_as_json(report))
    elif report.ran:
        words.say(f"{count(len(report.ran), 'migration')} in {lasted(report.seconds)}")
    else:
        words.say(f"up to date at {where}")


def carry_out(words: Given, job: Job) -> tuple[str, Report]:
    """Runs a job under a display; Ctrl-C becomes `Interrupted`, which says what remains."""
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    with display(quiet=words.json or words.quiet, verbose=words.verbose) as shown:
        migrator = _database.migrator(words.settings(), [shown.observer])
        try:
            return _database.run(job(migrator, shown))
        except KeyboardInterrupt:
            raise _interrupted(shown) from None


def _interrupted(shown: Lines) -> Interrupted:
    it = " before it" if shown.running else ""
    done = f"Done{it} in this run: {', '.join(shown.done)}." if shown.done else f"Nothing was done{it} in this run."
    return Interrupted(f"interrupted. {done}\n{_left(shown)}")


def _left(shown: Lines) -> str:
    """What remains of the action that was running, and what to do next."""
    status, action = "`trek status` shows where the database stands.", shown.running
    if action is None:
        return status
    name, repair = plain(action.name), f"trek repair {plain(typed(action.revision))}"
    if action.mode == "transaction":  # the answer to a COMMIT may be what was not waited for
        return f"{name} was rolled back, unless its COMMIT was under way already. {status}"
    return (
        f"{name} was interrupted outside a transaction: what it did stays ({shown.statements} known to be done).\n"
        f"Look at `trek history`, finish or undo it by hand, then `{repair} --applied` or `{repair} --not-applied`."
    )


def report_as_json(report: Report) -> dict[str, object]:
    """The document of a report."""
    return {
        "target": report.target,
        "ran": [dataclasses.asdict(ran) for ran in report.ran],
        "seconds": report.seconds,
        "warnings": report.warnings,
    }
