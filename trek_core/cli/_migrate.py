"""`trek migrate` and `trek stamp`: the commands that write."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from trek_core.cli._exit import Interrupted
from trek_core.cli._options import Given, common, examples, given
from trek_core.cli._output import count, document, say, warn
from trek_core.cli._plan import place
from trek_core.cli._progress import Lines, display
from trek_core.plans import Report

if TYPE_CHECKING:
    from trek_core._migrator import Migrator

Job = Callable[["Migrator", Lines], Coroutine[Any, Any, tuple[str, Report]]]
"""Gives where the database is if nothing had to be done, and the report."""


@click.command(
    short_help="Bring the database to TARGET, by default to the head.",
    epilog=examples(
        "trek migrate",
        "trek migrate 0003",
        "trek migrate +1",
        "trek migrate -1 --yes",
        "trek migrate base --dsn postgresql://app@localhost/shop",
    ),
)
@click.argument("target", default="head")
@click.option("-y", "--yes", is_flag=True, help="Go down without asking.")
@common
@click.pass_context
def migrate(context: click.Context, target: str, yes: bool) -> None:
    """Brings the database to TARGET: up, down or nothing, as it needs.

    TARGET is a revision or the beginning of one, head (the default), base (nothing applied), +2 (two more) or -1 (the
    last one back). Going down asks first; where nobody can answer it needs --yes.
    """

    async def job(migrator: Migrator, shown: Lines) -> tuple[str, Report]:
        async with migrator.backend.connect():  # both steps on one session
            plan = await migrator.plan(target)
            warn(plan.warnings)
            if plan.goes_down and not yes:
                from trek_core.cli._ask import confirm  # noqa: PLC0415 - rarely wanted

                shown.close()
                confirm(plan)
            return place(plan), await migrator.apply(plan) if plan else Report(plan.target, (), plan.warnings)

    where, report = _carry_out(given(context), job)
    if given(context).json:
        document(_as_json(report))
    elif report.ran:
        say(f"{count(len(report.ran), 'migration')} in {report.seconds:.2f} s")
    else:
        say(f"up to date at {where}")


@click.command(
    short_help="Make the history say that the database is at REVISION.",
    epilog=examples(
        "trek stamp 0042", "trek stamp head", "trek stamp base                        nothing counts as applied"
    ),
)
@click.argument("revision")
@common
@click.pass_context
def stamp(context: click.Context, revision: str) -> None:
    """Makes the history say that the database is at REVISION: what it needs is marked as applied, all else as not.

    No migration runs. It is for a database that got its schema in another way, and the way on after a
    non-transactional migration was finished by hand.
    """

    async def job(migrator: Migrator, _shown: Lines) -> tuple[str, Report]:
        report = await migrator.stamp(revision)
        warn(report.warnings)
        return revision, report

    where, report = _carry_out(given(context), job)
    if given(context).json:
        document(_as_json(report))
    elif report.ran:
        say(f"{count(len(report.ran), 'revision')} marked in {report.seconds:.2f} s, nothing was run")
    else:
        say(f"the history says {where} already")


def _carry_out(words: Given, job: Job) -> tuple[str, Report]:
    from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

    with display(quiet=words.json) as shown:
        migrator = _database.migrator(words.settings(), [shown.observer])
        try:
            return _database.run(job(migrator, shown))
        except KeyboardInterrupt:
            raise _interrupted(shown) from None


def _interrupted(shown: Lines) -> Interrupted:
    done = f"Done before it in this run: {', '.join(shown.done)}." if shown.done else "Nothing was done in this run."
    return Interrupted(f"interrupted. {done} `trek status` shows where the database stands.")


def _as_json(report: Report) -> dict[str, object]:
    return {
        "target": report.target,
        "ran": [dataclasses.asdict(ran) for ran in report.ran],
        "seconds": report.seconds,
        "warnings": report.warnings,
    }
