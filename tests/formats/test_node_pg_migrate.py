"""The format node-pg-migrate: its fixture, the kits, its order of files, its two markers and its search_path."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError, MigrationFailed, OutOfOrder, PlanError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

NO_COLUMN = "its table has no column for them"
MORE = "1700000002000_more"
CASE = ForeignCase(
    format="node-pg-migrate",
    fixture="node_pg_migrate",
    applied=("1700000000000_first", "1700000001000_noup"),
    table="public.pgmigrations",
    volatile=("id", "run_on"),
    more={f"{MORE}.sql": "-- Up Migration\nCREATE TABLE further (i int);\n-- Down Migration\nDROP TABLE further;\n"},
    more_revision=MORE,
    more_row={"name": MORE},
    keys=lambda database: (7241865325823964,),
    to_base=False,
    files="`<number>_<title>.sql` with `-- Up Migration` and `-- Down Migration`; JavaScript that is applied",
    proof="real tool run",
    lock="shared",
)
UP, DOWN = "-- Up Migration\nCREATE TABLE a (i int);\n", "-- Down Migration\nDROP TABLE a;\n"


class TestNodePgMigrate(ForeignSuite):
    case = CASE

    async def test_a_row_is_never_earlier_than_another_whatever_the_time_zones(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute(
            "UPDATE pgmigrations SET run_on = '2099-01-01' WHERE id = 2; SET TimeZone = 'Etc/GMT+12'"
        )
        await self.further(recorded, folder)
        names = await recorded.fetch("SELECT name FROM pgmigrations ORDER BY run_on, id")
        assert [row["name"] for row in names] == [*CASE.applied, MORE]

    async def test_a_file_that_precedes_what_was_run_is_refused_as_the_tool_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "1700000000500_late.sql").write_text(UP + DOWN)
        with pytest.raises(OutOfOrder, match="1700000000500_late"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_migration_in_javascript_that_was_applied_is_one_of_the_history(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "1700000000000_first.sql").rename(folder / "1700000000000_first.js")
        migrator = CASE.migrator(recorded, folder)
        assert told(await migrator.status()) == dict.fromkeys(CASE.applied, "applied")
        (folder / "1700000003000_js.ts").write_text("export const up = (pgm) => {}")
        with pytest.raises(LoadError, match=r"1700000003000_js\.ts: a migration in JavaScript or TypeScript"):
            await migrator.migrate()

    async def test_files_run_in_the_search_path_of_the_tool_and_the_session_keeps_its_own(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("CREATE SCHEMA app; SET search_path = app, public")
        await self.further(recorded, folder)
        assert await recorded.fetchval("SELECT to_regclass('public.further') IS NOT NULL")
        assert await recorded.fetchval("SHOW search_path") == "app, public"
        await CASE.migrator(recorded, folder).migrate("-1")
        assert await recorded.fetchval("SELECT to_regclass('public.further') IS NULL")

    async def test_a_failing_statement_is_named_with_its_line_and_nothing_remains(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / f"{MORE}.sql").write_text("-- Up Migration\nCREATE TABLE further (i int);\nSELECT 1/0;\n")
        (folder / "1700000001500_before.sql").write_text("CREATE TABLE before (i int)")
        with pytest.raises(MigrationFailed, match=rf"{MORE}\.sql:3") as failed:
            await CASE.migrator(recorded, folder).migrate()
        assert "SELECT 1/0" in str(failed.value)
        assert await recorded.fetchval("SELECT to_regclass('public.before') IS NULL")


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "the tool keeps none",
        "route": "the files are a chain",
        "smells": "its files have no mark that they must have",
    }

    def case(self) -> LayoutCase:
        return LayoutCase(
            make_layout("node-pg-migrate"),
            folders=[
                Folder({"10_a.sql": UP + DOWN, "9_b.sql": UP, "README.md": "x"}, revisions=("9_b", "10_a")),
                Folder(
                    {"20240101000000000_a.sql": UP, "1704067199999_b.sql": UP, "helpers.js": ""},
                    revisions=("1704067199999_b", "20240101000000000_a"),
                ),
            ],
            bad=[
                {"1_a.sql": UP, "1_a.js": ""},
                {"a.sql": UP},
                {"1_a.up.sql": UP},
                {"20241301000000000_a.sql": UP, "1_b.sql": UP},
                {"1_é.sql": UP, "01_b.sql": UP},
            ],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": NO_COLUMN,
        "titles": NO_COLUMN,
        "unfinished": "the tool runs everything in a transaction",
        "locks": "node-pg-migrate's is one for all tables",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("node-pg-migrate"),
                empty,
                other=make_store("node-pg-migrate", schema="other"),
                other_shape=Sql("CREATE TABLE public.pgmigrations (version bigint)"),
            )


def test_equal_numbers_are_ordered_as_javascript_compares_names() -> None:
    names = ["1_ab", "1-a_c", "1_aB", "1_b2", "1_b10", "1 b 3", "1_B"]
    found = make_layout("node-pg-migrate").arrange(MemoryTree({f"{name}.sql": UP for name in names}))
    wanted = ["1_ab", "1_aB", "1-a_c", "1_b2", "1 b 3", "1_b10", "1_B"]
    assert [entry.revision for entry in found.entries] == wanted


@pytest.mark.parametrize(
    ("content", "up", "down"),
    [
        ("SELECT 1", ["SELECT 1"], None),
        ("SELECT 0;\n-- up migration\nSELECT 1", ["SELECT 1"], None),
        ("  ---- DOWN \t migration\nSELECT 2;\n--Up Migration, the first\nSELECT 1", ["SELECT 1"], ["SELECT 2"]),
        ("-- Up Migration\n-- Down Migration\n", [], []),
    ],
)
def test_the_parts_are_those_of_the_tool(content: str, up: list[str], down: list[str] | None) -> None:
    script = load("node-pg-migrate", {"1_a.sql": content})
    assert script.up
    found = [[one.text for one in body.statements if isinstance(one, Sql)] for body in (script.up, script.down) if body]
    path = 'SET LOCAL search_path TO "public"'
    assert found == [[path, *part] if part else [] for part in (up, down) if part is not None]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (DOWN, 1, "`-- Down Migration` without `-- Up Migration`"),
        ("\ufeff" + UP, 1, "byte order mark"),
        (
            "-- Up Migration\nCREATE INDEX CONCURRENTLY i ON a (i);\n",
            2,
            "CREATE INDEX CONCURRENTLY: node-pg-migrate runs",
        ),
        (UP + "-- Down Migration\nROLLBACK;", 4, "ROLLBACK: node-pg-migrate runs"),
    ],
)
def test_what_the_tool_could_not_run_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("node-pg-migrate", {"1_a.sql": content})
    assert refused.value.path.endswith("1_a.sql")
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_the_schemas_of_the_search_path_are_a_setting_and_none_is_refused() -> None:
    script = load("node-pg-migrate", {"1_a.sql": UP}, schemas=["app", 'o"dd'])
    assert script.up
    first = script.up.statements[0]
    assert isinstance(first, Sql)
    assert first.text == 'SET LOCAL search_path TO "app", "o""dd"'
    with pytest.raises(ConfigError, match="names no schema"):
        make_layout("node-pg-migrate", schemas=[])


def test_no_name_is_found_behind_a_number_that_leaves_none() -> None:
    layout = make_layout("node-pg-migrate")
    arrangement = layout.arrange(MemoryTree({"99999999999999999999_a.sql": UP}))
    assert layout.new is not None
    with pytest.raises(PlanError, match="leaves none"):
        layout.new(arrangement, "more", "sql")
