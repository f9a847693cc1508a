"""`trek new` in the native folder: the next revision, and the files, by the folder's own habit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from trek_core.plugin import ConfigError, File
from trek_loaders._names import natural_key, runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trek_core.plugin import Arrangement

Numbering = Literal["number", "timestamp"]
_STAMP = "%Y%m%d%H%M%S"
_TIMESTAMP = re.compile(r"[0-9]{14}|20[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{2}(?:[0-9]{2}){0,2}")
"""To the second, or a year of this century and its month, and as much of the time as the folder writes."""


def new(arrangement: Arrangement, title: str, kind: str, numbering: Numbering | None = None) -> Mapping[str, str]:
    """The files of a new revision, after the last one. `kind` is "sql" or "py".

    numbering: None continues with what the last revision is. A pair follows a pair. Raises `ConfigError`.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    if not slug:
        msg = f"no file name can be made of the title {title!r}: give it a letter a-z or a digit."
        raise ConfigError(msg)
    if kind not in _TEMPLATES:
        msg = f"the native layout makes no {kind!r} files. It makes: {', '.join(_TEMPLATES)}."
        raise ConfigError(msg)
    revision = _next(arrangement.entries[-1].revision if arrangement.entries else "0000", numbering)
    words = {"title": " ".join(title.split()), "revision": revision}
    if kind == "sql" and (up := _pair_of(arrangement)) is not None:
        pair = {f"{revision}_{slug}{up}.sql": _UP, f"{revision}_{slug}.down.sql": _DOWN}
        return {name: text.format(**words) for name, text in pair.items()}
    return {f"{revision}_{slug}.{kind}": _TEMPLATES[kind].format(**words)}


def _pair_of(arrangement: Arrangement) -> str | None:
    """What stands before the `.sql` of a way up, where the last SQL migration is a pair; None where it is one file."""
    for entry in reversed(arrangement.entries):
        first, others = next(iter(entry.files), None), entry.files[1:]
        if first and first.name.endswith(".sql"):
            return _direction(first) if others else _direction(first) or None
    return None


def _direction(file: File) -> str:
    return ".up" if file.name.lower().endswith(".up.sql") else ""


def _next(last: str, numbering: Numbering | None) -> str:
    """The last revision with its last number raised by one; after a timestamp the time, if that is later."""
    dated = _TIMESTAMP.fullmatch(last) is not None
    if numbering == "number" and dated:
        msg = f"the last revision, {last}, is a timestamp, and a number would stand before it: leave --number out."
        raise ConfigError(msg)
    now = datetime.now(UTC).strftime(_STAMP)
    if dated:
        return max(_raised(last), now[: len(last)])
    if numbering != "timestamp":
        return _raised(last)
    if natural_key(now) < natural_key(last):
        msg = f"the timestamp {now} would stand before the last revision, {last}: leave --timestamp out."
        raise ConfigError(msg)
    return now


def _raised(last: str) -> str:
    parts = runs(last)
    at = max((at for at, run in enumerate(parts) if run.isdigit()), default=None)
    if at is None:
        return f"{last}1"
    return "".join((*parts[:at], str(int(parts[at]) + 1).zfill(len(parts[at])), *parts[at + 1 :]))


_TEMPLATES = {
    "sql": """\
-- {title}


-- For a way back, take the first two dashes off the next line and write its statements below.
-- -- trek: down
""",
    "py": """\
# {title}


async def upgrade(connection):
    raise NotImplementedError


# For a way back, write this function:
# async def downgrade(connection):
#     ...
""",
}
_UP = "-- {title}\n\n"
_DOWN = """\
-- {title}: the way back

-- Write it in place of this, or delete the file.
DO $$ BEGIN RAISE EXCEPTION 'the way back of {revision} is not written'; END $$;
"""
