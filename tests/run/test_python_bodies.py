"""What a Python migration does with the transaction that trek opened for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import clean, history, tables, write
from trek_asyncpg import migrate
from trek_asyncpg.embedded import EmbeddedServer
from trek_core import MigrationFailed, Rules, Unfinished

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
    "COMMIT AND CHAIN": "await connection.execute('COMMIT AND CHAIN')",
    "COMMIT and BEGIN, one by one": "for word in ('COMMIT', 'BEGIN'): await connection.execute(word)",
    "END and START TRANSACTION": "await connection.execute('END; START TRANSACTION')",
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


ROLLBACKS = {
    "ROLLBACK": "await connection.execute('ROLLBACK')",
    "ROLLBACK and BEGIN": "await connection.execute('ROLLBACK; BEGIN; CREATE TABLE later (id int)')",
    "ABORT AND CHAIN": "await connection.execute('ABORT AND CHAIN')",
}


@pytest.mark.parametrize("line", ROLLBACKS.values(), ids=ROLLBACKS)
async def test_after_a_rollback_of_its_own_the_message_does_not_claim_that_something_was_committed(
    connection: Connection, tmp_path: Path, line: str
) -> None:
    with pytest.raises(MigrationFailed, match="ended the transaction that trek opened") as failed:
        await migrate(connection, python(tmp_path, line))
    assert "is committed" not in str(failed.value)
    assert "what it did before that is rolled back" in str(failed.value)
    assert failed.value.failure.outcome == "ended"
    assert await history(connection) == []
    assert await tables(connection) == set()
    await clean(connection)


async def test_what_it_did_after_its_commit_outside_of_any_transaction_is_named(
    connection: Connection, tmp_path: Path
) -> None:
    folder = python(
        tmp_path, "await connection.execute('COMMIT')", "await connection.execute('CREATE TABLE later (id int)')"
    )
    with pytest.raises(MigrationFailed, match="what it did afterwards outside of any transaction stays"):
        await migrate(connection, folder)
    assert await tables(connection) == {"before", "later"}
    assert await history(connection) == [("1", "apply", "started")]


async def test_an_error_after_its_commit_does_not_hide_what_is_committed(
    connection: Connection, tmp_path: Path
) -> None:
    folder = python(tmp_path, "await connection.execute('COMMIT; BEGIN')", "raise ValueError('too late')")
    with pytest.raises(MigrationFailed, match="ValueError: too late") as failed:
        await migrate(connection, folder)
    assert failed.value.failure.outcome == "partial"
    assert "Before that it ended the transaction that trek opened for it with a COMMIT" in str(failed.value)
    assert await tables(connection) == {"before"}
    with pytest.raises(Unfinished, match="1"):
        await migrate(connection, folder)
    await clean(connection)


async def test_a_prepared_transaction_is_named_with_the_ways_to_end_it(pg_bindir: Path | None, tmp_path: Path) -> None:
    with EmbeddedServer(bindir=pg_bindir, settings={"max_prepared_transactions": "2", "fsync": "off"}) as server:
        connection = await asyncpg.connect(server.dsn())
        folder = python(tmp_path, """await connection.execute("PREPARE TRANSACTION 'mine'")""")
        with pytest.raises(MigrationFailed, match="is prepared as 'mine'") as failed:
            await migrate(connection, folder)
        assert "COMMIT PREPARED or ROLLBACK PREPARED" in str(failed.value)
        assert await history(connection) == []
        await connection.execute("ROLLBACK PREPARED 'mine'")
        assert await tables(connection) == set()
        await connection.close()


WITHIN = {  # what it does to the caller's transaction, what the message says, what is committed
    "COMMIT": ("COMMIT", "it ended your transaction: what it did before that is committed", {"mine", "before"}),
    "COMMIT and BEGIN": ("COMMIT; BEGIN", "it ended your transaction: .* is committed", {"mine", "before"}),
    "ROLLBACK": ("ROLLBACK", "it ended your transaction: what it did before that is rolled back", set()),
    "ROLLBACK and BEGIN": ("ROLLBACK; BEGIN", "it ended your transaction: .* is rolled back", set()),
    "the savepoint is released": ("RELEASE SAVEPOINT trek_migration", "took away the savepoint that trek set", set()),
    "back to the savepoint": ("ROLLBACK TO SAVEPOINT trek_migration", "history", set()),
}


@pytest.mark.parametrize(("words", "said", "stays"), WITHIN.values(), ids=WITHIN)
async def test_what_it_does_to_the_callers_transaction_is_noticed(
    connection: Connection, tmp_path: Path, words: str, said: str, stays: set[str]
) -> None:
    folder = python(tmp_path, f"await connection.execute({words!r})")
    await migrate(connection, write(tmp_path / "first", {"0_none.sql": "SELECT 1;"}))
    await connection.execute("BEGIN; CREATE TABLE mine (id int)")
    rules = Rules(missing="allow")
    with pytest.raises(MigrationFailed, match=said) as failed:
        await migrate(connection, folder, rules=rules)
    assert "and is open" not in str(failed.value) or "TO SAVEPOINT" in words
    await connection.execute("ROLLBACK")
    assert await tables(connection) == stays
    assert ("1", "apply", "done") not in await history(connection)
    await clean(connection)


@pytest.mark.parametrize(
    "body",
    [
        "DO $$ BEGIN CREATE TABLE a (id int); COMMIT; END $$;",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\nCALL p();",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$;\nCALL p();",
    ],
)
async def test_a_block_or_a_procedure_that_commits_is_refused_by_the_server_and_nothing_remains(
    connection: Connection, tmp_path: Path, body: str
) -> None:
    with pytest.raises(MigrationFailed, match="invalid transaction termination") as failed:
        await migrate(connection, write(tmp_path, {"1_d.sql": body}))
    assert failed.value.failure.sqlstate == "2D000"
    assert failed.value.failure.outcome == "rolled back"
    assert await tables(connection) == set()
    assert await history(connection) == []
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


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("how", ["await connection.close()", "connection.terminate()"])
async def test_a_connection_that_it_closes_is_a_failure_that_says_so(
    connection: Connection, tmp_path: Path, how: str, transaction: str
) -> None:
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, python(tmp_path, how), transaction=transaction)
    assert failed.value.failure.outcome == "unknown"
    assert "it closed the connection" in str(failed.value)
    assert "database error" not in str(failed.value)
    assert "trek status" in str(failed.value)


BODIES = {
    "waits": ("await asyncio.sleep(0.6)",),
    "is busy": ("time.sleep(0.6)",),
    "waits, then asks": ("await asyncio.sleep(0.6)", "await connection.fetchval('SELECT 1')"),
    "is busy, then asks": ("time.sleep(0.6)", "await connection.fetchval('SELECT 1')"),
    "waits in a savepoint": ("async with connection.transaction():", "    await asyncio.sleep(0.6)"),
}


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("lines", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "transaction_timeout"])
async def test_a_limit_of_the_server_that_ends_its_session_is_named_with_the_way_around(
    connection: Connection, tmp_path: Path, setting: str, lines: tuple[str, ...], transaction: str
) -> None:
    if setting == "transaction_timeout" and connection.get_server_version() < (17,):
        pytest.skip("it is there since PostgreSQL 17")
    await connection.execute(f"SET {setting} = '200ms'")
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, python(tmp_path, "import asyncio, time", *lines), transaction=transaction)
    said = str(failed.value)
    assert f"{setting} is 200ms, and the server ends the session" in said
    assert said.count(setting) == 2  # once more in the way around
    assert "caught a database error" not in said


async def test_the_way_around_a_limit_of_the_server_is_one(connection: Connection, tmp_path: Path) -> None:
    setting = "idle_in_transaction_session_timeout"
    await connection.execute(f"SET {setting} = '200ms'")
    lines = f"await connection.execute('SET LOCAL {setting} = 0')", "import asyncio", "await asyncio.sleep(0.6)"
    assert len((await migrate(connection, python(tmp_path, *lines))).ran) == 2
    assert await connection.fetchval(f"SHOW {setting}") == "200ms"


async def test_a_limit_that_was_not_reached_is_not_named(connection: Connection, tmp_path: Path) -> None:
    await connection.execute("SET idle_in_transaction_session_timeout = '1h'")
    with pytest.raises(MigrationFailed, match="it closed the connection, or lost it and went on\n"):
        await migrate(connection, python(tmp_path, "connection.terminate()"))


ELSEWHERE = {
    "a web service": "raise ConnectionResetError('somewhere else')",
    "another database": "raise asyncpg.ConnectionDoesNotExistError('somewhere else')",
    "another pool": "raise asyncpg.InterfaceError('somewhere else: pool is closed')",
}


@pytest.mark.parametrize("transaction", ["each", "plan"])
@pytest.mark.parametrize("what", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_a_connection_that_was_lost_elsewhere_is_not_this_one(
    connection: Connection, tmp_path: Path, what: str, transaction: str
) -> None:
    folder = python(tmp_path, "import asyncpg", what)
    for within in (contextlib.nullcontext, connection.transaction):
        with pytest.raises(MigrationFailed, match="somewhere else") as failed:
            async with within():
                await migrate(connection, folder, transaction=transaction)
        assert failed.value.failure.outcome == "rolled back"
        assert await history(connection) == []
    await clean(connection)


@pytest.mark.parametrize("transaction", ["each", "plan"])
async def test_a_task_that_it_left_at_work_on_the_connection_fails_it_and_nothing_stays_open(
    connection: Connection, tmp_path: Path, transaction: str
) -> None:
    late = "'CREATE TABLE late (id int); SELECT pg_sleep(0.2)'"
    begin = f"global late; late = asyncio.create_task(connection.execute({late}))"
    folder = python(tmp_path, "import asyncio", begin, "await asyncio.sleep(0)")
    for within in (contextlib.nullcontext, connection.transaction):
        with pytest.raises(MigrationFailed, match="a task that it began still uses the connection") as failed:
            async with within():
                await migrate(connection, folder, transaction=transaction)
        assert failed.value.failure.outcome == "rolled back"
        assert await tables(connection) == set()
        await clean(connection)


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
