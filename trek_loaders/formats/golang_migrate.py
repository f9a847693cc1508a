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
    Catalog,
    Direction,
    Duplicate,
    File,
    History,
    HistoryRow,
    Layout,
    NoSettings,
    PlanError,
    Record,
    Row,
    Script,
    State,
    replace,
)
from trek_loaders.formats._bodies import one_query
from trek_loaders.formats._files import chain, ignored, only_sql, slug, text_of
from trek_loaders.formats._store import ToolStore, number

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
            message = (
                f"Two files lead {match['way']} with the number {int(match['number'])}: {ways[match['way']][0]} and {file}. "
                "Rename one of them."
            )
            raise Duplicate(message, (match["number"].lstrip("0"),))
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


class GolangMigrateStore(ToolStore):
    """One row: the version, and whether the step to it was begun and did not come to its end (dirty).

    In a transaction the row is written with the migration. Outside one it is written as the tool does: dirty before the
    body, clean after it, each by itself.
    """

    tool = NAME
    table = "schema_migrations"
    columns: ClassVar = {"version": ("bigint",), "dirty": ("boolean",)}

    def __init__(self, settings: TableSettings) -> None:
        super().__init__(settings)
        self.needs_facts = True  # the lock's key is made of the database's name

    def keys(self, history: History) -> tuple[int, ...]:
        """Two: opened by a URL the tool takes the name of the database with the slash of the URL, else as it is."""
        database, schema = history.facts.database, self.place.where(history)
        return tuple(lock_key(schema, self.place.name, name) for name in (f"/{database}", database))

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: row["version"]):
            yield HistoryRow(revision=str(row["version"]), state="started" if row["dirty"] else "done", data=row)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",)

    def state(self, history: History, catalog: Catalog) -> State:
        """Everything up to the version; of a dirty one what is below, since nobody knows how far the step came."""
        if not history.rows:
            return State()
        row = history.rows[-1]
        version, dirty = row.data["version"], row.data["dirty"]
        below = [entry.revision for entry in catalog.entries if _number(entry.revision) < version]
        if dirty:
            return State(tuple(below), unfinished=(row,))
        return State((*below, row.revision), {row.revision: row})

    # ----------------------------------------------------------------------- writing
    def record(self, action: Action, history: History) -> Record:
        """Raises `PlanError` for a step that leaves more than one head, and one that one row cannot tell."""
        before, after = _standing(history), self._target(action, history)
        guard, following = self.place.guard(history), _following(history, after)
        moved = f"the history moved on from version {before[0]}: another runner was faster"
        if action.body is None or action.mode == "transaction":
            step = self.place.step(history, self._stands(history, before), moved, *self._writes(history, after))
            return Record(begin=(step,), guard=guard, history=following)
        dirty = (NIL if after is None else after, True)
        begin = self.place.step(
            history, self._stands(history, before), moved, *self._writes(history, dirty[0], dirty=True)
        )
        late = (
            f"{action.name} ran outside a transaction, and meanwhile the history moved on from its dirty version {dirty[0]}: "
            "nothing was recorded. Look at what both did to the database, then set the history right with trek stamp."
        )
        finish = self.place.late(history, self._stands(history, dirty), late, *self._writes(history, after))
        return Record(begin=(begin,), finish=(finish,), guard=guard, history=following)

    def _stands(self, history: History, row: tuple[int, bool]) -> str:
        """The condition that the row, or with `NIL` no row, is there and no other."""
        table, (version, dirty) = self.place.named(history), row
        if version == NIL and not dirty:
            return f"NOT EXISTS (SELECT FROM {table})"
        row_is = f"version = {version} AND dirty = {'true' if dirty else 'false'}"
        return f"(SELECT count(*) = 1 AND bool_and({row_is}) FROM {table})"

    def _writes(self, history: History, version: int | None, *, dirty: bool = False) -> tuple[str, ...]:
        table = self.place.named(history)
        values = f"({version}, {'true' if dirty else 'false'})"
        insert = () if version is None else (f"INSERT INTO {table} (version, dirty) VALUES {values}",)
        return (f"DELETE FROM {table}", *insert)

    def _target(self, action: Action, history: History) -> int | None:
        """The version after the action; None for no row."""
        if len(action.after) > 1:
            message = (
                f"After {action.name} the database would stand on {', '.join(action.after)}, and {NAME}'s table holds one "
                "version. Use another store, or a folder without branches."
            )
            raise PlanError(message, action.after)
        if action.before != action.after or action.body is not None:
            return number(NAME, action.after[0]) if action.after else None
        current = history.rows[-1].revision if history.rows else None
        if action.revision != current:
            raise _untellable(action, current)
        if action.verb == "mark":
            return number(NAME, action.revision)
        before = (*action.entry.parents, *action.after)[-1:]
        return number(NAME, before[0]) if before else None


def _untellable(action: Action, current: str | None) -> PlanError:
    message = (
        f"{action.verb} {action.name}: {NAME}'s table holds one version, now {current or 'none'}, and everything up to it "
        "counts as applied: it cannot say that of one alone. Say where the database stands: trek stamp REVISION."
    )
    return PlanError(message, (action.revision,))


def _number(revision: str) -> int:
    return int(revision) if revision.isdecimal() else 1 << 64


def _standing(history: History) -> tuple[int, bool]:
    """The row as it is; `NIL` and clean where there is none."""
    if not history.rows:
        return NIL, False
    row = history.rows[-1].data
    return row["version"], row["dirty"]


def _following(history: History, version: int | None) -> History:
    row = {"version": version, "dirty": False}
    lines = () if version is None else (HistoryRow(revision=str(version), data=row),)
    return replace(history, exists=True, rows=lines)
