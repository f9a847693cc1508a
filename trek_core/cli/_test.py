"""`trek test`: every migration up, down and up again on a scratch database."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from trek_core.cli import _exit
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, lasted, plain, say, styled
from trek_core.text import redact_dsn

if TYPE_CHECKING:
    from trek_core._rehearsal import Rehearsal, Rehearsed

COLOURS = {"reversible": "green", "no way down": "yellow", "differs": "red", "failed": "red", "not reached": "red"}
WIDTH = len("irreversible")


@click.command(
    short_help="Try every migration up, down and up again.",
    epilog=examples(
        "trek test",
        "trek test --scratch embedded:     on a server of its own",
        "trek test --only 0012 --only 0013",
        "trek test --strict                what has no way down fails",
    ),
)
@click.option("--scratch", metavar="DSN", help="The server to make the scratch database on.  [that of --dsn]")
@click.option(
    "--only", multiple=True, metavar="REVISION", help="Try this one; those before it are applied. Repeatable."
)
@click.option("--strict", is_flag=True, help="Fail where a way down is missing.")
@common
@click.pass_context
def test(context: click.Context, scratch: str | None, only: tuple[str, ...], strict: bool) -> int:
    """Applies, reverts and applies again each migration, one by one, and compares what is there.

    After the way down the database must be as it was before, and after the second way up as after the first. A squash must
    give what the migrations give that it replaces. All that happens in a scratch database, an empty one that is made on
    the same server and dropped at the end; roles and other things of the whole server are the same ones.
    """
    from trek_core._rehearse import rehearse  # noqa: PLC0415 - as everywhere, where a database is wanted
    from trek_core.cli import _database  # noqa: PLC0415

    words = given(context)
    settings = words.settings()
    settings = replace(settings, dsn=scratch or settings.dsn)
    heard = _silent if words.json else _quiet if words.quiet else _tell
    migrator = _database.migrator(settings)
    try:
        found = _database.run(rehearse(migrator, only=only, heard=heard))
    except KeyboardInterrupt:
        where = f"on {redact_dsn(settings.dsn or '')}"
        msg = f"interrupted. The scratch database {where} was dropped; nothing else was changed by trek."
        raise _exit.Interrupted(msg) from None
    if words.json:
        document(_as_json(found))
    elif not words.quiet:
        say(_summary(found))
    return _exit.DONE if found.ok and not (strict and found.one_way) else _exit.FAILED


def _silent(_step: Rehearsed) -> None:
    """With --json everything is told at the end."""


def _quiet(step: Rehearsed) -> None:
    if not step.ok:
        _tell(step)


def _tell(step: Rehearsed) -> None:
    headline, *rest = str(step).splitlines()
    took = f"  {lasted(step.seconds)}" if step.seconds else ""
    way = f" ({step.way})" if step.outcome == "failed" else ""
    del headline
    say(f"{styled(step.outcome.ljust(WIDTH), COLOURS.get(step.outcome, ''))}  {plain(step.name)}{way}{took}")
    for line in rest:
        say(f"    {line}".rstrip())


def _summary(found: Rehearsal) -> str:
    told = Counter(step.outcome for step in found.steps)
    parts = ", ".join(f"{number} {outcome}" for outcome, number in told.items())
    return f"{count(len(found.steps), 'migration')} in {lasted(found.seconds)}: {parts or 'nothing to try'}"


def _as_json(found: Rehearsal) -> dict[str, object]:
    return {
        "ok": found.ok,
        "seconds": found.seconds,
        "migrations": [
            {
                "revision": step.revision,
                "title": step.title,
                "files": step.files,
                "outcome": step.outcome,
                "way": step.way,
                "seconds": step.seconds,
                "differences": [
                    {"object": one.object, "change": one.change, "before": one.before, "after": one.after}
                    for one in step.drift
                ],
                "error": _exit.as_json(step.error) if step.error else None,
            }
            for step in found.steps
        ],
    }
