"""The format sqlx: its fixture, the kits, its checksums and its rows without success."""

from __future__ import annotations

import hashlib
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import Changed, LoadError
from trek_core.errors import Missing, Unfinished
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

UP = "create table further (i int)"


def keys(database: str) -> tuple[int, ...]:
    """The formula, as the reference has it."""
    return (0x3D32AD9E * zlib.crc32(database.encode()),)


CASE = ForeignCase(
    format="sqlx",
    fixture="sqlx",
    applied=("20240101000000", "20240102000000"),
    table="public._sqlx_migrations",
    volatile=("installed_on", "execution_time"),
    more={"20240103000000_one_more.up.sql": UP, "20240103000000_one_more.down.sql": "drop table further;"},
    more_revision="20240103000000",
    more_row={
        "version": 20240103000000,
        "description": "one more",
        "success": True,
        "checksum": hashlib.sha384(UP.encode()).digest(),
    },
    tamper="20240101000000_first_thing.up.sql",
    keys=keys,
    files="`<number>_<title>.sql`, `.up.sql` and `.down.sql`, `-- no-transaction`",
    lock="shared with `Migrator::run`; sqlx's command takes none",
    proof="real tool run",
)


def test_the_lock_numbers_are_those_of_the_reference() -> None:
    assert keys("sx1") == (547924306843190434,)


class TestSqlx(ForeignSuite):
    case = CASE

    async def test_the_checksums_are_those_that_the_tool_recorded(self, recorded: Connection, folder: Path) -> None:
        rows = await recorded.fetch(f"SELECT version, encode(checksum, 'hex') AS sum FROM {CASE.table}")
        tree = MemoryTree({path.name: path.read_bytes() for path in folder.iterdir()})
        entries = make_layout("sqlx").arrange(tree).entries
        assert {entry.revision: entry.checksums(tree)[0] for entry in entries} == {str(row[0]): row[1] for row in rows}

    async def test_checksums_are_read_whatever_form_the_session_gives_to_bytes(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("SET bytea_output = escape")
        assert (await CASE.migrator(recorded, folder).status()).state == "current"
        await recorded.execute("UPDATE _sqlx_migrations SET checksum = '\\x5c00ff'")
        with pytest.raises(Changed, match="5c00ff"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_row_without_success_is_unfinished_and_a_repair_decides(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute("UPDATE _sqlx_migrations SET success = false WHERE version = 20240102000000")
        migrator = CASE.migrator(recorded, folder)
        assert told(await migrator.status()) == {"20240101000000": "applied", "20240102000000": "unfinished"}
        with pytest.raises(Unfinished, match="repair 20240102000000"):
            await migrator.migrate()
        await migrator.repair("20240102000000", applied=True)
        assert (await migrator.status()).state == "current"

    async def test_the_time_that_a_transaction_took_is_in_its_row_and_outside_one_it_is_not_known(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "3_slow.sql").write_text("select pg_sleep(0.2)")
        (folder / "4_outside.sql").write_text("-- no-transaction\nvacuum")
        await CASE.migrator(recorded, folder).migrate()
        times = "SELECT execution_time FROM _sqlx_migrations WHERE version < 5 ORDER BY version"
        slow, outside = (row[0] for row in await recorded.fetch(times))
        assert 200_000_000 <= slow < 10**18  # nanoseconds, and not the moment at which it began
        assert outside == -1

    async def test_an_older_file_is_applied_and_a_missing_one_refused_as_sqlx_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "7_late.sql").write_text("select 1")
        assert [ran.revision for ran in (await CASE.migrator(recorded, folder).migrate()).ran] == ["7"]
        (folder / "7_late.sql").unlink()
        with pytest.raises(Missing, match="7"):
            await CASE.migrator(recorded, folder).migrate()


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "the files are a chain",
        "smells": "its files have no mark of their own",
    }

    def case(self) -> LayoutCase:
        text = "SELECT 1;"
        pair = {"10_c.up.sql": text, "10_c.down.sql": text}
        return LayoutCase(
            make_layout("sqlx"),
            folders=[Folder({**pair, "002_a.sql": text, "1.sql": text, "3_x.down.sql": text}, revisions=("2", "10"))],
            bad=[{"1_a.sql": text, "01_b.up.sql": text}, {"a_b.sql": text}, {f"{1 << 63}_a.sql": text}],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "its column holds bytes, and is shown in hex",
        "unfinished": "a row is written after what ran outside a transaction",
        "names": "its versions are numbers",
        "locks": "sqlx's is one for all tables of a database",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("sqlx"),
                empty,
                other=make_store("sqlx", schema="other"),
                other_shape=Sql("CREATE TABLE public._sqlx_migrations (version bigint)"),
                revision=str,
            )


# --------------------------------------------------------------------------- files
def modes(**files: str) -> list[str | None]:
    script = load("sqlx", {f"1_{name.replace('_', '.')}.sql": text for name, text in files.items()})
    return [body and body.mode for body in (script.up, script.down)]


def test_a_way_that_begins_with_no_transaction_is_one_query_outside_of_one() -> None:
    outside = "-- no-transaction\nVACUUM;"
    assert modes(a=outside) == ["autocommit", None]
    assert modes(a_up=outside, a_down="SELECT 1") == ["autocommit", "transaction"]
    assert modes(a_up="SELECT 1", a_down=outside) == ["transaction", "autocommit"]
    assert modes(a="-- no-transaction\nSELECT 1; SELECT 2") == ["transaction", None]
    assert modes(a="-- no-transaction\nBEGIN; SELECT 1; COMMIT") == ["message", None]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("\n-- no-transaction\nVACUUM;", 3, "VACUUM: sqlx runs this in a transaction"),
        ("SELECT 1;\nCOMMIT;", 2, "COMMIT: sqlx runs this"),
        ("-- no-transaction\nSELECT 1;\nVACUUM;", 3, "VACUUM: sqlx sends the whole as one query"),
        ("\ufeffSELECT 1;", 1, "byte order mark"),
        ("COPY a FROM stdin;\n1\n\\.\n", 1, "COPY … FROM STDIN"),
    ],
)
def test_what_sqlx_would_fail_at_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("sqlx", {"1_a.sql": content})
    assert refused.value.line == line
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["0007_a.sql"], ["0008_b.sql"]),
        (["0007_a.up.sql", "0007_a.down.sql"], ["0008_b.up.sql", "0008_b.down.sql"]),
    ],
)
def test_a_new_file_is_named_as_the_last_ones_are(files: list[str], wanted: list[str]) -> None:
    layout = make_layout("sqlx")
    assert layout.new is not None
    arrangement = layout.arrange(MemoryTree(dict.fromkeys(files, "SELECT 1")))
    assert list(layout.new(arrangement, "b", "sql")) == wanted
