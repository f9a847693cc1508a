"""The format pogo-migrate: its fixture, the kits, its grammar, and its schemas."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError
from trek_core.plugin import Call, Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

NO_COLUMN = "its table has no column for them"
FIRST, SECOND = "20240101_01_abcde-first", "20240102_01_fghij-idx"
MORE = "20240103_01_klmno-more"


def file(depends: str, up: str, down: str = "", more: str = "") -> str:
    return f"-- about it\n-- depends: {depends}\n{more}\n-- migrate: apply\n{up}\n\n-- migrate: rollback\n{down}\n"


CASE = ForeignCase(
    format="pogo-migrate",
    fixture="pogo",
    applied=(FIRST, SECOND),
    table="public._pogo_migration",
    volatile=("applied",),
    more={f"{MORE}.sql": file(SECOND, "CREATE TABLE further (i int);", "DROP TABLE further")},
    more_revision=MORE,
    more_row={
        "migration_hash": sha256(MORE.encode()).hexdigest(),
        "migration_id": MORE,
        "schema_name": "public",
    },
    again=False,
    files="`<id>.sql` with `depends`, `transaction: false`, `migrate: apply` and `migrate: rollback`; `<id>.py`",
    proof="real tool run",
)


class TestPogoMigrate(ForeignSuite):
    case = CASE

    async def test_from_nothing_trek_leaves_both_tables_and_their_rows(
        self, recorded: Connection, folder: Path
    ) -> None:
        version = "SELECT version FROM _pogo_version ORDER BY 1"
        wanted = await CASE.shape(recorded), await CASE.rows(recorded), await recorded.fetch(version)
        versions = replace(CASE, table="public._pogo_version")
        shape = await versions.shape(recorded)
        await recorded.execute("DROP TABLE _pogo_migration, _pogo_version")
        await CASE.migrator(recorded, folder).migrate()
        assert (await CASE.shape(recorded), await CASE.rows(recorded), await recorded.fetch(version)) == wanted
        assert await versions.shape(recorded) == shape
        await CASE.migrator(recorded, folder).migrate("base")
        assert await CASE.rows(recorded) == []

    async def test_the_rows_of_another_schema_are_not_this_ones(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("CREATE SCHEMA app; SET search_path = app")
        app = replace(CASE, store_settings={"schema": "app"})
        assert told(await app.migrator(recorded, folder).status()) == dict.fromkeys(CASE.applied, "pending")
        await app.migrator(recorded, folder).migrate(FIRST)
        await app.migrator(recorded, folder).migrate("base")
        assert [row["schema_name"] for row in await CASE.rows(recorded)] == ["public", "public"]

    async def test_where_pogo_would_set_another_search_path_nothing_runs(
        self, recorded: Connection, folder: Path
    ) -> None:
        app = replace(CASE, store_settings={"schema": "app"})
        with pytest.raises(ConfigError, match="search_path = app, and this session's current schema is public"):
            await app.migrator(recorded, folder).migrate()
        assert (await CASE.migrator(recorded, folder).status()).state == "current"

    async def test_a_table_of_the_time_before_schemas_is_refused_with_what_to_do(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("ALTER TABLE _pogo_migration DROP COLUMN schema_name")
        with pytest.raises(ConfigError, match="pogo apply"):
            await CASE.migrator(recorded, folder).status()

    async def test_of_rows_with_one_time_a_child_is_taken_back_before_its_parent(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "0001-child.sql").write_text(file(SECOND, "SELECT 1;", "SELECT 1;"))
        await CASE.migrator(recorded, folder).migrate()
        await recorded.execute("UPDATE _pogo_migration SET applied = now()")
        report = await CASE.migrator(recorded, folder).migrate("-1")
        assert [ran.revision for ran in report.ran] == ["0001-child"]

    async def test_migrations_in_python_run_with_the_connection(self, recorded: Connection, folder: Path) -> None:
        text = f'"""About it."""\n__depends__ = ["{SECOND}"]\n'
        text += "async def apply(db):\n    await db.execute('CREATE TABLE further (i int)')\n"
        text += "async def rollback(db):\n    await db.execute('DROP TABLE further')\n"
        (folder / f"{MORE}.py").write_text(text)
        await CASE.migrator(recorded, folder).migrate()
        assert await recorded.fetchval("SELECT to_regclass('further') IS NOT NULL")
        await CASE.migrator(recorded, folder).migrate("-1")
        assert await recorded.fetchval("SELECT to_regclass('further') IS NULL")

    async def test_an_older_migration_that_comes_late_is_applied_as_by_the_tool(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "0001-late.sql").write_text(file("", "SELECT 1;"))
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["0001-late"]


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "its hash is that of the name",
        "route": "its revisions are sets",
        "smells": "a file without `migrate: apply` is refused by itself",
    }

    def case(self) -> LayoutCase:
        python = (
            "__depends__ = {'a', 'c'}\n__transaction__ = False\nasync def apply(db): ...\nasync def rollback(db): ...\n"
        )
        files = {"a.sql": file("c", "SELECT 1;"), "b.py": python, "c.sql": file("", "SELECT 1"), "readme.md": "x"}
        bad = [
            {"a.sql": "SELECT 1;"},
            {"a.py": "__depends__ = compute()"},
            {"a.py": "x = 1"},
            {"a.sql": file("", "SELECT 1;"), "a.py": python.replace("{'a', 'c'}", "[]")},
            {"a.sql": file("b", "SELECT 1;"), "b.sql": file("a", "SELECT 1;")},
            {"a.sql": file("b", "SELECT 1;")},
        ]
        return LayoutCase(make_layout("pogo-migrate"), folders=[Folder(files, revisions=("c", "a", "b"))], bad=bad)


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "settings": "it has one table, for all schemas",
        "checksums": NO_COLUMN,
        "titles": NO_COLUMN,
        "unfinished": "a row is written after what ran outside a transaction",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("pogo-migrate"),
                empty,
                other_shape=Sql("CREATE TABLE public._pogo_migration (version bigint)"),
            )


# --------------------------------------------------------------------------- the grammar
def test_the_two_ways_are_cut_where_the_tool_cuts_them() -> None:
    script = load("pogo-migrate", {"a.sql": file("", "SELECT 1;\n-- between\nSELECT 2", "SELECT 3;")})
    assert script.up
    assert script.down
    assert [(one.text, one.line) for one in script.up.statements if isinstance(one, Sql)] == [
        ("SELECT 1", 5),
        ("SELECT 2", 7),
    ]
    assert [(one.text, one.line) for one in script.down.statements if isinstance(one, Sql)] == [("SELECT 3", 10)]


def test_lines_that_the_tool_takes_for_comments_are_left_out_within_a_body_only() -> None:
    up = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n-- within\nSELECT 1\n$$;\nSELECT\n-- beside\n2;"
    script = load("pogo-migrate", {"a.sql": file("", up)})
    assert script.up
    assert [one.text for one in script.up.statements if isinstance(one, Sql)] == [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\nSELECT 1\n$$",
        "SELECT\n-- beside\n2",
    ]


def test_each_kind_of_file_may_run_outside_a_transaction() -> None:
    outside = load("pogo-migrate", {"a.sql": file("", "VACUUM;\nSELECT 1;", "", "-- transaction: false")})
    assert outside.up
    assert outside.down
    assert (outside.up.mode, len(outside.up.statements), outside.down.mode) == ("autocommit", 2, "autocommit")
    python = "__depends__ = []\n__transaction__ = False\nasync def apply(db): ...\nasync def rollback(db): ...\n"
    script = load("pogo-migrate", {"a.py": python})
    assert script.up
    assert script.up.mode == "autocommit"
    assert isinstance(script.up.statements[0], Call)


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("-- a\n-- depends:\n-- migrate: apply\n", 1, "no `-- migrate: rollback`"),
        ("-- a\n-- depends:\n-- migrate: rollback\n", 1, "no `-- migrate: apply`"),
        ("-- a\n-- depends:\n-- migrate: rollback\n-- migrate: apply\n", 3, "in front of `-- migrate: apply`"),
        (file("", "SELECT 1;\n-- migrate: apply"), 6, "`-- migrate: apply` a second time"),
        (
            file("", "SELECT 1;").replace("-- depends", "\n-- depends", 1).replace("-- about it\n", ""),
            1,
            "first two lines",
        ),
        (file("", "SELECT 1;", more="-- depends: x"), 1, "first two lines"),
        (file("", "SELECT 1;\nVACUUM;"), 6, "VACUUM: pogo-migrate runs this in a transaction"),
        (file("", "SELECT 1;\nCOMMIT;"), 6, "COMMIT: pogo-migrate runs this in a transaction"),
        (file("", "COPY a FROM stdin;\n1\n\\.\n"), 5, "COPY … FROM STDIN"),
    ],
)
def test_what_pogo_would_refuse_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("pogo-migrate", {"a.sql": content})
    assert refused.value.line == line
    assert problem in refused.value.problem
