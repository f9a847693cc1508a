"""The format `dbmate`: files `20240101000000_title.sql` with a part `-- migrate:up` and a part `-- migrate:down`.

Source: dbmate 2.35, pkg/dbmate/migration.go and pkg/driver/postgres; its lock by running 2.37.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    Body,
    Duplicate,
    File,
    HistoryRow,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    dataclass,
    quote_literal,
    replace,
)
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction, one_query
from trek_loaders.formats._files import chain, ignored, only_sql, refuse_not_last, slug, stamp, text_of
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, Catalog, History, Row, State, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "dbmate"
_FILE = re.compile(r"([0-9]+)(.*)\.sql", re.DOTALL)
_BLOCK = re.compile(r"^--[ \t]*migrate:(?P<way>up|down)(?P<options>(?:[ \t][^\r\n]*)?)\r?$", re.MULTILINE)
_NOTHING = re.compile(r"\s*(?:--.*)?")
_NO_BOM = "dbmate does not find its `-- migrate:up` then"


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """Out of order is what dbmate does unless it is `--strict`; versions without a file it passes by."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow", missing="warn"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By file name, as text. Raises `Duplicate` for two files of one version."""
    files = sorted((file for file in tree.files if _is_migration(file)), key=lambda file: file.name)
    seen = dict[str, File]()
    for file in files:
        version = _parts(file)[0]
        if version in seen:
            message = f"Two files have the version {version!r}: {seen[version]} and {file}. Rename one of them."
            raise Duplicate(message, (version,))
        seen[version] = file
    entries = chain(((*_parts(file), (file,)) for file in files), lambda _, own, tree: load(own[0], tree))
    others = (file for file in tree.files if not _is_migration(file))
    return Arrangement(entries, tuple(ignored(NAME, file, "<digits>….sql") for file in others))


def _is_migration(file: File) -> bool:
    return "/" not in file.path and _FILE.fullmatch(file.name) is not None


def _parts(file: File) -> tuple[str, str]:
    """Version and title."""
    match = _FILE.fullmatch(file.name)
    assert match is not None
    return match[1], match[2].strip("_- ").replace("_", " ")


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """One file, named by the time as dbmate names it. Raises `ConfigError`, and `PlanError` where it would not be the last."""
    only_sql(NAME, kind)
    name = f"{stamp(arrangement)}_{slug(title)}.sql"
    last = arrangement.entries[-1].files[0].name if arrangement.entries else ""
    if name < last:
        refuse_not_last("dbmate orders files by name, as text", name, last)
    return {name: "-- migrate:up\n\n\n-- migrate:down\n\n"}


# --------------------------------------------------------------------------- a file
@dataclass(frozen=True, slots=True)
class _Block:
    way: str
    start: int
    end: int
    transaction: bool


def load(file: File, tree: Tree) -> Script:
    """Both parts. Raises `LoadError` for what dbmate refuses, and for several parts of one way."""
    text, name = text_of(tree, file, bom=_NO_BOM), str(file)
    blocks = _blocks(text, name)
    up, down = (next(block for block in blocks if block.way == way) for way in ("up", "down"))
    return Script(_body(text, name, up), _body(text, name, down))


def _body(text: str, file: str, block: _Block) -> Body:
    how = in_transaction if block.transaction else one_query
    return how(NAME, text[: block.end], file, block.start)


def _blocks(text: str, file: str) -> list[_Block]:
    matches = [*_BLOCK.finditer(text)]
    ends = [*(match.start() for match in matches[1:]), len(text)]
    _check_order(text, file, matches)
    _check_beginning(text[: matches[0].start()], file)
    return [
        _Block(match["way"], match.start(), end, "transaction:false" not in match["options"].split())
        for match, end in zip(matches, ends, strict=True)
    ]


def _check_order(text: str, file: str, matches: Sequence[re.Match[str]]) -> None:
    ways = [match["way"] for match in matches]
    if ways == ["up", "down"]:
        return
    advice = "Write one `-- migrate:up`, and after it one `-- migrate:down`, which may be empty."
    if not ways:
        raise LoadError(file, 1, "no line `-- migrate:up`", advice)
    extra = next((at for at, way in enumerate(ways) if way in ways[:at]), None)
    if extra is not None:
        problem = (
            f"a second `-- migrate:{ways[extra]}`: trek does not run the several parts that dbmate 2.36 and later do"
        )
        raise LoadError(file, line_at(text, matches[extra].start()), problem, advice)
    missing = "down" if ways == ["up"] else "up"
    problem = f"no `-- migrate:{missing}`" if len(ways) == 1 else "`-- migrate:down` in front of `-- migrate:up`"
    raise LoadError(file, line_at(text, matches[0].start()), problem, advice)


def _check_beginning(text: str, file: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if not _NOTHING.fullmatch(line):
            problem = "text in front of `-- migrate:up`, which dbmate refuses"
            raise LoadError(file, number, problem, "Only comments and empty lines may stand there.")


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `schema_migrations` with one column."""
    return DbmateStore(settings)


class DbmateStore(RowStore):
    """A row is a version and nothing else, so the order in which they were applied is that of their files, as text."""

    tool = NAME
    table = "schema_migrations"
    own_keys = (48372615,)
    columns: ClassVar = {"version": ("character varying", "text")}

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        return (HistoryRow(revision=row["version"], data=row) for row in sorted(rows, key=lambda row: row["version"]))

    def state(self, history: History, catalog: Catalog) -> State:
        def name(row: HistoryRow) -> str:
            entry = catalog.get(row.revision)
            return entry.files[0].name if entry and entry.files else row.revision

        return super().state(replace(history, rows=tuple(sorted(history.rows, key=name))), catalog)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (version varchar PRIMARY KEY)",)

    def picks(self, revision: str) -> str:
        return same("version", revision)

    def insert(self, action: Action, history: History) -> str:
        return f"INSERT INTO {self.place.named(history)} (version) VALUES ({quote_literal(action.revision)})"
