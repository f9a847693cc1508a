"""The format `sql-migrate`: files with `-- +migrate Up` and `Down`, and the table `gorp_migrations`.

Source: sql-migrate at 2025-04, migrate.go and sqlparse/sqlparse.go; its command of 2019, as Debian has it, run.
"""

from __future__ import annotations

import re
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
    dataclass,
    field,
    quote_literal,
)
from trek_loaders.formats._files import below, chain, only_sql, refuse_not_last, refuse_two, slug, stamp, text_of
from trek_loaders.formats._pieces import Piece, body_of
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import marked_at, moment, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "sql-migrate"
_DIGITS = re.compile(r"[0-9]+")
_ID = re.compile(r"[^\x00-\x1f\x7f]+")
_COMMAND = "-- +migrate "
_LONGEST = 1 << 20  # bytes of a line
_TOO_LONG = 20  # digits of what is no bigint
_NO_BOM = "sql-migrate does not find its `-- +migrate Up` then"


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """Older files are applied, too, before newer ones; a row without its file is refused, as in sql-migrate."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By the number in front, else by name. Raises `LoadError` for a name that is none, `Duplicate` for one twice."""
    found, others = dict[str, File](), list[Ignored]()
    for file in tree.files:
        if "/" in file.path or not file.name.endswith(".sql"):
            others.append(Ignored(file, below(NAME) if "/" in file.path else "sql-migrate takes .sql"))
        else:
            _check(file, found)
            found[file.name] = file
    revisions = ((name, _title(name), (found[name],)) for name in sorted(found, key=order))
    return Arrangement(chain(revisions, lambda _, own, tree: load(own[0], tree)), tuple(others))


def _check(file: File, found: Mapping[str, File]) -> None:
    if file.name in found:
        refuse_two("have the name", file.name, found[file.name], file)
    if not _ID.fullmatch(file.name) or order(file.name)[1] >= 1 << 63:
        problem = f"the name {file.name!r} cannot be a revision of sql-migrate"
        raise LoadError(
            str(file), None, problem, "Name it with a number below 2^63 in front, and no control characters."
        )


def order(name: str) -> tuple[bool, int, str]:
    """Those with a number in front come first, by it."""
    found = _DIGITS.match(name)
    digits = found[0].lstrip("0") if found else ""
    return found is None, int(digits or 0) if len(digits) < _TOO_LONG else 1 << 63, name


def _title(name: str) -> str:
    return name.removesuffix(".sql").lstrip("0123456789").strip("-_ ").replace("_", " ")


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file, named by the time. Raises `ConfigError`, and `PlanError` where it would not be the last."""
    only_sql(NAME, kind)
    name = f"{stamp(arrangement)}-{slug(title)}.sql"
    last = arrangement.entries[-1].revision if arrangement.entries else ""
    if last and order(name) < order(last):
        refuse_not_last("sql-migrate orders files by name", name, last)
    return {name: "\n-- +migrate Up\n\n-- +migrate Down\n"}


# --------------------------------------------------------------------------- a file
@dataclass(slots=True)
class _Reader:
    """sql-migrate's own reading, line by line. A statement ends with a line whose last word ends in `;`, or a block."""

    file: str
    ways: dict[str, list[Piece]] = field(default_factory=lambda: {"Up": [], "Down": []})
    alone: set[str] = field(default_factory=set)
    way: str = ""
    block: int = 0
    """The line of an open StatementBegin."""
    held: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def read(self, line: str, number: int) -> None:
        if len(line.encode()) >= _LONGEST:
            raise self._error(number, "a line of 1 MiB or more, which sql-migrate does not read", "Break the line.")
        if line.startswith(_COMMAND):
            self._command(line[len(_COMMAND) :].split(), number)
        if not self.way or line.startswith("-- "):
            return
        self.held.append(line)
        self.numbers.append(number)
        if not self.block and _ends(line):
            self._keep()

    def _command(self, words: Sequence[str], number: int) -> None:
        if not words:
            advice = "Write Up, Down, StatementBegin or StatementEnd."
            raise self._error(number, "`-- +migrate` without a word behind it", advice)
        if words[0] in self.ways:
            self._refuse_rest()
            self.way = words[0]
            self.alone.update(self.way for word in words[1:] if word == "notransaction")
        elif words[0] == "StatementBegin" and self.way:
            self.block = number
        elif words[0] == "StatementEnd" and self.block:
            self.block = 0
            self._keep()

    def _keep(self) -> None:
        text = "\n".join(self.held).removesuffix(" ").removesuffix(";")
        if text.strip():
            self.ways[self.way].append(Piece(text, tuple(self.numbers)))
        self.held, self.numbers = [], []

    def _refuse_rest(self) -> None:
        first = next((at for at, line in enumerate(self.held) if line.strip()), None)
        if first is not None:
            advice = "End its last line with `;`, or put StatementBegin and StatementEnd around it."
            raise self._error(self.numbers[first], "a statement that never ends", advice)

    def end(self) -> None:
        if self.block:
            advice = "Write `-- +migrate StatementEnd` behind it."
            raise self._error(self.block, "StatementBegin without StatementEnd", advice)
        if not self.way:
            raise self._error(1, "no line `-- +migrate Up` or `-- +migrate Down`", "sql-migrate wants one of them.")
        self._refuse_rest()

    def _error(self, line: int, problem: str, advice: str) -> LoadError:
        return LoadError(self.file, line, problem, advice)


def _ends(line: str) -> bool:
    words = line.split()
    before = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
    return bool(before) and words[before - 1].endswith(";")


def load(file: File, tree: Tree) -> Script:
    """Both ways; a way without statements does nothing, as in sql-migrate. Raises `LoadError`."""
    reader = _Reader(str(file))
    for number, line in enumerate(text_of(tree, file, bom=_NO_BOM).split("\n"), 1):
        reader.read(line.removesuffix("\r"), number)
    reader.end()
    up, down = (
        body_of(NAME, pieces, str(file), transaction=way not in reader.alone) for way, pieces in reader.ways.items()
    )
    return Script(up, down)


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table of the settings, or `gorp_migrations` wherever the search_path finds it."""
    return SqlMigrateStore(settings)


class SqlMigrateStore(RowStore):
    """A row is the file's name and a time."""

    tool = NAME
    table = "gorp_migrations"
    anywhere = True
    columns: ClassVar = {"id": ("text", "character varying"), "applied_at": ("timestamp with time zone",)}

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: (moment(row["applied_at"] or ""), order(row["id"]))):
            time = row["applied_at"] or ""
            yield HistoryRow(revision=row["id"], started_at=time, finished_at=time, data=row)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (id text NOT NULL PRIMARY KEY, applied_at timestamp with time zone)",)

    def picks(self, revision: str) -> str:
        return same("id", revision)

    def insert(self, action: Action, history: History) -> str:
        values = f"({quote_literal(action.revision)}, {marked_at(action)[1]})"
        return f"INSERT INTO {self.place.named(history)} (id, applied_at) VALUES {values}"
