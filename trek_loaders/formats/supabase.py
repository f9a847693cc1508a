"""The format `supabase`: files `20240101000000_title.sql`, and a table that keeps their statements.

Source: Supabase CLI 3.1 run; the Go sources of 2.x, pkg/migration (list, file, apply, history) and pkg/parser.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    Body,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Script,
    Sql,
    dataclass,
    quote_literal,
    replace,
)
from trek_loaders._scanner import Scanner
from trek_loaders.formats._bodies import message, outside, read
from trek_loaders.formats._files import chain, ignored, only_sql, refuse_not_last, refuse_two, slug, stamp, text_of
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trek_core.plugin import Action, Facts, History, Row, Rows, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "supabase"
PATTERN = "<digits>_<title>.sql"
_FILE = re.compile(r"([0-9]+)_(.*)\.sql")
_INIT = re.compile(r"([0-9]{14})_init\.sql")
_INIT_UNTIL = 20211209000000
_LATER = {"statements": "text[]", "name": "text"}
"""Columns that older tables lack, in the order in which the tool adds them."""


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """As `db push` and `migration up`: nothing older than what is applied, and no version without its file."""
    return Layout(arrange=arrange, new=new)


def arrange(tree: Tree) -> Arrangement:
    """By the files' names. Raises `Duplicate`, and `LoadError` for a name that stands where its version does not."""
    files, others = list[File](), list[Ignored]()
    first = min((file.path for file in tree.files), default="")
    for file in sorted(tree.files, key=lambda file: file.path):
        if "/" in file.path or not _FILE.fullmatch(file.name):
            others.append(ignored(NAME, file, PATTERN))
        elif file.path == first and _is_old_init(file.name):
            others.append(Ignored(file, "an _init.sql of before December 2021, which the tool passes by as the first"))
        else:
            _check_place(files[-1:], file)
            files.append(file)
    revisions = ((*_parts(file), (file,)) for file in files)
    return Arrangement(chain(revisions, lambda _, own, tree: load(own[0], tree)), tuple(others))


def _is_old_init(name: str) -> bool:
    found = _INIT.search(name)
    return found is not None and int(found[1]) < _INIT_UNTIL


def _check_place(before: Sequence[File], file: File) -> None:
    version, last = _parts(file)[0], _parts(before[0])[0] if before else ""
    if version == last:
        refuse_two("have the version", version, before[0], file)
    if version < last:
        problem = f"the version {version} comes before {last} as text, and the file after {before[0].name} by its name"
        raise LoadError(str(file), None, problem, "Give all versions the same number of digits, as the tool does.")


def _parts(file: File) -> tuple[str, str]:
    """Version, and the name as the table keeps it."""
    match = _FILE.fullmatch(file.name)
    assert match is not None
    return match[1], match[2]


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """An empty file, named by the time. Raises `ConfigError`, and `PlanError` where it would not be the last."""
    only_sql(NAME, kind)
    version = str(stamp(arrangement))
    last = arrangement.entries[-1].revision if arrangement.entries else ""
    if version < last:
        refuse_not_last("Supabase orders versions as text", version, last)
    return {f"{version}_{slug(title)}.sql": ""}


# --------------------------------------------------------------------------- a file
@dataclass(frozen=True, slots=True)
class SupabaseBody(Body):
    """pieces: what the table keeps of the file, comments included, from which `migration fetch` makes it anew."""

    pieces: tuple[str, ...] = ()


def load(file: File, tree: Tree) -> Script:
    """One way only. What refuses a transaction block runs alone, the rest between such together. Raises `LoadError`."""
    text, name = text_of(tree, file), str(file)
    statements = read(NAME, text, name)
    body = _body(text, name, statements)
    return Script(SupabaseBody(body.statements, body.mode, pieces=tuple(_pieces(text, statements))))


def _body(text: str, file: str, statements: Sequence[Sql]) -> Body:
    if not any(one.refuses_block or one.controls_transaction for one in statements):
        return Body(tuple(statements), "transaction")
    groups = [tuple(some) for _, some in groupby(statements, lambda one: one.refuses_block and one)]
    ends = (one[-1].offset + len(one[-1].text) for one in groups)
    return outside(groups, [message(text[:end], file, some) for end, some in zip(ends, groups, strict=True)])


def _pieces(text: str, statements: Sequence[Sql]) -> Iterator[str]:
    """The text cut behind each semicolon that ends a statement; of each piece what is not white space or a semicolon."""
    start = 0
    for end in (*_ends(text, statements), len(text)):
        if piece := text[start:end].strip().rstrip(";").strip():
            yield piece
        start = end


def _ends(text: str, statements: Sequence[Sql]) -> Iterator[int]:
    """Behind each semicolon that stands between statements: a comment may stand in front of it."""
    begins = [*(one.offset for one in statements), len(text)]
    ends = [0, *(one.offset + len(one.text) for one in statements)]
    for end, begin in zip(ends, begins, strict=True):
        for token in Scanner(text[:begin], start=end):
            yield token.end


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `supabase_migrations.schema_migrations`."""
    return SupabaseStore(settings)


class SupabaseStore(RowStore):
    """A row a version. It tells no time, so the order in which they were applied is that of their texts."""

    tool = NAME
    table = "schema_migrations"
    schema = "supabase_migrations"
    columns: ClassVar = {"version": ("text",)}

    def history(self, rows: Rows | None, facts: Facts) -> History:
        """Raises `ConfigError` as `ToolStore.history` does."""
        found = super().history(rows, facts)
        columns: Row = next((row[KEY]["columns"] for row in rows or () if KEY in row), {})
        return replace(found, lacks=tuple(name for name in _LATER if name not in columns)) if found.exists else found

    def prepare(self, history: History) -> Sequence[Sql]:
        if not history.lacks:
            return super().prepare(history)
        added = ", ".join(f"ADD COLUMN {name} {_LATER[name]}" for name in history.lacks)
        return (Sql(f"ALTER TABLE {self.place.named(history)} {added}"),)

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: row["version"]):
            yield HistoryRow(revision=row["version"], title=row.get("name") or "", data=row)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (version text NOT NULL PRIMARY KEY, statements text[], name text)",)

    def picks(self, revision: str) -> str:
        return f"version = {quote_literal(revision)}"

    def insert(self, action: Action, history: History) -> str:
        """Without statements where only the history is written, which the tool takes, too."""
        body, kept = action.body, "NULL"
        if body is not None:
            texts = body.pieces if isinstance(body, SupabaseBody) else _texts(body)
            kept = f"ARRAY[{', '.join(map(quote_literal, texts))}]::text[]"
        values = ", ".join((quote_literal(action.revision), quote_literal(action.entry.title), kept))
        return f"INSERT INTO {self.place.named(history)} (version, name, statements) VALUES ({values})"


def _texts(body: Body) -> Iterator[str]:
    return (one.text for one in body.statements if isinstance(one, Sql))
