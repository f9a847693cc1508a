"""`trek squash`: several revisions as one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trek_core.cli._exit import DONE, FAILED
from trek_core.cli._options import common, examples, given
from trek_core.cli._output import complain, document, plain, say

if TYPE_CHECKING:
    from trek_core._config import Settings
    from trek_core._rehearsal import Rehearsal
    from trek_core.model import Squashed

NEXT = (
    "The originals stay where they are until every database is past them: `trek status` shows none of them pending.\n"
    "Then delete them; the squash alone says what their rows in the history mean."
)


@click.command(
    short_help="Write one file that stands for several.",
    epilog=examples(
        "trek squash 0001..0040",
        'trek squash 0001..0040 --title "the first release"',
        "trek squash 0001..0040 --verify        on a scratch database beside your own",
        "trek squash 0001..0040 --scratch embedded:",
    ),
)
@click.argument("revisions", nargs=-1, required=True, metavar="REVISIONS…")
@click.option("--title", metavar="TEXT", default="", help="The squash's title.  [squash of FIRST to LAST]")
@click.option("--verify", is_flag=True, help="Try it on a scratch database: it must give what the originals give.")
@click.option("--scratch", metavar="DSN", help="The server of that database.  [that of --dsn]")
@common
@click.pass_context
def squash(context: click.Context, revisions: tuple[str, ...], title: str, verify: bool, scratch: str | None) -> int:
    """Writes one file that stands for the REVISIONS, such as 0001..0040: a new database runs it instead of them.

    It holds their ways up as they stand there, and their ways down in reverse. What cannot be in one file is refused, with
    the ranges that can. The originals stay; a database that has some of them goes on with them.
    """
    settings = given(context).settings()
    found, folder = _squashed(settings, revisions, title)
    from trek_core.cli._new import write_files  # noqa: PLC0415 - when there is something to write

    paths = [str(path) for path in write_files(Path(folder), found.files)]
    tried = _tried(settings, scratch, paths[0]) if verify or scratch else None
    if given(context).json:
        document({"created": paths, "notes": found.notes, **({"verified": tried.ok} if tried else {})})
    else:
        for note in found.notes:
            complain(f"note: {plain(note)}")
        say("\n".join(paths))
        complain(_told(tried))
    return DONE if tried is None or tried.ok else FAILED


def _tried(settings: Settings, scratch: str | None, path: str) -> Rehearsal:
    """The new file alone, after those before it: up, down and up again, and beside what it replaces."""
    from trek_core._rehearse import rehearse  # noqa: PLC0415 - where a database is wanted
    from trek_core.cli import _database  # noqa: PLC0415

    revision = Path(path).name.partition("_")[0]
    migrator = _database.migrator(replace(settings, dsn=scratch or settings.dsn))
    return _database.run(rehearse(migrator, only=(revision,)))


def _told(tried: Rehearsal | None) -> str:
    if tried is None:
        return NEXT
    if tried.ok:
        return f"verified: it gives what its originals give.\n{NEXT}"
    found = "\n".join(str(step) for step in tried.steps if not step.ok)
    return f"{found}\nIt does not do what its originals do: correct the file, then `trek test --only` it; or delete it."


def _squashed(settings: Settings, revisions: tuple[str, ...], title: str) -> tuple[Squashed, str]:
    from trek_core import _squashing  # noqa: PLC0415 - pluggy
    from trek_core._host import PluginHost  # noqa: PLC0415
    from trek_core._places import folder_of  # noqa: PLC0415

    host = PluginHost(blocked=settings.disable_plugins)
    layout = host.layout(settings.layout or settings.format or "native", settings.layout_settings)
    found, root = _squashing.squash(settings.directory, host, layout, revisions, title)
    return found, folder_of(root)
