"""The format liquibase: its fixture, the kits, its lock, and what its own grammar says."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, make_layout, make_store
from tests.run.folders import until_sleeping
from trek_asyncpg.testing import ground
from trek_core import Changed, ConfigError, LockTimeout, Observer
from trek_core.events import LockWaiting
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection, Database

HEAD = "--liquibase formatted sql\n"
MORE = HEAD + "--changeset eve:5\nCREATE TABLE further (i int);\n--rollback DROP TABLE further;\n"
ROW = {
    "id": "5",
    "author": "eve",
    "filename": "more.sql",
    "orderexecuted": 5,
    "exectype": "EXECUTED",
    "md5sum": "9:4111e4d344b0c224e5eabf36a313761c",
    "description": "sql",
    "comments": "",
    "tag": None,
    "liquibase": "4.29.0",
    "contexts": None,
    "labels": None,
}
CASE = ForeignCase(
    format="liquibase",
    fixture="liquibase",
    folder=".",
    applied=(
        "alice:1:changelog.sql",
        "bob:add-index:changelog.sql",
        "carol:fn:changelog.sql",
        "dave:4 quoted:other/path.sql",
    ),
    table="public.databasechangelog",
    more={"more.sql": MORE},
    more_revision="eve:5:more.sql",
    more_row=ROW,
    volatile=("dateexecuted", "deployment_id"),
    to_base=False,
    tamper="changelog.sql",
    files="formatted SQL; XML, YAML and JSON that only include it",
    lock="shared: the row of `databasechangeloglock`",
    proof="real tool run",
)
LOCK = "public.databasechangeloglock"
HOLD = (
    f"UPDATE {LOCK} SET locked = true, lockgranted = LOCALTIMESTAMP - interval '95 s', lockedby = 'build-7 (10.0.0.7)'"
)
FREE = f"UPDATE {LOCK} SET locked = false, lockgranted = NULL, lockedby = NULL"

RUN = """\
import asyncio, sys
from trek_asyncpg import migrate
from trek_loaders import formats
asyncio.run(migrate(sys.argv[1], sys.argv[2], format="liquibase", plugins=[formats]))
"""


class TestLiquibase(ForeignSuite):
    case = CASE

    async def test_while_the_tool_holds_its_row_trek_waits_names_the_holder_and_goes_on(
        self, database: Database, recorded: Connection, folder: Path
    ) -> None:
        tool = await database.connect()
        await tool.execute(HOLD)
        heard = asyncio.Queue[LockWaiting]()

        async def hear(event: object) -> None:
            if isinstance(event, LockWaiting):
                heard.put_nowait(event)

        running = asyncio.create_task(self.further(recorded, folder, observers=[Observer("ear", hear)]))
        async with asyncio.timeout(30):
            assert (await heard.get()).holder == "build-7 (10.0.0.7)"
            await tool.execute(FREE)
            assert await running == [CASE.more_revision]
        assert [tuple(row) for row in await tool.fetch(f"SELECT * FROM {LOCK}")] == [(1, False, None, None)]

    async def test_a_lock_that_a_dead_run_left_is_named_with_what_frees_it(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute(HOLD)
        with pytest.raises(LockTimeout) as refused:
            await self.further(recorded, folder, lock_wait=0.1)
        assert "its row says 'build-7 (10.0.0.7)', taken " in str(refused.value)
        assert "`liquibase release-locks` frees it" in str(refused.value)
        assert await recorded.fetchval(f"SELECT lockedby FROM {LOCK}") == "build-7 (10.0.0.7)"

    async def test_what_a_killed_run_left_is_freed_by_nobody_but_the_user(
        self, database: Database, recorded: Connection, folder: Path
    ) -> None:
        (folder / "more.sql").write_text(f"{HEAD}--changeset eve:5\nSELECT pg_sleep(120);\n")
        killed = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, database.dsn, str(folder))
        server = await until_sleeping(recorded)
        killed.kill()
        await killed.wait()
        await recorded.execute(f"SELECT pg_terminate_backend({server}, 10000)")
        (folder / "more.sql").write_text(MORE)
        with pytest.raises(LockTimeout, match=rf"its row says '.* \(trek, process {killed.pid}\)', taken "):
            await CASE.migrator(recorded, folder, lock_wait=0.1).migrate()
        assert await recorded.fetchval("SELECT count(*) FROM databasechangelog") == 4
        await recorded.execute(f"{FREE} WHERE id = 1")
        assert len((await CASE.migrator(recorded, folder).migrate()).ran) == 1

    async def test_a_run_names_itself_in_the_row_and_the_rows_of_a_run_share_its_deployment(
        self, recorded: Connection, folder: Path
    ) -> None:
        look = f"CREATE TABLE seen AS SELECT lockedby FROM {LOCK} WHERE locked;"
        (folder / "more.sql").write_text(f"{HEAD}--changeset a:1\n{look}\n--changeset a:2\nSELECT 1;\n")
        await CASE.migrator(recorded, folder).migrate()
        assert "(trek, process " in await recorded.fetchval("SELECT lockedby FROM seen")
        query = "SELECT DISTINCT deployment_id FROM databasechangelog WHERE author = 'a'"
        (deployment,) = [row[0] for row in await recorded.fetch(query)]
        assert deployment.isdecimal()
        assert len(deployment) == 10

    async def test_what_to_type_for_an_edited_one_can_be_typed_whatever_its_name_is(
        self, recorded: Connection, folder: Path
    ) -> None:
        with (folder / "changelog.sql").open("a") as file:
            file.write("\nSELECT 1;\n")
        with pytest.raises(Changed, match=r"`trek repair 'dave:4 quoted:other/path\.sql' --applied`"):
            await self.case.migrator(recorded, folder).migrate()

    async def test_a_changeset_that_changed_or_runs_always_runs_again_in_its_row(
        self, recorded: Connection, folder: Path
    ) -> None:
        file = folder / "changelog.sql"
        file.write_text(file.read_text().replace("return 1;", "return 2;"))
        (folder / "more.sql").write_text(f"{HEAD}--changeset a:1 runAlways:true\nSELECT 1;\n")
        await CASE.migrator(recorded, folder).migrate()
        (folder / "other.sql").write_text(f"{HEAD}--changeset b:1\nSELECT 1;\n")
        await CASE.migrator(recorded, folder).migrate()
        rows = await recorded.fetch(
            "SELECT author, exectype FROM databasechangelog WHERE author IN ('a', 'b', 'carol')"
        )
        assert dict(map(tuple, rows)) == {"a": "RERAN", "b": "EXECUTED", "carol": "RERAN"}
        assert await recorded.fetchval("SELECT count(*) FROM databasechangelog") == 6

    async def test_what_runs_always_does_so_in_a_run_that_has_nothing_else_to_do(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "more.sql").write_text(f"{HEAD}--changeset a:1 runAlways:true\nSELECT 1;\n")
        assert [ran.verb for ran in (await CASE.migrator(recorded, folder).migrate()).ran] == ["apply"]
        assert [ran.verb for ran in (await CASE.migrator(recorded, folder).migrate()).ran] == ["rerun"]
        assert (await CASE.migrator(recorded, folder).status()).state == "current"

    async def test_rows_with_a_class_path_and_sums_that_are_allowed_or_forgotten_are_taken(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("UPDATE databasechangelog SET filename = 'classpath:' || filename, md5sum = '7:old'")
        assert not await CASE.migrator(recorded, folder).migrate()
        await recorded.execute("UPDATE databasechangelog SET md5sum = NULL")
        assert not await CASE.migrator(recorded, folder).migrate()

    async def test_rows_with_paths_from_another_folder_are_refused_with_the_setting_that_mends_it(
        self, recorded: Connection, folder: Path
    ) -> None:
        rows = "UPDATE databasechangelog SET filename = {} WHERE filename LIKE '%changelog.sql'"
        await recorded.execute(rows.format("'db/' || filename"))
        with pytest.raises(ConfigError, match=r"everything would run again\. Give the layout setting prefix = 'db/'"):
            await CASE.migrator(recorded, folder).migrate()
        mended = replace(CASE, layout_settings={"prefix": "db/"}).migrator(recorded, folder)
        assert not await mended.migrate()
        await recorded.execute(rows.format("'changelog.sql'"))
        with pytest.raises(ConfigError, match=r"give trek the folder '.*/' below this one"):
            await CASE.migrator(recorded, folder.parent).migrate()

    async def test_a_new_row_is_never_before_those_that_a_clock_or_zone_ahead_wrote(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("UPDATE databasechangelog SET dateexecuted = LOCALTIMESTAMP + interval '1 day'")
        await self.further(recorded, folder)
        ordered = "SELECT author FROM databasechangelog ORDER BY dateexecuted DESC, orderexecuted DESC"
        assert await recorded.fetchval(ordered) == "eve"


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "the changesets are a chain",
        "smells": "a file whose first line does not say so is none of Liquibase's",
    }

    def case(self) -> LayoutCase:
        return LayoutCase(
            make_layout("liquibase"),
            folders=[
                Folder(
                    {
                        "b.sql": HEAD + "--changeset a:1\nSELECT 1;\n--changeset a:2\nSELECT 2;\n",
                        "a/c.sql": HEAD + "--changeset a:1\nSELECT 3;\n",
                        "readme.md": "x",
                    },
                    revisions=("a:1:a/c.sql", "a:1:b.sql", "a:2:b.sql"),
                )
            ],
            bad=[{"a.sql": HEAD + "--changeset a:1\nSELECT 1;\n--changeset a:1\nSELECT 2;\n"}],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "names": "a revision is author:id:path",
        "unfinished": "a row is written when all of it is done",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("liquibase"),
                empty,
                other=make_store("liquibase", schema="other"),
                other_shape=Sql("CREATE TABLE public.databasechangelog (id varchar(255), author varchar(255))"),
                revision=lambda number: f"a:{number}:changelog.sql",
            )
