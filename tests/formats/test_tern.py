"""The format tern: its fixture, the kits, its one row, and what its files may hold."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError, MigrationFailed
from trek_core.errors import Irreversible, Missing, PlanError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

ONE_ROW = "its table holds one row, the version where the database stands"
PARTING = "---- create above / drop below ----"
CASE = ForeignCase(
    format="tern",
    fixture="tern",
    applied=("1", "2"),
    table="public.schema_version",
    more={"003_more.sql": f"create table further (i int);\n{PARTING}\ndrop table further;\n"},
    more_revision="3",
    more_row={"version": 3},
    keys=lambda database: (9628173550095224,),
    single=True,
    again=False,
    files="`<number>_<title>.sql`: create above / drop below, disable-tx; templates are refused",
    lock="shared",
)


class TestTern(ForeignSuite):
    case = CASE

    async def test_from_nothing_trek_leaves_the_same_table_with_the_row_that_tern_goes_on_from(
        self, recorded: Connection, folder: Path
    ) -> None:
        wanted = await CASE.shape(recorded), await CASE.rows(recorded)
        await recorded.execute(f"DROP TABLE {CASE.table}")
        (folder / "001_first.sql").write_text(f"create table t (i int);\n{PARTING}\ndrop table t;\n")
        await CASE.migrator(recorded, folder).migrate()
        assert (await CASE.shape(recorded), await CASE.rows(recorded)) == wanted
        (folder / "002_idx.sql").write_text(f"select 1;\n{PARTING}\nselect 2;\n")
        await CASE.migrator(recorded, folder).migrate("base")
        assert await CASE.rows(recorded) == [{"version": 0}]
        await CASE.migrator(recorded, folder).migrate("1")
        assert await CASE.rows(recorded) == [{"version": 1}]

    async def test_a_template_is_refused_with_its_line_when_it_is_to_run(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("UPDATE schema_version SET version = 0")
        with pytest.raises(LoadError, match=r"001_first\.sql:1: a template \(`\{\{`\)"):
            await CASE.migrator(recorded, folder).migrate()
        assert await CASE.rows(recorded) == [{"version": 0}]

    async def test_a_failure_outside_a_transaction_leaves_the_version_as_tern_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "003_i.sql").write_text("---- tern: disable-tx ----\ncreate table half (i int);\nselect 1/0;")
        with pytest.raises(MigrationFailed):
            await CASE.migrator(recorded, folder).migrate()
        assert await CASE.rows(recorded) == [{"version": 2}]
        assert await recorded.fetchval("SELECT to_regclass('half') IS NOT NULL")

    async def test_a_table_without_its_row_is_at_the_base_and_gets_it_back(
        self, recorded: Connection, tmp_path: Path
    ) -> None:
        await recorded.execute("DELETE FROM schema_version")
        (tmp_path / "1_a.sql").write_text("select 1")
        await CASE.migrator(recorded, tmp_path).migrate()
        assert await CASE.rows(recorded) == [{"version": 1}]

    async def test_several_rows_and_more_columns_are_refused(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("INSERT INTO schema_version VALUES (7)")
        with pytest.raises(ConfigError, match=r"public\.schema_version holds 2 rows"):
            await CASE.migrator(recorded, folder).status()
        await recorded.execute("DELETE FROM schema_version; ALTER TABLE schema_version ADD checksum integer")
        with pytest.raises(ConfigError, match="is not tern's: it has the columns version integer, checksum integer"):
            await CASE.migrator(recorded, folder).status()

    async def test_a_version_that_no_file_has_is_refused_as_the_tool_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("UPDATE schema_version SET version = 7")
        with pytest.raises(Missing, match="7"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_one_revision_alone_cannot_be_taken_out(self, recorded: Connection, folder: Path) -> None:
        with pytest.raises(PlanError, match=r"holds one version, now 2.*trek stamp"):
            await CASE.migrator(recorded, folder).repair("1", applied=False)
        await CASE.migrator(recorded, folder).stamp("1")
        assert await CASE.rows(recorded) == [{"version": 1}]

    @pytest.mark.parametrize("below", ["", PARTING, f"{PARTING}\n\n"])
    async def test_without_anything_below_there_is_no_way_back(
        self, recorded: Connection, folder: Path, below: str
    ) -> None:
        (folder / "002_idx.sql").write_text(f"select 1;\n{below}")
        with pytest.raises(Irreversible):
            await CASE.migrator(recorded, folder).migrate("-1")


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "tern keeps none",
        "route": "the files are a chain",
        "smells": "a file needs no mark",
    }

    def case(self) -> LayoutCase:
        up = "SELECT 1"
        names = [*(f"{number}_a.sql" for number in range(1, 11)), "_.sql", "shared/11_a.sql", "tern.conf"]
        return LayoutCase(
            make_layout("tern"),
            folders=[Folder(dict.fromkeys(names, up), revisions=tuple(map(str, range(1, 11))))],
            bad=[{"1_a.sql": up, "01_b.sql": up}, {"1_a.sql": up, "3_b.sql": up}, {"0_a.sql": up}],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "rows": ONE_ROW,
        "checksums": ONE_ROW,
        "titles": ONE_ROW,
        "unfinished": ONE_ROW,
        "names": "its versions are numbers",
        "locks": "tern's is one for all tables",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("tern"),
                empty,
                other=make_store("tern", schema="other"),
                other_shape=Sql("CREATE TABLE public.schema_version (version varchar)"),
                revision=str,
            )


# --------------------------------------------------------------------------- files
DISABLE = "---- tern: disable-tx ----\n"


def parts(content: str) -> list[tuple[str | None, list[tuple[str, int]]] | None]:
    """Mode and statements of each way, with their lines."""
    script = load("tern", {"1_a.sql": content})
    return [
        body and (body.mode, [(one.text, one.line) for one in body.statements if isinstance(one, Sql)])
        for body in (script.up, script.down)
    ]


def test_each_part_has_its_own_transaction_or_none() -> None:
    up, down = parts(f"{DISABLE}vacuum;\nselect 'a;b';\n{PARTING}\n\nselect 2;\n")
    assert up == ("autocommit", [("vacuum", 2), ("select 'a;b'", 3)])
    assert down == ("transaction", [("select 2", 6)])
    assert parts(f"select 1;\n{PARTING}\n{DISABLE}vacuum;")[1] == ("autocommit", [("vacuum", 4)])
    assert parts(f"select 1; {PARTING} select 2; {PARTING}") == [
        ("transaction", [("select 1", 1)]),
        ("transaction", [("select 2", 1)]),
    ]
    assert parts(f"select 1;\n{PARTING}\n-- nothing\n")[1] == ("transaction", [])


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("select 1;\n\ncreate table {{.prefix}}_t (i int);", 3, "a template (`{{`)"),
        (f"select 1;\n{PARTING}\n-- {{{{ x }}}}", 3, "a template (`{{`)"),
        ("", 1, "no SQL in front of"),
        (f"-- about\n\n{PARTING}\nselect 1;", 1, "no SQL in front of"),
        ("---- tern: disable-tx ----\r\nvacuum;", 2, "vacuum: tern runs this in a transaction"),
        ("select 1;\ncommit;", 2, "commit: tern runs this"),
        ("\ufeffselect 1;", 1, "byte order mark"),
        ("copy a from stdin;\n1\n\\.\n", 1, "COPY … FROM STDIN"),
    ],
)
def test_what_tern_would_fail_at_and_what_trek_does_not_do_is_refused_with_its_line(
    content: str, line: int, problem: str
) -> None:
    with pytest.raises(LoadError) as refused:
        load("tern", {"1_a.sql": content})
    assert refused.value.line == line
    assert problem.lower() in refused.value.problem.lower()
