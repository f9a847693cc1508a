"""The format atlas: its fixture, the kits, atlas.sum, its directives and its rows."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import FIXTURES, ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError, MigrationFailed, OutOfOrder
from trek_core.errors import Unfinished
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite
from trek_loaders.formats.atlas._layout import AtlasBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.support.databases import Connection

OLD = {
    file.name: file.read_text() for file in sorted((FIXTURES / "atlas/migrations").iterdir()) if file.suffix == ".sql"
}


def b64(text: bytes) -> str:
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


def summed(files: Mapping[str, str]) -> dict[str, str]:
    """The files with their atlas.sum, as the reference computes it."""
    so_far, lines = b"", list[str]()
    for name in sorted(files):
        so_far += name.encode()
        if not files[name].startswith("-- atlas:sum ignore"):
            so_far += files[name].encode()
            lines.append(f"{name} h1:{b64(so_far)}")
    total = b64("".join(line.replace(" h1:", "") for line in lines).encode())
    return {**files, "atlas.sum": "\n".join([f"h1:{total}", *lines]) + "\n"}


MORE = "-- why\n\nCREATE TABLE further (i int);\n-- about it\nINSERT INTO further VALUES (1);\n"
FURTHER = summed({**OLD, "20240103000000_more_of_it.sql": MORE})
CASE = ForeignCase(
    format="atlas",
    fixture="atlas",
    applied=("20240101000000", "20240102000000"),
    table="public.atlas_schema_revisions",
    store_settings={"schema": "public"},
    volatile=("executed_at", "execution_time", "operator_version"),
    more=FURTHER,
    more_revision="20240103000000",
    more_row={
        "version": "20240103000000",
        "description": "more_of_it",
        "type": 2,
        "applied": 2,
        "total": 2,
        "error": "",
        "error_stmt": "",
        "hash": FURTHER["atlas.sum"].splitlines()[-1].partition(" h1:")[2],
        "partial_hashes": "null",
    },
    keys=lambda database: (2686470616,),
    down=False,
    files="`<version>_<title>.sql` as `atlas.sum` has them; `txmode`, `delimiter`, `checkpoint`, `sum ignore`",
    lock="shared",
)
ALONE = "-- atlas:txmode none\n\n"


def test_the_hashes_are_those_that_the_tool_wrote() -> None:
    assert summed(OLD)["atlas.sum"] == (FIXTURES / "atlas/migrations/atlas.sum").read_text()


class TestAtlas(ForeignSuite):
    case = CASE

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda folder: (folder / "20240101000000_init.sql").write_text("SELECT 1"), r"_init\.sql was edited"),
            (lambda folder: (folder / "20240102000000_idx.sql").unlink(), r"_idx\.sql is gone"),
            (lambda folder: (folder / "20240101000001_x.sql").write_text("SELECT 1"), r"1_x\.sql was added"),
            (lambda folder: (folder / "2025.sql").write_text("SELECT 1"), r"2025\.sql was added"),
            (lambda folder: rewrite(folder, "h1:uv", "h1:vu"), r"the hash of all files is h1:uvf"),
            (lambda folder: rewrite(folder, " h1:WED", " WED"), r"atlas\.sum:3: no line of a file and its hash"),
            (lambda folder: (folder / "atlas.sum").unlink(), r"a folder of Atlas without atlas\.sum"),
        ],
    )
    async def test_a_folder_that_is_not_as_its_sum_has_it_is_refused_and_the_file_named(
        self, recorded: Connection, folder: Path, change: object, problem: str
    ) -> None:
        assert callable(change)
        change(folder)
        with pytest.raises(LoadError, match=problem):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_failure_outside_a_transaction_leaves_the_row_from_which_the_tool_goes_on(
        self, recorded: Connection, folder: Path
    ) -> None:
        texts = ["CREATE TABLE x (i int);", "CREATE INDEX CONCURRENTLY xi ON x (i);", "SELECT 1/0;", "SELECT 2;"]
        put(folder, {"20240103000000_x.sql": ALONE + "\n-- a comment\n".join(texts)})
        with pytest.raises(MigrationFailed, match="division by zero"):
            await CASE.migrator(recorded, folder).migrate()
        row = await recorded.fetchrow(f"SELECT * FROM {CASE.table} WHERE version = '20240103000000'")
        assert row
        assert (row["applied"], row["total"], row["error_stmt"], row["type"]) == (2, 4, "SELECT 1/0;", 2)
        hashes = [f"h1:{b64(''.join(texts[:number]).encode())}" for number in (1, 2)]
        assert json.loads(row["partial_hashes"]) == hashes
        with pytest.raises(Unfinished, match=r"20240103000000, since .* \(2 of 4 statements done; then: SELECT 1/0;\)"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_a_row_that_the_tool_left_half_done_is_told_and_a_repair_decides(
        self, recorded: Connection, folder: Path
    ) -> None:
        await recorded.execute(
            f"UPDATE {CASE.table} SET applied = 1, error = 'pq: no', error_stmt = 'INSERT INTO users VALUES (1);'"
            " WHERE version = '20240101000000'"
        )
        migrator = CASE.migrator(recorded, folder)
        assert told(await migrator.status())["20240101000000"] == "unfinished"
        with pytest.raises(Unfinished, match=r"failed with: pq: no \(1 of 2 statements done; then: INSERT INTO users"):
            await migrator.migrate()
        await migrator.repair("20240101000000", applied=True)
        row = await recorded.fetchrow(f"SELECT * FROM {CASE.table} WHERE version = '20240101000000'")
        assert row
        assert (row["type"], row["applied"], row["total"], row["error"]) == (4, 0, 0, "")
        assert row["hash"] == "/KVF3oWQvkaGvI0DLtNeHPiUVMe6BI2DYle65aoi50s="
        assert (await migrator.status()).state == "current"

    async def test_what_is_below_a_baseline_counts_as_applied(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute(f"DELETE FROM {CASE.table} WHERE version = '20240101000000'")
        with pytest.raises(OutOfOrder):
            await CASE.migrator(recorded, folder).migrate()
        await recorded.execute(f"UPDATE {CASE.table} SET type = 1")
        assert (await CASE.migrator(recorded, folder).status()).state == "current"

    async def test_the_identity_of_atlas_cloud_is_no_version(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute(
            f"INSERT INTO {CASE.table} SELECT '.atlas_cloud_identifier', 'x', 2, 0, 0, now(), 0, '', '', '', 'null', ''"
        )
        assert (await CASE.migrator(recorded, folder).status()).state == "current"

    @pytest.mark.parametrize(
        ("done", "ran"),
        [((), ["3", "4", "6"]), (("1",), ["2", "4", "6"]), (("3",), ["4", "6"]), (("1", "2", "4"), ["6"])],
    )
    async def test_a_new_database_begins_with_the_last_checkpoint_and_one_that_has_begun_passes_it_by(
        self, connection: Connection, tmp_path: Path, done: tuple[str, ...], ran: list[str]
    ) -> None:
        files = {name: f"SELECT {name[0]};" for name in ("1.sql", "2.sql", "4_d.sql", "6.sql")}
        for name, text in summed({**files, "3_c.sql": "-- atlas:checkpoint v1\n\nSELECT 3;"}).items():
            (tmp_path / name).write_text(text)
        migrator = CASE.migrator(connection, tmp_path)
        for revision in done:
            await migrator.repair(revision, applied=True)
        assert [one.revision for one in (await migrator.migrate()).ran] == ran
        assert not await migrator.migrate()
        rows = await connection.fetch(f"SELECT version FROM {CASE.table} ORDER BY 1")
        assert [row["version"] for row in rows] == sorted((*done, *ran))

    async def test_of_two_checkpoints_a_new_database_begins_with_the_last(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        mark = "-- atlas:checkpoint\n\nSELECT 1;"
        files = {"1.sql": "SELECT 1;", "2.sql": mark, "3.sql": "SELECT 1;", "4.sql": mark, "5.sql": "SELECT 1;"}
        for name, text in summed(files).items():
            (tmp_path / name).write_text(text)
        migrator = CASE.migrator(connection, tmp_path)
        assert [one.revision for one in (await migrator.migrate()).ran] == ["4", "5"]
        await connection.execute(f"DELETE FROM {CASE.table}")
        await migrator.repair("2", applied=True)
        assert [one.revision for one in (await migrator.migrate()).ran] == ["3", "5"]


def rewrite(folder: Path, old: str, new: str) -> None:
    kept = folder / "atlas.sum"
    kept.write_text(kept.read_text().replace(old, new))


def put(folder: Path, files: Mapping[str, str]) -> None:
    """Adds files to the fixture's folder, and hashes it anew."""
    for name, text in summed({**OLD, **files}).items():
        (folder / name).write_text(text)


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "an edited file is refused by atlas.sum before any checksum is asked for",
        "route": "the files are a chain",
        "smells": "a folder without atlas.sum is refused by itself",
        "new": "a new file needs another atlas.sum, which Atlas writes",
    }

    def case(self) -> LayoutCase:
        one = "SELECT 1;"
        files = {"2_b.sql": one, "10_a.sql": "-- atlas:sum ignore\nSELECT 2;", "3.sql": one}
        return LayoutCase(
            make_layout("atlas"),
            folders=[
                Folder({**summed(files), "readme.md": "x"}, revisions=("10", "2", "3")),
                Folder(summed({"1.sql": one, "2.sql": f"-- atlas:checkpoint\n\n{one}", "3.sql": one}), ("1", "2", "3")),
            ],
            bad=[files, summed({"1_a.sql": one, "1_b.sql": one}), summed({"_a.sql": one}), summed({"base.sql": one})],
        )


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": "its hashes are of all files up to one, and change when an older one is added",
        "locks": "Atlas's is one for all tables",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("atlas"),
                empty,
                other=make_store("atlas", schema="other"),
                other_shape=Sql(
                    "CREATE SCHEMA atlas_schema_revisions CREATE TABLE atlas_schema_revisions (version text)"
                ),
            )

    @pytest.mark.xfail(reason="Atlas has no way back, and no row for one that failed", strict=True)
    def test_s13_what_failed_outside_a_transaction_is_unfinished(self) -> None:
        VersionStoreSuite.test_s13_what_failed_outside_a_transaction_is_unfinished(self)


# --------------------------------------------------------------------------- a file
def body(content: str) -> AtlasBody:
    up = load("atlas", summed({"1_a.sql": content})).up
    assert isinstance(up, AtlasBody)
    return up


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("-- one\nSELECT 1 -- it\n;\n\n/* two */ SELECT 2;\nSELECT 3", ["SELECT 1 -- it\n;", "SELECT 2;", "SELECT 3"]),
        ("SELECT E'a\\';b'; SELECT $x$;$x$;", ["SELECT E'a\\';b';", "SELECT $x$;$x$;"]),
        ("-- atlas:delimiter \\n\\n\nSELECT 1;\nSELECT 2;\n\n\n-- x\nSELECT 3\n", ["SELECT 1;\nSELECT 2;", "SELECT 3"]),
        ("-- atlas:delimiter -- end\nSELECT '-- end';\n-- end\nSELECT (2 -- end\n);\n-- end\n", None),
        ("-- only\n", []),
    ],
)
def test_a_file_is_cut_as_atlas_cuts_it(content: str, texts: list[str] | None) -> None:
    assert list(body(content).texts) == (["SELECT '-- end';", "SELECT (2 -- end\n);"] if texts is None else texts)


def test_outside_a_transaction_each_of_its_statements_is_one_query() -> None:
    found = body(ALONE + "VACUUM;\nSELECT 1;")
    assert (found.mode, len(found.statements)) == ("autocommit", 2)
    mark = "-- atlas:delimiter \\n\\n\n-- atlas:txmode none\n\nVACUUM;\n\nSELECT 1; SELECT 2;"
    assert body(mark).mode == "message"
    assert [one.text for one in body(mark).statements if isinstance(one, Sql)] == ["VACUUM", "SELECT 1; SELECT 2;"]
    assert body("-- atlas:txmode none\nSELECT 1;").mode == "transaction"


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("SELECT 1;\nVACUUM;", 2, "VACUUM: atlas runs this in a transaction"),
        ("-- atlas:txmode all\n\nSELECT 1;", 1, "atlas:txmode all: a file says none or file"),
        ("-- x\n-- atlas:import a.sql\n\nSELECT 1;", 2, "atlas:import, which trek does not do"),
        ("-- atlas:txtar\n\n-- checks.sql --\nSELECT 1;", 1, "atlas:txtar, which trek does not do"),
        ("-- atlas:delimiter \\n\\n", 1, "atlas:delimiter without one"),
        ("SELECT 1;\nDELIMITER //\nSELECT 2//", 2, "DELIMITER, a command of MySQL's client"),
        ("SELECT (1;\n", 1, "a parenthesis opens here"),
        ("\ufeffSELECT 1;", 1, "a byte order mark"),
    ],
)
def test_what_cannot_run_as_in_atlas_is_refused_with_its_line(content: str, line: int, problem: str) -> None:
    with pytest.raises(LoadError) as refused:
        body(content)
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_a_folder_without_files_needs_no_sum() -> None:
    assert make_layout("atlas").arrange(MemoryTree({"readme.md": "x"})).entries == ()
