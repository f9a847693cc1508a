"""The format `tern`: files `001_title.sql`, numbered without a gap, and one row that says how far.

Source: tern v2.4, migrate/migrate.go and migrate/internal/sqlsplit.
"""

from __future__ import annotations

import re
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
)
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction, outside, read
from trek_loaders.formats._files import chain, ignored, only_sql, refuse_two, slug, text_of
from trek_loaders.formats._one_row import OneRowStore, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "tern"
LOCK = 9628173550095224
_FILE = re.compile(r"([0-9]+)_(.+)\.sql")
_PARTING = "---- create above / drop below ----"
_DISABLE = re.compile(r"^---- tern: disable-tx ----$", re.MULTILINE)
_NO_BOM = "tern sends it to the server, which refuses it"


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """The files in the order of their numbers."""
    return Layout(arrange=arrange, new=new)


def arrange(tree: Tree) -> Arrangement:
    """By number. Raises `Duplicate` for one that comes twice, and `LoadError` where one is left out."""
    found, others = dict[int, tuple[str, File]](), list[Ignored]()
    for file in tree.files:
        match = _FILE.fullmatch(file.name)
        if match is None or "/" in file.path:
            others.append(_ignored(file))
            continue
        version = int(match[1])
        if version in found:
            refuse_two("have the number", str(version), found[version][1], file)
        found[version] = match[2].replace("_", " "), file
    _refuse_gap(found)
    revisions = ((str(version), title, (file,)) for version, (title, file) in sorted(found.items()))
    return Arrangement(chain(revisions, lambda _, own, tree: load(own[0], tree)), tuple(others))


def _refuse_gap(found: Mapping[int, tuple[str, File]]) -> None:
    for wanted, version in enumerate(sorted(found), 1):
        if version != wanted:
            problem = (
                f"the number {version} where {wanted} should be: {NAME} wants 1, 2, 3 and so on, and refuses a gap"
            )
            raise LoadError(str(found[version][1]), None, problem, "Rename the files, or restore what is missing.")


def _ignored(file: File) -> Ignored:
    if "/" in file.path:
        return Ignored(file, f"in a sub-folder, where {NAME} has only what templates include", belongs=True)
    return ignored(NAME, file, "<number>_….sql")


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """An empty file with the next number, in three digits as `tern new` has them. Raises `ConfigError`."""
    only_sql(NAME, kind)
    return {f"{len(arrangement.entries) + 1:03}_{slug(title)}.sql": f"\n\n{_PARTING}\n\n"}


# --------------------------------------------------------------------------- a file
def load(file: File, tree: Tree) -> Script:
    """Both parts; without anything below there is no way back. Raises `LoadError`, and for templates."""
    text, name = text_of(tree, file, bom=_NO_BOM), str(file)
    if (at := text.find("{{")) >= 0:
        advice = "Put what it stands for into the file, or let tern apply this one, and trek those behind it."
        raise LoadError(name, line_at(text, at), "a template (`{{`), which trek does not fill in", advice)
    parting = text.find(_PARTING)
    end, start = (len(text),) * 2 if parting < 0 else (parting, parting + len(_PARTING))
    if all(not line or line.startswith("--") for line in map(str.strip, text[:end].split("\n"))):
        problem = f"no SQL in front of `{_PARTING}`, without which {NAME} takes no file"
        raise LoadError(name, 1, problem, "Write the way up there.")
    down = _body(text, name, start) if text[start:].strip() else None
    return Script(_body(text[:end], name, 0), down)


def _body(text: str, file: str, start: int) -> Body:
    """One part: from an offset to the text's end."""
    if not _DISABLE.search(text[start:].strip()):
        return in_transaction(NAME, text, file, start)
    statements = read(NAME, text, file, start)
    return outside([(one,) for one in statements], statements)


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `public.schema_version` with its one row."""
    return TernStore(settings)


class TernStore(OneRowStore):
    """The row is there from the beginning, with version 0. tern changes it, and makes no other."""

    tool = NAME
    table = "schema_version"
    schema = "public"
    own_keys = (LOCK,)
    columns: ClassVar = {"version": ("integer",)}

    def unfit(self, columns: dict[str, str]) -> str:
        """One column and no more: the name is that of other tools' tables, too."""
        wanted = self.columns if len(columns) == 1 else {**self.columns, "nothing else": ()}
        return self.place.unfit(columns, wanted)

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        """Raises `ConfigError` for several rows."""
        return [HistoryRow(revision=str(row["version"]), data=row) for row in self.only(rows) if row["version"]]

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (version int4 NOT NULL PRIMARY KEY)", f"INSERT INTO {name} (version) VALUES (0)")

    # ----------------------------------------------------------------------- writing
    def stands(self, history: History) -> str:
        """A table without a row is at the base; tern's UPDATE would find nothing in it."""
        return (
            f"(SELECT coalesce(pg_catalog.sum(version), 0) = {standing(history) or 0} FROM {self.place.named(history)})"
        )

    def writes(self, history: History, version: int | None) -> tuple[str, ...]:
        table = self.place.named(history)
        return (f"DELETE FROM {table}", f"INSERT INTO {table} (version) VALUES ({version or 0})")

    def row(self, version: int) -> Row:
        return {"version": version}
