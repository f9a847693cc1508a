"""What every format of another tool must show, on what the real tool left: `fixtures/<tool>` has its folder and its history.

A test module has `CASE = ForeignCase(…)` and `class Test…(ForeignSuite): case = CASE`. docs/adopt/README.md is made of the
same cases (tests/docs/test_adopt.py).
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from trek_asyncpg import AsyncpgBackend
from trek_core import Changed, Migrator, Observer
from trek_core.events import Done, LockWaiting
from trek_core.plugin import Advisory, Facts, History, PluginHost
from trek_loaders import formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.databases import Connection, Database
    from trek_core import Status
    from trek_core.plugin import Event

FIXTURES = Path(__file__).parent / "fixtures"
SHAPE = (
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,"
    " pg_get_expr(d.adbin, d.adrelid)"
    " FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE a.attrelid = $1::regclass AND a.attnum > 0 ORDER BY a.attnum"
)
KEYS = "SELECT indexdef FROM pg_indexes WHERE schemaname || '.' || tablename = $1 ORDER BY 1"


@dataclass(frozen=True, kw_only=True)
class ForeignCase:
    """A format, and what the fixture of its tool is to show.

    fixture: folder of tests/formats/fixtures. folder: the migrations in it. applied: what the tool recorded, in the order of
    `trek status`. table: its history, qualified. volatile: columns that no two runs agree on. keys: the lock numbers that
    the reference computed, for a database's name. more: a further migration, which makes the table `further`; its way back
    drops it. more_row: its row, without what is volatile. base_rows: what is left in the table at the base; to_base: whether
    every file of the fixture has a way back. tamper: an applied file, where the tool keeps checksums. again: whether the
    whole fixture can be applied anew by trek.

    The rest is for the table of docs/adopt: files, read, written, lock and proof in words.
    """

    format: str
    fixture: str
    applied: tuple[str, ...]
    table: str
    more: Mapping[str, str]
    more_revision: str
    more_row: Mapping[str, object]
    folder: str = "migrations"
    volatile: tuple[str, ...] = ()
    base_rows: tuple[Mapping[str, object], ...] = ()
    keys: Callable[[str], tuple[int, ...]] | None = None
    to_base: bool = True
    tamper: str | None = None
    down: bool = True
    again: bool = True
    single: bool = False
    """The table holds one row, which is replaced."""
    store_settings: Mapping[str, object] = field(default_factory=dict)
    layout_settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    files: str = ""
    read: str = "yes"
    written: str = "yes"
    lock: str = ""
    proof: str = "recorded fixture"

    @property
    def path(self) -> Path:
        return FIXTURES / self.fixture

    def migrator(self, connection: Connection, folder: Path, **options: Any) -> Migrator:
        backend = AsyncpgBackend(
            connection,
            format=self.format,
            store_settings=self.store_settings,
            layout_settings=self.layout_settings,
            plugins=[formats],
        )
        return Migrator(backend, folder, **{"observers": [Observer("transcript", _tell)], **options})

    async def rows(self, connection: Connection) -> list[dict[str, object]]:
        """The history's rows without what is volatile, in the order of their texts."""
        found = [dict(row) for row in await connection.fetch(f"SELECT * FROM {self.table}")]
        kept = [{name: value for name, value in row.items() if name not in self.volatile} for row in found]
        return sorted(kept, key=repr)

    async def shape(self, connection: Connection) -> list[object]:
        """The table in the words of the catalogue."""
        return await self.shape_of(connection, self.table)

    async def shape_of(self, connection: Connection, table: str) -> list[object]:
        """Another table of the tool's in the words of the catalogue."""
        columns = [tuple(row) for row in await connection.fetch(SHAPE, table)]
        return [*columns, *(row[0] for row in await connection.fetch(KEYS, table))]


class ForeignSuite:
    """A real database each; `recorded` is one in which the tool itself has worked, with a copy of its folder."""

    case: ClassVar[ForeignCase]
    __test__: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.case.environment.items():
            monkeypatch.setenv(name, value)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The tool's folder, which the test may change."""
        return Path(shutil.copytree(self.case.path / self.case.folder, tmp_path / "migrations"))

    @pytest.fixture
    async def recorded(self, database: Database) -> Connection:
        """A connection to a database with the history that the tool wrote."""
        loading = await database.connect()  # the dump changes the session's settings
        await loading.execute((self.case.path / "history.sql").read_text(encoding="utf-8"))
        await loading.close()
        return await database.connect()

    # ----------------------------------------------------------------------- what the tool recorded
    async def test_the_status_is_what_the_tool_recorded(self, recorded: Connection, folder: Path) -> None:
        found = await self.case.migrator(recorded, folder).status()
        assert told(found) == dict.fromkeys(self.case.applied, "applied")
        assert found.state == "current"

    async def test_there_is_nothing_to_do_and_nothing_is_written(self, recorded: Connection, folder: Path) -> None:
        before = await recorded.fetch(f"SELECT t::text, xmin::text FROM {self.case.table} t ORDER BY 1")
        assert not await self.case.migrator(recorded, folder).migrate()
        assert await recorded.fetch(f"SELECT t::text, xmin::text FROM {self.case.table} t ORDER BY 1") == before

    async def test_a_file_that_was_edited_is_named_where_the_tool_keeps_checksums(
        self, recorded: Connection, folder: Path
    ) -> None:
        if self.case.tamper is None:
            pytest.skip(f"{self.case.format} keeps no checksums")
        edited = folder / self.case.tamper
        edited.write_bytes(edited.read_bytes() + b"\nSELECT 20261123;\n")
        with pytest.raises(Changed, match=self.case.tamper.rpartition("/")[2].replace(".", r"\.")):
            await self.case.migrator(recorded, folder).migrate()

    def test_the_numbers_of_the_locks_are_those_of_the_tool(self) -> None:
        if self.case.keys is None:
            pytest.skip(f"{self.case.format} takes no advisory lock")
        store = PluginHost([formats]).store(self.case.format, self.case.store_settings).value
        history = History(exists=False, facts=Facts(database="mydb", schema="public"))
        assert store.locks(history) == tuple(map(Advisory, self.case.keys("mydb")))

    # ----------------------------------------------------------------------- going on
    async def test_a_further_migration_leaves_the_rows_that_the_tool_would_write(
        self, recorded: Connection, folder: Path
    ) -> None:
        before = [] if self.case.single else await self.case.rows(recorded)
        report = await self.further(recorded, folder)
        assert report == [self.case.more_revision]
        assert await self.case.rows(recorded) == sorted([*before, dict(self.case.more_row)], key=repr)
        assert await recorded.fetchval("SELECT to_regclass('further') IS NOT NULL")
        assert not await self.case.migrator(recorded, folder).migrate()

    async def test_one_step_down_takes_it_away_again(self, recorded: Connection, folder: Path) -> None:
        if not self.case.down:
            pytest.skip(f"{self.case.format} has no way back")
        before = await self.case.rows(recorded)
        await self.further(recorded, folder)
        report = await self.case.migrator(recorded, folder).migrate("-1")
        assert [ran.verb for ran in report.ran] == ["revert"]
        assert await self.case.rows(recorded) == before
        assert await recorded.fetchval("SELECT to_regclass('further') IS NULL")

    async def test_from_nothing_trek_leaves_the_same_table_and_the_same_rows(
        self, recorded: Connection, folder: Path
    ) -> None:
        if not self.case.again:
            pytest.skip("its folder needs what only the tool has")
        wanted = await self.case.shape(recorded), await self.case.rows(recorded)
        await recorded.execute(f"DROP TABLE {self.case.table}")
        await self.case.migrator(recorded, folder).migrate()
        assert (await self.case.shape(recorded), await self.case.rows(recorded)) == wanted
        if self.case.down and self.case.to_base:
            await self.case.migrator(recorded, folder).migrate("base")
            assert await self.case.rows(recorded) == [dict(row) for row in self.case.base_rows]

    # ----------------------------------------------------------------------- the lock
    async def test_while_the_tool_holds_its_lock_trek_waits_and_names_the_holder(
        self, database: Database, recorded: Connection, folder: Path
    ) -> None:
        if self.case.keys is None:
            pytest.skip(f"{self.case.format} takes no advisory lock")
        tool = await database.connect(server_settings={"application_name": "the tool"})
        for key in self.case.keys(database.name):
            await tool.execute(f"SELECT pg_advisory_lock({key})")
            heard = await self.waited_for(recorded, folder, tool)
            assert heard.application == "the tool"
            assert heard.pid == tool.get_server_pid()

    async def waited_for(self, connection: Connection, folder: Path, tool: Connection) -> LockWaiting:
        """Who trek waits for, at a further migration; the tool then gives its locks up, and trek comes to its end."""
        heard = asyncio.Queue[LockWaiting]()

        async def hear(event: object) -> None:
            if isinstance(event, LockWaiting):
                heard.put_nowait(event)

        running = asyncio.create_task(self.further(connection, folder, observers=[Observer("ear", hear)]))
        async with asyncio.timeout(30):
            found = await heard.get()
            await tool.execute("SELECT pg_advisory_unlock_all()")
            assert await running == [self.case.more_revision]
        if self.case.down:
            await self.case.migrator(connection, folder).migrate("-1")
        return found

    async def further(self, connection: Connection, folder: Path, **options: Any) -> list[str]:
        """The revisions that ran once the further migration was there."""
        for name, text in self.case.more.items():
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).write_text(text, encoding="utf-8", newline="")
        report = await self.case.migrator(connection, folder, **options).migrate()
        return [ran.revision for ran in report.ran]


def told(status: Status) -> dict[str, str]:
    return {one.revision: one.state for one in status.revisions}


async def _tell(event: Event) -> None:
    """For the transcripts that `pytest -m interop -rP` shows: tools.run writes what the tool said."""
    if isinstance(event, Done):
        sys.stdout.write(f"trek: {event.action.verb} {event.action.name}\n")
