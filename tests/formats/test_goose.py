"""The format goose: its fixture, the kits, and its own grammar."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError, OutOfOrder, Rules
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

NO_COLUMN = "its table has no column for them"
CASE = ForeignCase(
    format="goose",
    fixture="goose",
    applied=("1", "20240102030405", "20240102030406"),
    table="public.goose_db_version",
    volatile=("id", "tstamp"),
    more={
        "20240103000000_more.sql": "-- +goose Up\nCREATE TABLE further (i int);\n-- +goose Down\nDROP TABLE further;\n"
    },
    more_revision="20240103000000",
    more_row={"version_id": 20240103000000, "is_applied": True},
    base_rows=({"version_id": 0, "is_applied": True},),
    keys=lambda database: (4097083626,),
    environment={"FOO": "foo"},
    files="`<number>_<title>.sql`: Up, Down, StatementBegin and End, NO TRANSACTION, ENVSUB",
    lock="shared, where a program uses goose's `WithSessionLocker`",
)


class TestGoose(ForeignSuite):
    case = CASE

    async def test_an_empty_table_is_refused_as_the_tool_does_with_what_mends_it(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("DELETE FROM goose_db_version")
        with pytest.raises(ConfigError, match="has no row of version 0") as refused:
            await CASE.migrator(recorded, folder).migrate()
        await recorded.execute(str(refused.value).partition("write it: ")[2].partition(";")[0])
        assert [ran.revision for ran in (await CASE.migrator(recorded, folder).migrate("1")).ran] == ["1"]

    async def test_statements_are_cut_and_variables_replaced_as_goose_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("DROP TABLE goose_db_version")
        await CASE.migrator(recorded, folder).migrate()
        names = await recorded.fetch("SELECT name FROM users ORDER BY id")
        assert [row["name"] for row in names] == ["a", "b;", "foo", "dflt", "${FOO}"]
        assert await recorded.fetchval("SELECT f()") == 1

    async def test_rows_of_a_way_back_that_old_releases_wrote_count(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("INSERT INTO goose_db_version (version_id, is_applied) VALUES (20240102030406, false)")
        found = told(await CASE.migrator(recorded, folder).status())
        assert found["20240102030406"] == "pending"
        await recorded.execute("CREATE TABLE users (id int, name text)")
        await CASE.migrator(recorded, folder).migrate()
        assert told(await CASE.migrator(recorded, folder).status())["20240102030406"] == "applied"

    async def test_the_table_is_the_one_that_the_search_path_finds(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("CREATE SCHEMA app; SET search_path = app, public")
        assert await self.further(recorded, folder) == [CASE.more_revision]
        assert await recorded.fetchval("SELECT max(version_id) FROM public.goose_db_version") == 20240103000000

    async def test_a_new_table_is_made_where_the_search_path_begins(self, connection: Connection, folder: Path) -> None:
        await connection.execute("CREATE SCHEMA app; SET search_path = app, public")
        await CASE.migrator(connection, folder).migrate("1")
        assert await connection.fetchval("SELECT max(version_id) FROM app.goose_db_version") == 1

    async def test_an_older_file_is_refused_unless_it_is_allowed(self, recorded: Connection, folder: Path) -> None:
        (folder / "00002_late.sql").write_text("-- +goose Up\nSELECT 1;\n")
        with pytest.raises(OutOfOrder):
            await CASE.migrator(recorded, folder).migrate()
        rules = Rules(out_of_order="allow")
        assert (await CASE.migrator(recorded, folder, rules=rules).migrate()).ran[0].revision == "2"


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "goose keeps none",
        "route": "the files are a chain",
        "smells": "a file without `+goose Up` is refused by itself",
    }

    def case(self) -> LayoutCase:
        text = "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n"
        return LayoutCase(
            make_layout("goose"),
            folders=[Folder({"10_b.sql": text, "002_a.sql": text, "main.go": "x"}, revisions=("2", "10"))],
            bad=[{"1_a.sql": text, "01_b.sql": text}, {"1_a.go": "x"}, {"a.sql": text}, {"0_a.sql": text}],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": NO_COLUMN,
        "titles": NO_COLUMN,
        "unfinished": "a row is written after what ran outside a transaction",
        "names": "its versions are numbers",
        "locks": "goose's is one for all tables",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("goose"),
                empty,
                other=make_store("goose", schema="other"),
                other_shape=Sql("CREATE TABLE public.goose_db_version (version bigint)"),
                revision=str,
            )


# --------------------------------------------------------------------------- the grammar
UP = "-- +goose Up\n"


def statements(content: str) -> list[tuple[str, int]]:
    script = load("goose", {"1_a.sql": content})
    assert script.up
    return [(one.text, one.line) for one in script.up.statements if isinstance(one, Sql)]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (f"{UP}SELECT 1; -- one\nSELECT 2;\n", [("SELECT 1", 2), ("SELECT 2", 3)]),
        (f"{UP}SELECT 1; SELECT 2;\n", [("SELECT 1", 2), ("SELECT 2", 2)]),
        (f"{UP}\n-- about it\nSELECT\n -- within\n 1;\n", [("SELECT\n -- within\n 1", 4)]),
        (
            f"{UP}-- +goose StatementBegin\nDO $$ BEGIN\nNULL;\nEND $$;\n-- +goose StatementEnd\nSELECT 1;\n",
            [("DO $$ BEGIN\nNULL;\nEND $$", 3), ("SELECT 1", 7)],
        ),
        (f"{UP}SELECT 1;\r\n-- +goose Down\r\nSELECT 2;\r\n", [("SELECT 1", 2)]),
        ("--+goose up\nSELECT 1;\n", [("SELECT 1", 2)]),
        (f"-- about it\n\n{UP}SELECT 1;", [("SELECT 1", 4)]),
        (UP, []),
    ],
)
def test_a_file_is_cut_as_goose_cuts_it(content: str, wanted: list[tuple[str, int]]) -> None:
    assert statements(content) == wanted


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("SELECT 1;\n", 1, "text in front of"),
        ("", 1, "no line `-- +goose Up`"),
        (f"\ufeff{UP}", 1, "byte order mark"),
        (f" {UP}", 1, "white space in front"),
        ("-- +goose Sideways\n", 1, "`+goose Sideways` is no annotation"),
        ("-- +goose\n", 1, "is no annotation"),
        (f"{UP}-- +goose Up +goose Down\n", 2, "is no annotation"),
        (f"{UP}{UP}", 2, "a second time"),
        ("-- +goose Down\n", 1, "without `Up` in front"),
        (f"{UP}-- +goose Down\n-- +goose Down\n", 3, "or twice"),
        (f"{UP}SELECT 1\n-- +goose Down\n", 2, "never ends"),
        (f"{UP}SELECT 1;\nSELECT 2\n", 3, "never ends"),
        (f"{UP}-- +goose StatementBegin\nSELECT 1;\n", 2, "StatementBegin without StatementEnd"),
        (f"{UP}-- +goose StatementEnd\n", 2, "StatementEnd` where none can be"),
        (f"{UP}INSERT INTO a VALUES ('x;\ny');\n", 2, "a string"),
        (f"{UP}SELECT 1;\nVACUUM;\n", 3, "VACUUM: goose runs this in a transaction"),
        (f"{UP}-- +goose ENVSUB ON\nSELECT '$1';\n", 3, "ENVSUB cannot replace"),
        (f"{UP}-- +goose ENVSUB ON\nSELECT '${{NOT_SET:?give it}}';\n", 3, "give it"),
        (f"{UP}-- +goose ENVSUB ON\nSELECT '${{A:-${{B}}}}';\n", 3, "ENVSUB cannot replace"),
    ],
)
def test_what_goose_refuses_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("goose", {"1_a.sql": content})
    assert refused.value.line == line
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$V", "abc"),
        ("${V}", "abc"),
        ("${V:-x}", "abc"),
        ("${N:-x}", "x"),
        ("${E:-x}", "x"),
        ("${E-x}", ""),
        ("${N-x}", "x"),
        ("${V:1:1}", "b"),
        ("${V:1}", "bc"),
        ("${V?no}", "abc"),
        ("$N", ""),
        (r"\$V", "$V"),
        ("$$V", "$V"),
    ],
)
def test_variables_are_replaced_as_goose_does(monkeypatch: pytest.MonkeyPatch, text: str, wanted: str) -> None:
    monkeypatch.setenv("V", "abc")
    monkeypatch.setenv("E", "")
    monkeypatch.delenv("N", raising=False)
    assert statements(f"{UP}-- +goose ENVSUB ON\nSELECT '{text}';\n") == [(f"SELECT '{wanted}'", 3)]


@pytest.mark.parametrize("text", ["$N", "${N}", "${N:-x}"])
def test_a_variable_that_only_dotenv_sets_is_refused_since_the_command_of_goose_reads_that_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("N", raising=False)
    (tmp_path / ".env").write_text("OTHER=1\nexport N=2\n")
    with pytest.raises(LoadError, match=r"N is set in \.env only"):
        statements(f"{UP}-- +goose ENVSUB ON\nSELECT '{text}';\n")
    monkeypatch.setenv("N", "3")
    assert statements(f"{UP}-- +goose ENVSUB ON\nSELECT '{text}';\n") == [("SELECT '3'", 3)]


def test_outside_a_transaction_each_piece_is_one_query() -> None:
    script = load("goose", {"1_a.sql": f"-- +goose NO TRANSACTION\n{UP}VACUUM;\nSELECT 1; SELECT 2;\n"})
    assert script.up
    assert script.up.mode == "message"
    assert [one.text for one in script.up.statements if isinstance(one, Sql)] == ["VACUUM", "SELECT 1; SELECT 2;"]
    alone = load("goose", {"1_a.sql": f"{UP}VACUUM;\nSELECT 1;\n-- +goose NO TRANSACTION\n"})
    assert alone.up
    assert alone.up.mode == "autocommit"
