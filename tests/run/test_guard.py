"""Two runners, one plan, no lock between them: exactly one writes each step."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.run.folders import applied, clean, history, tables, two, write
from trek_asyncpg import AsyncpgBackend, AsyncpgExecutor, migrate
from trek_core import ConnectError, MigrationFailed, Migrator, OutOfOrder, PlanOutdated
from trek_core.events import Done, Failed, Lost

if TYPE_CHECKING:
    from pathlib import Path

    from tests.run.folders import Connection
    from tests.support.databases import Database
    from trek_core import Plan
    from trek_core.events import Event, Result

COUNTED = {f"{n}_t{n}.sql": f"CREATE TABLE t{n} (id int);" for n in range(1, 6)}


async def carry_out(connection: Connection, plan: Plan) -> list[Result]:
    """A plan on an executor of its own, without lock or second look."""
    executor = AsyncpgExecutor(connection)
    await executor.read(plan.origin.store.value.query())
    async with contextlib.aclosing(executor.run(zip(plan.actions, plan.records, strict=True))) as results:
        return [result async for result in results]


async def test_of_two_runners_without_a_lock_one_writes_each_step_and_the_other_loses(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = write(tmp_path, {"0_start.sql": "SELECT 1;"})
    await migrate(connection, folder)
    write(tmp_path, COUNTED)
    plan = await Migrator(AsyncpgBackend(connection), folder).plan()
    both = await asyncio.gather(carry_out(connection, plan), carry_out(other, plan))
    done = [result.action.revision for results in both for result in results if isinstance(result, Done)]
    assert sorted(done) == ["1", "2", "3", "4", "5"]
    assert sum(isinstance(results[-1], Lost) for results in both) == 1
    assert not any(isinstance(result, Failed) for results in both for result in results)
    assert await applied(connection) == ["0", "1", "2", "3", "4", "5"]
    await clean(connection)
    await clean(other)


async def test_the_loser_at_bootstrap_is_told_that_it_lost(database: Database, tmp_path: Path) -> None:
    runners = [await database.connect() for _ in range(6)]
    plan = await Migrator(AsyncpgBackend(runners[0]), write(tmp_path, COUNTED)).plan()
    everyone = await asyncio.gather(*(carry_out(runner, plan) for runner in runners))
    done = [result.action.revision for results in everyone for result in results if isinstance(result, Done)]
    assert sorted(done) == ["1", "2", "3", "4", "5"]
    failures = [result.failure for results in everyone for result in results if isinstance(result, Failed)]
    assert not failures
    assert sum(isinstance(results[-1], Lost) for results in everyone) == 5


async def test_if_the_first_runner_rolls_back_the_second_goes_on(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    await migrate(connection, folder, "1")
    plan = await Migrator(AsyncpgBackend(connection), folder).plan()
    async with contextlib.AsyncExitStack() as stack:
        transaction = connection.transaction()
        await transaction.start()
        stack.push_async_callback(transaction.rollback)
        await connection.execute(
            "INSERT INTO trek_history (seq, revision, verb, title, state) VALUES (2, 'x', '', '', '')"
        )
        second = asyncio.create_task(carry_out(other, plan))
        await asyncio.sleep(0)
    assert isinstance((await second)[-1], Done)
    assert await applied(connection) == ["1", "2"]


async def test_a_unique_violation_of_the_body_is_the_bodys_own(connection: Connection, tmp_path: Path) -> None:
    body = (
        "CREATE SCHEMA s; CREATE TABLE s.trek_history (id int CONSTRAINT trek_history_key PRIMARY KEY);\n"
        "INSERT INTO s.trek_history VALUES (1), (1);\n"
    )
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, write(tmp_path, {"1_t.sql": body}))
    assert isinstance(failed.value.__cause__, asyncpg.UniqueViolationError)
    assert "1_t.sql:2:1" in str(failed.value)
    assert await history(connection) == []


async def test_a_body_that_takes_the_next_number_of_the_history_fails_and_does_not_loop(
    connection: Connection, tmp_path: Path
) -> None:
    forged = "INSERT INTO public.trek_history (seq, revision, verb, title, state) VALUES (1, 'x', 'apply', '', 'done');"
    with pytest.raises(MigrationFailed):
        await migrate(connection, write(tmp_path, {"1_forge.sql": forged}))
    assert await history(connection) == []


FORGED = (
    "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '23505', SCHEMA = 'public', TABLE = 'trek_history',"
    " CONSTRAINT = 'trek_history_key', MESSAGE = 'like a lost race'; END $$;"
)


@pytest.mark.parametrize("mode", ["its own transaction", "the caller's", "one transaction", "one of the caller's"])
@pytest.mark.parametrize("before", [0, 1, 2])
async def test_an_error_with_the_names_of_the_guard_is_the_migrations_own_where_nobody_was_faster(
    connection: Connection, tmp_path: Path, mode: str, before: int
) -> None:
    """Those before it in the run wrote rows, too."""
    files = {f"{n}_t.sql": f"CREATE TABLE t{n} (i int);" for n in range(before)}
    folder = write(tmp_path, {**files, f"{before}_forged.sql": FORGED})
    nested = "caller" in mode
    if nested:
        await connection.execute("BEGIN")
    with pytest.raises(MigrationFailed, match="like a lost race") as failed:
        await migrate(connection, folder, transaction="plan" if "one" in mode else "each")
    assert f"{before}_forged.sql:" in str(failed.value)
    assert "That key is the history's." in str(failed.value)
    kept = 0 if "one" in mode else before
    assert await applied(connection) == [str(n) for n in range(kept)]
    assert len(await tables(connection)) == kept
    await connection.execute("ROLLBACK")


async def test_who_was_overtaken_in_the_callers_transaction_is_told_so(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    """By somebody who does not take the lock."""
    await migrate(other, write(tmp_path, {"0_a.sql": "SELECT 1;"}))
    folder = write(tmp_path, {f"{n}_t.sql": f"CREATE TABLE t{n} (i int);" for n in (1, 2)})
    async with connection.transaction():
        migrator = Migrator(AsyncpgBackend(connection), folder, observers=[AnotherTakesTheStep(other, ends=None)])
        with pytest.raises(PlanOutdated, match="another runner was faster with 2"):
            await migrator.migrate()
        assert await tables(connection) == {"t1"}


@pytest.mark.parametrize("kind", ["42P07", "42710", "42P06"])
async def test_a_body_that_fails_as_a_bootstrap_loser_does_is_still_the_bodys_failure(
    connection: Connection, tmp_path: Path, kind: str
) -> None:
    bodies = {
        "42P07": "CREATE TABLE taken (id int);",
        "42710": "CREATE TYPE taken_type AS ENUM ('a');",
        "42P06": "CREATE SCHEMA taken_schema;",
    }
    await connection.execute("".join(bodies.values()))
    with pytest.raises(MigrationFailed) as failed:
        await migrate(connection, write(tmp_path, {"1_t.sql": bodies[kind]}))
    assert failed.value.failure.sqlstate == kind
    assert "1_t.sql:1:1" in str(failed.value)


# --------------------------------------------------------------------------- apply(plan)
@pytest.mark.parametrize("before", ["nothing", "1"])
async def test_the_rest_of_a_plan_is_applied_when_another_runner_did_its_beginning(
    connection: Connection, other: Connection, tmp_path: Path, before: str
) -> None:
    folder = write(tmp_path, COUNTED)
    if before != "nothing":
        await migrate(connection, folder, before)
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    await migrate(other, folder, "3")
    assert [ran.revision for ran in (await migrator.apply(plan)).ran] == ["4", "5"]
    assert await applied(connection) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("before", ["nothing", "1"])
async def test_a_plan_that_another_runner_carried_out_whole_leaves_nothing_to_do(
    connection: Connection, other: Connection, tmp_path: Path, before: str
) -> None:
    folder = write(tmp_path, COUNTED)
    if before != "nothing":
        await migrate(connection, folder, before)
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    await migrate(other, folder)
    assert not await migrator.apply(plan)
    assert await applied(connection) == ["1", "2", "3", "4", "5"]


async def test_a_plan_whose_database_moved_elsewhere_is_refused_with_what_it_would_be_now(
    connection: Connection, other: Connection, tmp_path: Path
) -> None:
    down = {name: body + f"\n-- trek: down\nDROP TABLE {name[2:4]};" for name, body in COUNTED.items()}
    folder = write(tmp_path, down)
    await migrate(connection, folder, "3")
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    await migrate(other, folder, "1")
    with pytest.raises(PlanOutdated, match="now it would be: apply 2, apply 3, apply 4, apply 5") as refused:
        await migrator.apply(plan)
    assert "Nothing was changed" in str(refused.value)
    assert await tables(connection) == {"t1"}


async def test_what_runs_is_what_was_shown_although_the_file_changed_since(
    connection: Connection, tmp_path: Path
) -> None:
    folder = two(tmp_path)
    migrator = Migrator(AsyncpgBackend(connection), folder)
    plan = await migrator.plan()
    write(tmp_path, {"2_b.sql": "CREATE TABLE surprise (id int);"})
    await migrator.apply(plan)
    assert await tables(connection) == {"a", "b"}


class AnotherTakesTheStep:
    """When the action begins that revision, somebody else writes the next one's row; told of that, it may end the session."""

    name = "another"

    def __init__(self, other: Connection, *, ends: int | None) -> None:
        self.other, self.ends = other, ends

    async def notify(self, event: Event) -> None:
        if isinstance(event, Done) and event.action.revision == "1":
            await self.other.execute(
                "INSERT INTO trek_history (seq, revision, verb, title, state) VALUES (3, '9', 'apply', '', 'done')"
            )
        if isinstance(event, Lost) and self.ends is not None:
            await self.other.execute("SELECT pg_terminate_backend($1)", self.ends)


@pytest.mark.parametrize("ends", [False, True], ids=["the history moved elsewhere", "the session is lost"])
async def test_what_fails_while_it_looks_again_says_what_the_run_has_done_before(
    connection: Connection, other: Connection, tmp_path: Path, ends: bool
) -> None:
    folder = write(tmp_path, {"0_start.sql": "SELECT 1;"})
    await migrate(connection, folder)
    write(
        tmp_path, {"1_a.sql": "CREATE TABLE a (id int);", "2_b.sql": "CREATE TABLE b (id int);", "9_c.sql": "SELECT 1;"}
    )
    observer = AnotherTakesTheStep(other, ends=connection.get_server_pid() if ends else None)
    backend = AsyncpgBackend(connection, together=1)
    with pytest.raises(ConnectError if ends else OutOfOrder) as raised:
        await Migrator(backend, folder, observers=[observer]).migrate()
    assert "Done before it in this run: 1." in str(raised.value)
    assert "Nothing was changed" not in str(raised.value)
    assert await applied(other) == ["0", "1", "9"]


async def test_the_same_plan_applied_twice_runs_once(connection: Connection, tmp_path: Path) -> None:
    migrator = Migrator(AsyncpgBackend(connection), two(tmp_path))
    plan = await migrator.plan()
    assert len((await migrator.apply(plan)).ran) == 2
    assert not await migrator.apply(plan)


async def test_something_of_the_name_of_the_history_s_key_is_told_as_what_it_is(
    connection: Connection, tmp_path: Path
) -> None:
    await connection.execute("CREATE TABLE other (id int CONSTRAINT trek_history_key PRIMARY KEY)")
    with pytest.raises(MigrationFailed, match="something of that name is there, and it is no history") as failed:
        await migrate(connection, two(tmp_path))
    assert failed.value.failure.sqlstate == "42P07"
    assert await tables(connection) == {"other"}
