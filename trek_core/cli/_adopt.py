"""`trek adopt`: whose folder and database it is, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trek_core.cli._options import common, examples, given
from trek_core.cli._output import count, document, plain, say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trek_core import Adoption, Folders, LoadError, Status

SHOWN = 10


@click.command(
    short_help="Say which tool a folder and a database belong to.",
    epilog=examples("trek adopt", "trek adopt --dir db/migrations postgresql://app@localhost/shop"),
)
@click.argument("place", metavar="[DSN]", required=False)
@common
@click.pass_context
def adopt(context: click.Context, place: str | None) -> None:
    """Looks at the folder and the database, and says which tool they belong to, where that stands, what trek cannot do
    there, and what to write into the configuration to go on. It only reads.
    """
    from trek_core._adopt import adopt as look  # noqa: PLC0415 - asyncio and pluggy, only where a database is wanted
    from trek_core.cli import _database  # noqa: PLC0415

    words = given(context)
    if place and (words.dsn or words.embedded):
        msg = "the database stands there twice: once by itself, once behind --dsn or --embedded. Give it once."
        raise click.UsageError(msg)
    words.dsn = words.dsn or place
    configured = words.configuration()
    settings = configured.settings
    folder = _one_folder(settings.directory)
    found = _database.run(look(_database.migrator(settings).backend, folder))
    if words.json:
        document(_as_json(found))
    else:
        say("\n".join(map(_line, _told(found, configured.found.file))))


def _one_folder(directory: Folders) -> str:
    from trek_core._tree import roots_of  # noqa: PLC0415 - as above

    first, *more = roots_of(directory)
    if more:
        msg = f"a tool has one folder, and here are {1 + len(more)}: say which with --dir."
        raise click.UsageError(msg)
    return first


def _line(text: str) -> str:
    """Without control characters, which a file's name may hold; its own indentation and line ends stay."""
    return "\n".join(map(plain, text.split("\n")))


def _told(found: Adoption, file: Path | None) -> Iterator[str]:
    where = f"folder {found.directory!r}" if found.directory else "no folder"
    yield f"{found.tool or 'no tool that trek knows'}  ({where}; database {found.database})"
    yield from (f"  because of {reason}" for one in found.candidates[:1] for reason in one.reasons)
    yield from (f"note: {note}" for note in found.notes)
    if found.looked_for:
        yield from ("looked for:", *(f"  {one}" for one in found.looked_for))
    if found.status:
        yield from _standing(found.status)
    yield from (f"trek refuses {error}" for error in found.refused[:SHOWN])
    if len(found.refused) > SHOWN:
        yield f"and {len(found.refused) - SHOWN} files more"
    if found.refused_again:
        yield f"applied already, and trek could not run {count(len(found.refused_again), 'file')} of it again:"
        yield from (f"  {_place(error)}: {error.problem}" for error in found.refused_again[:SHOWN])
    if found.available and not found.status and (found.rows or not found.problem):
        yield f"its history has {count(found.rows, 'row')}"
    if found.problem:
        yield f"its history: {found.problem}"
    if found.available:
        yield from (f"its lock is held now by {holder}" for holder in found.holders)
    for other in found.others:
        yield f"also possible: {other.tool}, because of {'; '.join(other.reasons)}"
    if found.configuration:
        from trek_core._adopt_words import for_file  # noqa: PLC0415 - as above

        yield f"\nwrite into {for_file(file, found.configuration)}"
    yield f"\nnext: {found.advice}"


def _place(error: LoadError) -> str:
    return error.path if error.line is None else f"{error.path}:{error.line}"


def _standing(status: Status) -> Iterator[str]:
    numbers = f"{count(len(status.applied), 'revision')} applied, {len(status.pending)} pending"
    yield f"{status.state}: {numbers}, in {status.history}"
    odd = [one for one in status.revisions if one.state in ("changed", "missing", "unfinished")]
    yield from (f"  {one.state}: {one.revision} {one.title}".rstrip() for one in odd[:SHOWN])


def _as_json(found: Adoption) -> dict[str, object]:
    status = found.status
    revisions = [] if status is None else status.revisions
    return {
        "tool": found.tool,
        "available": found.available,
        "directory": found.directory,
        "database": found.database,
        "candidates": [{"tool": one.tool, "reasons": one.reasons} for one in found.candidates],
        "rows": found.rows,
        "state": status.state if status else None,
        "revisions": [{"revision": one.revision, "title": one.title, "state": one.state} for one in revisions],
        "refused": list(map(_refusal, found.refused)),
        "refused_again": list(map(_refusal, found.refused_again)),
        "problem": found.problem,
        "holders": found.holders,
        "configuration": found.configuration,
        "notes": found.notes,
        "advice": found.advice,
        "looked_for": found.looked_for,
    }


def _refusal(error: LoadError) -> dict[str, object]:
    return {"path": error.path, "line": error.line, "problem": error.problem, "advice": error.advice}
