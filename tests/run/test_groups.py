"""Which migrations go in one query, how far ahead they are read, and how many round trips that makes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from benchmarks.proxy import counted
from tests.run.folders import applied, clean, write
from tests.run.test_observers import Ear
from trek_asyncpg import AsyncpgBackend, migrate
from trek_asyncpg._groups import MOST_BYTES, Groups
from trek_asyncpg._settings import TOGETHER
from trek_core import Migrator
from trek_core import plan as plan_of
from trek_core.events import Done, Started
from trek_core.plugin import Call, History, Record, Sql
from trek_core.testing._drive import action

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database

BARE = Record(history=History(exists=True))


def groups(*units: Any, together: int = TOGETHER) -> list[str]:
    """The revisions of each group, one letter each."""
    made = Groups(units, lambda: together)
    return ["".join(action.revision for action, _ in group.pairs) for group in made]


def unit(name: str, *statements: Any, mode: str = "transaction", **record: Any) -> Any:
    return action(name, *(statements or (Sql("SELECT 1"),)), mode=mode), Record(history=History(exists=True), **record)


async def nothing(connection: object) -> None:
    """A body in Python."""


# --------------------------------------------------------------------------- groups
@pytest.mark.parametrize(
    "alone",
    [
        unit("b", mode="autocommit"),
        unit("b", mode="message"),
        unit("b", Sql("SET work_mem = '1MB'", changes_settings=True)),
        unit("b", Sql("COMMIT", controls_transaction="COMMIT")),
        unit("b", Call(nothing, "nothing")),
        unit("b", begin=(Call(nothing, "nothing"),)),
        unit("b", finish=(Call(nothing, "nothing"),)),
    ],
    ids=["autocommit", "message", "settings", "COMMIT", "Python", "begin in Python", "finish in Python"],
)
def test_what_must_be_alone_is_and_the_others_keep_their_order(alone: Any) -> None:
    assert groups(unit("a"), alone, unit("c"), unit("d")) == ["a", "b", "cd"]
    assert groups(alone, alone, unit("c")) == ["b", "b", "c"]


def test_where_nothing_may_share_each_is_alone() -> None:
    assert groups(unit("a"), unit("b"), together=1) == ["a", "b"]


def test_a_query_has_its_most_bytes_and_one_migration_at_least() -> None:
    half, umlauts = Sql("x" * (MOST_BYTES // 2 - 1000)), Sql("ä" * (MOST_BYTES // 4 - 1000))
    assert groups(unit("a", half), unit("b", half), unit("c", half)) == ["ab", "c"]
    assert groups(unit("a", half), unit("b", umlauts), unit("c", half)) == ["ab", "c"]
    assert groups(unit("a"), unit("b", Sql("x" * MOST_BYTES * 3)), unit("c")) == ["a", "b", "c"]


def counting(taken: list[int], upto: int = 10_000) -> Iterator[Any]:
    for number in range(upto):
        taken.append(number)
        yield unit("x")
    msg = "the units' maker failed"
    raise LookupError(msg)


def test_units_are_read_ahead_by_one_query_at_most() -> None:
    taken: list[int] = []
    made = Groups(counting(taken), lambda: TOGETHER)
    assert taken == []
    assert len(next(made).pairs) == TOGETHER
    assert len(taken) <= TOGETHER + 1


def test_what_must_be_alone_is_not_read_ahead() -> None:
    taken: list[int] = []
    next(Groups(counting(taken), lambda: 1))
    assert len(taken) == 1


def test_units_that_came_before_an_error_of_their_maker_are_given_first() -> None:
    made = Groups(counting([], 3), lambda: TOGETHER)
    assert len(next(made).pairs) == 3
    assert not made.end
    with pytest.raises(LookupError):
        next(made)


def test_the_group_ahead_is_the_one_that_is_taken_next() -> None:
    taken: list[int] = []
    made = Groups(counting(taken), lambda: 2)
    next(made)
    ahead = made.ahead()
    assert made.ahead() is ahead
    assert len(taken) <= 2 + 2 + 1
    assert not made.end
    assert next(made) is ahead


def test_behind_the_last_group_there_is_none_ahead() -> None:
    made = Groups([unit("a"), unit("b")], lambda: 1)
    next(made)
    last = made.ahead()
    assert next(made) is last
    assert made.ahead() is None
    assert made.end
    assert list(made) == []


def test_an_error_of_the_units_maker_waits_until_their_group_is_taken() -> None:
    made = Groups(counting([], 2), lambda: 2)
    next(made)
    assert made.ahead() is None
    with pytest.raises(LookupError):
        next(made)


def test_what_is_put_back_comes_before_what_was_read_ahead() -> None:
    made = Groups([unit(name) for name in "abcd"], lambda: 2)
    group = next(made)
    made.ahead()
    made.again([group[1:]])
    assert ["".join(action.revision for action, _ in taken.pairs) for taken in made] == ["b", "cd"]


def test_what_is_put_back_comes_next_in_its_order() -> None:
    made = Groups([unit(name) for name in "abc"], lambda: TOGETHER)
    group = next(made)
    assert made.end
    made.again([group[:1], group[1:1], group[1:2], group[2:]])
    assert not made.end
    assert [taken.pairs[0][0].revision for taken in made] == ["a", "b", "c"]


# --------------------------------------------------------------------------- runs
async def test_a_run_of_all_kinds_keeps_the_order_of_the_plan(connection: Connection, tmp_path: Path) -> None:
    ear = Ear()
    folder = write(
        tmp_path,
        {
            "1_a.sql": "CREATE TABLE a (n int);",
            "2_b.sql": "INSERT INTO a VALUES (2);",
            "3_c.py": "async def upgrade(connection):\n    await connection.execute('INSERT INTO a VALUES (3)')\n",
            "4_d.sql": "INSERT INTO a VALUES (4);",
            "5_e.sql": "SET work_mem = '9MB'; INSERT INTO a VALUES (5);",
            "6_f.sql": "-- trek: no-transaction\nINSERT INTO a VALUES (6);\nCREATE INDEX CONCURRENTLY i ON a (n);",
            "7_g.sql": "INSERT INTO a VALUES (7);",
            "8_h.sql": "INSERT INTO a SELECT 8 WHERE current_setting('work_mem') <> '9MB';",
        },
    )
    await migrate(connection, folder, observers=[ear.observer])
    assert [row["n"] for row in await connection.fetch("SELECT n FROM a ORDER BY ctid")] == [2, 3, 4, 5, 6, 7, 8]
    assert await applied(connection) == list("12345678")
    begun = [event.together for event in ear.events if isinstance(event, Started)]
    assert begun == [2, 1, 1, 1, 1, 1, 2, 1]
    await clean(connection)


async def test_a_value_of_an_enum_may_be_used_by_the_next_one(connection: Connection, tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "1_a.sql": "CREATE TYPE kind AS ENUM ('a');",
            "2_b.sql": "ALTER TYPE kind ADD VALUE 'b';",
            "3_c.sql": "CREATE TABLE t AS SELECT 'b'::kind AS kind;",
        },
    )
    assert [ran.together for ran in (await migrate(connection, folder)).ran] == [3, 3, 3]


async def test_marks_in_the_history_share_a_query_and_took_no_time(connection: Connection, tmp_path: Path) -> None:
    folder = write(tmp_path, {"0_wait.sql": "SELECT 1;", **{f"{n}_t.sql": "SELECT 1/0;" for n in range(1, 4)}})
    report = await Migrator(AsyncpgBackend(connection), folder).stamp("3")
    assert [(ran.verb, ran.together) for ran in report.ran] == [("mark", 4)] * 4
    found = await connection.fetch("SELECT duration, finished_at - started_at < '10 ms' AS at_once FROM trek_history")
    assert {tuple(row) for row in found} == {(0.0, True)}


async def test_while_the_server_works_on_a_query_the_next_one_is_made(database: Database, tmp_path: Path) -> None:
    """When the answer to a query of two comes, the two after it are read, and the one behind those."""
    connection, taken = await asyncpg.connect(database.dsn), list[int]()
    folder = write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} (id int);" for n in range(6)})
    async with AsyncpgBackend(connection, together=2).connect() as executor:
        plan = await plan_of(executor, AsyncpgBackend(connection, together=2), folder)

        def units() -> Iterator[Any]:
            for number, pair in enumerate(zip(plan.actions, plan.records, strict=True)):
                taken.append(number)
                yield pair

        async with executor.lock((), 1.0, nothing), contextlib.aclosing(executor.run(units())) as results:
            seen = [len(taken) async for result in results if isinstance(result, Done)]
    assert seen == [5, 5, 6, 6, 6, 6]
    assert await applied(connection) == list("012345")
    await connection.close()


# --------------------------------------------------------------------------- round trips
@pytest.mark.parametrize(("number", "most"), [(1, 4), (100, 4), (101, 5), (1000, 13)])
async def test_round_trips_of_small_migrations(database: Database, tmp_path: Path, number: int, most: int) -> None:
    """Up and down again: the first run of a database, and one with a history. At most 25 for 1,000 is the promise."""
    text = "CREATE TABLE t{0} (id int);\n-- trek: down\nDROP TABLE t{0};"
    folder = write(tmp_path / "m", {f"{n:04}_t.sql": text.format(n) for n in range(1, number + 1)})
    async with counted(database.dsn) as (through, count):
        connection = await asyncpg.connect(through)
        for target in ("head", "base", "head"):
            count.reset()
            assert len((await migrate(connection, folder, target)).ran) == number
            assert count.round_trips == most <= 25
        await connection.close()
