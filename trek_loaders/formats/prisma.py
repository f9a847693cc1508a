"""The format `prisma`: a folder with a `migration.sql` for each migration, and the table `_prisma_migrations`.

Source: Prisma 6.19, schema-engine (apply_migrations.rs, checksum.rs, sql_migration_persistence.rs), the command's
listing of the folder, and its `migrate deploy`, `status` and `resolve` run with the engine's WebAssembly build.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
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
    State,
    quote_literal,
    replace,
    state_of,
)
from trek_loaders.formats._begun import BegunStore
from trek_loaders.formats._bodies import one_query
from trek_loaders.formats._collation import collated
from trek_loaders.formats._files import chain, only_sql, refuse_not_last, slug, stamp, text_of
from trek_loaders.formats._table import marked_at, moment, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trek_core.plugin import Action, Catalog, History, Row, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "prisma"
SCRIPT, LOCK_FILE = "migration.sql", "migration_lock.toml"
LOCK = 72707369
_PROVIDERS = ("postgresql", "postgres")
_FOLDER = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_WORDS = ("head", "base", "initial")
_ROLLED_BACK = "rolled back"


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """As `migrate deploy`: it applies what is older, too, and passes by rows without a folder."""
    return Layout(arrange=arrange, rules=Rules(out_of_order="allow", missing="warn"), smells=smells, new=new)


def arrange(tree: Tree) -> Arrangement:
    """By the folders' names. Raises `LoadError` for a folder without its file, and for another database's migrations."""
    found, others = dict[str, File](), list[Ignored]()
    for file in tree.files:
        folder, slash, rest = file.path.partition("/")
        if rest == SCRIPT:
            _check_folder(folder, file, found)
            found[folder] = file
        else:
            others.append(Ignored(file, _reason(file, slash), file.path == LOCK_FILE))
    for other in others:
        _check_other(other.file, tree, found)
    revisions = ((name, _title(name), (found[name],)) for name in sorted(found, key=collated))
    return Arrangement(chain(revisions, lambda _, own, tree: load(own[0], tree), checksums), tuple(others))


def _reason(file: File, slash: str) -> str:
    if slash:
        return f"beside a {SCRIPT}, and Prisma reads nothing else there"
    return "says which database the folder is for" if file.path == LOCK_FILE else "Prisma has a folder a migration"


def _check_folder(folder: str, file: File, found: Mapping[str, File]) -> None:
    if folder in found:
        message = f"Two folders have the name {folder}: {found[folder]} and {file}. Rename one of them."
        raise Duplicate(message, (folder,))
    if not _FOLDER.fullmatch(folder) or folder in _WORDS:
        problem = f"the folder's name {folder!r} cannot be a revision"
        raise LoadError(str(file), None, problem, "Name it as Prisma does: 20240101000000_title.")


def _check_other(file: File, tree: Tree, found: Mapping[str, File]) -> None:
    folder, slash, _ = file.path.partition("/")
    if slash and folder not in found:
        problem = f"a folder without a {SCRIPT} in it, which Prisma refuses (P3015)"
        advice = "Restore that file, or delete the folder. What Prisma 8 writes is another format."
        raise LoadError(str(file), None, problem, advice)
    if file.path == LOCK_FILE:
        _check_provider(text_of(tree, file), str(file))


def _check_provider(text: str, file: str) -> None:
    try:
        found = tomllib.loads(text).get("provider")
    except tomllib.TOMLDecodeError as error:
        raise LoadError(file, None, f"no TOML: {error}", "Restore it from version control.") from error
    if found is not None and found not in _PROVIDERS:
        line = next((number for number, line in enumerate(text.splitlines(), 1) if "provider" in line), 1)
        problem = f"provider = {found!r}: these migrations are not for PostgreSQL"
        raise LoadError(file, line, problem, "Point trek at the folder of the PostgreSQL database.")


def smells(tree: Tree) -> str | None:
    """Files of SQL, and none where Prisma has its own."""
    paths = [file.path for file in tree.files]
    if any(path.endswith(f"/{SCRIPT}") for path in paths):
        return None
    flat = next((path for path in paths if path.endswith(".sql") and "/" not in path), None)
    return flat and f"{flat} is a migration beside others, and Prisma has a folder with a {SCRIPT} for each"


def _title(folder: str) -> str:
    return folder.partition("_")[2].replace("_", " ")


def new(arrangement: Arrangement, title: str, kind: str) -> Mapping[str, str]:
    """A folder, named by the time as Prisma names it. Raises `ConfigError`, and `PlanError` where it would not be the last."""
    only_sql(NAME, kind)
    name = f"{stamp(arrangement)}_{slug(title)}"
    last = arrangement.entries[-1].revision if arrangement.entries else ""
    if collated(name) < collated(last):
        refuse_not_last("Prisma orders folders by name", name, last, "folder")
    return {f"{name}/{SCRIPT}": ""}


def load(file: File, tree: Tree) -> Script:
    """The whole file is one simple query, without BEGIN; there is no way back. Raises `LoadError`."""
    return Script(one_query(NAME, text_of(tree, file), str(file)))


def checksums(files: Sequence[File], tree: Tree) -> tuple[str, ...]:
    """SHA-256 of the bytes, and what Prisma takes besides: other line ends, and hex as old releases wrote it."""
    content = tree.read(files[0])
    unix = content.replace(b"\r\n", b"\n")
    texts = dict.fromkeys((content, unix, unix.replace(b"\n", b"\r\n")))
    digests = [hashlib.sha256(text).digest() for text in texts]
    unpadded = ("".join(f"{byte:x}" for byte in digest) for digest in digests)
    return tuple(dict.fromkeys((*(digest.hex() for digest in digests), *unpadded)))


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `_prisma_migrations`, in `public` unless the settings say otherwise."""
    return PrismaStore(settings)


class PrismaStore(BegunStore):
    """A row an attempt: applied with `finished_at`, failed without; one with `rolled_back_at` counts for nothing."""

    tool = NAME
    table = "_prisma_migrations"
    schema = "public"
    own_keys = (LOCK,)
    columns: ClassVar = {
        "id": (),
        "checksum": (),
        "finished_at": ("timestamp with time zone",),
        "migration_name": (),
        "logs": (),
        "rolled_back_at": ("timestamp with time zone",),
        "started_at": ("timestamp with time zone",),
        "applied_steps_count": (),
    }

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        return map(_line, sorted(rows, key=lambda row: (moment(row["started_at"]), row["migration_name"], row["id"])))

    def state(self, history: History, catalog: Catalog) -> State:
        """A failed row stands in the way until it is rolled back, whatever other rows its name has."""
        counting = [row for row in history.rows if row.state != _ROLLED_BACK]
        counting.sort(key=lambda row: row.state != "done")
        found = state_of(replace(history, rows=tuple(counting)), catalog)
        left = {row.revision for row in found.unfinished}
        return replace(found, applied=tuple(name for name in found.applied if name not in left))

    def create(self, name: str) -> Iterable[str]:
        columns = (
            "id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at timestamptz, "
            "migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, "
            "started_at timestamptz NOT NULL DEFAULT pg_catalog.now(), applied_steps_count integer NOT NULL DEFAULT 0"
        )
        return (f"CREATE TABLE {name} ({columns})",)

    # ----------------------------------------------------------------------- writing
    def picks(self, revision: str) -> str:
        return f"({same('migration_name', revision)} AND rolled_back_at IS NULL)"

    def is_begun(self, action: Action) -> str:
        return f"{self.picks(action.revision)} AND finished_at IS NULL"

    def begin(self, action: Action, history: History) -> str:
        return self._insert(action, history, {})

    def insert(self, action: Action, history: History) -> str:
        """As `migrate resolve --applied`: no step was taken."""
        begun, ended = marked_at(action)
        return self._insert(action, history, {"started_at": begun, "finished_at": ended, "logs": "''"})

    def _insert(self, action: Action, history: History, more: Mapping[str, str]) -> str:
        values = {
            "id": "pg_catalog.gen_random_uuid()::text",
            "checksum": quote_literal(action.checksum or ""),
            "started_at": "pg_catalog.clock_timestamp()",
            "migration_name": quote_literal(action.revision),
            **more,
        }
        return f"INSERT INTO {self.place.named(history)} ({', '.join(values)}) VALUES ({', '.join(values.values())})"

    def complete(self, action: Action, history: History) -> str:
        done = "applied_steps_count = applied_steps_count + 1, finished_at = pg_catalog.clock_timestamp()"
        return f"UPDATE {self.place.named(history)} SET {done} WHERE {self.is_begun(action)}"

    def fail(self, action: Action, history: History) -> str:
        logs = quote_literal(f"{action.name} failed outside a transaction, in a run of trek, which showed the error.")
        return f"UPDATE {self.place.named(history)} SET logs = {logs} WHERE {self.is_begun(action)}"

    def remove(self, rows: str, history: History) -> str:
        """As `migrate resolve --rolled-back`: rows are never deleted."""
        return f"UPDATE {self.place.named(history)} SET rolled_back_at = pg_catalog.clock_timestamp() WHERE {rows}"


def _line(row: Row) -> HistoryRow:
    started, finished = row["started_at"], row["finished_at"]
    failed = "failed" if row["logs"] else "started"
    state = _ROLLED_BACK if row["rolled_back_at"] else "done" if finished else failed
    return HistoryRow(
        revision=row["migration_name"],
        state=state,
        checksum=row["checksum"],
        started_at=started,
        finished_at=finished or "",
        duration=moment(finished) - moment(started) if finished else None,
        problem="" if finished else _problem(row["logs"] or ""),
        data=row,
    )


def _problem(logs: str) -> str:
    """What the database said, without the advice around it and without the engine's trace."""
    said = logs.partition("\n   0: ")[0]
    return (said.partition("Database error:")[2] or said).strip()
