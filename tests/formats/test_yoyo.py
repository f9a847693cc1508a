"""The format yoyo: its fixture, the kits, its directives, its log and its lock, which is a row."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError, LockTimeout, Observer
from trek_core.events import LockWaiting
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

NO_COLUMN = "its table has no column for them"
TABLES = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")
HELD = "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now() AT TIME ZONE 'UTC' - interval '90 s', 4711)"
CASE = ForeignCase(
    format="yoyo",
    fixture="yoyo",
    applied=("0001.first", "0002.idx"),
    table="public._yoyo_migration",
    volatile=("applied_at_utc",),
    more={
        "0003.more.sql": "-- depends: 0002.idx\nCREATE TABLE further (i int);\n",
        "0003.more.rollback.sql": "DROP TABLE further;\n",
    },
    more_revision="0003.more",
    more_row={"migration_hash": sha256(b"0003.more").hexdigest(), "migration_id": "0003.more"},
    again=False,
    files="`<id>.sql` and `<id>.rollback.sql`, `depends`, `transactional`, `post-apply….sql`; the graph of `<id>.py`",
    lock="shared: the row of `yoyo_lock`",
    proof="real tool run",
)


async def log(connection: Connection) -> list[tuple[str, str]]:
    rows = await connection.fetch("SELECT operation, migration_id FROM _yoyo_log ORDER BY created_at_utc")
    return [(row["operation"], row["migration_id"]) for row in rows]


class TestYoyo(ForeignSuite):
    case = CASE

    async def test_from_nothing_trek_leaves_all_four_tables_and_the_same_rows(
        self, recorded: Connection, folder: Path
    ) -> None:
        shapes = {name: await replace(CASE, table=f"public.{name}").shape(recorded) for name in TABLES}
        rows, version = await CASE.rows(recorded), "SELECT version FROM _yoyo_version"
        await recorded.execute(f"DROP TABLE {', '.join(TABLES)}")
        await CASE.migrator(recorded, folder).migrate()
        assert {name: await replace(CASE, table=f"public.{name}").shape(recorded) for name in TABLES} == shapes
        assert await CASE.rows(recorded) == rows
        assert await recorded.fetchval(version) == 2
        assert await recorded.fetchval("SELECT count(*) FROM yoyo_lock") == 0

    async def test_the_log_has_every_operation(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("DELETE FROM _yoyo_log")
        await self.further(recorded, folder)
        migrator = CASE.migrator(recorded, folder)
        await migrator.migrate("-1")
        await migrator.stamp("head")
        await migrator.stamp("0002.idx")
        assert await log(recorded) == [(word, "0003.more") for word in ("apply", "rollback", "mark", "unmark")]
        shown = await recorded.fetchrow("SELECT * FROM _yoyo_log LIMIT 1")
        assert shown
        assert shown["migration_hash"] == sha256(b"0003.more").hexdigest()
        assert shown["username"] == await recorded.fetchval("SELECT session_user")

    async def test_a_table_of_the_time_before_hashes_is_refused_with_what_to_do(
        self, connection: Connection, folder: Path
    ) -> None:
        await connection.execute("CREATE TABLE _yoyo_migration (id varchar(191) PRIMARY KEY, ctime timestamp)")
        with pytest.raises(ConfigError, match="yoyo list"):
            await CASE.migrator(connection, folder).status()

    # ----------------------------------------------------------------------- the lock
    async def test_while_yoyo_has_its_row_trek_waits_names_the_process_and_goes_on(
        self, recorded: Connection, other: Connection, folder: Path
    ) -> None:
        heard = asyncio.Queue[LockWaiting]()

        async def hear(event: object) -> None:
            if isinstance(event, LockWaiting):
                heard.put_nowait(event)

        await other.execute(HELD)
        running = asyncio.create_task(self.further(recorded, folder, observers=[Observer("ear", hear)]))
        async with asyncio.timeout(30):
            found = await heard.get()
            await other.execute("DELETE FROM yoyo_lock WHERE pid = 4711")
            assert await running == [CASE.more_revision]
        assert found.holder == "process 4711"
        assert found.age
        assert found.age >= 90
        assert await other.fetchval("SELECT count(*) FROM yoyo_lock") == 0

    async def test_the_row_of_a_yoyo_that_was_killed_stays_and_the_way_out_is_said(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute(HELD)
        with pytest.raises(LockTimeout, match=r"(?s)process 4711.*yoyo break-lock"):
            await self.further(recorded, folder, lock_wait=0.2)
        assert await recorded.fetchval("SELECT pid FROM yoyo_lock") == 4711

    # ----------------------------------------------------------------------- files
    async def test_what_runs_after_every_apply_runs_after_it_and_leaves_no_row(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "post-apply.sql").write_text(
            "INSERT INTO ran SELECT count(*) FROM pg_class WHERE relname = 'further'"
        )
        await recorded.execute("CREATE TABLE ran (i int)")
        assert not await CASE.migrator(recorded, folder).migrate()
        assert await self.further(recorded, folder) == [CASE.more_revision, "post-apply"]
        assert await recorded.fetchval("SELECT array_agg(i) FROM ran") == [1]
        assert told(await CASE.migrator(recorded, folder).status())[CASE.more_revision] == "applied"
        assert len(await CASE.rows(recorded)) == 3
        await CASE.migrator(recorded, folder).migrate("-1")
        assert await recorded.fetchval("SELECT count(*) FROM ran") == 1

    async def test_steps_in_python_that_yoyo_ran_are_built_upon_and_others_are_refused_by_name(
        self, recorded: Connection, folder: Path
    ) -> None:
        text = 'from yoyo import step\n\n__depends__ = {"0002.idx"}\nsteps = [step("SELECT 1")]\n'
        (folder / "0003.more.py").write_text(text)
        (folder / "0004.sql").write_text("-- depends: 0003.more\nSELECT 1;\n")
        with pytest.raises(LoadError, match=r"0003\.more\.py: steps in Python, which only yoyo runs"):
            await CASE.migrator(recorded, folder).migrate()
        row = (CASE.more_row["migration_hash"], "0003.more")
        await recorded.execute("INSERT INTO _yoyo_migration VALUES ($1, $2, now())", *row)
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["0004"]


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "its hash is that of the name",
        "route": "its revisions are sets",
        "smells": "any file of SQL may be yoyo's",
    }

    def case(self) -> LayoutCase:
        files = {
            "a.sql": "-- depends: c\nSELECT 1;",
            "a.rollback.sql": "SELECT 2;",
            "b.sql": "-- depends: a\n-- depends: c\nSELECT 1;",
            "c.sql": "SELECT 1",
            "d.rollback.sql": "SELECT 1",
            "readme.md": "x",
        }
        bad = [
            {"a.sql": "-- transactional: maybe\nSELECT 1;"},
            {"a.py": "__depends__ = compute()"},
            {"a.sql": "SELECT 1;", "a.py": "__depends__ = []"},
            {"a.sql": "-- depends: b\nSELECT 1;", "b.sql": "-- depends: a\nSELECT 1;"},
            {"a.sql": "-- depends: b\nSELECT 1;"},
        ]
        return LayoutCase(make_layout("yoyo"), folders=[Folder(files, revisions=("c", "a", "b"))], bad=bad)


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": NO_COLUMN,
        "titles": NO_COLUMN,
        "unfinished": "a row is written after what ran outside a transaction",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("yoyo"),
                empty,
                other=make_store("yoyo", schema="other"),
                other_shape=Sql("CREATE TABLE public._yoyo_migration (version integer)"),
            )


# --------------------------------------------------------------------------- the grammar
@pytest.mark.parametrize(
    ("content", "mode", "depends"),
    [
        ("-- about it\n-- depends: a  b\n\nSELECT 1;", "transaction", ("a", "b")),
        ("--depends:a\r\n  -- transactional: FALSE\r\nVACUUM;\r\nSELECT 1;", "autocommit", ("a",)),
        ("-- depends: a\n-- depends: b a\nSELECT 1;", "transaction", ("a", "b")),
        ("SELECT 1;\n-- depends: a\n-- transactional: false\n", "transaction", ()),
        ("/* -- */\n-- depends: a\nSELECT 1", "transaction", ()),
        ("-- depends:\n", "transaction", ()),
    ],
)
def test_what_stands_in_front_of_the_first_statement_counts(content: str, mode: str, depends: tuple[str, ...]) -> None:
    others = {f"{name}.sql": "SELECT 1;" for name in "ab"}
    found = make_layout("yoyo").arrange(MemoryTree({**others, "x.sql": content})).entries[-1]
    assert (found.revision, found.parents) == ("x", depends)
    script = load("yoyo", {"x.sql": content})
    assert script.up
    assert script.up.mode == mode


def test_a_way_back_runs_as_it_stands_and_none_does_nothing() -> None:
    script = load("yoyo", {"x.sql": "SELECT 1;", "x.rollback.sql": "-- no\nSELECT 2;\nSELECT 3;"})
    assert script.down
    assert [(one.text, one.line) for one in script.down.statements if isinstance(one, Sql)] == [
        ("SELECT 2", 2),
        ("SELECT 3", 3),
    ]
    none = load("yoyo", {"x.sql": "SELECT 1;"})
    assert none.down
    assert none.down.statements == ()


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("\ufeffSELECT 1;", 1, "byte order mark"),
        ("-- x\n-- transactional: no\nSELECT 1;", 2, "transactional: 'no' is neither true nor false"),
        ("-- transactional: false\n-- transactional: false\nVACUUM;", 2, "transactional: 'false false'"),
        ("SELECT 1;\nVACUUM;", 2, "VACUUM: yoyo runs this in a transaction"),
        ("SELECT 1;\nCOMMIT;", 2, "COMMIT: yoyo runs this in a transaction"),
        ("COPY a FROM stdin;\n1\n\\.\n", 1, "COPY … FROM STDIN"),
    ],
)
def test_what_yoyo_would_refuse_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("yoyo", {"x.sql": content})
    assert refused.value.line == line
    assert problem in refused.value.problem
