"""The format drizzle: its fixture, the kits, its journal, and the newest row that says what is applied."""

from __future__ import annotations

import hashlib
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError, MigrationFailed, PlanError, Rules
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

FIRST, SECOND, THIRD = 1795385236226, 1795385236605, 1795385237000
FURTHER = 'CREATE TABLE "further" (i int);--> statement-breakpoint\nINSERT INTO further VALUES (1);'


def journal(**tags: int) -> str:
    entries = [
        {"idx": at, "version": "7", "when": when, "tag": tag, "breakpoints": True}
        for at, (tag, when) in enumerate(tags.items())
    ]
    return json.dumps({"version": "7", "dialect": "postgresql", "entries": entries}, indent=2)


CASE = ForeignCase(
    format="drizzle",
    fixture="drizzle",
    folder="drizzle",
    applied=(str(FIRST), str(SECOND)),
    table="drizzle.__drizzle_migrations",
    volatile=("id",),
    more={
        "0002_more.sql": FURTHER,
        "meta/_journal.json": journal(**{"0000_init": FIRST, "0001_second": SECOND, "0002_more": THIRD}),
    },
    more_revision=str(THIRD),
    more_row={"hash": hashlib.sha256(FURTHER.encode()).hexdigest(), "created_at": THIRD},
    down=False,
    files="`<tag>.sql` as `meta/_journal.json` names them, cut at each `--> statement-breakpoint` (drizzle 0.x)",
    proof="real tool run",
)


class TestDrizzle(ForeignSuite):
    case = CASE

    async def test_an_edited_file_is_warned_of_as_drizzle_goes_on_without_a_word(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "0000_init.sql").write_text("SELECT 1;")
        plan = await CASE.migrator(recorded, folder).plan()
        assert not plan.actions
        assert "0000_init.sql" in "".join(plan.warnings)

    async def test_a_revision_is_also_called_by_the_name_of_its_file(
        self, connection: Connection, folder: Path
    ) -> None:
        report = await CASE.migrator(connection, folder).migrate("0000_init")
        assert [ran.revision for ran in report.ran] == [str(FIRST)]

    async def test_all_that_is_pending_is_one_transaction(self, connection: Connection, folder: Path) -> None:
        (folder / "0001_second.sql").write_text("SELECT 1/0;")
        with pytest.raises(MigrationFailed, match=r"0001_second\.sql"):
            await CASE.migrator(connection, folder).migrate()
        assert await connection.fetchval("SELECT to_regclass('users') IS NULL")

    async def test_one_row_says_that_everything_up_to_it_is_applied(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute(f"DELETE FROM drizzle.__drizzle_migrations WHERE created_at = {FIRST}")
        migrator = CASE.migrator(recorded, folder)
        assert told(await migrator.status()) == {str(FIRST): "applied", str(SECOND): "applied"}
        with pytest.raises(PlanError, match=f"no row for {FIRST}.*trek repair {FIRST} --applied"):
            await migrator.stamp("0000_init")
        await migrator.repair(str(FIRST), applied=True)
        await migrator.stamp("0000_init")
        assert [row["created_at"] for row in await CASE.rows(recorded)] == [FIRST]

    async def test_one_revision_alone_cannot_be_taken_out(self, recorded: Connection, folder: Path) -> None:
        with pytest.raises(PlanError, match=rf"up to the newest row is applied, now {SECOND}.*trek stamp"):
            await CASE.migrator(recorded, folder).repair(str(FIRST), applied=False)

    async def test_a_row_that_no_entry_of_the_journal_has_is_passed_by_with_a_warning(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute(
            "INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('x', 1800000000000)"
        )
        plan = await CASE.migrator(recorded, folder).plan()
        assert not plan.actions
        assert "1800000000000" in "".join(plan.warnings)

    async def test_a_row_without_a_time_is_refused(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("INSERT INTO drizzle.__drizzle_migrations (hash) VALUES ('x')")
        with pytest.raises(ConfigError, match=r"id 3 of drizzle\.__drizzle_migrations has no created_at"):
            await CASE.migrator(recorded, folder).status()

    async def test_the_table_of_drizzle_1_is_refused(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("ALTER TABLE drizzle.__drizzle_migrations ADD name text, ADD applied_at timestamptz")
        with pytest.raises(ConfigError, match=r"drizzle 1\.0 wrote it"):
            await CASE.migrator(recorded, folder).status()


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "the files are a chain",
        "smells": "a folder without a journal is refused by itself",
        "new": "a new file needs an entry in the journal, which drizzle-kit writes",
    }

    def case(self) -> LayoutCase:
        two = {"9_b.sql": "SELECT 1", "10_a.sql": "SELECT 2"}
        meta = "meta/_journal.json"
        return LayoutCase(
            make_layout("drizzle"),
            folders=[
                Folder(
                    {**two, meta: journal(**{"9_b": 5, "10_a": 6}), "meta/0_snapshot.json": "{}"}, revisions=("5", "6")
                ),
                Folder({"schema.ts": "x"}, revisions=()),
            ],
            bad=[
                two,
                {**two, meta: "{"},
                {**two, meta: "[]"},
                {**two, meta: '{"entries": [7]}'},
                {**two, meta: '{"entries": [], "dialect": "mysql"}'},
                {**two, meta: journal(**{"9_b": 6, "10_a": 6})},
                {**two, meta: journal(gone=6)},
                {"20240101000000_a/migration.sql": "SELECT 1"},
            ],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "titles": "its table has no column for them",
        "unfinished": "drizzle runs everything in one transaction",
        "names": "its revisions are times, as numbers, and their order is that of the rows",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("drizzle"),
                empty,
                other=make_store("drizzle", schema="other"),
                other_shape=Sql("CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (version bigint)"),
                revision=str,
            )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (journal(gone=1), 9, "there is no file gone.sql"),
        (journal(**{"0_a": 2, "0_b": 1}), 16, "`when` of 0_b is not later than that of 0_a before it"),
        ('{\n"entries": 1}', 1, "no list of `entries`"),
        ('{\n"entries": [{"tag": "0_a", "when": "1"}]}', 1, "an entry that is not"),
        ("{\n;", 2, "no JSON"),
        ('{"dialect": "sqlite", "entries": []}', 1, "the dialect 'sqlite'"),
    ],
)
def test_a_wrong_journal_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("drizzle", {"meta/_journal.json": text, "0_a.sql": "", "0_b.sql": ""})
    assert refused.value.path.endswith("meta/_journal.json")
    assert refused.value.line == line
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (
            "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON a (i);",
            2,
            "CREATE INDEX CONCURRENTLY: drizzle runs this in a transaction",
        ),
        ("SELECT 1;\n--> statement-breakpoint\nCOMMIT;", 3, "COMMIT: drizzle runs"),
        ("\ufeffSELECT 1;", 1, "byte order mark"),
        ("SELECT 1;\nCOPY a FROM stdin;\n1\n\\.\n", 2, "COPY … FROM STDIN"),
        ("SELECT 1;\nSELECT 'a\n--> statement-breakpoint\n';", 2, "a string begins here and never ends"),
    ],
)
def test_what_drizzle_could_not_run_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("drizzle", {"meta/_journal.json": journal(**{"0_a": 1}), "0_a.sql": content})
    assert refused.value.path.endswith("0_a.sql")
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_what_stands_behind_a_breakpoint_in_its_line_runs() -> None:
    content = "SELECT 1\n--> statement-breakpoint SELECT 2;\nSELECT 3"
    script = load("drizzle", {"meta/_journal.json": journal(**{"0_a": 1}), "0_a.sql": content})
    assert script.up
    told_of = [(one.text, one.line) for one in script.up.statements if isinstance(one, Sql)]
    assert told_of == [("SELECT 1", 1), ("SELECT 2", 2), ("SELECT 3", 3)]
    assert script.down is None


async def test_rules_of_the_user_have_an_edited_file_refused(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/_journal.json").write_text(journal(**{"0_a": 1}))
    (tmp_path / "0_a.sql").write_text("SELECT 1")
    migrator = CASE.migrator(connection, tmp_path, rules=Rules(changed="refuse"))
    await migrator.migrate()
    (tmp_path / "0_a.sql").write_text("SELECT 2")
    with pytest.raises(PlanError, match=r"0_a\.sql"):
        await migrator.migrate()
