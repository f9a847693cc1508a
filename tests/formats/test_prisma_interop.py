"""Prisma itself and trek take turns on one folder and one database.

The command is the real one, with the schema engine that it carries as WebAssembly: the native engines come from a host
that is no package registry. The driver adapter knows no columns of type name, of which the engine asks for two; and the engine
lets the time run that it would have waited for its lock, before the command ends.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.formats.foreign import told
from tests.formats.test_prisma import CASE
from tests.formats.tools import npm, run, url
from trek_core import MigrationFailed
from trek_core.errors import Unfinished

if TYPE_CHECKING:
    from tests.support.databases import Connection, Database

pytestmark = pytest.mark.interop

FILES = {
    "20240101000000_people": "-- CreateTable\nCREATE TABLE people (id int);\n",
    "20240102000000_i": "CREATE INDEX CONCURRENTLY i ON people (id);\n",
    "20240103000000_orders": "CREATE TABLE orders (id int);\nINSERT INTO orders VALUES (1);\n",
    "20240104000000_more": "ALTER TABLE people ADD COLUMN name text;\n",
}
NAMES = list(FILES)
CONFIG = """
import { PrismaPg } from "%s";
const later = setTimeout;
globalThis.setTimeout = (call, time, ...more) => time < 9000 ? later(call, time, ...more) : later(call, time, ...more).unref();
class Adapter extends PrismaPg {
  async connect() {
    const made = await super.connect(), perform = made.performIO.bind(made);
    made.performIO = async (query) => {
      const result = await perform(query);
      for (const field of result.fields ?? []) if (field.dataTypeID === 19) field.dataTypeID = 25;
      return result;
    };
    return made;
  }
}
export default {
  experimental: { adapter: true },
  engine: "js",
  schema: "prisma/schema.prisma",
  adapter: async () => new Adapter({ connectionString: process.env.DATABASE_URL, idleTimeoutMillis: 1 }),
};
"""
SCHEMA = 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n'


class Prisma:
    """The tool in a project, on a database."""

    def __init__(self, program: str, project: Path, dsn: str) -> None:
        self.program, self.project = program, project
        adapter = Path(program).parents[2] / "@prisma/adapter-pg/dist/index.js"
        (project / "prisma.config.mjs").write_text(CONFIG % adapter)
        (project / "prisma/schema.prisma").write_text(SCHEMA)
        engines = {"PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true", "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true"}
        quiet = {"CHECKPOINT_DISABLE": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1"}
        self.environment = {"DATABASE_URL": url(dsn), **engines, **quiet}

    async def __call__(self, *words: str) -> str:
        command = ("node", self.program, "migrate", *words)
        return await asyncio.to_thread(run, *command, cwd=self.project, environment=self.environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "prisma/migrations"
    made.mkdir(parents=True)
    (made / "migration_lock.toml").write_text('provider = "postgresql"\n')
    return write(made, *NAMES)


@pytest.fixture
def prisma(folder: Path, database: Database) -> Prisma:
    adapter = ("@prisma/adapter-pg@6", "--ignore-scripts")
    program = npm("prisma@6", "node_modules/prisma/build/index.js", *adapter)
    return Prisma(program, folder.parents[1], database.dsn)


def write(folder: Path, *names: str) -> Path:
    """Those migrations."""
    for name in names:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "migration.sql").write_text(FILES[name])
    return folder


def without(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name / "migration.sql").unlink()
        (folder / name).rmdir()


async def test_half_by_the_tool_half_by_trek_and_the_tool_says_up_to_date(
    connection: Connection, folder: Path, prisma: Prisma
) -> None:
    without(folder, *NAMES[2:])
    assert "All migrations have been successfully applied." in await prisma("deploy")
    shape = await CASE.shape(connection)
    write(folder, *NAMES)
    report = await CASE.migrator(connection, folder).migrate()
    assert [ran.revision for ran in report.ran] == NAMES[2:]
    assert "Database schema is up to date!" in await prisma("status")
    await connection.execute("DROP TABLE _prisma_migrations, people, orders")
    await CASE.migrator(connection, folder).migrate()
    assert await CASE.shape(connection) == shape


async def test_half_by_trek_half_by_the_tool_and_one_that_trek_takes_out_by_the_tool_again(
    connection: Connection, folder: Path, prisma: Prisma
) -> None:
    await CASE.migrator(connection, folder).migrate(NAMES[1])
    done = await prisma("deploy")
    assert [name in done for name in NAMES] == [False, False, True, True]
    assert not await CASE.migrator(connection, folder).migrate()
    await connection.execute("ALTER TABLE people DROP COLUMN name")
    await CASE.migrator(connection, folder).repair(NAMES[3], applied=False)
    done = await prisma("deploy")
    assert [name in done for name in NAMES] == [False, False, False, True]
    assert (await CASE.migrator(connection, folder).status()).state == "current"


async def test_what_failed_in_one_of_them_the_other_tells_and_resolves(
    connection: Connection, folder: Path, prisma: Prisma
) -> None:
    file = folder / NAMES[0] / "migration.sql"
    without(folder, *NAMES[1:])
    file.write_text("SELECT * FROM nowhere;")
    with pytest.raises(AssertionError, match="No such table: nowhere"):
        await prisma("deploy")
    with pytest.raises(Unfinished, match=f"{NAMES[0]}, since .* failed with: .*No such table: nowhere"):
        await CASE.migrator(connection, folder).migrate()
    await CASE.migrator(connection, folder).repair(NAMES[0], applied=False)
    file.write_text("CREATE INDEX CONCURRENTLY i ON nowhere (id);")
    with pytest.raises(MigrationFailed):
        await CASE.migrator(connection, folder).migrate()
    with pytest.raises(AssertionError, match=f"Following migration have failed:\n{NAMES[0]}"):
        await prisma("status")
    assert "marked as rolled back" in await prisma("resolve", "--rolled-back", NAMES[0])
    assert told(await CASE.migrator(connection, folder).status()) == {NAMES[0]: "pending"}


async def test_while_the_tool_migrates_trek_waits_and_does_nothing_twice(
    connection: Connection, other: Connection, folder: Path, prisma: Prisma
) -> None:
    (folder / NAMES[2] / "migration.sql").write_text("SELECT pg_sleep(1.5)")
    tool = asyncio.create_task(prisma("deploy"))
    async with asyncio.timeout(60):
        while not await other.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369"
        ):
            await asyncio.sleep(0.01)
    report = await CASE.migrator(connection, folder).migrate()
    await tool
    assert not report.ran
    assert await connection.fetchval("SELECT count(*) FROM _prisma_migrations") == len(FILES)
