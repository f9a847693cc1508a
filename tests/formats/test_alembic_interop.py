"""Alembic itself and trek take turns on one folder and one database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.formats.test_alembic import CASE
from tests.formats.tools import pip, run, url
from trek_core import LoadError
from trek_core.plugin import PluginHost
from trek_core.testing import MemoryTree
from trek_loaders import formats

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

ENV = """\
import os

from alembic import context
from sqlalchemy import create_engine

if context.is_offline_mode():
    context.configure(url=os.environ["URL"], literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(os.environ["URL"]).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
OPERATIONS = '''\
"""{title}"""
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {parent!r}


def upgrade():
    op.create_table({title!r}, sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table({title!r})
'''
ORDERS = """\
CREATE TABLE orders (id int, at timestamp DEFAULT '2026-01-01 00:00', rate text DEFAULT '5%:a');
INSERT INTO orders VALUES (1::int);
"""


class Alembic:
    """The tool on a folder and a database, with two revisions of its own operations."""

    def __init__(self, programs: Path, home: Path, dsn: str) -> None:
        self.programs, self.home, self.folder = programs, home, home / "versions"
        self.url = url(dsn).replace("postgres:", "postgresql+psycopg:", 1)
        self.folder.mkdir()
        (home / "env.py").write_text(ENV)
        (home / "alembic.ini").write_text(f"[alembic]\nscript_location = {home}\npath_separator = os\n")
        self._operations("aaa", None, "people")
        self._operations("bbb", "aaa", "pets")

    def _operations(self, revision: str, parent: str | None, title: str) -> None:
        text = OPERATIONS.format(title=title, revision=revision, parent=parent)
        (self.folder / f"{revision}_{title}.py").write_text(text)

    def go_on(self) -> str:
        """What `trek new` writes, filled in. Gives the revision."""
        layout = PluginHost([formats]).layout("alembic", {}).value
        assert layout.new
        tree = MemoryTree({path.name: path.read_text() for path in self.folder.glob("*.*")})
        for name, text in layout.new(layout.arrange(tree), "orders", "sql").items():
            (self.folder / name).write_text(ORDERS if name.endswith(".sql") else text)
        made = next(self.folder.glob("*_orders.py"))
        made.with_suffix(".down.sql").write_text("DROP TABLE orders;\n")
        return made.name.partition("_")[0]

    async def __call__(self, *commands: str) -> str:
        """What the commands say, one after the other in one process: it takes long to begin."""
        each = f"main(argv=['-c', {str(self.home / 'alembic.ini')!r}, *command.split()])"
        program = f"import sys; from alembic.config import main\nfor command in sys.argv[1:]: {each}"
        python = str(self.programs / "python")
        return await asyncio.to_thread(run, python, "-c", program, *commands, environment={"URL": self.url})

    async def sql(self, way: str, steps: str, name: str) -> None:
        """As the refusal says: what Alembic prints, without what it logs."""
        words = (str(self.programs / "alembic"), "-c", str(self.home / "alembic.ini"), way, steps, "--sql")
        told = await asyncio.to_thread(run, "sh", "-c", f'"$@" 2>&- > "{self.folder / name}"', "sh", *words,
                                       environment={"URL": self.url})  # fmt: skip
        assert not told


@pytest.fixture
def alembic(tmp_path: Path, database: Database) -> Alembic:
    return Alembic(pip("alembic", "alembic", "psycopg[binary]"), tmp_path, database.dsn)


async def heads(connection: Connection) -> list[str]:
    return [row["version_num"] for row in await connection.fetch("SELECT version_num FROM alembic_version ORDER BY 1")]


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, alembic: Alembic
) -> None:
    await alembic("upgrade head")
    new = alembic.go_on()
    report = await CASE.migrator(connection, alembic.folder).migrate()
    assert [ran.revision for ran in report.ran] == [new]
    assert await alembic("current --check-heads", "heads") == f"{new} (head)\n" * 2


async def test_half_by_trek_half_by_the_tool_and_trek_says_up_to_date(connection: Connection, alembic: Alembic) -> None:
    migrator = CASE.migrator(connection, alembic.folder)
    with pytest.raises(LoadError, match=r"alembic upgrade base:aaa --sql > aaa_people\.up\.sql"):
        await migrator.migrate()
    await alembic.sql("upgrade", "base:aaa", "aaa_people.up.sql")
    await alembic.sql("upgrade", "aaa:bbb", "bbb_pets.up.sql")
    assert [ran.revision for ran in (await migrator.migrate()).ran] == ["aaa", "bbb"]
    assert await alembic("current") == "bbb (head)\n"
    new = alembic.go_on()
    await alembic("upgrade head")
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE at = '2026-01-01' AND rate = '5%:a'") == 1
    assert not await migrator.migrate()
    assert (await migrator.status()).state == "current"
    assert await heads(connection) == [new]


async def test_one_step_down_by_each(connection: Connection, alembic: Alembic) -> None:
    new = alembic.go_on()
    await alembic("upgrade head")
    migrator = CASE.migrator(connection, alembic.folder)
    assert [ran.revision for ran in (await migrator.migrate("-1")).ran] == [new]
    await alembic("downgrade -1")
    assert await heads(connection) == ["aaa"]
    (alembic.folder / "aaa_people.up.sql").write_text("CREATE TABLE people (id int);")
    (alembic.folder / "aaa_people.down.sql").write_text("DROP TABLE people;")
    await migrator.migrate("base")
    assert await heads(connection) == []
    assert await connection.fetchval("SELECT to_regclass('people') IS NULL AND to_regclass('orders') IS NULL")


async def test_the_table_is_the_one_that_the_tool_makes(connection: Connection, alembic: Alembic) -> None:
    await alembic("stamp head")
    by_tool = await CASE.shape(connection)
    await connection.execute("DROP TABLE alembic_version")
    await CASE.migrator(connection, alembic.folder).stamp("head")
    assert await CASE.shape(connection) == by_tool
    assert await heads(connection) == ["bbb"]


async def test_heads_of_branches_and_a_merge_move_as_the_tool_moves_them(
    connection: Connection, alembic: Alembic
) -> None:
    for revision, parent in (("ccc", "aaa"), ("ddd", ("bbb", "ccc"))):
        text = OPERATIONS.format(title=revision, revision=revision, parent=parent)
        (alembic.folder / f"{revision}_x.py").write_text(text)
    (alembic.folder / "ddd_x.up.sql").write_text("SELECT 1;")
    (alembic.folder / "ddd_x.down.sql").write_text("SELECT 1;")
    await alembic("upgrade bbb", "upgrade ccc")
    migrator = CASE.migrator(connection, alembic.folder)
    await migrator.migrate()
    assert await alembic("current") == "ddd (head) (mergepoint)\n"
    await migrator.migrate("-1")
    assert await heads(connection) == ["bbb", "ccc"]
