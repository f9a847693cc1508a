"""The format postgrator: its fixture, the kits, its names, its checksums, and the highest version that says how far."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError, MigrationFailed, PlanError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

FURTHER = "create table further (i int);"
CASE = ForeignCase(
    format="postgrator",
    fixture="postgrator",
    applied=("1", "2"),
    table="public.schemaversion",
    volatile=("run_at",),
    more={"003.do.more.and.more.sql": FURTHER, "003.undo.sql": "drop table further"},
    more_revision="3",
    more_row={"version": 3, "name": "more", "md5": hashlib.md5(FURTHER.encode(), usedforsecurity=False).hexdigest()},
    tamper="001.do.first-thing.sql",
    to_base=False,
    files="`<version>.do.<title>.sql` and `<version>.undo.<title>.sql`, each whole file one query; JavaScript that is applied",
    proof="real tool run",
)


class TestPostgrator(ForeignSuite):
    case = CASE

    async def test_at_the_base_the_row_of_version_0_is_left(self, recorded: Connection, folder: Path) -> None:
        (folder / "002.undo.sql").write_text("drop index concurrently a_i")
        await recorded.execute("CREATE TABLE a (i int); CREATE INDEX a_i ON a (i)")
        await CASE.migrator(recorded, folder).migrate("base")
        assert await CASE.rows(recorded) == [{"version": 0, "name": None, "md5": None}]

    async def test_a_version_without_an_undo_has_no_way_back(self, recorded: Connection, folder: Path) -> None:
        with pytest.raises(PlanError, match="2"):
            await CASE.migrator(recorded, folder).migrate("-1")

    async def test_a_lower_version_that_comes_later_counts_as_applied_as_it_does_to_the_tool(
        self, recorded: Connection, folder: Path
    ) -> None:
        await self.further(recorded, folder)
        (folder / "003.do.more.and.more.sql").rename(folder / "004.do.more.sql")
        await recorded.execute("UPDATE schemaversion SET version = 4 WHERE version = 3")
        (folder / "003.do.late.sql").write_text("SELECT 1/0")
        migrator = CASE.migrator(recorded, folder)
        assert told(await migrator.status()) == dict.fromkeys(("1", "2", "3", "4"), "applied")
        assert not await migrator.migrate()

    async def test_to_go_back_from_a_row_that_stands_for_others_these_are_written_first(
        self, recorded: Connection, folder: Path
    ) -> None:
        await self.further(recorded, folder)
        await recorded.execute("DELETE FROM schemaversion WHERE version = 2")
        migrator = CASE.migrator(recorded, folder)
        with pytest.raises(PlanError, match=r"no row for 2, and without the one of 3 .* trek repair 2 --applied"):
            await migrator.migrate("-1")
        await migrator.repair("2", applied=True)
        assert [ran.revision for ran in (await migrator.migrate("-1")).ran] == ["3"]

    async def test_a_row_without_a_checksum_is_not_compared(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("UPDATE schemaversion SET md5 = NULL")
        (folder / "001.do.first-thing.sql").write_text("SELECT 1")
        assert not await CASE.migrator(recorded, folder).migrate()

    async def test_checksums_may_be_made_with_one_kind_of_line_ends(self, recorded: Connection, folder: Path) -> None:
        file = folder / "001.do.first-thing.sql"
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        with pytest.raises(PlanError, match=r"001\.do\.first-thing\.sql"):
            await CASE.migrator(recorded, folder).migrate()
        case = replace(CASE, layout_settings={"newline": "LF"})
        assert not await case.migrator(recorded, folder).migrate()

    async def test_a_migration_in_javascript_that_was_applied_is_one_of_the_history(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "002.do.sql").rename(folder / "002.do.js")
        assert not await CASE.migrator(recorded, folder).migrate()
        (folder / "003.do.more.mjs").write_text("export const generateSql = () => 'SELECT 1'")
        with pytest.raises(LoadError, match=r"003\.do\.more\.mjs: a migration in JavaScript"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_failing_file_is_named_with_its_line_and_leaves_nothing(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "003.do.sql").write_text("create table further (i int);\nselect 1/0;")
        with pytest.raises(MigrationFailed, match=r"003\.do\.sql:2"):
            await CASE.migrator(recorded, folder).migrate()
        assert await recorded.fetchval("SELECT to_regclass('further') IS NULL")
        assert await recorded.fetchval("SELECT max(version) FROM schemaversion") == 2


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "the files are a chain",
        "smells": "its files have no mark of their own",
    }

    def case(self) -> LayoutCase:
        up = "SELECT 1"
        files = {
            "2.do.b.sql": up,
            "010.do.sql": up,
            "010.undo.x.sql": up,
            "3.undo.sql": up,
            "1.sql": up,
            "0.do.sql": up,
        }
        return LayoutCase(
            make_layout("postgrator"),
            folders=[Folder({**files, "x.do.sql": up}, revisions=("2", "10"))],
            bad=[
                {"1.do.a.sql": up, "01.do.b.sql": up},
                {"1.do.a.sql": up, "1.do.a.js": up},
                {"1e3.do.sql": up},
                {"9007199254740992.do.sql": up},
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
                make_store("postgrator"),
                empty,
                other=make_store("postgrator", schema="other"),
                other_shape=Sql("CREATE TABLE public.schemaversion (version bigint)"),
                revision=str,
            )


def test_what_postgrator_never_comes_to_is_passed_by_with_the_reason() -> None:
    names = ("a.do.sql", "1.sql", "1.Do.sql", "0.do.sql", "1.undo.sql", "1.do.sql.bak", "below/1.do.sql")
    found = make_layout("postgrator").arrange(MemoryTree(dict.fromkeys(names, "SELECT 1")))
    assert not found.entries
    reasons = {one.file.path: one.reason for one in found.ignored}
    assert "takes no other" in reasons["a.do.sql"]
    assert "neither do nor undo" in reasons["1.sql"]
    assert "neither do nor undo" in reasons["1.Do.sql"]
    assert "version 0" in reasons["0.do.sql"]
    assert "no file does what it undoes" in reasons["1.undo.sql"]
    assert "takes no other" in reasons["1.do.sql.bak"]
    assert "sub-folder" in reasons["below/1.do.sql"]


def test_a_file_runs_as_the_one_query_that_postgrator_sends() -> None:
    files = {"1.do.sql": "VACUUM;", "1.undo.sql": "BEGIN; SELECT 1; COMMIT;"}
    script = load("postgrator", files)
    assert script.up
    assert script.down
    assert (script.up.mode, script.down.mode) == ("autocommit", "message")


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("\ufeffSELECT 1", 1, "byte order mark"),
        ("SELECT 1;\nVACUUM;", 2, "VACUUM: postgrator sends the whole as one query"),
        ("SELECT 1;\nCOPY a FROM stdin;\n1\n\\.\n", 2, "COPY … FROM STDIN"),
    ],
)
def test_what_postgrator_could_not_run_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("postgrator", {"1.do.sql": content})
    assert refused.value.path.endswith("1.do.sql")
    assert refused.value.line == line
    assert problem in refused.value.problem
