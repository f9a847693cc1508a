"""The format alembic: the heads in its table, its graph, SQL beside its files, and what only Alembic can run."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.formats.foreign import ForeignCase, ForeignSuite, told
from tests.formats.kits import OnTheRunsServer, load, make_layout, make_store
from trek_asyncpg.testing import ground
from trek_core import LoadError, PlanError
from trek_core.errors import Irreversible, Missing
from trek_core.plugin import Sql
from trek_core.testing import Folder, LayoutCase, LayoutSuite, MemoryTree, StoreCase, VersionStoreSuite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.support.databases import Connection

HEADS = "its table holds the heads, and nothing but their names"


def revision(name: str, parents: object = None, more: str = "") -> str:
    """A file as Alembic generates it."""
    return (
        f'"""about {name}\n\nRevision ID: {name}\n"""\nfrom alembic import op\n\nrevision: str = {name!r}\n'
        f"down_revision = {parents!r}\n{more}\n\ndef upgrade() -> None:\n    op.nothing()\n"
    )


CASE = ForeignCase(
    format="alembic",
    fixture="alembic",
    folder="versions",
    applied=("aaa111", "bbb222", "ccc333"),
    table="public.alembic_version",
    more={
        "ddd444_more.py": revision("ddd444", ("bbb222", "ccc333")),
        "ddd444_more.up.sql": "CREATE TABLE further (i int);\n",
        "ddd444_more.down.sql": "DROP TABLE further;\n",
    },
    more_revision="ddd444",
    more_row={"version_num": "ddd444"},
    single=True,
    again=False,
    files="the graph of `versions/*.py`; runs `.up.sql` and `.down.sql` beside them, and files with `async def upgrade`",
    proof="real tool run",
)


class TestAlembic(ForeignSuite):
    case = CASE

    async def test_a_branch_adds_a_head_and_the_way_back_leaves_the_others(
        self, recorded: Connection, folder: Path
    ) -> None:
        (folder / "eee.py").write_text(revision("eee", "aaa111"))
        (folder / "eee.up.sql").write_text("SELECT 1;")
        (folder / "eee.down.sql").write_text("SELECT 1;")
        (folder / "fff.py").write_text(revision("fff", "eee", "depends_on = 'bbb222'"))
        (folder / "fff.up.sql").write_text("SELECT 1;")
        (folder / "fff.down.sql").write_text("SELECT 1;")
        migrator = CASE.migrator(recorded, folder)
        for target, heads in (("eee", "bbb222 ccc333 eee"), ("fff", "ccc333 fff"), ("-1", "bbb222 ccc333 eee")):
            await migrator.migrate(target)
            assert " ".join(sorted(str(row["version_num"]) for row in await CASE.rows(recorded))) == heads

    async def test_what_a_head_builds_on_is_applied(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("DELETE FROM alembic_version WHERE version_num = 'ccc333'")
        found = told(await CASE.migrator(recorded, folder).status())
        assert found == {"aaa111": "applied", "bbb222": "applied", "ccc333": "pending"}

    async def test_a_head_that_no_file_has_is_refused_as_alembic_does(self, recorded: Connection, folder: Path) -> None:
        await recorded.execute("UPDATE alembic_version SET version_num = 'zzz' WHERE version_num = 'ccc333'")
        with pytest.raises(Missing, match="zzz"):
            await CASE.migrator(recorded, folder).migrate()
        await CASE.migrator(recorded, folder).repair("zzz", applied=False)
        assert await CASE.rows(recorded) == [{"version_num": "bbb222"}]

    async def test_one_revision_alone_cannot_be_taken_out_and_a_stamp_moves_the_heads(
        self, recorded: Connection, folder: Path
    ) -> None:
        migrator = CASE.migrator(recorded, folder)
        with pytest.raises(PlanError, match=r"holds the heads, now bbb222, ccc333.*trek stamp"):
            await migrator.repair("bbb222", applied=False)
        await migrator.stamp("aaa111")
        assert await CASE.rows(recorded) == [{"version_num": "aaa111"}]
        await migrator.stamp("head")
        assert await CASE.rows(recorded) == [{"version_num": "bbb222"}, {"version_num": "ccc333"}]

    async def test_what_only_alembic_runs_is_refused_by_name_with_what_to_do(
        self, connection: Connection, folder: Path
    ) -> None:
        with pytest.raises(LoadError) as refused:
            await CASE.migrator(connection, folder).migrate()
        assert refused.value.path.endswith("aaa111_one.py")
        assert "alembic upgrade base:aaa111 --sql > aaa111_one.up.sql" in str(refused.value)
        assert await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL")

    async def test_without_its_way_back_a_revision_stays(self, recorded: Connection, folder: Path) -> None:
        (folder / "ddd444.py").write_text(revision("ddd444", ("bbb222", "ccc333")))
        (folder / "ddd444.up.sql").write_text("SELECT 1;")
        await CASE.migrator(recorded, folder).migrate()
        with pytest.raises(Irreversible):
            await CASE.migrator(recorded, folder).migrate("-1")

    async def test_a_migration_in_python_and_one_outside_a_transaction_move_the_head(
        self, recorded: Connection, folder: Path
    ) -> None:
        text = revision("ddd444", ("bbb222", "ccc333")).partition("def")[0].replace("from alembic import op\n", "")
        upgrade = "async def upgrade(connection):\n    await connection.execute('CREATE TABLE further (i int)')\n"
        (folder / "ddd444.py").write_text(text + upgrade)
        (folder / "eee555.py").write_text(revision("eee555", "ddd444"))
        (folder / "eee555.up.sql").write_text("CREATE INDEX CONCURRENTLY i ON further (i);")
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.revision for ran in report.ran] == ["ddd444", "eee555"]
        assert await CASE.rows(recorded) == [{"version_num": "eee555"}]

    async def test_what_trek_new_writes_goes_on_at_the_head_and_runs(self, recorded: Connection, folder: Path) -> None:
        await self.further(recorded, folder)
        layout = make_layout("alembic")
        assert layout.new
        for kind, name in (("sql", "orders"), ("py", "backfill")):
            tree = MemoryTree({path.name: path.read_text() for path in folder.iterdir() if path.is_file()})
            for path, text in layout.new(layout.arrange(tree), name, kind).items():
                text = text.replace("raise NotImplementedError", "await connection.execute('SELECT 1')")  # noqa: PLW2901
                (folder / path).write_text(f"{text}SELECT 1;\n" if path.endswith(".sql") else text)
        report = await CASE.migrator(recorded, folder).migrate()
        assert [ran.title for ran in report.ran] == ["orders", "backfill"]
        assert await CASE.rows(recorded) == [{"version_num": report.ran[-1].revision}]


class TestFolder(LayoutSuite):
    without: ClassVar[Mapping[str, str]] = {
        "checksums": HEADS,
        "route": "its revisions are sets",
        "smells": "a file without `revision = …` is refused by itself",
    }

    def case(self) -> LayoutCase:
        files = {
            "b.py": revision("b", "c", "branch_labels = ('left',)"),
            "b.up.sql": "SELECT 1;",
            "a.py": revision("a", ("b",), "depends_on = ['left']"),
            "a.up.sql": "SELECT 1;",
            "a.down.sql": "SELECT 2;",
            "c.py": revision("c"),
            "c.up.sql": "SELECT 1;",
            "__init__.py": "",
            "sub/d.py": "x",
        }
        bad = [
            {"env.py": "x = 1"},
            {"a.py": "revision = compute()"},
            {"a.py": "revision ="},
            {"a.py": revision("a"), "b.py": revision("a")},
            {"a.up.sql": "SELECT 1"},
            {"a.py": revision("a"), "a.sql": "SELECT 1"},
        ]
        return LayoutCase(make_layout("alembic"), folders=[Folder(files, revisions=("c", "b", "a"))], bad=bad)


class TestTable(OnTheRunsServer, VersionStoreSuite):
    without: ClassVar[Mapping[str, str]] = {
        "rows": HEADS,
        "checksums": HEADS,
        "titles": HEADS,
        "unfinished": HEADS,
    }

    @asynccontextmanager
    async def case(self) -> AsyncIterator[StoreCase]:
        async with ground(at=self.server) as empty:
            yield StoreCase(
                make_store("alembic"),
                empty,
                other=make_store("alembic", schema="other"),
                other_shape=Sql("CREATE TABLE public.alembic_version (version bigint)"),
            )


# --------------------------------------------------------------------------- SQL that Alembic wrote
UP = """BEGIN;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,\x20
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> a

create table people (id int);

INSERT INTO alembic_version (version_num) VALUES ('a') RETURNING alembic_version.version_num;

COMMIT;

"""
DOWN = """BEGIN;

-- Running downgrade a ->\x20

drop table people;

DELETE FROM alembic_version WHERE alembic_version.version_num = 'a';

COMMIT;
"""


def test_what_alembic_adds_to_the_sql_of_a_revision_is_left_out() -> None:
    script = load("alembic", {"a.py": revision("a"), "a.up.sql": UP, "a.down.sql": DOWN})
    assert script.up
    assert script.down
    assert [(one.text, one.line) for one in script.up.statements if isinstance(one, Sql)] == [
        ("create table people (id int)", 10)
    ]
    assert [one.text for one in script.down.statements if isinstance(one, Sql)] == ["drop table people"]
    assert (script.up.mode, script.down.mode) == ("transaction", "transaction")


@pytest.mark.parametrize(
    ("name", "content", "line", "problem"),
    [
        ("a.up.sql", DOWN, 3, "should upgrade a, and nothing else"),
        ("a.down.sql", UP, 8, "should downgrade a, and nothing else"),
        ("a.up.sql", UP.replace("COMMIT;", "-- Running upgrade a -> b\nSELECT 1;\nCOMMIT;"), 14, "upgrade a -> b"),
        (
            "a.up.sql",
            UP.replace("create table people (id int);", "COMMIT;\nCREATE INDEX CONCURRENTLY i ON a (i);\nBEGIN;"),
            10,
            "COMMIT between statements: an autocommit_block",
        ),
        ("a.up.sql", "BEGIN;\nSELECT 1;", 1, "BEGIN"),
    ],
)
def test_what_is_not_the_sql_of_one_revision_is_refused_with_its_line(
    name: str, content: str, line: int, problem: str
) -> None:
    with pytest.raises(LoadError) as refused:
        load("alembic", {"a.up.sql": "SELECT 1;", "a.py": revision("a"), name: content})
    assert refused.value.path.endswith(name)
    assert refused.value.line == line
    assert problem in refused.value.problem


def test_two_ways_to_run_one_revision_are_refused() -> None:
    own = "revision = 'a'\nasync def upgrade(connection): ...\n"
    with pytest.raises(LoadError, match="an async `upgrade`, and SQL beside it"):
        load("alembic", {"a.py": own, "a.up.sql": "SELECT 1;"})


def test_a_new_revision_of_several_heads_is_refused_with_the_heads() -> None:
    layout = make_layout("alembic")
    assert layout.new
    tree = MemoryTree({"a.py": revision("a"), "b.py": revision("b")})
    with pytest.raises(PlanError, match="several heads: a, b"):
        layout.new(layout.arrange(tree), "x", "sql")
