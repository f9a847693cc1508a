"""The format graphile-migrate: its fixture, the kits, its headers and the chain of hashes, its placeholders."""

from __future__ import annotations

import hashlib
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import ConfigError, LoadError, MigrationFailed, PlanError
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

FIRST = "sha1:5a350d727c35956660f2488e06077c10b0705e31"
SECOND = "sha1:040995f6ec63151c7c111c702a7f3a0f4c39ec3a"


def hashed(body: str, previous: str = "") -> str:
    """The formula, as the reference has it."""
    return "sha1:" + hashlib.sha1(f"{(previous + chr(10) + body.strip()).strip()}\n".encode()).hexdigest()


def committed(body: str, previous: str = "", *more: str, own: str = "") -> str:
    """A file with its headers."""
    lines = [f"--! Previous: {previous or '-'}", f"--! Hash: {own or hashed(body, previous)}", *more]
    return "\n".join([*lines, "", body.strip() + "\n"])


FURTHER = "create table further (i int);"
CASE = ForeignCase(
    format="graphile-migrate",
    fixture="graphile",
    applied=("000001", "000002"),
    table="graphile_migrate.migrations",
    volatile=("date",),
    more={"committed/000003-more.sql": committed(FURTHER, SECOND, "--! Message: more")},
    more_revision="000003",
    more_row={"hash": hashed(FURTHER, SECOND), "previous_hash": SECOND, "filename": "000003.sql"},
    keys=lambda database: (4727445306447283,),
    tamper="committed/000001-first-thing.sql",
    down=False,
    files="`committed/<digits>-<title>.sql` with `--! Previous` and `--! Hash`, `--! no-transaction`, placeholders",
    proof="real tool run",
    lock="shared",
)


def test_the_hashes_are_those_that_the_tool_wrote() -> None:
    folder = CASE.path / "migrations/committed"
    files = {path.name: path.read_text() for path in sorted(folder.iterdir())}
    tree = MemoryTree(files)
    entries = make_layout("graphile-migrate").arrange(tree).entries
    assert [entry.checksums(tree) for entry in entries] == [(FIRST,), (SECOND,)]
    bodies = [text.partition("\n\n")[2] for text in files.values()]
    assert [hashed(bodies[0]), hashed(bodies[1], FIRST)] == [FIRST, SECOND]


class TestGraphileMigrate(ForeignSuite):
    case = CASE

    async def test_the_folder_of_committed_files_itself_is_one_too(self, recorded: Connection, folder: Path) -> None:
        assert (await CASE.migrator(recorded, folder / "committed").status()).state == "current"

    async def test_both_tables_are_made_as_the_tool_makes_them(self, recorded: Connection, folder: Path) -> None:
        names = ("graphile_migrate.migrations", "graphile_migrate.current")
        by_tool = [await shape(recorded, name) for name in names]
        await recorded.execute("DROP SCHEMA graphile_migrate CASCADE")
        await CASE.migrator(recorded, folder).migrate()
        assert [await shape(recorded, name) for name in names] == by_tool

    async def test_a_pending_file_that_was_edited_is_refused_as_the_tool_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        text = CASE.more["committed/000003-more.sql"].replace("i int", "i bigint")
        (folder / "committed/000003-more.sql").write_text(text)
        with pytest.raises(LoadError, match=r"000003-more\.sql:2: `Hash` is sha1:.*edited after it was committed"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_hash_that_may_be_invalid_is_recorded_as_the_tool_does(
        self, recorded: Connection, folder: Path
    ) -> None:
        text = committed("select 3;", SECOND, "--! AllowInvalidHash", own="sha1:custom")
        (folder / "committed/000003.sql").write_text(text)
        await CASE.migrator(recorded, folder).migrate()
        assert (
            await recorded.fetchval("SELECT hash FROM graphile_migrate.migrations WHERE filename = '000003.sql'")
            == "sha1:custom"
        )
        assert not await CASE.migrator(recorded, folder).migrate()

    async def test_an_applied_file_that_was_edited_is_never_recorded_with_another_hash_but_may_say_that_its_own_is_invalid(
        self, recorded: Connection, folder: Path
    ) -> None:
        file = folder / "committed/000001-first-thing.sql"
        file.write_text(text := file.read_text() + "-- edited\n")
        before = await CASE.rows(recorded)
        with pytest.raises(PlanError, match=r"cannot become sha1:.*\nRestore .*`--! AllowInvalidHash`"):
            await CASE.migrator(recorded, folder).repair("000001", applied=True)
        with pytest.raises(PlanError, match="AllowInvalidHash"):
            await CASE.migrator(recorded, folder).stamp("000002")
        file.write_text(text.replace(f"--! Hash: {FIRST}", f"--! Hash: {FIRST}\n--! AllowInvalidHash"))
        assert not await CASE.migrator(recorded, folder).migrate()
        assert await CASE.rows(recorded) == before

    async def test_placeholders_are_the_database_its_owner_and_those_of_the_settings(
        self, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET", "s3")
        body = (
            "create table t as select ':DATABASE_NAME' as a, ':DATABASE_OWNER' as b, ':ROLE-:SECRET :ROLES'::text as c;"
        )
        (tmp_path / "1.sql").write_text(committed(body))
        case = replace(CASE, layout_settings={"placeholders": {":ROLE": "app", ":SECRET": "!ENV"}})
        await case.migrator(connection, tmp_path).migrate()
        wanted = await connection.fetchrow("SELECT current_database(), session_user, 'app-s3 :ROLES'")
        assert await connection.fetchrow("SELECT a, b, c FROM t") == wanted

    async def test_one_row_says_that_everything_up_to_it_is_applied(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("UPDATE graphile_migrate.migrations SET previous_hash = NULL")
        await recorded.execute("DELETE FROM graphile_migrate.migrations WHERE filename = '000001.sql'")
        assert not await CASE.migrator(recorded, folder).migrate()
        with pytest.raises(PlanError, match=r"no row for 000001.*trek repair 000001 --applied"):
            await CASE.migrator(recorded, folder).stamp("000001")

    async def test_without_a_transaction_a_failure_leaves_no_row_as_with_the_tool(
        self, recorded: Connection, folder: Path
    ) -> None:
        body = "--! no-transaction\ncreate index concurrently i on nowhere (i);"
        (folder / "committed/000003.sql").write_text(committed(body, SECOND))
        with pytest.raises(MigrationFailed, match=r"000003\.sql:5"):
            await CASE.migrator(recorded, folder).migrate()
        assert len(await CASE.rows(recorded)) == 2


async def shape(connection: Connection, table: str) -> list[object]:
    return await replace(CASE, table=table).shape(connection)


def test_what_is_being_written_is_passed_by_with_the_reason() -> None:
    files = {
        "committed/1.sql": committed("select 1"),
        "current.sql": "select 2",
        "current/1-a.sql": "select 3",
        "fixtures/a.sql": "select 4",
    }
    found = make_layout("graphile-migrate").arrange(MemoryTree(files))
    assert [entry.revision for entry in found.entries] == ["1"]
    reasons = {one.file.path: one.reason for one in found.ignored}
    assert "being written" in reasons["current.sql"]
    assert "being written" in reasons["current/1-a.sql"]
    assert "takes no other" in reasons["fixtures/a.sql"]


def again(path: str, content: bytes) -> bytes:
    """Committed once more, with another body."""
    found = re.match("--! Previous: (.*)\n", content.decode())
    return committed(f"select '{path}'", found[1].replace("-", "")).encode() if found else content


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "route": "the files are a chain",
        "smells": "a file without `--! Previous` is refused by itself",
        "new": "a committed file has the hash of its content, which graphile-migrate commit writes",
    }

    def case(self) -> LayoutCase:
        one, two = committed("select 1"), committed("select 2", hashed("select 1"), "--! Message: b")
        return LayoutCase(
            make_layout("graphile-migrate"),
            folders=[
                Folder({"000001.sql": one, "000002-b.sql": two, "current.sql": "x"}, revisions=("000001", "000002")),
                Folder({"committed/1-a.sql": one, "fixtures/x.sql": "x"}, revisions=("1",)),
            ],
            bad=[
                {"1.sql": one, "1-a.sql": one},
                {"1.sql": one, "2.sql": one},
                {"1.sql": two},
                {"1.sql": "select 1;"},
                {"1.sql": "--! Previous: -\n\nselect 1;\n"},
                {"1.sql": "--! Hash: x\n\nselect 1;\n"},
                {"1.sql": "--! Previous: -\n--! Hash: x"},
                {"1.sql": one.replace("\n", "\r\n")},
            ],
            edit=again,
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "titles": "its table has no column for them",
        "unfinished": "a row is written after what ran outside a transaction",
        "names": "the order in which they were applied is that of their names",
        "locks": "graphile-migrate's is one for all tables",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("graphile-migrate"),
                empty,
                other=make_store("graphile-migrate", schema="other"),
                other_shape=Sql("CREATE SCHEMA graphile_migrate; CREATE TABLE graphile_migrate.migrations (id int)"),
                revision=lambda number: f"{number:06}",
            )


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("--! Previous: -\n--! Previous: -\n\nselect 1", 2, "the header Previous a second time"),
        ("--! Previous: -\n--! Hash: x\nselect 1", 3, "select 1, where a header or the empty line below them must be"),
        ("--! Previous: -\r\n--! Hash: x\r\n\r\nselect 1", 1, "a line end CRLF"),
        ("--! Hash: x\n\nselect 1", 1, "no header `--! Previous: …`"),
        ("\ufeff" + committed("select 1"), 1, "byte order mark"),
        (
            committed("select 1", "sha1:x"),
            1,
            "`Previous` is sha1:x, and no file is before it",
        ),
        (
            committed("select 1;\ncreate index concurrently i on a (i);"),
            5,
            "create index concurrently: graphile-migrate runs",
        ),
        (
            committed("--! no-transaction\nselect 1;\nvacuum;"),
            6,
            "vacuum: graphile-migrate sends the whole as one query",
        ),
        (committed("select 1;\nselect ':DATABASE_NAME'"), 5, "the placeholder :DATABASE_NAME"),
        (committed("select 1", "", "--! AllowInvalidHash"), 3, "AllowInvalidHash, and the hash is valid"),
    ],
)
def test_what_the_tool_refuses_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        load("graphile-migrate", {"000001.sql": content})
    assert refused.value.path.endswith("000001.sql")
    assert refused.value.line == line
    assert problem.lower() in refused.value.problem.lower()


def test_a_placeholder_of_another_form_is_refused() -> None:
    with pytest.raises(ConfigError, match="':role' is none"):
        make_layout("graphile-migrate", placeholders={":role": "x"})
