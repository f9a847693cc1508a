"""The format `postgrator`: pairs `001.do.title.sql` and `001.undo.title.sql`, and the highest version that says how far.

Source: postgrator 8.0, postgrator.js, lib/Client.js, lib/PostgresClient.js and lib/utils.js.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    Rules,
    Script,
    quote_literal,
)
from trek_loaders.formats._bodies import one_query
from trek_loaders.formats._files import below, chain, only_sql, refuse_two, slug, text_of
from trek_loaders.formats._mark import MarkStore
from trek_loaders.formats._store import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, Body, History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import Newline, TableSettings

NAME = "postgrator"
_SUFFIX = re.compile(r"(.*)\.(sql|[cm]?js)", re.DOTALL)
_NUMBERS = re.compile(r"[+-]?(?:[0-9]+(?:e[+-]?[0-9]+)?|infinity)|0[xbo][0-9a-f]+", re.IGNORECASE)
_NO_BOM = "postgrator sends it to the server, which refuses it"
_LINES = {"LF": "\n", "CR": "\r", "CRLF": "\r\n"}
_TOP = 1 << 53  # from where on JavaScript no longer counts


# --------------------------------------------------------------------------- the folder
def make_layout(settings: Newline) -> Layout:
    """The tool compares the checksums, and passes by rows without a file."""
    newline = settings.newline and _LINES[settings.newline]
    return Layout(arrange=lambda tree: arrange(tree, newline), rules=Rules(missing="warn"), new=new)


def arrange(tree: Tree, newline: str | None) -> Arrangement:
    """By version. Raises `LoadError` for a version that is no plain number, `Duplicate` for two files of one way."""
    found, others = defaultdict[int, dict[str, File]](dict), list[Ignored]()
    for file in tree.files:
        if reason := _reason_to_ignore(file):
            others.append(Ignored(file, reason))
            continue
        version, way, _ = _parts(file)
        ways = found[int(version)]
        if way in ways:
            refuse_two(f"{way} version", str(int(version)), ways[way], file)
        ways[way] = file
    alone = "no file does what it undoes, and postgrator never comes to it"
    others += (Ignored(ways["undo"], alone) for ways in found.values() if "do" not in ways)
    versions = sorted(version for version, ways in found.items() if "do" in ways)
    revisions = ((str(one), _parts(found[one]["do"])[2], [*_both(found[one])]) for one in versions)
    entries = chain(
        revisions, lambda _, files, tree: load(files, tree), lambda files, tree: checksum(files[0], tree, newline)
    )
    return Arrangement(entries, tuple(others))


def _both(ways: Mapping[str, File]) -> Iterable[File]:
    return (ways[way] for way in ("do", "undo") if way in ways)


def _parts(file: File) -> tuple[str, str, str]:
    """Version, action and name, as postgrator cuts them: at each dot, and what is behind a third one is nothing."""
    version, action, name, *_ = [*file.name.rpartition(".")[0].split("."), "", ""]
    return version, action, name


def _reason_to_ignore(file: File) -> str:
    """Raises `LoadError` for what is a number to JavaScript, and to no one else."""
    if "/" in file.path:
        return below(NAME)
    version, action, _ = _parts(file)
    if not _SUFFIX.fullmatch(file.name) or not _NUMBERS.fullmatch(version):
        return "not named <version>.(do|undo).<title>.sql, and postgrator takes no other"
    if action not in ("do", "undo"):
        return "behind the version stands neither do nor undo, and postgrator never comes to it"
    if not (version.isdecimal() and int(version) < _TOP):
        problem = f"the version {version}, which JavaScript reads as a number in its own way"
        raise LoadError(str(file), None, problem, "Name it with digits only, below 2^53.")
    return "" if int(version) else "version 0 is the empty database, and postgrator never runs it"


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """An empty pair with the next number, as wide as the last. Raises `ConfigError`."""
    only_sql(NAME, kind)
    last = _parts(arrangement.entries[-1].files[0])[0] if arrangement.entries else "000"
    version = str(int(last) + 1).zfill(len(last))
    return {f"{version}.{way}.{slug(title).replace('_', '-')}.sql": "" for way in ("do", "undo")}


# --------------------------------------------------------------------------- a file
def load(files: Sequence[File], tree: Tree) -> Script:
    """Both ways: each whole file is one simple query, without BEGIN. Raises `LoadError`."""
    do, *undo = files
    if not do.name.endswith(".sql"):
        problem = "a migration in JavaScript, which only postgrator can run"
        raise LoadError(str(do), None, problem, "Let postgrator run it, or rewrite it in SQL under the same version.")
    back = next((file for file in undo if file.name.endswith(".sql")), None)
    return Script(_body(do, tree), None if back is None else _body(back, tree))


def _body(file: File, tree: Tree) -> Body:
    return one_query(NAME, text_of(tree, file, bom=_NO_BOM), str(file))


def checksum(file: File, tree: Tree, newline: str | None) -> str | tuple[()]:
    """MD5 of the file's text, its line ends replaced where that is wanted. JavaScript has none."""
    if not file.name.endswith(".sql"):
        return ()
    content = tree.read(file)
    if newline is not None:
        content = re.sub(rb"\r\n|\r|\n", newline.encode(), content)
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `schemaversion`, wherever the search_path finds it."""
    return PostgratorStore(settings)


class PostgratorStore(MarkStore):
    """A row 0 from the beginning, and a row for each version."""

    tool = NAME
    table = "schemaversion"
    sum = "md5"
    anywhere = True
    columns: ClassVar = {
        "version": ("bigint", "integer"),
        "name": ("text",),
        "md5": ("text",),
        "run_at": ("timestamp with time zone",),
    }

    def changed(self, checksums: tuple[str, ...], row: Row) -> bool:
        """A row that has none is not compared: JavaScript, or an MD5 that was deleted to pass it by."""
        return bool(row["md5"]) and super().changed(checksums, row)

    def place_of(self, revision: str) -> int | None:
        return int(revision) if revision.isdecimal() else None

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: row["version"]):
            if row["version"] > 0:
                yield HistoryRow(
                    revision=str(row["version"]),
                    title=row["name"] or "",
                    checksum=row["md5"],
                    started_at=row["run_at"] or "",
                    finished_at=row["run_at"] or "",
                    data=row,
                )

    def create(self, name: str) -> Iterable[str]:
        columns = "version bigint PRIMARY KEY, name text, md5 text, run_at timestamptz"
        return (f"CREATE TABLE {name} ({columns})", f"INSERT INTO {name} (version) VALUES (0)")

    def picks(self, revision: str) -> str:
        return f"version = {number(NAME, revision)}"

    def insert(self, action: Action, history: History) -> str:
        texts = f"{quote_literal(action.entry.title)}, {quote_literal(action.checksum)}"
        values = f"({number(NAME, action.revision)}, {texts}, pg_catalog.now())"
        return f"INSERT INTO {self.place.named(history)} (version, name, md5, run_at) VALUES {values}"
