"""The format `refinery`: files `V1__title.sql` and `U1__title.sql`, in any sub-folder, with a checksum in the table.

Source: refinery at 2026-05, refinery_core/src/runner.rs, util.rs and traits. It was read, not run; its checksum was checked
with a constant of its own tests.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    PlanError,
    Script,
    quote_literal,
    replace,
)
from trek_loaders.formats._bodies import in_transaction
from trek_loaders.formats._files import chain, only_sql, refuse_two, slug, stamp, text_of
from trek_loaders.formats._siphash import siphash13
from trek_loaders.formats._store import RowStore, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import RefinerySettings

NAME = "refinery"
_FILE = re.compile(r"([UV|])(\d+(?:\.\d+)?)__(.+)\.(rs|sql)", re.DOTALL)
_WORD = re.compile(r"\w+")
_NO_BOM = "refinery sends it to the server, which refuses it"
_NARROW, _WIDE = 1 << 31, 1 << 63
_STAMP = 1 << 40  # a version beyond it is a time, and not a count


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """Edited, missing and older files are refused, as in refinery; only its U may come late."""
    return Layout(arrange=arrange, new=new)


def arrange(tree: Tree) -> Arrangement:
    """By version. Raises `LoadError` for what refinery refuses, and for one in Rust; `Duplicate` for a version twice."""
    found, late, others = dict[int, tuple[str, File]](), set[str](), list[Ignored]()
    for file in tree.files:
        match = _FILE.fullmatch(file.name)
        if match is None or not _is_name(file, match[3]):
            others.append(Ignored(file, f"not named [U|V]<number>__<name>.sql, and {NAME} takes no other"))
            continue
        version = _version(file, match)
        if version in found:
            refuse_two("have the version", str(version), found[version][1], file)
        found[version] = match[3], file
        if match[1] == "U":
            late.add(str(version))
    revisions = ((str(version), found[version][0], (found[version][1],)) for version in sorted(found))
    summed = partial(checksum, wide=max(found, default=0) >= _NARROW)
    entries = chain(revisions, lambda _, files, tree: load(files[0], tree), summed)
    free = (replace(entry, any_time=True) if entry.revision in late else entry for entry in entries)
    return Arrangement(tuple(free), tuple(others))


def _is_name(file: File, name: str) -> bool:
    """Raises `LoadError` where Rust may say something else than Python of what a letter is."""
    if _WORD.fullmatch(name) and all(char.isalpha() for char in name if not char.isascii()):
        return True
    if name.isascii() or any(char.isascii() and not _WORD.fullmatch(char) for char in name):
        return False
    problem = f"the name {name!r} has a character of which it is not certain that {NAME} counts it among letters"
    raise LoadError(str(file), None, problem, "Rename the file: letters, digits and `_`.")


def _version(file: File, match: re.Match[str]) -> int:
    digits = match[2]
    if match[4] == "rs":
        advice = "Rewrite it in SQL under the same number, or go on with refinery for this folder."
        raise LoadError(str(file), None, "a migration in Rust, which only a program of its author can run", advice)
    if match[1] == "|":
        raise LoadError(str(file), None, "`|` in front of the version, at which refinery panics", "Write V or U.")
    if not (digits.isascii() and digits.isdecimal() and int(digits) < _WIDE):
        problem = f"the version {digits} is no whole number below 2^63, and {NAME} has no others"
        raise LoadError(str(file), None, problem, "Rename the file, or move it out of the folder.")
    return int(digits)


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file, with the next number, or the time where the last one is a time. Raises `ConfigError`."""
    only_sql(NAME, kind)
    last = int(arrangement.entries[-1].revision) if arrangement.entries else 0
    return {f"V{stamp(arrangement) if last > _STAMP else last + 1}__{slug(title)}.sql": ""}


# --------------------------------------------------------------------------- a file
def load(file: File, tree: Tree) -> Script:
    """The way up; refinery has no other. Raises `LoadError`."""
    return Script(in_transaction(NAME, text_of(tree, file, bom=_NO_BOM), str(file)))


def checksum(files: Sequence[File], tree: Tree, wide: bool) -> str:
    """Of name, version and text. The version counts with 4 bytes or 8, as the table has it: both, unless one needs 8."""
    match = _FILE.fullmatch(files[0].name)
    assert match is not None
    name, version, text = match[3].encode(), int(match[2]), tree.read(files[0])
    widths = (8,) if wide else (4, 8)
    hashes = (siphash13(b"\xff".join((name, version.to_bytes(width, "little") + text, b""))) for width in widths)
    return " ".join(map(str, hashes))


# --------------------------------------------------------------------------- the table
def make_store(settings: RefinerySettings) -> VersionStore:
    """The table `refinery_schema_history`."""
    return RefineryStore(settings)


class RefineryStore(RowStore):
    """A row for each applied version. The type of its first column says with which feature refinery was built."""

    tool = NAME
    table = "refinery_schema_history"
    columns: ClassVar = {
        "version": ("integer", "bigint"),
        "name": ("character varying",),
        "applied_on": ("character varying",),
        "checksum": ("character varying",),
    }

    def __init__(self, settings: RefinerySettings) -> None:
        super().__init__(settings)
        self._wide = settings.int8_versions

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        return map(_line, sorted(rows, key=lambda row: ((row["applied_on"] or "").rstrip("Z"), row["version"])))

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        return bool(checksums) and row["checksum"] not in (one for text in checksums for one in _widths(text))

    def create(self, name: str) -> Iterable[str]:
        version = "int8" if self._wide else "int4"
        columns = f"version {version} PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255)"
        return (f"CREATE TABLE {name} ({columns})",)

    def picks(self, revision: str) -> str:
        return f"version = {number(NAME, revision)}"

    def insert(self, action: Action, history: History) -> str:
        """Nothing may be NULL, of which refinery panics; a checksum that no layout gave is one that no file has.

        Raises `PlanError` for a version that the table, which is made in the same run, could not hold.
        """
        version, table = number(NAME, action.revision), self.place.named(history)
        if version >= _NARROW and not self._wide and history.schema is None:
            raise _too_narrow(action, self.place.identity)
        narrow, wide = map(quote_literal, _widths(action.checksum or "0"))
        is_wide = f"pg_catalog.pg_typeof((SELECT version FROM {table} LIMIT 1)) = 'bigint'::pg_catalog.regtype"
        sum_ = f"CASE WHEN {is_wide} THEN {wide} ELSE {narrow} END"
        values = f"{version}, {quote_literal(action.entry.title)}, {_NOW}, {sum_}"
        return f"INSERT INTO {table} (version, name, applied_on, checksum) VALUES ({values})"


_NOW = """pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def _line(row: Row) -> HistoryRow:
    time = row["applied_on"] or ""
    return HistoryRow(
        revision=str(row["version"]),
        title=row["name"] or "",
        checksum=row["checksum"],
        started_at=time,
        finished_at=time,
        data=row,
    )


def _widths(checksum: str) -> tuple[str, str]:
    """For a version of 4 bytes, and of 8; another layout's checksum is the same for both."""
    narrow, _, wide = checksum.partition(" ") if re.fullmatch(r"\d+ \d+", checksum) else (checksum, "", checksum)
    return narrow, wide


def _too_narrow(action: Action, table: str) -> PlanError:
    message = (
        f"{action.name}: the table {table}, which this run would make, would have versions of 4 bytes, as {NAME} makes it, "
        f"and {action.revision} needs 8. Set the store setting int8_versions = true, as {NAME} is then built with the "
        "feature int8-versions."
    )
    return PlanError(message, (action.revision,))
