"""What `trek adopt` says of what it found."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

from trek_core._recognise import OWN_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trek_core._adopt import Adoption
    from trek_core._recognise import Candidate
    from trek_core._signs import Signs
    from trek_core.backend import Backend

DIRECTORY = "migrations"
"""Where a user looks who names no folder."""

_NEXT = {
    "current": "Nothing is pending: `trek status --check`.",
    "unfinished": "Finish or undo by hand what was begun, then `trek repair REVISION --applied` or `--not-applied`.",
    "changed": "Look at the files that changed; `trek repair REVISION --applied` takes one as it is.",
    "ahead": "Restore the files that are missing, or `trek repair REVISION --not-applied`; then `trek plan`.",
}


def configuration(
    directory: str | Sequence[str],
    chosen: Mapping[str, str],
    settings: Mapping[str, object] | None = None,
    notes: Iterable[str] = (),
) -> str:
    """The lines for pyproject.toml. chosen: the format, or its halves. settings: of the store. notes: what else to know."""
    lines = [
        "[tool.trek]",
        f"directory = {_text(directory)}",
        *(f"{key} = {_text(name)}" for key, name in chosen.items()),
    ]
    if settings:
        lines += ["", "[tool.trek.store-settings]", *(f"{name} = {_text(value)}" for name, value in settings.items())]
    return "\n".join([*lines, *(f"# {note}" for note in notes)])


def for_file(file: Path | None, lines: str) -> str:
    """The file that is there, and the lines as it has them: a trek.toml beside a [tool.trek] would be an error."""
    if file is None or file.name != "trek.toml":
        return f"pyproject.toml:\n\n{lines}"
    bare = lines.removeprefix("[tool.trek]\n").replace("[tool.trek.", "[")
    return f"trek.toml:\n\n{bare}"


def kept(before: Backend, after: Backend) -> Iterator[str]:
    """What becomes of the settings that a configuration has. Their values are not shown: one may be a password."""
    _, layout, store, own = before.spoken
    _, still_layout, _, still_own = after.spoken
    if layout:
        yield f"[tool.trek.layout-settings] {'stays as it is' if still_layout else 'goes: it was of another layout'}"
    if own:
        yield f"[tool.trek.store-settings] {'stays as it is' if still_own else f'goes: it was for the store {store}'}"


def _text(value: object) -> str:
    """As TOML writes it."""
    return json.dumps(value, ensure_ascii=False)


def advice(seen: Adoption, instead: str = "") -> str:
    """What to do next."""
    tool, status = seen.tool, seen.status
    if not seen.available:
        return instead or f"trek has no format for {tool} yet: let {tool} go on."
    if seen.refused:
        return f"Settle what is refused, or let {tool} run those files; then `trek adopt` again."
    if seen.problem:
        return "Settle that first, then `trek adopt` again."
    if status is None:
        return "Name the folder of its files with --dir."
    if status.state == "uninitialised" and seen.tables:
        return "If the tables here came of these files, `trek stamp REVISION` says so. Else `trek plan`, then `trek migrate`."
    return _NEXT.get(status.state, "`trek plan`, then `trek migrate`.")


def warnings(
    found: Sequence[Candidate], directory: str, given: str, tables: int, *, empty: bool = False
) -> Iterator[str]:
    if not directory:
        yield f"There is no folder {given!r}, nor one of those that tools usually have."
    elif empty:
        yield f"The folder {directory!r} holds no file."
    elif given != DIRECTORY and not PurePath(directory).is_relative_to(given):
        yield f"There is no folder {given!r}: this is what {directory!r} is, as tools usually have it."
    if not tables:
        yield "The database is empty: it has no table at all."
    elif not any(one.table for one in found):
        yield f"The database has {tables} table{'s' * (tables > 1)}, and none is the history of a tool that trek knows."
    if not found:
        return
    best, others = found[0], [one for one in found[1:] if one.weight[1] >= OWN_TABLE]
    if best.table is None and others:
        told = "; ".join(f"{one.tool}: {one.tables[0]}" for one in others)
        yield f"The files are {best.tool}'s, and the database has no table of it, but one of another tool: {told}."
    if best.table is not None and directory and not best.weight[0]:
        yield f"The table is {best.tool}'s, and nothing in {directory!r} is: is it the right folder?"


def told(signs: Signs) -> str:
    """What tells a tool, on one line."""
    files = ", ".join(sign.says for sign in signs.files)
    tables = ", ".join(
        dict.fromkeys(f"{sign.schema}.{sign.table}" if sign.schema else sign.table for sign in signs.tables)
    )
    return f"{signs.tool}: {files or 'no file'}; the table {tables}"
