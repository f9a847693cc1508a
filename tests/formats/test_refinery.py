"""The format refinery: a fixture after the documentation, the kits, checksums of two widths, files that may come late."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import Changed, LoadError, OutOfOrder
from trek_core.errors import Irreversible, Missing, PlanError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

MORE = "CREATE TABLE further (i int);\n"
CASE = ForeignCase(
    format="refinery",
    fixture="refinery",
    applied=("1", "2", "3"),
    table="public.refinery_schema_history",
    volatile=("applied_on",),
    more={"V4__more.sql": MORE},
    more_revision="4",
    more_row={"version": 4, "name": "more", "checksum": "2288127231671971789"},
    tamper="later/V2__add_cars.sql",
    down=False,
    files="`V<number>__<name>.sql` and `U<number>__<name>.sql`, in sub-folders, too",
    proof="documented facts",
)
WIDE = "4937351808774016580"
"""The reference's, of `V1__initial.sql`, where versions have 8 bytes."""


class TestRefinery(ForeignSuite):
    case = CASE

    async def test_the_checksums_are_those_of_the_reference(self, recorded: Connection, folder: Path) -> None:
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.sql")}
        tree = MemoryTree(files)
        sums = {
            entry.revision: entry.checksums(tree)[0].split() for entry in make_layout("refinery").arrange(tree).entries
        }
        rows = await recorded.fetch(f"SELECT version, checksum FROM {CASE.table}")
        assert {version: narrow for version, (narrow, _) in sums.items()} == {str(row[0]): row[1] for row in rows}
        assert sums["1"][1] == WIDE

    async def test_a_table_of_wide_versions_has_the_checksums_of_that_width(
        self, connection: Connection, folder: Path
    ) -> None:
        await connection.execute(
            "CREATE TABLE refinery_schema_history"
            " (version int8 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))"
        )
        await CASE.migrator(connection, folder).migrate()
        assert await connection.fetchval(f"SELECT checksum FROM {CASE.table} WHERE version = 1") == WIDE
        assert not await CASE.migrator(connection, folder).migrate()

    async def test_the_time_is_written_as_refinery_reads_it(self, recorded: Connection, folder: Path) -> None:
        await self.further(recorded, folder)
        time = await recorded.fetchval(f"SELECT applied_on FROM {CASE.table} WHERE version = 4")
        assert await recorded.fetchval("SELECT $1 ~ '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$'", time)
        assert await recorded.fetchval("SELECT $1::text::timestamptz BETWEEN now() - interval '1 h' AND now()", time)

    async def test_a_renamed_file_is_edited_and_a_missing_one_is_refused(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "V1__initial.sql").rename(folder / "V1__first.sql")
        with pytest.raises(Changed, match=r"V1__first\.sql"):
            await CASE.migrator(recorded, folder).migrate()
        (folder / "V1__first.sql").unlink()
        with pytest.raises(Missing, match="1"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_an_older_file_is_refused_unless_it_may_come_late(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute(f"DELETE FROM {CASE.table} WHERE version = 3; CREATE TABLE cars (id int, owner int)")
        assert await self.further(recorded, folder) == ["3", "4"]
        await recorded.execute(f"DELETE FROM {CASE.table} WHERE version = 3; DROP INDEX cars_owner")
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["3"]
        await recorded.execute(f"DELETE FROM {CASE.table} WHERE version = 2")
        with pytest.raises(OutOfOrder, match=r"V2__add_cars\.sql"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_there_is_no_way_back(self, recorded: Connection, folder: Path) -> None:
        with pytest.raises(Irreversible):
            await CASE.migrator(recorded, folder).migrate("-1")

    async def test_a_version_of_8_bytes_needs_a_table_for_it_which_a_setting_makes(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "V20240101000000__a.sql").write_text("SELECT 1")
        with pytest.raises(PlanError, match="int8_versions = true"):
            await CASE.migrator(connection, tmp_path).migrate()
        await replace(CASE, store_settings={"int8_versions": True}).migrator(connection, tmp_path).migrate()
        assert await connection.fetchval(f"SELECT pg_typeof(version)::text FROM {CASE.table}") == "bigint"


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "the files are a chain",
        "smells": "its names are those of Flyway, too",
    }

    def case(self) -> LayoutCase:
        text = "SELECT 1"
        files = {"a/V10__c.sql": text, "V2__a.sql": text, "U03__ü_1.sql": text, "V1_a.sql": text, "V1__a-b.sql": text}
        return LayoutCase(
            make_layout("refinery"),
            folders=[Folder(files, revisions=("2", "3", "10")), Folder({f"V{1 << 40}__a.sql": text}, (str(1 << 40),))],
            bad=[
                {"V1__a.sql": text, "a/U01__b.sql": text},
                {"V1__a.rs": text},
                {"V1.2__a.sql": text},
                {f"V{1 << 63}__a.sql": text},
                {"|1__a.sql": text},
                {"V٣__a.sql": text},
                {"V1__a\u0301.sql": text},
            ],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "unfinished": "a row is written after what ran outside a transaction",
        "names": "its versions are numbers",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("refinery"),
                empty,
                other=make_store("refinery", schema="other"),
                other_shape=Sql("CREATE TABLE public.refinery_schema_history (version varchar)"),
                revision=str,
            )


def test_a_checksum_is_the_one_that_refinerys_own_tests_expect_in_both_widths() -> None:
    text = "CREATE TABLE cars (\n    id int,\n    name varchar(255)\n);\n"
    tree = MemoryTree({"V2__add_cars_table.sql": text})
    (entry,) = make_layout("refinery").arrange(tree).entries
    assert entry.checksums(tree) == ("8238603820526370208 5394706226941044339",)


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("SELECT 1;\nVACUUM;", 2, "VACUUM: refinery runs this in a transaction"),
        ("SELECT 1;\nCOMMIT;", 2, "COMMIT: refinery runs this"),
        ("\ufeffSELECT 1;", 1, "byte order mark"),
        ("COPY a FROM stdin;\n1\n\\.\n", 1, "COPY … FROM STDIN"),
    ],
)
def test_what_refinery_would_fail_at_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("refinery", {"V1__a.sql": content})
    assert refused.value.line == line
    assert problem in refused.value.problem
