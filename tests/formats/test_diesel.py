"""The format diesel: a fixture after the documentation, the kits, and what its folders may hold."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError
from trek_core.errors import Irreversible, PlanError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

TWO_COLUMNS = "its table holds a version and a time, and nothing else"
CASE = ForeignCase(
    format="diesel",
    fixture="diesel",
    applied=("00000000000000", "20240101120000", "20240102120000"),
    table="public.__diesel_schema_migrations",
    volatile=("run_on",),
    more={
        "2024-01-03-120000_more/up.sql": "CREATE TABLE further (i int);\n",
        "2024-01-03-120000_more/down.sql": "DROP TABLE further;\n",
    },
    more_revision="20240103120000",
    more_row={"version": "20240103120000"},
    files="`<version>_<title>/` with `up.sql`, `down.sql`, `run_in_transaction` of `metadata.toml`",
    proof="documented facts",
)


class TestDiesel(ForeignSuite):
    case = CASE

    async def test_an_older_folder_is_applied_and_a_missing_one_is_passed_by(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "2024-01-01-130000_late").mkdir()
        (folder / "2024-01-01-130000_late/up.sql").write_text("SELECT 1")
        for path in (folder / "2024-01-02-120000_users_name").iterdir():
            path.unlink()
        migrator = CASE.migrator(recorded, folder)
        assert [ran.revision for ran in (await migrator.migrate()).ran] == ["20240101130000"]
        assert told(await migrator.status())["20240101130000"] == "applied"

    @pytest.mark.parametrize("down", [None, "", "-- nothing to undo\n"])
    async def test_without_a_statement_there_is_no_way_back(
        self, recorded: Connection, folder: Path, down: str | None
    ) -> None:
        path = folder / "2024-01-02-120000_users_name/down.sql"
        path.unlink() if down is None else path.write_text(down)
        with pytest.raises(Irreversible, match="20240102120000"):
            await CASE.migrator(recorded, folder).migrate("-1")


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "Diesel keeps none",
        "route": "the files are a chain",
        "smells": "a folder without up.sql is refused by itself",
    }

    def case(self) -> LayoutCase:
        files = {
            "2024-01-02-000000_b/up.sql": "SELECT 1",
            "2024-01-02-000000_b/notes.md": "x",
            "20240101000000/up.sql": "SELECT 1",
            "20240101000000/down.sql": "SELECT 2",
            "20240101000000/data/up.sql": "SELECT 3",
            "x.sql": "x",
        }
        return LayoutCase(
            make_layout("diesel"),
            folders=[Folder(files, revisions=("20240101000000", "20240102000000"))],
            bad=[
                {"1_a/down.sql": "SELECT 1"},
                {"2024-01_a/up.sql": "SELECT 1", "202401_b/up.sql": "SELECT 1"},
                {"-_a/up.sql": "SELECT 1"},
                {f"{'1' * 51}_a/up.sql": "SELECT 1"},
            ],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": TWO_COLUMNS,
        "titles": TWO_COLUMNS,
        "unfinished": TWO_COLUMNS,
        "names": "of those that share a time, the order is that of their texts",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("diesel"),
                empty,
                other=make_store("diesel", schema="other"),
                other_shape=Sql("CREATE TABLE public.__diesel_schema_migrations (version bigint)"),
                revision=lambda number: f"{number:014}",
            )


# --------------------------------------------------------------------------- files
def modes(up: str, metadata: str | None = None) -> str | None:
    files = {"1_a/up.sql": up} | ({} if metadata is None else {"1_a/metadata.toml": metadata})
    script = load("diesel", files)
    return script.up and script.up.mode


def test_metadata_say_whether_there_is_a_transaction_and_without_the_key_there_is_none() -> None:
    assert modes("SELECT 1") == "transaction"
    assert modes("VACUUM", "run_in_transaction = false") == "autocommit"
    assert modes("VACUUM", "") == "autocommit"
    assert modes("BEGIN; SELECT 1; COMMIT", "# none\n") == "message"
    with pytest.raises(LoadError, match="VACUUM: Diesel runs this in a transaction"):
        modes("VACUUM", "run_in_transaction = true")


@pytest.mark.parametrize(
    ("metadata", "line", "problem"),
    [
        ("\nrun_in_transaction = no", 2, "Diesel would pass the file over"),
        ('run_in_transaction = "false"', None, "run_in_transaction = 'false', want true or false"),
    ],
)
def test_metadata_that_diesel_would_pass_over_are_refused(metadata: str, line: int | None, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        modes("VACUUM", metadata)
    assert refused.value.path.endswith("1_a/metadata.toml")
    assert refused.value.line == line
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("up", "line", "problem"),
    [
        ("", 1, "no statement"),
        ("-- Your SQL goes here\n", 1, "no statement"),
        ("SELECT 1;\nVACUUM;", 2, "VACUUM: Diesel runs this"),
        ("SELECT 1;\nCOMMIT;", 2, "COMMIT: Diesel runs this"),
        ("\ufeffSELECT 1;", 1, "byte order mark"),
        ("COPY a FROM stdin;\n1\n\\.\n", 1, "COPY … FROM STDIN"),
    ],
)
def test_what_diesel_would_fail_at_is_refused_with_its_line(up: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        modes(up)
    assert refused.value.path.endswith("1_a/up.sql")
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_a_new_folder_is_named_by_the_time_and_not_where_it_would_not_be_the_last() -> None:
    layout = make_layout("diesel")
    assert layout.new is not None
    up, _ = layout.new(layout.arrange(MemoryTree({"99990101000000_a/up.sql": "SELECT 1"})), "b c", "sql")
    assert up == "9999-01-01-000001_b_c/up.sql"
    with pytest.raises(PlanError, match="would stand before notes"):
        layout.new(layout.arrange(MemoryTree({"notes/up.sql": "SELECT 1"})), "b", "sql")
