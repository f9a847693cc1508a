"""The format flyway: its fixture, the kits, and its table. Its files are in test_flyway_files.py."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import Changed, Irreversible, MigrationFailed, PlanError, Rules
from trek_core.errors import Missing, OutOfOrder, Unfinished
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection
    from trek_core.plugin import TransactionChoice

CASE = ForeignCase(
    format="flyway",
    fixture="flyway",
    applied=("1", "1.1", "002.010", "R__view_one"),
    table="public.flyway_schema_history",
    volatile=("installed_by", "installed_on", "execution_time"),
    more={"deeper/V3__A_third.sql": "CREATE TABLE further (i int);\n", "deeper/U3__Away.sql": "DROP TABLE further;\n"},
    more_revision="3",
    more_row={
        "installed_rank": 5,
        "version": "3",
        "description": "A third",
        "type": "SQL",
        "script": "deeper/V3__A_third.sql",
        "checksum": 171597938,
        "success": True,
    },
    to_base=False,
    keys=lambda database: (77433833903597,),
    tamper="sub/V002.010__Crlf_bom.sql",
    layout_settings={"placeholders": {"who": "me", "who2": "7"}},
    files="`V…__….sql`, `R__….sql`, `B…__….sql`, sub-folders, placeholders, `.sql.conf`, callbacks of runs and migrations",
    lock="shared",
)
ROW = (
    "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, "
    "execution_time, success) VALUES ($1, $2, $3, $4, 'x.sql', $5, 'flyway', 0, $6)"
)


class TestFlyway(ForeignSuite):
    case = CASE

    # ----------------------------------------------------------------------- repeatable migrations
    async def test_a_repeatable_migration_runs_again_when_its_text_changed_and_leaves_one_more_row(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "R__view_one.sql").write_text("create or replace view v as select ${who2} as x, 1 as y;")
        assert told(await CASE.migrator(recorded, folder).status())["R__view_one"] == "pending"
        await recorded.execute("create view v as select 1 as x")
        report = await CASE.migrator(recorded, folder).migrate()
        assert [(ran.verb, ran.revision) for ran in report.ran] == [("rerun", "R__view_one")]
        rows = await recorded.fetch("SELECT * FROM flyway_schema_history WHERE version IS NULL ORDER BY installed_rank")
        assert [(row["installed_rank"], row["description"]) for row in rows] == [(4, "view one"), (5, "view one")]
        assert rows[0]["checksum"] != rows[1]["checksum"]
        assert not await CASE.migrator(recorded, folder).migrate()

    async def test_a_repeatable_migration_runs_again_when_a_placeholder_changed(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("create view v as select 7 as x")
        (folder / "R__view_one.sql").write_text("create or replace view v as select ${who2} as x;${flyway:timestamp}")
        plan = await CASE.migrator(recorded, folder).plan()
        assert [action.revision for action in plan.actions] == ["R__view_one"]

    async def test_the_checksum_of_the_text_with_its_placeholders_is_accepted_too(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("UPDATE flyway_schema_history SET checksum = 278835236 WHERE version IS NULL")
        found = await CASE.migrator(recorded, folder).status()
        assert told(found)["R__view_one"] == "applied"

    async def test_what_is_repeatable_comes_after_all_versions_and_is_in_no_order_with_them(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "R__a.sql").write_text("SELECT 1")
        (folder / "V3__b.sql").write_text("SELECT 1")
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["3", "R__a"]

    async def test_the_way_back_over_a_repeatable_migration_only_takes_its_row_so_that_it_runs_again(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("create view v as select 7 as x")
        report = await CASE.migrator(recorded, folder).migrate("-1")
        assert [(ran.verb, ran.revision) for ran in report.ran] == [("revert", "R__view_one")]
        assert [ran.verb for ran in (await CASE.migrator(recorded, folder).migrate()).ran] == ["apply"]

    async def test_a_version_without_an_undo_script_has_no_way_back(self, recorded: Connection, folder: Path) -> None:
        with pytest.raises(Irreversible, match=r"from 002\.010"):
            await CASE.migrator(recorded, folder).migrate("1")

    # ----------------------------------------------------------------------- callbacks
    async def test_callbacks_run_with_what_they_stand_around_and_leave_no_row(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("CREATE TABLE told (n int GENERATED ALWAYS AS IDENTITY, what text)")
        for event in ("beforeMigrate", "beforeEachMigrate", "afterEachMigrate", "afterMigrate"):
            (folder / f"{event}.sql").write_text(f"INSERT INTO told (what) VALUES ('{event}');")
        assert not await CASE.migrator(recorded, folder).migrate()
        assert await self.further(recorded, folder) == ["beforeMigrate", "3", "afterMigrate"]
        found = await recorded.fetch("SELECT what FROM told ORDER BY n")
        wanted = ["beforeMigrate", "beforeEachMigrate", "afterEachMigrate", "afterMigrate"]
        assert [row["what"] for row in found] == wanted
        assert await recorded.fetchval("SELECT max(installed_rank) FROM flyway_schema_history") == 5
        assert (await CASE.migrator(recorded, folder).status()).state == "current"
        await CASE.migrator(recorded, folder).migrate("-1")
        assert await recorded.fetchval("SELECT count(*) FROM told") == 4

    async def test_on_a_new_database_a_callback_may_be_the_first_to_run(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "V1__a.sql").write_text("SELECT * FROM first")
        (tmp_path / "beforeMigrate.sql").write_text("CREATE TABLE first (i int)")
        report = await CASE.migrator(connection, tmp_path).migrate()
        assert [ran.revision for ran in report.ran] == ["beforeMigrate", "1"]

    # ----------------------------------------------------------------------- rows of Flyway
    async def test_a_failed_row_is_unfinished_and_a_repair_decides(self, recorded: Connection, folder: Path) -> None:
        (folder / "V3__b.sql").write_text("CREATE INDEX CONCURRENTLY b ON nowhere (i)")
        await recorded.execute(ROW, 5, "3", "b", "SQL", 5, False)
        migrator = CASE.migrator(recorded, folder)
        assert told(await migrator.status())["3"] == "unfinished"
        with pytest.raises(Unfinished, match="repair 3 --applied"):
            await migrator.migrate()
        await migrator.repair("3", applied=False)
        assert told(await migrator.status())["3"] == "pending"
        await recorded.execute(ROW, 5, "3", "b", "SQL", 5, False)
        await migrator.repair("3", applied=True)
        assert told(await migrator.status())["3"] == "applied"

    async def test_a_failure_outside_a_transaction_leaves_the_failed_row_of_flyway(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "V3__b.sql").write_text("CREATE INDEX CONCURRENTLY b ON nowhere (i)")
        with pytest.raises(MigrationFailed, match="nowhere"):
            await CASE.migrator(recorded, folder).migrate()
        row = await recorded.fetchrow("SELECT * FROM flyway_schema_history WHERE installed_rank = 5")
        assert row
        assert (row["version"], row["success"]) == ("3", False)

    async def test_a_failure_in_a_transaction_leaves_no_row(self, recorded: Connection, folder: Path) -> None:
        (folder / "V3__b.sql").write_text("SELECT 1;\nSELECT nowhere;")
        with pytest.raises(MigrationFailed, match=r"V3__b\.sql:2"):
            await CASE.migrator(recorded, folder).migrate()
        assert await recorded.fetchval("SELECT max(installed_rank) FROM flyway_schema_history") == 4

    async def test_nothing_that_is_not_above_the_baseline_is_pending(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("DELETE FROM flyway_schema_history")
        await recorded.execute(ROW, 1, "1.1.0", "<< Flyway Baseline >>", "BASELINE", None, True)
        (folder / "V3__b.sql").write_text("SELECT 1")
        found = told(await CASE.migrator(recorded, folder).status())
        assert found == {
            "1": "applied",
            "1.1": "applied",
            "002.010": "pending",
            "3": "pending",
            "R__view_one": "pending",
        }
        with pytest.raises(PlanError, match="not above the baseline"):
            await CASE.migrator(recorded, folder).repair("1", applied=False)
        with pytest.raises(PlanError, match=r"unmark 3 b: it has no row .* It is pending; or"):
            await CASE.migrator(recorded, folder).repair("3", applied=False)
        report = await CASE.migrator(recorded, folder).migrate("3")
        assert [ran.revision for ran in report.ran] == ["002.010", "3"]

    async def test_rows_of_schemas_that_were_made_are_no_migrations(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute(ROW, 0, None, "<< Flyway Schema Creation >>", "SCHEMA", None, True)
        assert told(await CASE.migrator(recorded, folder).status()) == dict.fromkeys(CASE.applied, "applied")

    async def test_what_flyway_deleted_or_undid_is_pending(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute(ROW, 5, None, "view one", "DELETE", None, True)
        await recorded.execute(ROW, 6, "2.10", "Crlf bom", "UNDO_SQL", None, True)
        found = told(await CASE.migrator(recorded, folder).status())
        assert found == {"1": "applied", "1.1": "applied", "002.010": "pending", "R__view_one": "pending"}

    async def test_a_version_is_known_again_whatever_zeros_it_has(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("UPDATE flyway_schema_history SET version = '1.0' WHERE version = '1'")
        await recorded.execute("UPDATE flyway_schema_history SET version = '2.10.0' WHERE version = '002.010'")
        assert (await CASE.migrator(recorded, folder).status()).state == "current"
        (folder / "U1__x.sql").write_text("SELECT 1")
        (folder / "U1.1__x.sql").write_text("SELECT 1")
        (folder / "U2.10__x.sql").write_text("SELECT 1")
        await CASE.migrator(recorded, folder).migrate("base")
        assert await CASE.rows(recorded) == []

    async def test_a_file_with_another_description_is_named(self, recorded: Connection, folder: Path) -> None:
        (folder / "V1_1__idx.sql").rename(folder / "V1.1__other_words.sql")
        with pytest.raises(Changed, match=r"V1\.1__other_words\.sql, applied as 'idx', now 'other words'"):
            await CASE.migrator(recorded, folder).migrate()
        await CASE.migrator(recorded, folder).repair("1.1", applied=True)
        assert not await CASE.migrator(recorded, folder).migrate()
        assert (await CASE.rows(recorded))[1]["installed_rank"] == 2

    async def test_what_is_out_of_order_or_has_no_file_is_refused_as_flyway_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "V2__late.sql").write_text("SELECT 1")
        with pytest.raises(OutOfOrder, match="2"):
            await CASE.migrator(recorded, folder).migrate()
        report = await CASE.migrator(recorded, folder, rules=Rules(out_of_order="allow")).migrate()
        assert [ran.revision for ran in report.ran] == ["2"]
        (folder / "V2__late.sql").unlink()
        with pytest.raises(Missing, match="2, applied"):
            await CASE.migrator(recorded, folder).migrate()

    # ----------------------------------------------------------------------- baseline migrations
    async def test_a_baseline_script_stands_for_what_it_replaces_where_nothing_was_applied(
        self, connection: Connection, folder: Path
    ) -> None:
        (folder / "B1.1__all.sql").write_text("create table users (id int)")
        report = await CASE.migrator(connection, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["B1.1", "002.010", "R__view_one"]
        rows = await connection.fetch("SELECT version, type FROM flyway_schema_history ORDER BY installed_rank")
        assert [tuple(row) for row in rows][:2] == [("1.1", "SQL_BASELINE"), ("002.010", "SQL")]
        assert not await CASE.migrator(connection, folder).migrate()

    @pytest.mark.parametrize("name", ["B1.1__all.sql", "B7__all.sql", "B0__none.sql"])
    async def test_a_baseline_script_is_passed_by_where_something_was_applied(
        self, recorded: Connection, folder: Path, name: str
    ) -> None:
        (folder / name).write_text("SELECT nowhere")
        assert not await CASE.migrator(recorded, folder).migrate()

    # ----------------------------------------------------------------------- the schema
    async def test_a_schema_that_is_missing_is_made_and_the_table_says_so_as_flyways_does(
        self, connection: Connection, folder: Path
    ) -> None:
        case = ForeignCase(
            **{
                **{name: getattr(CASE, name) for name in CASE.__dataclass_fields__},
                "store_settings": {"schema": "app"},
                "layout_settings": {**CASE.layout_settings, "default_schema": "app"},
            }
        )
        await case.migrator(connection, folder).migrate()
        row = await connection.fetchrow("SELECT * FROM app.flyway_schema_history WHERE installed_rank = 0")
        assert row
        assert (row["type"], row["script"], row["version"]) == ("SCHEMA", '"app"', None)
        assert await connection.fetchval("SELECT count(*) FROM app.users") == 1
        assert await connection.fetchval("SHOW search_path") == '"$user", public'
        assert not await case.migrator(connection, folder).migrate()

    async def test_the_schema_that_was_current_stays_in_front_whatever_a_migration_makes(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "V1__a.sql").write_text("CREATE SCHEMA AUTHORIZATION CURRENT_USER; CREATE TABLE one (i int)")
        await CASE.migrator(connection, tmp_path).migrate()
        assert await connection.fetchval("SELECT to_regclass('public.one') IS NOT NULL")

    @pytest.mark.parametrize("transaction", ["each", "plan"])
    async def test_the_search_path_is_as_it_was_in_a_transaction_of_the_caller_too(
        self, connection: Connection, folder: Path, transaction: TransactionChoice
    ) -> None:
        (folder / "V1_1__idx.sql").write_text("SET search_path = pg_catalog")
        async with connection.transaction():
            await CASE.migrator(connection, folder, transaction=transaction).migrate()
            assert await connection.fetchval("SHOW search_path") == '"$user", public'
        (folder / "V3__more.sql").write_text("CREATE TABLE further (i int)")
        await CASE.migrator(connection, folder, transaction=transaction).migrate()
        assert await connection.fetchval("SHOW search_path") == '"$user", public'


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "versions are a chain",
        "smells": "its names are marks of their own",
    }

    def case(self) -> LayoutCase:
        one = "SELECT 1;"
        files = {
            "V10__b.sql": one,
            "sub/V2_1__a.sql": one,
            "R__z.sql": one,
            "R__a.sql": one,
            "U10.sql": one,
            "x.txt": "",
        }
        calls = {"afterMigrate.sql": one, "V1__a.sql": one, "beforeMigrate__x.sql": one, "R__b.sql": one}
        times = {"V20240101000000__a.sql": one, "B20230101000000__x.sql": one}
        return LayoutCase(
            make_layout("flyway"),
            folders=[
                Folder(files, revisions=("2.1", "10", "R__a", "R__z")),
                Folder(calls, revisions=("beforeMigrate__x", "1", "R__b", "afterMigrate")),
                Folder(times, revisions=("B20230101000000", "20240101000000")),
            ],
            bad=[
                {"V1__a.sql": one, "V1_0__b.sql": one},
                {"R__a_b.sql": one, "sub/R__a b.sql": one},
                {"afterMigrateError.sql": one},
                {"afterMigrate.sql": one, "sub/afterMigrate.sql": one},
                {f"R__{'x' * 201}.sql": one},
                {"V-1__a.sql": one},
            ],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "names": "its revisions are versions of digits and dots",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("flyway"),
                empty,
                other=make_store("flyway", schema="other"),
                other_shape=Sql("CREATE TABLE public.flyway_schema_history (version bigint)"),
                revision=str,
                checksum=lambda number: str(number - 3),
            )
