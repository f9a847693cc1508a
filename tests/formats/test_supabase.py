"""The format supabase: its fixture, the kits, and the statements that its table keeps."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError, MigrationFailed, OutOfOrder
from trek_core.errors import Missing
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite
from trek_loaders.formats.supabase import SupabaseBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

CASE = ForeignCase(
    format="supabase",
    fixture="supabase",
    applied=("20240101000000", "20240102000000"),
    table="supabase_migrations.schema_migrations",
    more={"20240103000000_more_of_it.sql": "-- why; so\nCREATE TABLE further (i int);\nSELECT 1;;\n\n-- the end"},
    more_revision="20240103000000",
    more_row={
        "version": "20240103000000",
        "statements": ["-- why; so\nCREATE TABLE further (i int)", "SELECT 1", "-- the end"],
        "name": "more_of_it",
    },
    down=False,
    files="`<digits>_<title>.sql`, each cut into statements",
    proof="real tool run",
)


class TestSupabase(ForeignSuite):
    case = CASE

    @pytest.mark.parametrize("columns", ["version text PRIMARY KEY", "version text PRIMARY KEY, statements text[]"])
    async def test_a_table_of_an_older_release_is_read_and_gets_what_it_lacks(
        self, recorded: Connection, folder: Path, columns: str
    ) -> None:
        wanted = await CASE.shape(recorded)
        await recorded.execute(f"DROP TABLE {CASE.table}; CREATE TABLE {CASE.table} ({columns})")
        await recorded.execute(f"INSERT INTO {CASE.table} VALUES ('20240101000000'), ('20240102000000')")
        assert (await CASE.migrator(recorded, folder).status()).state == "current"
        assert await self.further(recorded, folder) == [CASE.more_revision]
        assert await CASE.shape(recorded) == wanted
        row = await recorded.fetchrow(f"SELECT * FROM {CASE.table} ORDER BY version DESC LIMIT 1")
        assert row
        assert dict(row) == CASE.more_row

    async def test_an_older_file_and_a_version_without_a_file_are_refused(
        self, recorded: Connection, folder: Path
    ) -> None:
        late = folder / "20240101000001_late.sql"
        late.write_text("SELECT 1")
        with pytest.raises(OutOfOrder, match="20240101000001"):
            await CASE.migrator(recorded, folder).migrate()
        late.unlink()
        (folder / "20240102000000_idx.sql").unlink()
        with pytest.raises(Missing, match="20240102000000"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_failure_beside_what_must_stand_alone_leaves_what_ran_and_no_row(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "20240103000000_x.sql").write_text(
            "CREATE TABLE x (i int);\nCREATE INDEX CONCURRENTLY xi ON x (i);\nSELECT 1;\nSELECT 1/0;"
        )
        before = await CASE.rows(recorded)
        with pytest.raises(MigrationFailed, match="division by zero"):
            await CASE.migrator(recorded, folder).migrate()
        assert await CASE.rows(recorded) == before
        assert await recorded.fetchval("SELECT to_regclass('xi') IS NOT NULL")

    async def test_marked_it_has_no_statements(self, recorded: Connection, folder: Path) -> None:
        (folder / "20240103000000_x.sql").write_text("SELECT 1")
        await CASE.migrator(recorded, folder).repair("20240103000000", applied=True)
        row = await recorded.fetchrow(f"SELECT * FROM {CASE.table} ORDER BY version DESC LIMIT 1")
        assert row
        assert tuple(row) == ("20240103000000", None, "x")


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "the tool keeps none",
        "route": "the files are a chain",
        "smells": "its files have no mark of their own",
    }

    def case(self) -> LayoutCase:
        one = "SELECT 1;"
        old = {"20211208000000_init.sql": one, "20220101000000_a.sql": one}
        files = {"20240101000000_a.sql": one, "20240102000000_.sql": one, "readme.md": "x", "20_a/b.sql": one}
        return LayoutCase(
            make_layout("supabase"),
            folders=[
                Folder(files, revisions=("20240101000000", "20240102000000")),
                Folder(old, revisions=("20220101000000",)),
                Folder({"20211201000000_a.sql": one, **old}, ("20211201000000", "20211208000000", "20220101000000")),
            ],
            bad=[{"1_a.sql": one, "1_b.sql": one}, {"1_a.sql": one, "10_b.sql": one}],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "its table has no column for them",
        "unfinished": "a row is written after what ran outside a transaction",
        "names": "the order in which they were applied is that of their texts",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("supabase"),
                empty,
                other=make_store("supabase", schema="other"),
                other_shape=Sql(
                    f"CREATE SCHEMA supabase_migrations CREATE TABLE {CASE.table.partition('.')[2]} (v text)"
                ),
                revision=lambda number: f"{number:014}",
            )


# --------------------------------------------------------------------------- the cuts
TORTURE = r"""select E'a\'; b';
select 'it''s; x', "a;b" from (select 1 as "a;b") t;;
/* c; /* n; */ d; */ select 1;
select $tag$ ; $x$ ; $tag$;
select 2 -- last
;
  -- before; one

select 3; -- behind
create function g() returns int language sql begin atomic select 1; select case when true then 2 end; end;
; -- alone
;
select 4
-- trailing; x
"""
TORTURED = [
    r"select E'a\'; b'",
    """select 'it''s; x', "a;b" from (select 1 as "a;b") t""",
    "/* c; /* n; */ d; */ select 1",
    "select $tag$ ; $x$ ; $tag$",
    "select 2 -- last",
    "-- before; one\n\nselect 3",
    "-- behind\ncreate function g() returns int language sql begin atomic select 1; select case when true then 2 end; end",
    "-- alone",
    "select 4\n-- trailing; x",
]
"""As Supabase's own command cuts it: test_supabase_interop.py."""


def body(content: str) -> SupabaseBody:
    up = load("supabase", {"1_a.sql": content}).up
    assert isinstance(up, SupabaseBody)
    return up


def test_a_file_is_cut_as_the_tool_cuts_it() -> None:
    assert list(body(TORTURE).pieces) == TORTURED
    assert body(TORTURE).mode == "transaction"
    assert list(body("").pieces) == []


@pytest.mark.parametrize(
    ("content", "mode", "sent"),
    [
        ("SELECT 1;\nVACUUM;", "autocommit", ["SELECT 1", "VACUUM"]),
        ("SELECT 1; SELECT 2;\nVACUUM;\nSELECT 3;", "message", ["SELECT 1; SELECT 2", "VACUUM", "SELECT 3"]),
        ("BEGIN; SELECT 1; COMMIT; SELECT 2;", "message", ["BEGIN; SELECT 1; COMMIT; SELECT 2"]),
    ],
)
def test_what_must_stand_alone_does_and_the_rest_is_sent_together(content: str, mode: str, sent: list[str]) -> None:
    found = body(content)
    assert found.mode == mode
    assert [one.text for one in found.statements if isinstance(one, Sql)] == sent


def test_copy_from_stdin_is_refused_with_its_line() -> None:
    with pytest.raises(LoadError, match=r"1_a\.sql:2: COPY … FROM STDIN"):
        body("SELECT 1;\nCOPY a FROM stdin;\n1\n\\.\n")
