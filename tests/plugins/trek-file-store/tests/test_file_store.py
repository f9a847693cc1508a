import asyncio
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from trek_file_store import FileSettings, FileStore

from trek_asyncpg import migrate, status
from trek_asyncpg.testing import ground
from trek_core import ConfigError, MigrationFailed
from trek_core.plugin import Call
from trek_core.testing import StoreCase, VersionStoreSuite, check_plugin


class TestFileStore(VersionStoreSuite):
    without: ClassVar = {
        "guard": "no key of the database can guard a file: the lock does, and behind it the number of lines"
    }

    @asynccontextmanager
    async def case(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history.jsonl")

            async def other_shape(connection):
                path.write_text('{"shoe_size": 42}\n')

            async with ground() as empty:
                yield StoreCase(
                    FileStore(FileSettings(str(path))),
                    empty,
                    other=FileStore(FileSettings(f"{folder}/other.jsonl")),
                    other_shape=Call(other_shape, "other_shape"),
                )


@pytest.fixture
def folder(tmp_path):
    """Two migrations; a history beside them."""
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "1_a.sql").write_text("CREATE TABLE a (id int);\n-- trek: down\nDROP TABLE a;")
    (made / "2_b.sql").write_text("-- trek: no-transaction\nCREATE INDEX CONCURRENTLY i ON a (id);")
    return made


def store(folder):
    return FileStore(FileSettings(str(folder.parent / "history.jsonl")))


def on_a_server(work):
    async def run():
        async with ground() as empty:
            return await work(empty)

    return asyncio.run(run())


def written(folder):
    return [json.loads(line) for line in (folder.parent / "history.jsonl").read_text().splitlines()]


def test_a_run_appends_its_lines_and_the_database_holds_no_table_of_ours(folder):
    async def work(empty):
        await migrate(empty.database.dsn, str(folder), store=store(folder))
        return await empty.query("SELECT relname FROM pg_class WHERE relname LIKE '%trek%'")

    assert on_a_server(work) == []
    head, a, begun, ended = written(folder)
    assert head == {"trek-file-store": 1}
    assert (a["revision"], a["state"], begun["revision"], begun["state"], ended["ends"]) == (
        "1",
        "done",
        "2",
        "started",
        2,
    )


def test_a_line_counts_only_if_its_transaction_was_committed(folder):
    """As after a crash between the line and COMMIT."""

    async def work(empty):
        connection = await empty.database.connect()
        transaction = connection.transaction()
        await transaction.start()
        await migrate(connection, str(folder), "1", store=store(folder))
        inside = await status(connection, str(folder), store=store(folder))
        await transaction.rollback()
        after = await status(connection, str(folder), store=store(folder))
        await migrate(connection, str(folder), store=store(folder))
        last = await status(connection, str(folder), store=store(folder))
        return [[one.revision for one in found.applied] for found in (inside, after, last)]

    assert on_a_server(work) == [["1"], [], ["1", "2"]]


def test_what_another_runner_wrote_meanwhile_stops_and_undoes_a_migration(folder):
    (folder / "1_a.sql").write_text("CREATE TABLE a (id int);")

    async def work(empty):
        await migrate(empty.database.dsn, str(folder), "1", store=store(folder))
        late = folder / "3_late.py"
        late.write_text(
            "async def upgrade(connection):\n"
            "    await connection.execute('CREATE TABLE late ()')\n"
            f"    with open({str(folder.parent / 'history.jsonl')!r}, 'a') as file: file.write('{{}}\\n')\n"
        )
        (folder / "2_b.sql").unlink()
        with pytest.raises(MigrationFailed, match="another runner was faster"):
            await migrate(empty.database.dsn, str(folder), store=store(folder))
        return await empty.query("SELECT FROM pg_class WHERE relname = 'late'")

    assert on_a_server(work) == []


@pytest.mark.parametrize(
    "content", ["", "\0\xff", '{"shoe_size": 42}\n', '{"trek-file-store": 1}\n{"revision"', "[" * 9999]
)
def test_a_file_of_another_shape_is_refused_and_left_alone(folder, content):
    path = folder.parent / "history.jsonl"
    path.write_bytes(content.encode("latin-1"))

    async def work(empty):
        with pytest.raises(ConfigError, match=r"history\.jsonl is no history of trek-file-store"):
            await migrate(empty.database.dsn, str(folder), store=store(folder))

    on_a_server(work)
    assert path.stat().st_size == len(content)


def test_it_is_found():
    check_plugin("file", offers=["store file"])
