"""What a Python migration does with the transaction that trek opened for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.folders import clean, history, tables, write
from trek_asyncpg import migrate
from trek_core import MigrationFailed, Unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection

HEAD = "async def upgrade(connection):\n    await connection.execute('CREATE TABLE before (id int)')\n"


def python(tmp_path: Path, *lines: str) -> str:
    return write(tmp_path, {"1_p.py": HEAD + "".join(f"    {line}\n" for line in lines), "2_b.sql": "SELECT 1;"})


async def test_its_own_transactions_are_savepoints(connection: Connection, tmp_path: Path) -> None:
    folder = python(
        tmp_path,
        "async with connection.transaction():",
        "    await connection.execute('CREATE TABLE kept (id int)')",
        "try:",
        "    async with connection.transaction():",
        "        await connection.execute('CREATE TABLE dropped (id int)')",
        "        await connection.execute('SELECT 1/0')",
        "except Exception:",
        "    await connection.execute('CREATE TABLE after (id int)')",
    )
    assert len((await migrate(connection, folder)).ran) == 2
    assert await tables(connection) == {"before", "kept", "after"}
    await clean(connection)


async def test_a_swallowed_error_fails_it_and_says_how_to_catch_one(connection: Connection, tmp_path: Path) -> None:
    folder = python(tmp_path, "try:", "    await connection.execute('SELECT 1/0')", "except Exception:", "    pass")
    with pytest.raises(MigrationFailed, match="caught a database error without a savepoint") as failed:
        await migrate(connection, folder)
    assert "connection.transaction()" in str(failed.value)
    assert failed.value.failure.outcome == "rolled back"
    assert await tables(connection) == set()
    assert await history(connection) == []
    await clean(connection)


ESCAPES = {
    "COMMIT": "await connection.execute('COMMIT')",
    "COMMIT and BEGIN": "await connection.execute('COMMIT; BEGIN')",
    "COMMIT and BEGIN, with writes": "await connection.execute('COMMIT; BEGIN; CREATE TABLE later (id int)')",
}


@pytest.mark.parametrize("line", ESCAPES.values(), ids=ESCAPES)
async def test_an_escaped_commit_is_seen_and_never_recorded_as_done(
    connection: Connection, tmp_path: Path, line: str
) -> None:
    folder = python(tmp_path, line)
    with pytest.raises(MigrationFailed, match="ended the transaction that trek opened") as failed:
        await migrate(connection, folder)
    assert failed.value.failure.outcome == "partial"
    assert "1_p.py:1" in str(failed.value)
    assert ("1", "apply", "done") not in await history(connection)
    assert await tables(connection) == {"before"}
    with pytest.raises(Unfinished, match="1"):
        await migrate(connection, folder)
    await clean(connection)


async def test_after_a_rollback_of_its_own_the_message_does_not_claim_that_something_was_committed(
    connection: Connection, tmp_path: Path
) -> None:
    with pytest.raises(MigrationFailed, match="ended the transaction that trek opened") as failed:
        await migrate(connection, python(tmp_path, "await connection.execute('ROLLBACK')"))
    assert "is committed" not in str(failed.value)
    assert await history(connection) == []
    assert await tables(connection) == set()
    await clean(connection)


async def test_a_transaction_that_it_leaves_open_ends_with_its_own(connection: Connection, tmp_path: Path) -> None:
    folder = python(
        tmp_path, "await connection.transaction().start()", "await connection.execute('CREATE TABLE inner_ (id int)')"
    )
    await migrate(connection, folder)
    assert await tables(connection) == {"before", "inner_"}
    await clean(connection)


async def test_an_exception_of_its_own_is_laid_at_its_own_line(connection: Connection, tmp_path: Path) -> None:
    folder = python(tmp_path, "raise ValueError('the answer is not 42')")
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder)
    assert "1_p.py:3" in str(failed.value)
    assert "ValueError: the answer is not 42" in str(failed.value)
    assert isinstance(failed.value.__cause__, ValueError)
    assert await tables(connection) == set()


async def test_a_connection_that_it_closes_is_a_failure_that_says_so(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, python(tmp_path, "await connection.close()"))
    assert failed.value.failure.outcome == "unknown"
    assert "trek status" in str(failed.value)


async def test_a_deferred_constraint_fails_inside_of_it(connection: Connection, tmp_path: Path) -> None:
    folder = python(
        tmp_path,
        "await connection.execute('CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)')",
        "await connection.execute('INSERT INTO t VALUES (1), (1)')",
    )
    with pytest.raises(MigrationFailed, match="t_id_key"):
        await migrate(connection, folder)
    assert await tables(connection) == set()
    await clean(connection)
