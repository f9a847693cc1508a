"""The format sql-migrate: its fixture, the kits, and its own grammar."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError
from trek_core.errors import Missing
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

NO_COLUMN = "its table has no column for them"
UP, DOWN = "-- +migrate Up\n", "-- +migrate Down\n"
CASE = ForeignCase(
    format="sql-migrate",
    fixture="sql_migrate",
    applied=("1_a.sql", "10_idx.sql"),
    table="public.gorp_migrations",
    volatile=("applied_at",),
    more={"011-more.sql": f"{UP}CREATE TABLE further (i int);\n{DOWN}DROP TABLE further;\n"},
    more_revision="011-more.sql",
    more_row={"id": "011-more.sql"},
    files="`<number>….sql` and others: Up, Down, StatementBegin and End, `notransaction`",
    proof="real tool run",
)


class TestSqlMigrate(ForeignSuite):
    case = CASE

    async def test_an_older_file_is_applied_and_a_row_without_a_file_refused(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "2_late.sql").write_text(f"{UP}SELECT 1;\n")
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["2_late.sql"]
        (folder / "2_late.sql").unlink()
        with pytest.raises(Missing, match=r"2_late\.sql"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_the_table_is_the_one_that_the_search_path_finds(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("CREATE SCHEMA app; SET search_path = app, public")
        assert await self.further(recorded, folder) == [CASE.more_revision]
        assert await recorded.fetchval("SELECT count(*) FROM public.gorp_migrations") == 3

    async def test_a_line_that_is_a_comment_is_left_out_wherever_it_stands(
        self, recorded: Connection, folder: Path
    ) -> None:
        text = f"{UP}CREATE TABLE t AS SELECT 'a\n-- gone\n--stays\nb' AS x;\n"
        (folder / "11.sql").write_text(text)
        await CASE.migrator(recorded, folder).migrate()
        assert await recorded.fetchval("SELECT x FROM t") == "a\n--stays\nb"


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "sql-migrate keeps none",
        "route": "the files are a chain",
        "smells": "a file without `+migrate Up` is refused by itself",
    }

    def case(self) -> LayoutCase:
        text = f"{UP}SELECT 1;\n{DOWN}SELECT 2;\n"
        names = ("10_b.sql", "2-a.sql", "002.sql", "b.sql", "Z.sql")
        return LayoutCase(
            make_layout("sql-migrate"),
            folders=[
                Folder(dict.fromkeys(names, text) | {"x.md": ""}, ("002.sql", "2-a.sql", "10_b.sql", "Z.sql", "b.sql")),
                Folder({"1.sql": text}, ("1.sql",)),
            ],
            bad=[{f"{1 << 63}_a.sql": text}],
        )


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
                make_store("sql-migrate"),
                empty,
                other=make_store("sql-migrate", schema="other"),
                other_shape=Sql("CREATE TABLE public.gorp_migrations (id bigint)"),
            )


# --------------------------------------------------------------------------- the grammar
def statements(content: str) -> list[tuple[str, int]]:
    script = load("sql-migrate", {"1_a.sql": content})
    assert script.up
    return [(one.text, one.line) for one in script.up.statements if isinstance(one, Sql)]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (f"{UP}SELECT 1; -- one\nSELECT 2;\n", [("SELECT 1", 2), ("SELECT 2", 3)]),
        (f"{UP}SELECT 1; SELECT 2;\n", [("SELECT 1", 2), ("SELECT 2", 2)]),
        (f"ignored;\n{UP}\n-- about it\nSELECT\n-- within\n 1;\n", [("SELECT\n 1", 5)]),
        (f"{UP}-- one\n-- two\nSELECT 1;\n-- three\nSELECT 2;\n", [("SELECT 1", 4), ("SELECT 2", 6)]),
        (
            f"{UP}-- +migrate StatementBegin\nDO $$ BEGIN\nNULL;\nEND $$;\n-- +migrate StatementEnd\nSELECT 1;\n",
            [("DO $$ BEGIN\nNULL;\nEND $$", 3), ("SELECT 1", 7)],
        ),
        (f"{UP}SELECT 1;\r\n{DOWN}SELECT 2;\r\n{UP}SELECT 3;", [("SELECT 1", 2), ("SELECT 3", 6)]),
        (f"{UP}-- +migrate Sideways\n-- +migrate\nSELECT 1;", [("SELECT 1", 4)]),
        (DOWN, []),
    ],
)
def test_a_file_is_cut_as_sql_migrate_cuts_it(content: str, wanted: list[tuple[str, int]]) -> None:
    assert statements(content) == wanted


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("SELECT 1;\n", 1, "no line `-- +migrate Up`"),
        ("-- +migrate up\nSELECT 1;\n", 1, "no line `-- +migrate Up`"),
        (f"\ufeff{UP}", 1, "byte order mark"),
        (f"{UP}SELECT 1\n{DOWN}", 2, "never ends"),
        (f"{UP}SELECT 1;\n\nSELECT 2\n", 4, "never ends"),
        (f"{UP}-- +migrate \n", 2, "`-- +migrate` without a word"),
        (f"{UP}-- +migrate StatementBegin\nSELECT 1;\n", 2, "StatementBegin without StatementEnd"),
        (f"{UP}-- x\nINSERT INTO a VALUES ('x;\ny');\n", 3, "a string"),
        (f"{UP}SELECT 1;\n-- x\nVACUUM;\n", 4, "VACUUM: sql-migrate runs this in a transaction"),
        (f"{UP}SELECT '{'x' * (1 << 20)}';\n", 2, "a line of 1 MiB or more"),
    ],
)
def test_what_sql_migrate_refuses_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("sql-migrate", {"1_a.sql": content})
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_each_way_has_its_own_transaction_and_each_piece_outside_one_is_a_query() -> None:
    script = load(
        "sql-migrate", {"1_a.sql": f"-- +migrate Up notransaction\nVACUUM;\nSELECT 1; SELECT 2;\n{DOWN}SELECT 3;"}
    )
    assert script.up
    assert script.down
    assert (script.up.mode, script.down.mode) == ("message", "transaction")
    assert [one.text for one in script.up.statements if isinstance(one, Sql)] == ["VACUUM", "SELECT 1; SELECT 2"]


def test_the_revision_is_the_file_and_the_title_what_stands_behind_its_number() -> None:
    entry = make_layout("sql-migrate").arrange(MemoryTree({"1_create_users.sql": UP})).entries[0]
    assert (entry.revision, entry.title) == ("1_create_users.sql", "create users")
