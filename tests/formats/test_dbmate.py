"""The format dbmate: its fixture, the kits, and what its own grammar says."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

ONE_COLUMN = "its table holds a version and nothing else"
CASE = ForeignCase(
    format="dbmate",
    fixture="dbmate",
    applied=("20240101000000", "20240102000000"),
    table="public.schema_migrations",
    more={
        "20240103000000_more.sql": "-- migrate:up\nCREATE TABLE further (i int);\n-- migrate:down\nDROP TABLE further;\n"
    },
    more_revision="20240103000000",
    more_row={"version": "20240103000000"},
    keys=lambda database: (48372615,),
    files="`<digits>….sql` with one `migrate:up` and one `migrate:down`, `transaction:false`",
    proof="real tool run",
    lock="shared, where dbmate is run with `--migration-lock`",
)
UP, DOWN = "-- migrate:up\nCREATE TABLE a (i int);\n", "-- migrate:down\nDROP TABLE a;\n"


class TestDbmate(ForeignSuite):
    case = CASE

    async def test_steps_back_go_by_the_names_of_the_files_as_the_steps_up_did(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        for number in (1, 9, 10):
            text = f"-- migrate:up\nCREATE TABLE t{number} ();\n-- migrate:down\nDROP TABLE t{number};\n"
            (tmp_path / f"{number}_t.sql").write_text(text)
        up = await CASE.migrator(connection, tmp_path).migrate()
        assert [ran.revision for ran in up.ran] == ["10", "1", "9"]
        down = await CASE.migrator(connection, tmp_path).migrate("-2")
        assert [ran.revision for ran in down.ran] == ["9", "1"]


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": ONE_COLUMN,
        "route": "the files are a chain",
        "smells": "a file without `migrate:up` is refused by itself",
    }

    def case(self) -> LayoutCase:
        return LayoutCase(
            make_layout("dbmate"),
            folders=[Folder({"10_a.sql": UP + DOWN, "9_b.sql": UP + DOWN, "9_readme.md": "x"}, revisions=("10", "9"))],
            bad=[{"1_a.sql": UP + DOWN, "1_b.sql": UP + DOWN}],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": ONE_COLUMN,
        "titles": ONE_COLUMN,
        "unfinished": ONE_COLUMN,
        "names": "the order in which they were applied is that of their texts",
        "locks": "dbmate's is one for all tables",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("dbmate"),
                empty,
                other=make_store("dbmate", schema="other"),
                other_shape=Sql("CREATE TABLE public.schema_migrations (version bigint, dirty boolean)"),
                revision=lambda number: f"{number:014}",
            )


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (UP, 1, "no `-- migrate:down`"),
        (DOWN, 1, "no `-- migrate:up`"),
        (DOWN + UP, 1, "in front of"),
        ("SELECT 1;\n" + UP + DOWN, 1, "text in front of"),
        (UP + DOWN + UP + DOWN, 5, "a second `-- migrate:up`"),
        ("\ufeff" + UP + DOWN, 1, "byte order mark"),
        ("-- migrate:up\nCREATE INDEX CONCURRENTLY i ON a (i);\n" + DOWN, 2, "CREATE INDEX CONCURRENTLY: dbmate runs"),
        ("-- migrate:up\nCOMMIT;\n" + DOWN, 2, "COMMIT: dbmate runs"),
        ("-- migrate:up\nCOPY a FROM stdin;\n1\n\\.\n" + DOWN, 2, "COPY … FROM STDIN"),
        (
            "-- migrate:up transaction:false\nSELECT 1;\nVACUUM;\n" + DOWN,
            3,
            "VACUUM: dbmate sends the whole as one query",
        ),
    ],
)
def test_what_dbmate_would_refuse_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("dbmate", {"1_a.sql": content})
    assert refused.value.path.endswith("1_a.sql")
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_each_way_has_its_own_transaction() -> None:
    script = load("dbmate", {"1_a.sql": "-- migrate:up transaction:false\nVACUUM;\n" + DOWN})
    assert script.up
    assert script.down
    assert (script.up.mode, script.down.mode) == ("autocommit", "transaction")
    assert [one.line for one in script.down.statements] == [4]


def test_several_statements_outside_a_transaction_that_end_one_are_sent_as_they_are() -> None:
    script = load("dbmate", {"1_a.sql": "-- migrate:up transaction:false\nBEGIN;\nSELECT 1;\nCOMMIT;\n" + DOWN})
    assert script.up
    assert script.up.mode == "message"
    assert [one.text for one in script.up.statements if isinstance(one, Sql)] == ["BEGIN;\nSELECT 1;\nCOMMIT;"]
