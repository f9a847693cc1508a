"""The format sqitch: its fixture, the kits, its plan and its scripts."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import FIXTURES, ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError, MigrationFailed, Missing
from trek_core.plugin import Copy, Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

PLAN = (FIXTURES / "sqitch/project/sqitch.plan").read_text()
BY = "2026-11-23T10:00:00Z Ann Dev <ann@example.com>"
DEPLOY = "BEGIN;\nCREATE TABLE public.further (i int);\nCOMMIT;\n"
CASE = ForeignCase(
    format="sqitch",
    fixture="sqitch",
    folder="project",
    applied=("appschema", "users", "trekmade"),
    table="sqitch.changes",
    volatile=("committed_at", "planned_at"),
    more={
        "sqitch.plan": f"{PLAN}more [trekmade] {BY} # One\\nmore\n@v2 {BY} # it\n",
        "deploy/more.sql": DEPLOY,
        "revert/more.sql": "BEGIN;\nDROP TABLE public.further;\nCOMMIT;\n",
    },
    more_revision="more",
    more_row={
        "change_id": "d217beecccea6dcc7a1b76b42d17d7fe0ee1e738",
        "script_hash": hashlib.sha1(DEPLOY.encode(), usedforsecurity=False).hexdigest(),
        "change": "more",
        "project": "flipr",
        "note": "One\nmore",
        "committer_name": "Ann Dev",
        "committer_email": "ann@example.com",
        "planner_name": "Ann Dev",
        "planner_email": "ann@example.com",
    },
    to_base=False,
    again=False,
    keys=lambda database: (75474063,),
    store_settings={"user_name": "Ann Dev", "user_email": "ann@example.com"},
    files="`sqitch.plan`, `sqitch.conf`, `deploy` and `revert` scripts that are SQL alone",
    lock="shared",
    proof="real tool run",
)
HEAD = "%project=shop\n\n"


class TestSqitch(ForeignSuite):
    case = CASE

    async def test_what_belongs_to_a_change_is_written_with_it_and_goes_with_it(
        self, recorded: Connection, folder: Path
    ) -> None:
        await self.further(recorded, folder)
        more = await recorded.fetchval("SELECT change_id FROM sqitch.changes WHERE change = 'more'")
        needs = await recorded.fetch("SELECT type, dependency FROM sqitch.dependencies WHERE change_id = $1", more)
        assert sorted(map(tuple, needs)) == [("require", "trekmade")]
        tag = await recorded.fetchrow("SELECT tag, note, project FROM sqitch.tags WHERE change_id = $1", more)
        assert tag
        assert tuple(tag) == ("@v2", "it", "flipr")
        await CASE.migrator(recorded, folder).migrate("-1")
        events = await recorded.fetch(
            "SELECT event, requires, conflicts, tags FROM sqitch.events WHERE change_id = $1", more
        )
        wanted = (["trekmade"], [], ["@v2"])
        assert [tuple(row) for row in events] == [("deploy", *wanted), ("revert", *wanted)]
        assert await recorded.fetchval("SELECT count(*) FROM sqitch.tags") == 1

    async def test_a_tag_is_a_name_of_its_change(self, recorded: Connection, folder: Path) -> None:
        await self.further(recorded, folder)
        assert not await CASE.migrator(recorded, folder).migrate("@v2")

    async def test_an_edited_script_is_warned_of_as_sqitch_goes_on_without_a_word(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "deploy/trekmade.sql").write_text("SELECT 1;")
        assert told(await CASE.migrator(recorded, folder).status())["trekmade"] == "changed"
        report = await CASE.migrator(recorded, folder).migrate()
        assert not report
        await CASE.migrator(recorded, folder).repair("trekmade", applied=True)
        assert (await CASE.migrator(recorded, folder).status()).state == "current"

    async def test_a_change_whose_line_in_the_plan_was_edited_is_another_one(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "sqitch.plan").write_text(PLAN.replace("# by trek", "# by hand"))
        with pytest.raises(Missing, match="d22f8f469cf7ca50d1956f77aeb7e0862bd86444"):
            await CASE.migrator(recorded, folder).migrate()

    async def test_changes_of_other_projects_are_left_alone(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("INSERT INTO sqitch.projects VALUES ('other', NULL, now(), 'x', 'x')")
        await recorded.execute(
            "INSERT INTO sqitch.changes SELECT 'x', 'y', 'users', 'other', note, now(), 'a', 'b', now(), 'c', 'd' "
            "FROM sqitch.changes LIMIT 1"
        )
        assert told(await CASE.migrator(recorded, folder).status()) == dict.fromkeys(CASE.applied, "applied")

    async def test_from_nothing_the_registry_is_made_and_a_failure_outside_a_transaction_is_an_event(
        self, connection: Connection, tmp_path: Path
    ) -> None:
        (tmp_path / "deploy").mkdir()
        (tmp_path / "sqitch.plan").write_text(f"{HEAD}one {BY}\ntwo {BY}\n")
        (tmp_path / "deploy/one.sql").write_text("CREATE TABLE one (i int);\nSELECT 1;\n")
        (tmp_path / "deploy/two.sql").write_text("CREATE TABLE two (i int);\nSELECT nowhere;\n")
        await CASE.migrator(connection, tmp_path).migrate("one")
        with pytest.raises(MigrationFailed, match=r"two\.sql:2"):
            await CASE.migrator(connection, tmp_path).migrate()
        events = await connection.fetch("SELECT event, change FROM sqitch.events ORDER BY committed_at")
        assert [tuple(row) for row in events] == [("deploy", "one"), ("fail", "two")]
        assert await connection.fetchval("SELECT version FROM sqitch.releases") == pytest.approx(1.1)

    async def test_the_table_is_the_one_that_sqitch_makes(
        self, recorded: Connection, folder: Path, tmp_path: Path
    ) -> None:
        wanted = await CASE.shape(recorded)
        await recorded.execute("DROP SCHEMA sqitch CASCADE")
        (folder / "sqitch.plan").write_text(f"{HEAD}trekmade {BY}\n")
        (folder / "deploy/trekmade.sql").write_text("SELECT 1;")
        await CASE.migrator(recorded, folder).migrate()
        assert await CASE.shape(recorded) == wanted


def test_the_fixtures_ids_and_hashes_are_those_of_its_plan() -> None:
    files = {
        path.relative_to(CASE.path / "project").as_posix(): path.read_bytes()
        for path in CASE.path.rglob("*")
        if path.is_file() and "project" in path.parts
    }
    tree = MemoryTree(files)
    found = make_layout("sqitch").arrange(tree).entries
    assert [(entry.revision, entry.aliases) for entry in found] == [
        ("appschema", ("19e9f71238d437eb4aeec933b6cc202e37f6e5a4",)),
        ("users", ("ae8ea9920a622c97151ed648f00be4c3d96fc1f4", "@v1.0.0")),
        ("trekmade", ("d22f8f469cf7ca50d1956f77aeb7e0862bd86444",)),
    ]
    assert [entry.checksums(tree) for entry in found] == [
        ("30a7a5f781f8d2c366f5c10e3963d33ac61c81bb",),
        ("0b40ab0392a73829f954a0ec17639119322e1cf8",),
        ("a7cab175a41a267f858cb0d7e0ca5f4630806a92",),
    ]
    with pytest.raises(LoadError, match=r"users\.sql:2: .*psql"):
        found[1].load(tree)


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "new": "a change is added with its line in the plan, by `sqitch add`",
        "route": "the plan is a chain",
        "smells": "its plan is its mark",
    }

    def case(self) -> LayoutCase:
        plan = f"{HEAD}b {BY} # x\n@v1 {BY}\n\n# about a\na [b !b] {BY}\nb [b@v1] {BY}\n"
        scripts = {
            "deploy/b@v1.sql": "SELECT 1;",
            "deploy/a.sql": "SELECT 1;",
            "deploy/b.sql": "SELECT 2;",
            "revert/a.sql": "",
        }
        conf = '[core]\n\ttop_dir = db\n\textension = ddl\n[engine "pg"]\n\ttarget = x\n'
        return LayoutCase(
            make_layout("sqitch"),
            folders=[
                Folder({"sqitch.plan": plan, "verify/a.sql": "", **scripts}, revisions=("b@v1", "a", "b")),
                Folder(
                    {"sqitch.conf": conf, "db/sqitch.plan": f"{HEAD}a {BY}\n", "db/deploy/a.ddl": "SELECT 1"},
                    revisions=("a",),
                ),
            ],
            bad=[
                {"sqitch.conf": "[core]\n\tengine = mysql\n", "sqitch.plan": HEAD},
                {"sqitch.plan": f"{HEAD}a {BY}\n"},
                {"sqitch.plan": f"a {BY}\n"},
                {"sqitch.plan": f"{HEAD}a\n"},
                {"sqitch.plan": f"{HEAD}@t {BY}\n"},
                {"sqitch.plan": f"{HEAD}-a {BY}\n"},
                {"sqitch.plan": f"%strange=1\n{HEAD}"},
                {"sqitch.plan": f"{HEAD}a [other:x] {BY}\n", "deploy/a.sql": "SELECT 1"},
                {"sqitch.plan": f"{HEAD}a {BY}\na {BY}\n", "deploy/a.sql": "SELECT 1"},
            ],
        )


def test_a_target_has_the_first_word_and_then_the_engine_as_sqitch_target_show_has_it() -> None:
    conf = (
        "[core]\n\tengine = pg\n\ttop_dir = core ; ours\n\tplan_file = core/x.plan\n\textension = ddl # not sql\n"
        '[engine "pg"]\n\ttarget = T\n\tplan_file = engine/y.plan\n\tdeploy_dir = up\n[target "T"]\n\ttop_dir = "t"\n'
    )
    one = "SELECT 1;"
    files = {"sqitch.conf": conf, "engine/y.plan": f"{HEAD}a {BY}\n", "up/a.ddl": one, "t/revert/a.ddl": one}
    (entry,) = (
        make_layout("sqitch").arrange(MemoryTree({**files, "core/x.plan": HEAD, "core/deploy/a.ddl": one})).entries
    )
    assert [file.path for file in entry.files] == ["up/a.ddl", "t/revert/a.ddl"]


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "unfinished": "rows are written after what ran outside a transaction",
        "locks": "Sqitch's is one for all registries",
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("sqitch"),
                empty,
                other=make_store("sqitch", schema="other"),
                other_shape=Sql("CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (version bigint)"),
            )


# --------------------------------------------------------------------------- scripts
def script(text: str) -> tuple[str | None, list[tuple[str, int]]]:
    found = load("sqitch", {"sqitch.plan": f"{HEAD}a {BY}\n", "deploy/a.sql": text}).up
    assert found
    return found.mode, [(one.text, one.line) for one in found.statements if isinstance(one, Sql | Copy)]


def test_a_script_between_begin_and_commit_is_one_transaction_and_any_other_runs_as_in_psql() -> None:
    assert script("-- x\nBEGIN;\nSELECT 1;\nSELECT a::text, b[1:2];\nCOMMIT;\n") == (
        "transaction",
        [("SELECT 1", 3), ("SELECT a::text, b[1:2]", 4)],
    )
    assert script("SELECT 1;\nVACUUM;") == ("autocommit", [("SELECT 1", 1), ("VACUUM", 2)])
    assert script("BEGIN; SELECT 1; COMMIT; SELECT 2;")[0] == "autocommit"
    assert script("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT;")[0] == "autocommit"
    assert script("COPY a FROM stdin;\n1\n\\.\n") == ("autocommit", [("COPY a FROM stdin", 1)])
    assert script("-- nothing") == ("transaction", [])


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("BEGIN;\n\\i other.sql\nCOMMIT;", r"a\.sql:2: \\i"),
        ("SELECT 1;\nCREATE TABLE :registry.x ()", r"a\.sql:2: a variable of psql, :registry"),
        ("SELECT\n:'who'", r"a\.sql:2: a variable of psql, :'who'"),
        ('SELECT :"who"', r"a\.sql:1: a variable of psql"),
        ("BEGIN;\nVACUUM;\nCOMMIT;", r"a\.sql:2: VACUUM"),
        ("BEGIN;\nSELECT 1;", r"a\.sql:1: BEGIN without COMMIT"),
        ("\ufeffSELECT 1", r"a\.sql:1: a byte order mark"),
    ],
)
def test_what_only_psql_can_do_is_refused_with_its_line(text: str, where: str) -> None:
    with pytest.raises(LoadError, match=where):
        script(text)
