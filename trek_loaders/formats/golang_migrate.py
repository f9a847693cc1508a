"""The format `golang-migrate`: pairs `000001_title.up.sql` and `000001_title.down.sql`, and one row that says how far.

Source: golang-migrate v4.19, source/parse.go, migrate.go, database/util.go and database/postgres.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Action,
    Arrangement,
    Body,
    Direction,
    File,
    History,
    HistoryRow,
    Layout,
    NoSettings,
    Record,
    Row,
    Script,
    quote_literal,
)
from trek_loaders.formats._bodies import one_query
from trek_loaders.formats._files import chain, ignored, only_sql, refuse_two, slug, text_of
from trek_loaders.formats._one_row import OneRowStore, moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "golang-migrate"
PATTERN = "<number>_<title>.(up|down).<anything>"
_FILE = re.compile(r"(?P<number>[0-9]+)_(?P<title>.*)\.(?P<way>down|up)\.(?:.*)", re.DOTALL)
_NO_BOM = "golang-migrate sends it to the server, which refuses it"
_SALT = 1486364155
NIL = -1
"""The version of the dirty row that a failed way down to nothing leaves."""


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """The files in the order of their numbers."""
    return Layout(arrange=arrange, new=new)


def arrange(tree: Tree) -> Arrangement:
    """A revision a number; one that lacks a way does nothing on it. Raises `Duplicate` for two files of one way."""
    found = defaultdict[int, dict[str, tuple[File, str]]](dict)
    others = []
    for file in tree.files:
        match = _FILE.fullmatch(file.name)
        if match is None or "/" in file.path:
            others.append(ignored(NAME, file, PATTERN))
            continue
        ways = found[int(match["number"])]
        if match["way"] in ways:
            refuse_two(f"lead {match['way']} with the number", str(int(match["number"])), ways[match["way"]][0], file)
        ways[match["way"]] = (file, match["title"])
    revisions = ((str(key), _title(found[key]), [file for file, _ in found[key].values()]) for key in sorted(found))
    return Arrangement(chain(revisions, lambda _, files, tree: load(files, tree)), tuple(others))


def _title(ways: Mapping[str, tuple[File, str]]) -> str:
    return (ways.get("up") or ways["down"])[1].replace("_", " ")


def load(files: Sequence[File], tree: Tree) -> Script:
    """Both ways: each whole file is one simple query, without BEGIN. Raises `LoadError`."""
    return Script(_body(files, "up", tree), _body(files, "down", tree))


def _body(files: Sequence[File], way: str, tree: Tree) -> Body:
    """A missing file is a step that only moves the version."""
    for file in files:
        if (match := _FILE.fullmatch(file.name)) and match["way"] == way:
            return one_query(NAME, text_of(tree, file, bom=_NO_BOM), str(file))
    return Body((), "transaction")


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """An empty pair with the next number, in six digits as `migrate create -seq` has them. Raises `ConfigError`."""
    only_sql(NAME, kind)
    last = int(arrangement.entries[-1].revision) if arrangement.entries else 0
    return {f"{last + 1:06}_{slug(title)}.{way.value}.sql": "" for way in Direction}


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `schema_migrations` with its one row."""
    return GolangMigrateStore(settings)


def lock_key(schema: str, table: str, database: str) -> int:
    """CRC-32 of the three names, salted, in 32 bits without a sign."""
    return (zlib.crc32(f"{schema}\0{table}\0{database}".encode()) * _SALT) & 0xFFFFFFFF


class GolangMigrateStore(OneRowStore):
    """One row: the version, and whether the step to it was begun and did not come to its end (dirty).

    In a transaction the row is written with the migration. Outside one it is written as the tool does: dirty before the
    body, clean after it, each by itself.
    """

    tool = NAME
    table = "schema_migrations"
    keeps_begun = True
    columns: ClassVar = {"version": ("bigint",), "dirty": ("boolean",)}

    def __init__(self, settings: TableSettings) -> None:
        super().__init__(settings)
        self.needs_facts = True  # the lock's key is made of the database's name

    def keys(self, history: History) -> tuple[int, ...]:
        """Two: opened by a URL the tool takes the name of the database with the slash of the URL, else as it is."""
        database, schema = history.facts.database, self.place.where(history)
        return tuple(lock_key(schema, self.place.name, name) for name in (f"/{database}", database))

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        """Raises `ConfigError` for several rows, of which the tool would read any."""
        for row in self.only(rows):
            yield HistoryRow(revision=str(row["version"]), state="started" if row["dirty"] else "done", data=row)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",)

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """Raises `PlanError` for a step that leaves more than one head, and one that one row cannot tell."""
        if action.body is None or action.mode == "transaction":
            return super().record(action, history)
        after = self.target(action, history)
        dirty = (NIL if after is None else after, True)
        begin = self.place.step(history, self.stands(history), moved(history), *self._inserts(history, *dirty))
        late = (
            f"{action.name} ran outside a transaction, and meanwhile the history moved on from its dirty version {dirty[0]}: "
            "nothing was recorded. Look at what both did to the database, then set the history right with trek stamp."
        )
        finish = self.place.late(history, self._holds(history, *dirty), late, *self.writes(history, after))
        guard, following = self.place.guard(history), self.following(history, after)
        return Record(begin=(begin,), finish=(finish,), guard=guard, history=following)

    def stands(self, history: History) -> str:
        if not history.rows:
            return f"NOT EXISTS (SELECT FROM {self.place.named(history)})"
        row = history.rows[-1].data
        return self._holds(history, row["version"], row["dirty"])

    def writes(self, history: History, version: int | None) -> tuple[str, ...]:
        return (
            (f"DELETE FROM {self.place.named(history)}",) if version is None else self._inserts(history, version, False)
        )

    def row(self, version: int) -> Row:
        return {"version": version, "dirty": False}

    def _holds(self, history: History, version: int, dirty: bool) -> str:
        """The condition that this row is there and no other."""
        row_is = f"version = {version} AND dirty = {quote_literal(dirty)}"
        return f"(SELECT pg_catalog.count(*) = 1 AND pg_catalog.bool_and({row_is}) FROM {self.place.named(history)})"

    def _inserts(self, history: History, version: int, dirty: bool) -> tuple[str, ...]:
        table = self.place.named(history)
        insert = f"INSERT INTO {table} (version, dirty) VALUES ({version}, {quote_literal(dirty)})"
        return (f"DELETE FROM {table}", insert)
