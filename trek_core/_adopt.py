"""Looks at a folder and a database and says which tool they belong to. Strictly reads: no lock, no table, no file is made."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from trek_core._adopt_words import DIRECTORY, advice, configuration, kept, told, warnings
from trek_core._dataclass import dataclass, replace
from trek_core._migrator import Migrator
from trek_core._recognise import FITS, OWN_FILE, Candidate, Texts, candidates, holders_query, weigh
from trek_core._session import Session
from trek_core._signs import FoundTable
from trek_core._tables import tables_query
from trek_core._tree import FolderTree
from trek_core.errors import ConfigError, LoadError, PlanError, PluginError, TrekError
from trek_core.model import Advisory, RowLock, Sql
from trek_core.plans import Status

if TYPE_CHECKING:
    from trek_core._runner import Runner
    from trek_core.backend import Backend
    from trek_core.contracts import Executor
    from trek_core.model import Facts, History


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What was found of a folder and a database.

    directory: the folder with the migrations, empty if there is none. tool: the one that most speaks for, None if nothing
    speaks for any. candidates: all that something speaks for, that one first. available: whether trek has its format.
    tables: how many tables the database has. rows: how many its history has. status: where it stands by the tool's own history.
    refused: files that trek would refuse, and why; refused_again: those that are applied already. problem: why the status
    cannot be told. holders: who holds the tool's lock now.
    configuration: the lines to paste. notes: what is remarkable. advice: what to do next. looked_for: what tells the tools.
    """

    directory: str
    database: str
    tool: str | None = None
    candidates: tuple[Candidate, ...] = ()
    available: bool = False
    tables: int = 0
    rows: int = 0
    status: Status | None = None
    refused: tuple[LoadError, ...] = ()
    refused_again: tuple[LoadError, ...] = ()
    problem: str = ""
    holders: tuple[str, ...] = ()
    configuration: str = ""
    notes: tuple[str, ...] = ()
    advice: str = ""
    looked_for: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[Candidate, ...]:
        """The other candidates; not those that have nothing but names that fit where the first has more."""
        more = self.candidates[:1] and sum(self.candidates[0].weight) > FITS
        return tuple(one for one in self.candidates[1:] if not more or sum(one.weight) > FITS)


async def adopt(backend: Backend, directory: str | PathLike[str] = DIRECTORY) -> Adoption:
    """Which tool the folder and the database belong to, where it stands, what trek cannot do there, and how to go on.

    directory: the tool's folder, or one above it in which it has its usual name. Nothing is written, made or locked.
    Raises `ConfigError`, `ConnectError`, `PluginError`.
    """
    async with backend.connect() as session:
        return await _Look(backend, session, fspath(directory)).adoption()


class _Look:
    """One look. What it found stands in its attributes."""

    def __init__(self, backend: Backend, session: Executor, directory: str) -> None:
        self.backend, self.session = backend, session
        self.asked = Session(backend.offered(session))
        self.signs = backend.host.signs()
        self.directory, self.given = "", directory
        self.settings: dict[str, object] = {}
        self.tables = 0

    async def adoption(self) -> Adoption:
        facts, tables = await self._find_tables()
        texts = self._find_folder(facts)
        found = candidates(self.signs, texts, tables)
        if not found:
            return self._nothing(facts, texts)
        seen = Adoption(
            directory=self.directory,
            database=facts.database,
            tool=found[0].tool,
            candidates=tuple(found),
            available=self.backend.host.has_format(found[0].tool),
            tables=self.tables,
            notes=tuple(warnings(found, self.directory, self.given, self.tables)),
        )
        if not seen.available:
            return replace(seen, advice=advice(seen, found[0].signs.instead))
        seen = await self._standing(seen)
        notes = kept(self.backend, self.backend.speaking(seen.candidates[0].tool))
        lines = configuration(self.directory or self.given, {"format": found[0].tool}, self.settings, notes)
        return replace(seen, configuration=lines, advice=advice(seen))

    def _nothing(self, facts: Facts, texts: Texts | None) -> Adoption:
        empty = texts is not None and not texts.tree.files
        return Adoption(
            directory=self.directory,
            database=facts.database,
            tables=self.tables,
            looked_for=tuple(map(told, self.signs)),
            notes=tuple(warnings([], self.directory, self.given, self.tables, empty=empty)),
            advice="Name the folder of the migrations with --dir, or begin anew: `trek new TITLE` writes a first one.",
        )

    # ----------------------------------------------------------------------- what there is
    async def _find_tables(self) -> tuple[Facts, list[FoundTable]]:
        facts, rows = await self.asked.read(Sql(tables_query(self.signs)))
        found = [row for row in rows or () if "table" in row]
        self.tables = next(row["tables"] for row in rows or () if "tables" in row)
        return facts, [FoundTable(**{**row, "columns": row["columns"] or {}}) for row in found]

    def _find_folder(self, facts: Facts) -> Texts | None:
        """The folder itself, or one below it (or beside it, if it is not there) that tools usually have."""
        root, weight_of_best, best = Path(self.given), -1, None
        above = root if root.is_dir() else Path()
        usual = dict.fromkeys(folder for one in self.signs for folder in one.folders)
        places = [path for folder in usual if (path := above / folder).is_dir()]
        for place in [*places, *([root] if root.is_dir() else [])]:
            host = self.backend.host
            texts = Texts(FolderTree(place, host.loader_for, facts, host.suffixes()))
            weight = max((weigh(one, texts) for one in self.signs), default=0)
            if weight > weight_of_best:
                weight_of_best, best, self.directory = weight, texts, str(place)
            if weight >= OWN_FILE:
                break
        return best

    # ----------------------------------------------------------------------- where it stands
    async def _standing(self, seen: Adoption) -> Adoption:
        try:
            runner, history = await self._history(seen.candidates[0])
            seen = replace(seen, rows=len(history.rows), holders=await self._holders(runner, history))
            if not self.directory:
                return seen
            refused, status = runner.workspace.unreadable(history), runner.workspace.status(history)
            done = {one.revision for one in status.applied}
            return replace(
                seen,
                status=status,
                refused=tuple(error for revision, error in refused.items() if revision not in done),
                refused_again=tuple(error for revision, error in refused.items() if revision in done),
            )
        except LoadError as error:
            return replace(seen, refused=(error,))
        except (ConfigError, PlanError, PluginError) as error:
            return replace(seen, problem=str(error))

    async def _history(self, best: Candidate) -> tuple[Runner, History]:
        """As the tool's store finds its table by itself; else where the table was found, with the settings for it."""
        tries: list[dict[str, object]] = [{}]
        if best.table is not None:
            renamed = best.table.table not in {sign.table for sign in best.signs.tables}
            tries.append({"schema": best.table.schema, **({"table": best.table.table} if renamed else {})})
        problem: TrekError | None = None
        for settings in tries:
            runner = Migrator(self.backend.speaking(best.tool, settings), self.directory).runner_on(self.session)
            try:
                history = await runner.history()
            except ConfigError as error:
                problem = problem or error
                continue
            if history.exists or settings is tries[-1]:
                self.settings = settings if history.exists else {}
                return runner, history
        assert problem is not None
        raise problem

    async def _holders(self, runner: Runner, history: History) -> tuple[str, ...]:
        found, locks = list[str](), runner.locks(history)
        for lock in locks:
            if isinstance(lock, RowLock) and lock.holder:
                _, rows = await self.asked.read(lock.holder)
                found += [str(row["name"]) for row in rows or ()]
        if keys := [lock.key for lock in locks if isinstance(lock, Advisory)]:
            _, rows = await self.asked.read(Sql(holders_query(keys)))
            found += [
                f"server process {row['pid']}, user {row['user']}, {row['application'] or 'no name'}"
                for row in rows or ()
            ]
        return tuple(found)
