"""A file that was edited after it failed outside a transaction: what counts are the statements that are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.run.deaths import BODY, died_at, planned, ran, stops
from tests.run.folders import clean, write
from trek_asyncpg import migrate, status
from trek_core import MigrationFailed, Unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection

START = {"1_start.sql": "CREATE TABLE ran (what text);"}
TYPO = "INSERT INTO rann VALUES ('c')"
HISTORY = "SELECT * FROM trek_history ORDER BY seq"


def inserts(what: str) -> list[str]:
    return [f"INSERT INTO ran VALUES ('{one}')" for one in what]


def body(*statements: str) -> str:
    return "-- trek: no-transaction\n" + "".join(f"{statement};\n" for statement in statements)


def work(folder: Path, *statements: str) -> str:
    return write(folder, {**START, "2_work.sql": body(*statements)})


async def fails(connection: Connection, folder: str, target: str = "head") -> str:
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, folder, target)
    return str(failed.value)


async def states(connection: Connection, folder: str) -> list[str]:
    return [one.state for one in (await status(connection, folder)).revisions]


async def comes_to_its_end(connection: Connection, folder: str, *did: str) -> None:
    """Each statement ran once, and the file as it is now is the one that was applied."""
    assert [one.revision for one in (await migrate(connection, folder)).ran] == ["2"]
    assert await ran(connection) == [*did]
    assert await states(connection, folder) == ["applied", "applied"]
    assert not await migrate(connection, folder)
    await clean(connection)


# ------------------------------------------------------------------ what is not done may change
async def test_a_statement_that_is_corrected_goes_on_and_nothing_runs_twice(
    connection: Connection, tmp_path: Path
) -> None:
    folder = work(tmp_path, *inserts("ab"), TYPO, *inserts("de"))
    assert (
        "Correct the statement, or the cause in the database, and run again: trek goes on at statement 3 of 5. "
        "Those after it may change too; if one before it must: finish it by hand, then `trek repair 2 --applied`"
    ) in await fails(connection, folder)
    work(tmp_path, *inserts("abcde"))
    await comes_to_its_end(connection, folder, *"abcde")
    work(tmp_path, *inserts("abcd"))
    assert await states(connection, folder) == ["applied", "changed"]


@pytest.mark.parametrize(
    "rest",
    [[], ["SELECT 1"], inserts("dc"), [*inserts("cde"), "VACUUM ran"], ["CREATE INDEX CONCURRENTLY ON ran (what)"]],
)
async def test_statements_after_those_that_are_done_may_be_others(
    connection: Connection, tmp_path: Path, rest: list[str]
) -> None:
    folder = work(tmp_path, *inserts("ab"), TYPO, *inserts("d"))
    await fails(connection, folder)
    work(tmp_path, "-- lines move\n\n/* and comments */ " + inserts("a")[0], *inserts("b"), *rest)
    await comes_to_its_end(connection, folder, *"ab", *(one[-3] for one in rest if one.startswith("INSERT")))


async def test_a_file_is_corrected_again_and_again(connection: Connection, tmp_path: Path) -> None:
    """Each run writes rows of its own; together they tell of all that is done."""
    folder = work(tmp_path, *inserts("a"), TYPO)
    await fails(connection, folder)
    work(tmp_path, *inserts("ab"), "VACUUM ran", TYPO, *inserts("d"))
    assert "goes on at statement 4 of 5" in await fails(connection, folder)
    work(tmp_path, *inserts("ab"), "VACUUM ran", *inserts("c"), TYPO)
    assert "goes on at statement 5 of 5" in await fails(connection, folder)
    work(tmp_path, *inserts("ax"), "VACUUM ran", *inserts("c"))
    with pytest.raises(
        Unfinished, match=r"4 of 4 statements done, failed with: .*: statement 2, which is done, was edited"
    ):
        await migrate(connection, folder)
    work(tmp_path, *inserts("ab"), "VACUUM ran", *inserts("cd"))
    await comes_to_its_end(connection, folder, *"abcd")


async def test_settings_are_put_back_where_nothing_is_left_to_do(connection: Connection, tmp_path: Path) -> None:
    before = await connection.fetchval("SHOW work_mem")
    folder = work(tmp_path, "SET work_mem = '9MB'", *inserts("a"), TYPO)
    await fails(connection, folder)
    work(tmp_path, "SET work_mem = '9MB'", *inserts("a"))
    await comes_to_its_end(connection, folder, "a")
    assert await connection.fetchval("SHOW work_mem") == before


# ------------------------------------------------------------------ nothing done
async def test_what_failed_before_anything_was_done_begins_again_with_the_file_as_it_is(
    connection: Connection, tmp_path: Path
) -> None:
    folder = work(tmp_path, TYPO, *inserts("b"))
    said = await fails(connection, folder)
    assert said.endswith("run again: trek goes on at statement 1 of 2.")
    work(tmp_path, "VACUUM ran", *inserts("xy"))
    await comes_to_its_end(connection, folder, *"xy")


async def test_what_died_before_anything_was_done_likewise(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, START)
    await migrate(connection, folder)
    await stops(connection, await planned(connection, work(tmp_path, *inserts("a"))), 0)
    work(tmp_path, *inserts("xy"))
    await comes_to_its_end(connection, folder, *"xy")


# ------------------------------------------------------------------ what is done may not
@pytest.mark.parametrize(
    ("edited", "reason"),
    [
        (inserts("xbcd"), "statement 1, which is done, was edited since"),
        (inserts("axcd"), "statement 2, which is done, was edited since"),
        (inserts("0abcd"), "statement 1, which is done, was edited since"),
        (inserts("bcd"), "statement 1, which is done, was edited since"),
        (inserts("acd"), "statement 2, which is done, was edited since"),
        (inserts("a"), "2 statements done, failed with: .*: statement 2, which is done, was removed since"),
    ],
)
async def test_a_statement_that_is_done_and_was_edited_is_named_and_nothing_runs(
    connection: Connection, tmp_path: Path, edited: list[str], reason: str
) -> None:
    folder = work(tmp_path, *inserts("ab"), TYPO, *inserts("d"))
    await fails(connection, folder)
    before = await connection.fetch(HISTORY)
    work(tmp_path, *edited)
    with pytest.raises(Unfinished, match=reason):
        await migrate(connection, folder)
    assert await connection.fetch(HISTORY) == before
    assert await ran(connection) == ["a", "b"]
    work(tmp_path, *inserts("abcd"))
    await comes_to_its_end(connection, folder, *"abcd")


async def test_data_that_are_done_and_were_edited_are_seen(connection: Connection, tmp_path: Path) -> None:
    copies = "-- trek: no-transaction\nCOPY ran FROM STDIN;\n{}\n\\.\n{};\n"
    folder = write(tmp_path, {**START, "2_work.sql": copies.format("a", TYPO)})
    await fails(connection, folder)
    write(tmp_path, {"2_work.sql": copies.format("x", *inserts("c"))})
    with pytest.raises(Unfinished, match="statement 1, which is done, was edited since"):
        await migrate(connection, folder)
    write(tmp_path, {"2_work.sql": copies.format("a", *inserts("c"))})
    await comes_to_its_end(connection, folder, *"ac")


async def test_in_a_big_file_too(connection: Connection, tmp_path: Path) -> None:
    """Its pieces have the lines that they had: what stands there is another thing."""
    rows = "".join(f"INSERT INTO big VALUES ({number}, '{'x' * 900}');\n" for number in range(5000))
    text = f"-- trek: no-transaction\nCREATE TABLE big (id int, x text);\n{rows}{TYPO};\n"
    folder = write(tmp_path, {**START, "2_work.sql": text})
    await fails(connection, folder)
    done = await connection.fetchval("SELECT count(*) FROM big")
    assert 0 < done <= 5000
    right = text.replace("rann", "ran")
    write(tmp_path, {"2_work.sql": right.replace("(7, 'x", "(7, 'y")})
    with pytest.raises(Unfinished, match=r"statement \d+, which is done, was edited since"):
        await migrate(connection, folder)
    write(tmp_path, {"2_work.sql": right})
    await comes_to_its_end(connection, folder, "c")
    assert await connection.fetchval("SELECT count(DISTINCT id) = count(*) AND count(*) = 5000 FROM big")


# ------------------------------------------------------------------ what was begun may not either
async def test_a_statement_that_was_begun_and_edited_is_asked_about(connection: Connection, tmp_path: Path) -> None:
    folder = await died_at(connection, tmp_path, "VACUUM b")
    before = await connection.fetch(HISTORY)
    write(tmp_path, {"2_work.sql": BODY.format("VACUUM ran")})
    with pytest.raises(Unfinished, match="1 of 3 statements done: statement 2, which was begun, was edited since"):
        await migrate(connection, folder)
    assert await connection.fetch(HISTORY) == before
    write(tmp_path, {"2_work.sql": BODY.format("VACUUM b").replace("after", "behind")})
    await comes_to_its_end(connection, folder, "before", "behind")


async def test_one_that_runs_alone_and_failed_says_that_it_may_not_change(
    connection: Connection, tmp_path: Path
) -> None:
    folder = work(tmp_path, *inserts("a"), "VACUUM nowhere", *inserts("c"))
    said = await fails(connection, folder)
    assert "If the statement itself must change: finish it by hand, then `trek repair 2 --applied`" in said
    work(tmp_path, *inserts("a"), "VACUUM ran", *inserts("c"))
    with pytest.raises(Unfinished, match="statement 2, which was begun, was edited since"):
        await migrate(connection, folder)


# ------------------------------------------------------------------ the way down
async def test_a_way_down_is_corrected_likewise(connection: Connection, tmp_path: Path) -> None:
    def down(*statements: str) -> None:
        write(tmp_path, {"2_work.down.sql": body(*statements)})

    folder = work(tmp_path, "SELECT 1")
    down(*inserts("ab"), TYPO, *inserts("d"))
    await migrate(connection, folder)
    assert "goes on at statement 3 of 4" in await fails(connection, folder, "1")
    down(*inserts("xbcd"))
    with pytest.raises(
        Unfinished, match=r"2 of 4 statements done, failed with: .*: statement 1, which is done, was edited"
    ):
        await migrate(connection, folder, "1")
    down(*inserts("abce"))
    assert [(one.verb, one.revision) for one in (await migrate(connection, folder, "1")).ran] == [("revert", "2")]
    assert await ran(connection) == [*"abce"]
    assert await states(connection, folder) == ["applied", "pending"]
    assert not await migrate(connection, folder, "1")
    await clean(connection)


async def test_a_way_down_of_which_nothing_is_done_begins_again(connection: Connection, tmp_path: Path) -> None:
    folder = work(tmp_path, "SELECT 1")
    write(tmp_path, {"2_work.down.sql": body(TYPO)})
    await migrate(connection, folder)
    await fails(connection, folder, "1")
    write(tmp_path, {"2_work.down.sql": body(*inserts("xy"))})
    await migrate(connection, folder, "1")
    assert await ran(connection) == [*"xy"]
