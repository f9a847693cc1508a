"""The format `diesel`: a folder `2024-01-01-120000_title` each, with `up.sql`, `down.sql` and `metadata.toml` in it.

Source: Diesel at 2026-08, diesel_migrations and diesel/src/migration. It was read, not run.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from trek_core.plugin import (
    Arrangement,
    Duplicate,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    quote_literal,
)
from trek_loaders.formats._bodies import in_transaction, one_query
from trek_loaders.formats._files import below, chain, only_sql, refuse_not_last, slug, stamp, text_of
from trek_loaders.formats._store import RowStore
from trek_loaders.formats._table import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, Body, History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME, _TOOL = "diesel", "Diesel"
_PARTS = ("up.sql", "down.sql", "metadata.toml")
_NO_BOM = "Diesel sends it to the server, which refuses it"
_LONGEST = 50  # characters, of the table's column


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """Diesel applies what is not in its table, of any age, and asks for a file only when it goes back."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow", missing="warn"), new=new)


def arrange(tree: Tree) -> Arrangement:
    """By version, as text. Raises `LoadError` for a folder that Diesel refuses, `Duplicate` for two of one version."""
    folders, others = _folders(tree)
    found = dict[str, tuple[str, list[File]]]()
    for folder, files in folders:
        version, title = _parts(folder, files)
        if version in found:
            first, second = found[version][1][0], files["up.sql"]
            message = f"Two folders have the version {version}: {first} and {second}. Rename one of them."
            raise Duplicate(message, (version,))
        found[version] = title, [files[name] for name in _PARTS if name in files]
        others += (Ignored(file, _reason(name)) for name, file in files.items() if name not in _PARTS)
    revisions = ((version, *found[version]) for version in sorted(found))
    return Arrangement(chain(revisions, lambda _, files, tree: load(files, tree)), tuple(others))


def _folders(tree: Tree) -> tuple[list[tuple[str, dict[str, File]]], list[Ignored]]:
    """The name of each folder with its files by their path in it, and what is in none."""
    folders, others = defaultdict[tuple[str, str], dict[str, File]](dict), list[Ignored]()
    for file in tree.files:
        folder, slash, rest = file.path.partition("/")
        if slash:
            folders[file.root, folder][rest] = file
        else:
            others.append(Ignored(file, "not in a folder of its own, as Diesel's migrations are"))
    return [(folder, files) for (_, folder), files in folders.items()], others


def _parts(folder: str, files: Mapping[str, File]) -> tuple[str, str]:
    """Version and title of a folder. Raises `LoadError`."""
    version, _, title = folder.partition("_")
    version = version.replace("-", "")
    if "up.sql" not in files:
        advice = "Write one, or move the folder out of the migrations."
        raise LoadError(str(next(iter(files.values()))), None, "its folder has no up.sql, which Diesel refuses", advice)
    if not 0 < len(version) <= _LONGEST:
        problem = (
            f"the version {version!r}, in front of the first `_` of the folder, has not 1 to {_LONGEST} characters"
        )
        raise LoadError(str(files["up.sql"]), None, problem, "Rename the folder: its table cannot keep this.")
    return version, title.replace("_", " ")


def _reason(name: str) -> str:
    return below(_TOOL) if "/" in name else f"Diesel reads {', '.join(_PARTS)} of a folder, and nothing else"


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """A folder with a way up and a way down, named by the time. Raises `ConfigError`, and `PlanError` if not the last."""
    only_sql(NAME, kind)
    last = arrangement.entries[-1].revision if arrangement.entries else ""
    digits = str(stamp(arrangement if last.isdecimal() else Arrangement(())))
    if digits <= last:
        refuse_not_last("Diesel orders versions as text", digits, last, "folder")
    folder = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}-{digits[8:]}_{slug(title)}"
    return {f"{folder}/{name}": "" for name in ("up.sql", "down.sql")}


# --------------------------------------------------------------------------- a migration
def load(files: Sequence[File], tree: Tree) -> Script:
    """Each file is one simple query. One without a statement Diesel fails at: then there is no such way.

    Raises `LoadError`.
    """
    parts = {file.name: file for file in files}
    how = in_transaction if _in_transaction(parts.get("metadata.toml"), tree) else one_query

    def body(file: File) -> Body | None:
        found = how(_TOOL, text_of(tree, file, bom=_NO_BOM), str(file))
        return found if found.statements else None

    up, down = body(parts["up.sql"]), "down.sql" in parts and body(parts["down.sql"])
    if up is None:
        raise LoadError(
            str(parts["up.sql"]), 1, "no statement, and Diesel fails at an empty query", "Write one: SELECT 1."
        )
    return Script(up, down or None)


def _in_transaction(file: File | None, tree: Tree) -> bool:
    """Without a file yes; in a file that does not say it, no."""
    if file is None:
        return True
    try:
        found = tomllib.loads(text_of(tree, file)).get("run_in_transaction", False)
    except tomllib.TOMLDecodeError as error:
        raise _unread(file, str(error)) from error
    if not isinstance(found, bool):
        raise _unread(file, f"run_in_transaction = {found!r}, want true or false")
    return found


def _unread(file: File, why: str) -> LoadError:
    line = re.search(r"at line (\d+)", why)
    problem = f"{why}: Diesel would pass the file over, and run the migration in a transaction"
    return LoadError(
        str(file), line and int(line[1]), problem, "Write `run_in_transaction = false`, or remove the file."
    )


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `__diesel_schema_migrations`."""
    return DieselStore(settings)


class DieselStore(RowStore):
    """A row is a version and the time, which migrations of one query share."""

    tool = NAME
    table = "__diesel_schema_migrations"
    columns: ClassVar = {"version": ("character varying",), "run_on": ("timestamp without time zone",)}

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        for row in sorted(rows, key=lambda row: (row["run_on"], row["version"])):
            time = row["run_on"]
            yield HistoryRow(revision=row["version"], started_at=time, finished_at=time, data=row)

    def create(self, name: str) -> Iterable[str]:
        columns = "version varchar(50) PRIMARY KEY NOT NULL, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP"
        return (f"CREATE TABLE {name} ({columns})",)

    def picks(self, revision: str) -> str:
        return same("version", revision)

    def insert(self, action: Action, history: History) -> str:
        return f"INSERT INTO {self.place.named(history)} (version) VALUES ({quote_literal(action.revision)})"
