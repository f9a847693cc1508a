"""yoyo itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_yoyo import CASE
from tests.formats.tools import pip, run, url
from trek_core import Observer
from trek_core.events import LockWaiting, Started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "0009-people": ("CREATE TABLE people (id int);\nINSERT INTO people VALUES (1);", "DROP TABLE people;"),
    "0003-i": (
        "-- depends: 0009-people\n-- transactional: false\nCREATE INDEX CONCURRENTLY i ON people (id);\nVACUUM people;",
        "DROP INDEX CONCURRENTLY i;",
    ),
    "0004-f": (
        "-- depends: 0003-i\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n-- 1;\nSELECT 1;\n$$;\nSELECT f();",
        "DROP FUNCTION f;",
    ),
    "0005-orders": ("-- depends: 0004-f\nCREATE TABLE orders (id int);", ""),
}
NAMES = list(FILES)
GATE = "-- depends: 0003-i\nSELECT pg_advisory_xact_lock(77);"


class Yoyo:
    """The tool on a folder and a database."""

    def __init__(self, programs: Path, folder: Path, dsn: str) -> None:
        self.program, self.folder, self.url = (
            str(programs / "yoyo"),
            folder,
            url(dsn).replace("postgres:", "postgresql:"),
        )

    def write(self, number: int) -> None:
        """The first so many files, and no other."""
        for at, (name, (up, down)) in enumerate(FILES.items()):
            for suffix, text in ((".sql", up), (".rollback.sql", down)):
                (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
                if at < number and text:
                    (self.folder / f"{name}{suffix}").write_text(text)

    async def __call__(self, word: str, *more: str) -> str:
        options = ("--batch", "--no-config-file", "-vv", "-d", self.url, *more, str(self.folder))
        return await asyncio.to_thread(run, self.program, word, *options)


@pytest.fixture
def yoyo(tmp_path: Path, database: Database) -> Yoyo:
    made = Yoyo(pip("yoyo", "yoyo-migrations", "psycopg2-binary"), tmp_path, database.dsn)
    made.write(4)
    return made


async def recorded(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT migration_id FROM _yoyo_migration ORDER BY applied_at_utc")
    return [row["migration_id"] for row in rows]


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(connection: Connection, yoyo: Yoyo) -> None:
    yoyo.write(2)
    await yoyo("apply")
    yoyo.write(4)
    report = await CASE.migrator(connection, yoyo.folder).migrate()
    assert [ran.revision for ran in report.ran] == NAMES[2:]
    told = [line.split()[:2] for line in (await yoyo("list")).splitlines() if line[:2] in ("A ", "U ")]
    assert sorted(told) == sorted(["A", name] for name in NAMES)
    assert "Applying" not in await yoyo("apply")


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(connection: Connection, yoyo: Yoyo) -> None:
    await CASE.migrator(connection, yoyo.folder).migrate(NAMES[1])
    told = await yoyo("apply")
    assert f"Applying {NAMES[2]}" in told
    assert f"Applying {NAMES[0]}" not in told
    assert not await CASE.migrator(connection, yoyo.folder).migrate()
    assert await recorded(connection) == NAMES


async def test_one_step_down_by_each(connection: Connection, yoyo: Yoyo) -> None:
    await CASE.migrator(connection, yoyo.folder).migrate()
    await yoyo("rollback", "-r", NAMES[3])
    await CASE.migrator(connection, yoyo.folder).migrate("-1")
    assert await recorded(connection) == NAMES[:2]
    await yoyo("rollback", "-r", NAMES[1])
    await CASE.migrator(connection, yoyo.folder).migrate("base")
    assert await recorded(connection) == []
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL")


class Turn:
    """A migration that waits in front of a gate, and what trek says meanwhile."""

    def __init__(self, yoyo: Yoyo, connection: Connection, gate: Connection) -> None:
        self.yoyo, self.connection, self.gate = yoyo, connection, gate
        self.heard, self.begun = asyncio.Queue[str](), asyncio.Event()

    async def close(self) -> None:
        """The first two are done, and the third will not come to its end."""
        await CASE.migrator(self.connection, self.yoyo.folder).migrate(NAMES[1])
        (self.yoyo.folder / f"{NAMES[2]}.sql").write_text(GATE)
        await self.gate.execute("SELECT pg_advisory_lock(77)")

    async def open(self) -> None:
        await self.gate.execute("SELECT pg_advisory_unlock(77)")

    async def trek(self) -> list[str]:
        """The revisions that ran."""
        observers = [Observer("ear", self._hear)]
        report = await CASE.migrator(self.connection, self.yoyo.folder, observers=observers).migrate()
        return [ran.revision for ran in report.ran]

    async def _hear(self, event: object) -> None:
        if isinstance(event, LockWaiting):
            self.heard.put_nowait(event.holder)
        elif isinstance(event, Started):
            self.begun.set()

    async def until(self, query: str) -> object:
        """What the query gives, as soon as that is something."""
        while not (found := await self.gate.fetchval(query)):
            await asyncio.sleep(0.01)
        return found


@pytest.fixture
def turn(yoyo: Yoyo, connection: Connection, other: Connection) -> Turn:
    return Turn(yoyo, connection, other)


async def test_while_the_tool_migrates_trek_waits_names_its_process_and_does_nothing_twice(turn: Turn) -> None:
    await turn.close()
    async with asyncio.timeout(60):
        tool = asyncio.create_task(turn.yoyo("apply"))
        pid = await turn.until("SELECT max(pid) FROM yoyo_lock")
        trek = asyncio.create_task(turn.trek())
        assert await turn.heard.get() == f"process {pid}"
        await turn.open()
        assert f"Applying {NAMES[3]}" in await tool
        assert await trek == []
    assert await recorded(turn.connection) == NAMES


async def test_while_trek_migrates_the_tool_waits_and_does_nothing_twice(turn: Turn) -> None:
    await turn.close()
    async with asyncio.timeout(60):
        trek = asyncio.create_task(turn.trek())
        await turn.begun.wait()
        tool = asyncio.create_task(turn.yoyo("apply"))
        await turn.until(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'ROLLBACK'"
        )
        await turn.open()
        assert await trek == NAMES[2:]
        assert "Applying" not in await tool
    assert await recorded(turn.connection) == NAMES
