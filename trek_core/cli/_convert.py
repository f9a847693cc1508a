"""`trek convert`: the history of one tool, as that of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trek_core.cli._complete import formats
from trek_core.cli._migrate import carry_out, report_as_json
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, lasted, warn
from trek_core.cli._plan import show

if TYPE_CHECKING:
    from trek_core import Conversion, Report
    from trek_core._config import Settings
    from trek_core._migrator import Migrator
    from trek_core.cli._progress import Lines


@click.command(
    short_help="Copy what one tool has recorded into the table of another.",
    epilog=examples(
        "trek convert --from goose --dry-run",
        "trek convert --from goose                 into trek's own table",
        "trek convert --from native --to goose     and back",
    ),
)
@click.option(
    "--from",
    "source",
    metavar="NAME",
    required=True,
    shell_complete=formats,
    help="The format whose table has the history.",
)
@click.option(
    "--to",
    "target",
    metavar="NAME",
    default="native",
    shell_complete=formats,
    help="The format whose table is to have it.  [native]",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--sql", "as_sql", is_flag=True, help="The exact SQL, and nothing else; nothing is written.")
@common
@click.pass_context
def convert(context: click.Context, source: str, target: str, dry_run: bool, as_sql: bool) -> None:
    """Copies what one tool has recorded into the table of another, one of which may be trek's own (native).

    The folder stays as it is, and the table that is read is left alone. All is written in one transaction, under the locks
    of both tools, or nothing. Run again, it writes what came meanwhile.
    """
    words = given(context)
    configured = words.configuration()
    settings = configured.settings
    if dry_run or as_sql:
        from trek_core.cli import _database  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted

        migrator = _database.migrator(settings)
        found = _database.run(_conversion(migrator, settings, source, target).plan())
        warn(found.warnings)
        show(found, as_sql=as_sql, as_json=words.json)
        return

    async def job(migrator: Migrator, shown: Lines) -> tuple[str, Report]:
        conversion = _conversion(migrator, settings, source, target, shown)
        return _configuration(settings, conversion), await conversion.run()

    lines, report = carry_out(words, job)
    warn(report.warnings)
    if words.json:
        document(report_as_json(report))
        return
    copied = (
        f"{count(len(report.ran), 'revision')} copied in {lasted(report.seconds)}, the table of {source} was left alone"
    )
    words.say(copied if report.ran else f"{target} has all that {source} has already: nothing was written")
    from trek_core._adopt_words import for_file  # noqa: PLC0415 - as above

    words.say(f"\nto go on there, write into {for_file(configured.found.file, lines)}")


def _conversion(
    migrator: Migrator, settings: Settings, source: str, target: str, shown: Lines | None = None
) -> Conversion:
    from trek_core._convert import Conversion  # noqa: PLC0415 - as above

    layout = settings.layout or (settings.format if settings.format != "native" else None)
    return Conversion(
        migrator.backend,
        settings.directory,
        source=source,
        target=target,
        layout=layout,
        lock_wait=settings.lock_wait,
        observers=[shown.observer] if shown else [],
    )


def _configuration(settings: Settings, conversion: Conversion) -> str:
    from trek_core._adopt_words import configuration, kept  # noqa: PLC0415 - as above

    layout, target = conversion.layout, conversion.target
    apart = target == "native" and layout != "native"
    notes = kept(conversion.backend, conversion.backend.speaking(target, layout=layout if apart else None))
    return configuration(
        settings.directory, {"layout": layout, "store": target} if apart else {"format": target}, notes=notes
    )
