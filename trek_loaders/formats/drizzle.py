"""The format `drizzle`: `meta/_journal.json` names the files, and everything up to the newest row is applied.

Source: drizzle-orm 0.45, migrator.ts (readMigrationFiles) and pg-core/dialect.ts (migrate); drizzle-kit 0.31.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from trek_core.plugin import (
    Arrangement,
    ConfigError,
    File,
    HistoryRow,
    Ignored,
    Layout,
    LoadError,
    NoSettings,
    Rules,
    Script,
    dataclass,
    quote_literal,
)
from trek_loaders._sql import line_at
from trek_loaders.formats._bodies import in_transaction_of, read
from trek_loaders.formats._files import chain, text_of
from trek_loaders.formats._mark import MarkStore
from trek_loaders.formats._store import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trek_core.plugin import Action, History, Row, Sql, Tree, VersionStore
    from trek_loaders.formats._settings import TableSettings

NAME = "drizzle"
JOURNAL = "meta/_journal.json"
BREAKPOINT = "--> statement-breakpoint"
_NO_BOM = "drizzle sends it to the server, which refuses it"
_ADVICE = "Let drizzle-kit write the journal, or correct it by hand."


# --------------------------------------------------------------------------- the folder
def make_layout(_: NoSettings) -> Layout:
    """The tool compares no hashes, passes by rows without a file, and runs all that is pending in one transaction."""
    return Layout(arrange=arrange, rules=Rules(missing="warn", changed="warn", transaction="plan"))


def arrange(tree: Tree) -> Arrangement:
    """In the journal's order. Raises `LoadError` for a journal that is missing or wrong, and for a missing file."""
    journals = [file for file in tree.files if file.path == JOURNAL]
    if len(journals) != 1:
        return _without_journal(tree, journals)
    journal = _Journal(journals[0], text_of(tree, journals[0], bom="drizzle cannot read the journal then"))
    here = {file.path: file for file in tree.files if file.root == journal.file.root}
    steps = [*journal.steps(here)]
    revisions = ((str(step.when), step.tag, (step.file,)) for step in steps)
    entries = chain(revisions, lambda _, own, tree: load(own[0], tree), checksum, aliases=True)
    used = {step.file for step in steps}
    return Arrangement(entries, tuple(_left(file) for file in tree.files if file not in used))


def _without_journal(tree: Tree, journals: Sequence[File]) -> Arrangement:
    for file in tree.files:
        if journals and file == journals[1]:
            raise LoadError(
                str(file), None, f"a second journal; the first is {journals[0]}", "Give one folder of drizzle."
            )
        if not journals and file.name.endswith(".sql"):
            if file.name == "migration.sql" and re.match(r"[0-9]{14}_", file.path.rpartition("/")[0]):
                problem = "a folder of drizzle 1.0, which keeps no journal: trek reads the folders of drizzle 0.x"
                raise LoadError(str(file), None, problem, "Go on with drizzle-kit for this one.")
            advice = f"Give the folder that drizzle-kit writes, the one in which {JOURNAL} is."
            raise LoadError(str(file), None, f"no {JOURNAL} beside it, so drizzle knows no migrations", advice)
    return Arrangement((), tuple(_left(file) for file in tree.files))


def _left(file: File) -> Ignored:
    if file.path == JOURNAL:
        return Ignored(file, "the journal, which names the migrations", belongs=True)
    if re.fullmatch(r"meta/[0-9]+_snapshot\.json", file.path):
        return Ignored(file, "a snapshot of drizzle-kit's", belongs=True)
    return Ignored(file, f"not in {JOURNAL}, and drizzle takes nothing else")


@dataclass(frozen=True, slots=True)
class _Step:
    when: int
    tag: str
    file: File


@dataclass(frozen=True, slots=True)
class _Journal:
    file: File
    text: str

    def steps(self, files: dict[str, File]) -> Iterator[_Step]:
        """Those of the journal, in its order, with their files by path. Raises `LoadError`."""
        last: _Step | None = None
        for entry in self._entries():
            tag, when = (entry.get(key) if isinstance(entry, dict) else None for key in ("tag", "when"))
            if not isinstance(tag, str) or type(when) is not int or not 0 <= when < 1 << 53:
                self._refuse("", f"an entry that is not {{tag: text, when: milliseconds}}: {json.dumps(entry)[:80]}")
            if (file := files.get(f"{tag}.sql")) is None:
                self._refuse(tag, f"there is no file {tag}.sql", "Restore the file, or take its entry out.")
            if last and when <= last.when:
                problem = (
                    f"`when` of {tag} is not later than that of {last.tag} before it: where that is applied, drizzle "
                )
                advice = f"Give {tag} a later `when`; where it was applied already, `trek stamp {tag}` says so."
                self._refuse(tag, problem + "passes this one by for ever", advice)
            last = _Step(when, tag, file)
            yield last

    def _entries(self) -> list[Any]:
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
            raise LoadError(str(self.file), line, f"no JSON: {error}", _ADVICE) from error
        if not isinstance(found, dict) or not isinstance(found.get("entries"), list):
            self._refuse("", "no list of `entries`")
        if found.get("dialect", "postgresql") != "postgresql":
            self._refuse("", f"the dialect {found['dialect']!r}", "trek migrates PostgreSQL: give another folder.")
        return list(found["entries"])

    def _refuse(self, tag: str, problem: str, advice: str = _ADVICE) -> NoReturn:
        at = self.text.find(json.dumps(tag, ensure_ascii=False)) if tag else 0
        raise LoadError(str(self.file), line_at(self.text, max(at, 0)), problem, advice)


# --------------------------------------------------------------------------- a file
def load(file: File, tree: Tree) -> Script:
    """The way up, in drizzle's transaction. There is no way down. Raises `LoadError`."""
    return Script(in_transaction_of(NAME, _statements(text_of(tree, file, bom=_NO_BOM), str(file))))


def _statements(text: str, file: str) -> Iterator[Sql]:
    """Of the pieces between the breakpoints, wherever these stand: drizzle cuts there whatever the text means."""
    start = 0
    for piece in text.split(BREAKPOINT):
        end = start + len(piece)
        yield from read(NAME, text[:end], file, start)
        start = end + len(BREAKPOINT)


def checksum(files: Sequence[File], tree: Tree) -> str:
    """SHA-256 of the file's bytes."""
    return hashlib.sha256(tree.read(files[0])).hexdigest()


# --------------------------------------------------------------------------- the table
def make_store(settings: TableSettings) -> VersionStore:
    """The table `drizzle.__drizzle_migrations`."""
    return DrizzleStore(settings)


class DrizzleStore(MarkStore):
    """A row has the hash of a file and its `when` of the journal, which is trek's revision, too."""

    tool = NAME
    table = "__drizzle_migrations"
    schema = "drizzle"
    sum = "hash"
    columns: ClassVar = {"id": ("integer", "bigint"), "hash": ("text",), "created_at": ("bigint",)}

    def unfit(self, columns: dict[str, str]) -> str:
        if "applied_at" not in columns:
            return super().unfit(columns)
        return (
            f"The table {self.identity} has a column applied_at: drizzle 1.0 wrote it, which tells migrations by their names. "
            "trek writes the table of drizzle 0.x: go on with drizzle-kit for this database."
        )

    def place_of(self, revision: str) -> int | None:
        return int(revision) if re.fullmatch(r"-?[0-9]+", revision) else None

    def lines(self, rows: Sequence[Row]) -> Iterable[HistoryRow]:
        """Raises `ConfigError` for a row without a time, which drizzle takes for the newest, before all files."""
        for row in rows:
            if row["created_at"] is None:
                message = (
                    f"The row with id {row['id']} of {self.identity} has no created_at, and drizzle would run every migration "
                    "again. Delete it, or give it the `when` of its migration."
                )
                raise ConfigError(message)
        for row in sorted(rows, key=lambda row: (row["created_at"], row["id"])):
            yield HistoryRow(revision=str(row["created_at"]), checksum=row["hash"], data=row)

    def create(self, name: str) -> Iterable[str]:
        return (f"CREATE TABLE {name} (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)",)

    def picks(self, revision: str) -> str:
        return f"created_at = {number(NAME, revision)}"

    def insert(self, action: Action, history: History) -> str:
        values = f"({quote_literal(action.checksum or '')}, {number(NAME, action.revision)})"
        return f"INSERT INTO {self.place.named(history)} (hash, created_at) VALUES {values}"
