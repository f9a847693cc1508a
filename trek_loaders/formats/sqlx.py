"""The format `sqlx`: files `20240101000000_title.sql`, or pairs `.up.sql` and `.down.sql`, with a checksum in the table.

Source: sqlx 0.8.6 and 0.9, sqlx-core/src/migrate and sqlx-postgres/src/migrate.rs.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    Sql,
    quote_literal,
    replace,
)
from trek_loaders.formats._bodies import in_transaction, one_query
from trek_loaders.formats._files import chain, ignored, only_sql, refuse_two, slug, stamp, text_of
from trek_loaders.formats._store import RowStore, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, Body, History, Record, Row, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "sqlx"
_FILE = re.compile(r"([^_]*)_(.*\.sql)", re.DOTALL)
_NUMBER = re.compile(r"\+?[0-9]+")
_SUFFIXES = {".up.sql": "up", ".down.sql": "down", ".sql": "up"}
_NO_BOM = "sqlx sends it to the server, which refuses it"
_NO_TRANSACTION = "-- no-transaction"
_SALT = 0x3D32AD9E
_STAMP = 14  # digits


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """Files of any age are applied; a version without a file is refused, and so is an edited one."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By version. Raises `LoadError` for a name that sqlx refuses, `Duplicate` for two files of one way."""
    found, others = defaultdict[int, dict[str, File]](dict), list[Ignored]()
    for file in tree.files:
        match = _FILE.fullmatch(file.name)
        if match is None or "/" in file.path:
            others.append(ignored(NAME, file, "<number>_….sql"))
            continue
        version, way = _version(file, match[1]), _way(match[2])[0]
        if way in found[version]:
            refuse_two(f"lead {way} with the version", str(version), found[version][way], file)
        found[version][way] = file
    alone = "no file leads up with its version, and sqlx passes it by"
    others += (Ignored(ways["down"], alone) for ways in found.values() if "up" not in ways)
    versions = sorted(version for version, ways in found.items() if "up" in ways)
    revisions = ((str(key), _title(found[key]["up"]), _both(found[key])) for key in versions)
    return Arrangement(chain(revisions, lambda _, files, tree: load(files, tree), checksum), tuple(others))


def _version(file: File, digits: str) -> int:
    version = int(digits) if _NUMBER.fullmatch(digits) else 1 << 63
    if version >= 1 << 63:
        problem = f"in front of the first `_` stands {digits!r}, and sqlx wants a whole number below 2^63"
        raise LoadError(str(file), None, problem, "Rename the file, or move it out of the folder.")
    return version


def _way(rest: str) -> tuple[str, str]:
    """Which way a file leads, and its description."""
    suffix = next(suffix for suffix in _SUFFIXES if rest.endswith(suffix))
    while rest.endswith(suffix):
        rest = rest.removesuffix(suffix)
    return _SUFFIXES[suffix], rest.replace("_", " ")


def _title(file: File) -> str:
    return _way(file.name.partition("_")[2])[1]


def _both(ways: Mapping[str, File]) -> Sequence[File]:
    """The way up, and the way down if there is one."""
    return [ways[way] for way in ("up", "down") if way in ways]


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """A file, or a pair where the last one is a pair, named as sqlx does: by the time, or counted on.

    Raises `ConfigError`.
    """
    only_sql(NAME, kind)
    last = arrangement.entries[-1].files if arrangement.entries else ()
    digits = last[0].name.partition("_")[0] if last else ""
    counted = last and len(digits) < _STAMP
    version = f"{int(digits) + 1:0{len(digits)}}" if counted else stamp(arrangement)
    suffixes = (".up.sql", ".down.sql") if len(last) > 1 else (".sql",)
    return {f"{version}_{slug(title)}{suffix}": "" for suffix in suffixes}


# --------------------------------------------------------------------------- a file
def load(files: Sequence[File], tree: Tree) -> Script:
    """The way up and, where there is a file for it, the way down. Raises `LoadError`."""
    up, *down = (_body(file, tree) for file in files)
    return Script(up, next(iter(down), None))


def _body(file: File, tree: Tree) -> Body:
    """The whole file is one simple query."""
    text = text_of(tree, file, bom=_NO_BOM)
    how = one_query if text.startswith(_NO_TRANSACTION) else in_transaction
    return how(NAME, text, str(file))


def checksum(files: Sequence[File], tree: Tree) -> str:
    """SHA-384 of the way up, in hex."""
    return hashlib.sha384(tree.read(files[0])).hexdigest()


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `_sqlx_migrations`."""
    return SqlxStore(settings)


def lock_key(database: str) -> int:
    """The lock of sqlx's `Migrator`; its command takes none."""
    return _SALT * zlib.crc32(database.encode())


class SqlxStore(RowStore):
    """A row for each applied version. One without success, which sqlx calls dirty, is that of something unfinished."""

    tool = NAME
    table = "_sqlx_migrations"
    columns: ClassVar = {
        "version": ("bigint",),
        "description": ("text",),
        "installed_on": ("timestamp with time zone",),
        "success": ("boolean",),
        "checksum": ("bytea",),
        "execution_time": ("bigint",),
    }

    def __init__(self, settings: TableSettings) -> None:
        super().__init__(settings)
        self.needs_facts = True  # the lock's key is made of the database's name

    def keys(self, history: History) -> tuple[int, ...]:
        return (lock_key(history.facts.database),)

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        return map(_line, sorted(rows, key=lambda row: (row["installed_on"], row["version"])))

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        return bool(checksums) and _hex(row["checksum"]) not in map(_stored, checksums)

    def create(self, name: str) -> Iterable[str]:
        columns = (
            "version bigint PRIMARY KEY, description text NOT NULL, "
            "installed_on timestamptz NOT NULL DEFAULT pg_catalog.now(), success boolean NOT NULL, "
            "checksum bytea NOT NULL, execution_time bigint NOT NULL"
        )
        return (f"CREATE TABLE {name} ({columns})",)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """In a transaction the row holds the moment at which it began until the body is done, then the time that it took."""
        record = super().record(action, history)
        if action.body is None or action.verb == "revert" or action.mode != "transaction":
            return record
        took = f"SET execution_time = {_NOW} - execution_time"
        update = f"UPDATE {self.place.named(history)} {took} WHERE {self.picks(action.revision)}"
        return replace(record, finish=(*record.finish, Sql(update)))

    def picks(self, revision: str) -> str:
        return f"version = {number(NAME, revision)}"

    def insert(self, action: Action, history: History) -> str:
        """-1 is the time that is not known: outside a transaction, and of what was marked, as sqlx has it, too."""
        sum_ = quote_literal(_stored(action.checksum or ""))
        time = -1 if action.body is None or action.mode != "transaction" else _NOW
        told = f"{number(NAME, action.revision)}, {quote_literal(action.entry.title)}"
        values = f"{told}, true, pg_catalog.decode({sum_}, 'hex'), {time}"
        columns = "version, description, success, checksum, execution_time"
        return f"INSERT INTO {self.place.named(history)} ({columns}) VALUES ({values})"


_NOW = "(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000000)::bigint"
"""In nanoseconds, which is the column's unit."""


def _line(row: Row) -> HistoryRow:
    time, took = row["installed_on"], row["execution_time"]
    return HistoryRow(
        revision=str(row["version"]),
        state="done" if row["success"] else "failed",
        title=row["description"],
        checksum=_hex(row["checksum"]),
        started_at=time,
        finished_at=time,
        duration=took / 1e9 if took >= 0 else None,
        data=row,
    )


def _stored(checksum: str) -> str:
    """A checksum as the column's bytes, in hex: that of another layout may be any text."""
    return checksum if re.fullmatch(r"(?:[0-9a-f]{2})*", checksum) else checksum.encode().hex()


def _hex(value: str) -> str:
    r"""A bytea as JSON has it, in hex: after `\x`, or under bytea_output = escape with octal numbers."""
    if value.startswith("\\x"):
        return value[2:]
    octets = re.sub(r"\\(\\|[0-7]{3})", lambda found: "\\" if found[1] == "\\" else chr(int(found[1], 8)), value)
    return octets.encode("latin-1").hex()
