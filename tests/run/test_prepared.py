"""What several migrations in one query share, and what becomes of it when a body takes it away."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.run.folders import applied, clean, write
from tests.run.test_trusted_history import HOSTILE
from trek_asyncpg import AsyncpgExecutor, RunSettings, migrate
from trek_core import MigrationFailed
from trek_core.plugin import Done, Form, History, Record, Sql, Started
from trek_core.testing._drive import action

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

N = 4
FORGETFUL = """
    CREATE TABLE counted (revision int);
    CREATE FUNCTION forgets(how text, by int) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN EXECUTE how; RETURN 1 / by; END $$;
    CREATE FUNCTION catches() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
"""
each_k = pytest.mark.parametrize("k", range(1, N + 1))
each_way = pytest.mark.parametrize("how", ["CLOSE ALL", "DEALLOCATE ALL"])


async def folder(connection: Connection, path: Path, k: int, line: str) -> str:
    """A history that exists, and four files, of which the k-th has that line between two others."""
    write(path, {"0_prepared.sql": FORGETFUL})
    await migrate(connection, path)
    text = "INSERT INTO counted VALUES ({0});\n{1}\nSELECT 'last';\n"
    return write(path, {f"{n}_t.sql": text.format(n, line if n == k else "") for n in range(1, N + 1)})


async def counted(connection: Connection) -> list[int]:
    return [row["revision"] for row in await connection.fetch("SELECT revision FROM counted ORDER BY revision")]


class Listening(asyncpg.Connection):  # type: ignore[type-arg]
    """Remembers what it was given to send."""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        self.__dict__.setdefault("sent", []).append(query)
        return await super().execute(query, *args, **options)


async def test_what_the_history_is_told_is_prepared_once_a_query(database: Database, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Listening)
    path = write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} ();" for n in range(1, N + 1)})
    assert len((await migrate(connection, path)).ran) == N
    (query,) = [one for one in connection.__dict__["sent"] if "CREATE TABLE t1 ()" in one]
    first, others = 2, N - 1  # with the table, and one statement each behind it
    assert (query.count("INSERT INTO"), query.count("PREPARE"), query.count("EXECUTE")) == (3, 3, first + others)
    await clean(connection)
    await connection.close()


async def test_several_queries_of_a_run_share_what_is_prepared(database: Database, tmp_path: Path) -> None:
    connection = await asyncpg.connect(database.dsn, connection_class=Listening)
    await migrate(connection, write(tmp_path, {"0_first.sql": "SELECT 1;"}))
    path = write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} ();" for n in range(1, 1 + 3 * N)})
    assert len((await migrate(connection, path, together=N)).ran) == 3 * N
    sent = "".join(one for one in connection.__dict__["sent"] if "CREATE TABLE t" in one)
    assert (sent.count("PREPARE"), sent.count("EXECUTE"), sent.count("DEALLOCATE")) == (1, 3 * N, 1)
    await clean(connection)
    await connection.close()


@each_way
@pytest.mark.parametrize("k", [1, N, N + 1, 2 * N])
async def test_and_what_a_function_took_away_in_one_query_is_missed_in_the_next(
    connection: Connection, tmp_path: Path, how: str, k: int
) -> None:
    await migrate(connection, write(tmp_path, {"0_prepared.sql": FORGETFUL}))
    text = "INSERT INTO counted VALUES ({0});\n{1}"
    line = f"SELECT forgets('{how}', 1);"
    numbers = range(1, 1 + 3 * N)
    path = write(tmp_path, {f"{n}_t.sql": text.format(n, line if n == k else "") for n in numbers})
    assert len((await migrate(connection, path, together=N)).ran) == 3 * N
    assert await counted(connection) == [*numbers]
    await clean(connection)


@pytest.mark.parametrize("alone", range(2 * N + 1))
async def test_one_that_must_be_alone_between_two_queries_leaves_nothing_prepared(
    connection: Connection, tmp_path: Path, alone: int
) -> None:
    await migrate(connection, write(tmp_path, {"00_first.sql": "SELECT 1;"}))
    files = {f"{n + 10}_t.sql": f"CREATE TABLE t{n} ();" for n in range(2 * N + 1)}
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'trek%'"
    function = f"async def upgrade(connection):\n    assert not await connection.fetchval({prepared!r})\n"
    del files[f"{alone + 10}_t.sql"]
    path = write(tmp_path, {**files, f"{alone + 10}_t.py": function})
    assert len((await migrate(connection, path, together=N)).ran) == 2 * N + 1
    await clean(connection)


@pytest.mark.parametrize("heard", range(1, 4 * N))
async def test_who_stops_listening_leaves_nothing_prepared(connection: Connection, heard: int) -> None:
    await connection.execute("CREATE TABLE noted (id int)")
    note = Form(("INSERT INTO noted VALUES (", ")"))
    units = [(action(str(n), Sql("SELECT 1")), _noting(note, n)) for n in range(2 * N)]
    async with contextlib.aclosing(AsyncpgExecutor(connection, RunSettings(together=N)).run(units)) as results:
        for _ in range(heard):
            await anext(results)
    await clean(connection)


def _noting(note: Form, number: int) -> Record:
    return Record(begin=(note.filled((str(number),)),), history=History(exists=True))


async def test_a_form_without_values_is_prepared_too(connection: Connection) -> None:
    await connection.execute("CREATE TABLE noted (id int)")
    note = Form(("INSERT INTO noted VALUES (1)",)).filled(())
    record = Record(begin=(note,), history=History(exists=True))
    units = [(action(name, Sql("SELECT 1")), record) for name in "ab"]
    async with contextlib.aclosing(AsyncpgExecutor(connection).run(units)) as results:
        assert [type(result) async for result in results] == [Started, Done, Started, Done]
    assert await connection.fetchval("SELECT count(*) FROM noted") == 2
    await clean(connection)


@each_k
@each_way
async def test_a_function_that_forgets_what_the_session_keeps_stops_no_migration(
    connection: Connection, tmp_path: Path, how: str, k: int
) -> None:
    report = await migrate(connection, await folder(connection, tmp_path, k, f"SELECT forgets('{how}', 1);"))
    assert [ran.revision for ran in report.ran] == ["1", "2", "3", "4"]
    assert await counted(connection) == [1, 2, 3, 4]
    await clean(connection)


@each_k
@each_way
async def test_and_if_it_fails_its_statement_is_named(connection: Connection, tmp_path: Path, how: str, k: int) -> None:
    with pytest.raises(MigrationFailed, match=rf"{k}_t\.sql:2:1: applying {k} t failed") as failed:
        await migrate(connection, await folder(connection, tmp_path, k, f"SELECT forgets('{how}', 0);"))
    assert (failed.value.failure.sqlstate, failed.value.failure.outcome) == ("22012", "rolled back")
    assert await counted(connection) == list(range(1, k))
    await clean(connection)


@each_way
async def test_a_body_may_say_so_itself(connection: Connection, tmp_path: Path, how: str) -> None:
    await migrate(connection, await folder(connection, tmp_path, 2, f"{how};"))
    assert await counted(connection) == [1, 2, 3, 4]
    await clean(connection)


@each_k
async def test_an_error_that_a_function_catches_moves_no_mark_back(
    connection: Connection, tmp_path: Path, k: int
) -> None:
    line = "SELECT catches();\nSELECT 1 / count(*) FROM counted WHERE revision = 0;"
    with pytest.raises(MigrationFailed, match=rf"{k}_t\.sql:3:1: applying {k} t failed"):
        await migrate(connection, await folder(connection, tmp_path, k, line))
    assert await counted(connection) == list(range(1, k))
    await clean(connection)


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_a_row_that_is_taken_away_among_several_is_noticed(
    connection: Connection, tmp_path: Path, body: str
) -> None:
    path = write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int);"})
    await migrate(connection, path)
    hostile = body.replace("'2'", "'3'")
    write(tmp_path, {"2_b.sql": "SELECT 2;", "3_hostile.sql": hostile, "4_d.sql": "SELECT 4;"})
    with pytest.raises(MigrationFailed, match="3 hostile") as failed:
        await migrate(connection, path)
    assert failed.value.failure.outcome == "rolled back"
    assert await applied(connection) == ["1", "2"]
