"""The format `node-pg-migrate`: files `1700000000000_title.sql` with an `-- Up Migration` and a `-- Down Migration`.

Source: node-pg-migrate 9.0, src/sqlMigration.ts, migration.ts, runner.ts and utils.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    Body,
    ConfigError,
    Duplicate,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    PlanError,
    Rules,
    Script,
    Sql,
    quote_ident,
    quote_literal,
    replace,
)
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction
from trek_loaders.formats._files import below, chain, only_sql, slug, text_of
from trek_loaders.formats._js import LINE, SPACE
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import SearchPath, TableSettings

NAME = "node-pg-migrate"
_NAME = re.compile(r"(?P<name>(?P<number>[0-9]+).*)\.(?P<kind>sql|[cm]?[jt]s)", re.DOTALL)
_UP, _DOWN = (
    re.compile(f"{LINE}[{SPACE}]*--[-{SPACE}]*{way}[{SPACE}]+migration", re.IGNORECASE | re.ASCII)
    for way in ("up", "down")
)
_NO_BOM = "node-pg-migrate sends it to the server, which refuses it"
_ODD = re.compile("[^0-9A-Za-z_. -]")
_DATE = 17  # digits that are a time in UTC, down to milliseconds
_TOP = 1 << 53  # from where on JavaScript no longer counts


# --------------------------------------------------------------------------- the folder
def make_layout(settings: SearchPath) -> Layout:
    """Strict order, and one transaction for all that is pending, as the tool has it unless it is told otherwise.

    Raises `ConfigError` where the settings name no schema.
    """
    if not settings.schemas:
        message = 'layout setting schemas = [] names no schema: leave it out for ["public"], as node-pg-migrate has it.'
        raise ConfigError(message)
    path = Sql(f"SET LOCAL search_path TO {', '.join(map(quote_ident, settings.schemas))}", changes_settings=True)
    return Layout(arrange=lambda tree: arrange(tree, path), rules=Rules(transaction="plan"), new=new)


def arrange(tree: Tree, path: Sql) -> Arrangement:
    """By number, then by name. path: the statement that sets the search_path. Raises `LoadError` and `Duplicate`."""
    found, others = dict[str, File](), list[Ignored]()
    for file in tree.files:
        if reason := _reason_to_ignore(file):
            others.append(Ignored(file, reason))
            continue
        name = _name(file)
        if name in found:
            message = f"Two files are the migration {name!r}: {found[name]} and {file}. Rename one of them."
            raise Duplicate(message, (name,))
        found[name] = file
    ordered = sorted((_order(file), name) for name, file in found.items())
    for (one, before), (other, name) in pairwise(ordered):
        if one[0] == other[0]:
            _check_equals(found[before], found[name])
    revisions = ((name, "", (found[name],)) for _, name in ordered)
    return Arrangement(chain(revisions, lambda _, own, tree: load(own[0], tree, path)), tuple(others))


def _reason_to_ignore(file: File) -> str:
    if "/" in file.path:
        return below(NAME)
    if not _NAME.fullmatch(file.name) and not file.name.endswith(".sql"):
        return "no number and a suffix of SQL, JavaScript or TypeScript, so the tool's ignore-pattern must name it"
    return ""


def _name(file: File) -> str:
    match = _NAME.fullmatch(file.name)
    if match is None:
        problem = f"{NAME} wants a number at the beginning of a name"
        raise LoadError(str(file), None, problem, "Rename the file, or move it out of the folder.")
    if match["kind"] == "sql" and match["name"].endswith((".up", ".down")):
        problem = "one of a pair `.up.sql` and `.down.sql`, which is two migrations to one release and one to another"
        advice = "Put both into one file, below `-- Up Migration` and `-- Down Migration`."
        raise LoadError(str(file), None, problem, advice)
    return match["name"]


def _check_equals(one: File, other: File) -> None:
    """Raises `LoadError` where their order is a matter of the collation that JavaScript finds on its machine."""
    if odd := next((file for file in (one, other) if _ODD.search(file.name)), None):
        problem = f"{one.name} and {other.name} have the same number, and which is first depends on a collation"
        advice = f"Give one another number, or letters a-z, digits, `_`, `-`, `.` and spaces to {odd.name}."
        raise LoadError(str(odd), None, problem, advice)


def _order(file: File) -> tuple[float, list[tuple[int, int, str]], list[bool], str]:
    """By number; among equals as JavaScript compares names, numbers in them as numbers and without punctuation.

    Raises `LoadError` for 17 digits that are no time.
    """
    digits = re.match("[0-9]+", file.name)
    assert digits is not None
    words = re.findall("[0-9]+|[^0-9_. -]", file.name)
    plain = [(0, int(word), "") if word[0] in "0123456789" else (1, 0, word.lower()) for word in words]
    return _number(digits[0], file), plain, [word.isupper() for word in words], file.name


def _number(digits: str, file: File) -> float:
    if len(digits) != _DATE:
        return float(digits)
    try:
        found = datetime.strptime(f"{digits}000+0000", "%Y%m%d%H%M%S%f%z")
    except ValueError as error:
        problem = f"{digits}: {NAME} reads 17 digits as a time, and there is none like this"
        raise LoadError(str(file), None, problem, "Rename the file.") from error
    return found.timestamp() * 1000


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file, named by the milliseconds as the tool names it. Raises `ConfigError`, `PlanError` if it is not the last."""
    only_sql(NAME, kind)
    last = int(min(_order(arrangement.entries[-1].files[0])[0], _TOP)) if arrangement.entries else 0
    number = max(time.time_ns() // 10**6, last + 1)
    if number >= _TOP:
        message = f"{NAME} orders files by number, and {arrangement.entries[-1].files[0]} leaves none. Name the file yourself."
        raise PlanError(message)
    return {f"{number}_{slug(title).replace('_', '-')}.sql": "-- Up Migration\n\n-- Down Migration\n"}


# --------------------------------------------------------------------------- a file
def load(file: File, tree: Tree, path: Sql) -> Script:
    """The part behind each marker; without any the whole file leads up. Raises `LoadError`."""
    if not file.name.endswith(".sql"):
        problem = "a migration in JavaScript or TypeScript, which only node-pg-migrate can run"
        raise LoadError(str(file), None, problem, f"Let {NAME} run it, or rewrite it in SQL under the same name.")
    text = text_of(tree, file, bom=_NO_BOM)
    up, down = _UP.search(text), _DOWN.search(text)
    if down and not up:
        problem = (
            "`-- Down Migration` without `-- Up Migration`: the tool runs the whole file up then, the way down included"
        )
        raise LoadError(str(file), line_at(text, down.end()), problem, "Write `-- Up Migration` above the way up.")
    start, back = up.start() if up else 0, down.start() if down else len(text)
    return Script(
        _body(text[: back if back > start else None], file, start, path),
        _body(text[: start if start > back else None], file, back, path) if down else None,
    )


def _body(text: str, file: File, start: int, path: Sql) -> Body:
    """From an offset on, in the tool's search_path."""
    body = in_transaction(NAME, text, str(file), start)
    return replace(body, statements=(path, *body.statements)) if body.statements else body


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `public.pgmigrations`."""
    return NodePgMigrateStore(settings)


class NodePgMigrateStore(RowStore):
    """A row has a name and a time, in the order of which the tool compares the names with the files."""

    tool = NAME
    table = "pgmigrations"
    schema = "public"
    own_keys = (7241865325823964,)
    columns: ClassVar = {
        "id": ("integer", "bigint"),
        "name": ("character varying", "text"),
        "run_on": ("timestamp without time zone",),
    }

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: (row["run_on"], row["id"])):
            time = row["run_on"]
            yield HistoryRow(revision=row["name"], started_at=time, finished_at=time, data=row)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)",)

    def picks(self, revision: str) -> str:
        return same("name", revision)

    def insert(self, action: Action, history: History) -> str:
        """Never earlier than another row, whatever the zone of the session that wrote that."""
        table = self.place.named(history)
        latest = f"SELECT greatest(pg_catalog.now()::timestamp, pg_catalog.max(run_on)) FROM {table}"
        return f"INSERT INTO {table} (name, run_on) SELECT {quote_literal(action.revision)}, ({latest})"
